//! Finding the topic, making it, and saying what is wrong with it.

use std::collections::BTreeMap;

use chat_protocol::object::Durability;
use chat_server::journal::kafka::{KafkaOptions, SetUpError, Topic};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};

use super::{clock, shared};
use crate::kit::within;

async fn ensure(options: &KafkaOptions, recorded: Option<u32>) -> Result<Topic, SetUpError> {
    Topic::ensure(options, recorded, clock()).await
}

pub fn admin(options: &KafkaOptions) -> AdminClient<rdkafka::client::DefaultClientContext> {
    ClientConfig::new().set("bootstrap.servers", &options.brokers).create().unwrap()
}

/// Makes the topic as an operator might.
pub async fn make(options: &KafkaOptions, settings: &[(&str, &str)]) {
    let mut topic = NewTopic::new(&options.topic, 2, TopicReplication::Fixed(1));
    topic.config = settings.to_vec();
    let made = admin(options).create_topics([&topic], &AdminOptions::new()).await.unwrap();
    assert!(made[0].is_ok(), "{made:?}");
}

#[tokio::test]
async fn a_topic_is_made_as_the_log_needs_it_and_found_again() {
    let options = KafkaOptions { retention_ms: Some(12_345_678), ..shared(3) };
    let made = ensure(&options, None).await.unwrap();
    let name = options.topic.clone();
    assert_eq!(made, Topic { name, partitions: 3, durability: Durability::Broker });
    // Found as it is, whatever it would be made like now.
    let now = KafkaOptions { partitions: 5, ..options.clone() };
    assert_eq!(ensure(&now, Some(3)).await.unwrap(), made);

    let asked = [ResourceSpecifier::Topic(&options.topic)];
    let settings = admin(&options).describe_configs(&asked, &AdminOptions::new()).await.unwrap();
    let settings = settings.into_iter().next().unwrap().unwrap();
    let is = |name: &str| settings.get(name).unwrap().value.clone().unwrap();
    assert_eq!(is("message.timestamp.type"), "LogAppendTime");
    assert_eq!(is("unclean.leader.election.enable"), "false");
    assert_eq!(is("min.insync.replicas"), "1");
    assert_eq!(is("retention.ms"), "12345678");
}

#[tokio::test]
async fn fewer_partitions_than_rooms_were_spread_over_are_refused_and_more_are_not() {
    let options = shared(2);
    ensure(&options, None).await.unwrap();
    let topic = options.topic.clone();
    let too_few = SetUpError::TooFewPartitions { topic, there: 2, recorded: 3 };
    assert_eq!(ensure(&options, Some(3)).await, Err(too_few));
    assert_eq!(ensure(&options, Some(1)).await.map(|it| it.partitions), Ok(2));
}

#[tokio::test]
async fn a_topic_that_can_t_be_the_log_is_refused_with_what_to_set() {
    let stamped = ("message.timestamp.type", "LogAppendTime");
    let cases: [(&[(&str, &str)], &str); 3] = [
        (&[], "set it to LogAppendTime"),
        (&[stamped, ("cleanup.policy", "compact")], "set it to delete"),
        (&[stamped, ("max.message.bytes", "1000")], "set it to 1048588"),
    ];
    for (settings, advice) in cases {
        let options = shared(2);
        make(&options, settings).await;
        let sees = async || within("the topic is known", ensure(&options, None)).await;
        let refused = sees().await.unwrap_err().to_string();
        assert!(refused.contains(advice), "{refused}");
    }
}

#[tokio::test]
async fn copies_that_the_cluster_can_t_hold_are_refused_with_what_to_set() {
    let options = KafkaOptions { replication: 3, ..shared(1) };
    let refused = ensure(&options, None).await.unwrap_err().to_string();
    assert!(refused.contains("set kafka.replication"), "{refused}");
}

#[tokio::test]
async fn brokers_that_don_t_answer_are_named_in_time() {
    let brokers = format!("127.0.0.1:{}", chat_services::free_port().unwrap());
    let options = KafkaOptions { brokers: brokers.clone(), ..KafkaOptions::default() };
    match within("the wait has an end", ensure(&options, None)).await {
        Err(SetUpError::Unreachable { brokers: named, why, .. }) => {
            assert_eq!(named, brokers);
            assert!(why.contains("refused"), "{why}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_property_that_the_client_doesn_t_know_is_named() {
    let properties = BTreeMap::from([("no.such".to_owned(), "1".to_owned())]);
    let options = KafkaOptions { properties, ..shared(1) };
    let refused = ensure(&options, None).await.unwrap_err().to_string();
    assert!(refused.contains("no.such"), "{refused}");
}
