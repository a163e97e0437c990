use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use chat_services::{Error, Kafka, Partition};

const LOOK_AGAIN: Duration = Duration::from_millis(20);
const AGREED_WITHIN: Duration = Duration::from_secs(60);

/// Waits until each partition of the topic is as wanted.
fn wait_for(kafka: &Kafka, topic: &str, wanted: impl Fn(&Partition) -> bool) {
    let deadline = Instant::now() + AGREED_WITHIN;
    loop {
        let partitions = kafka.partitions(topic).unwrap();
        if partitions.iter().all(&wanted) {
            return;
        }
        assert!(Instant::now() < deadline, "still {partitions:?}");
        thread::park_timeout(LOOK_AGAIN);
    }
}

#[test]
fn the_others_lead_when_one_of_three_is_killed() {
    let mut kafka = Kafka::start(3).unwrap();
    kafka.create_topic("messages", 3).unwrap();
    kafka.create_topic("messages", 3).unwrap_err();
    wait_for(&kafka, "messages", |partition| partition.in_sync.len() == 3);

    kafka.brokers[0].kill().unwrap();
    wait_for(&kafka, "messages", |partition| {
        partition.leader.is_some_and(|leader| leader != 0) && partition.in_sync.len() == 2
    });
    kafka.brokers[0].start_again().unwrap();
    wait_for(&kafka, "messages", |partition| partition.in_sync.len() == 3);

    // One that is silent is as good as gone, until it speaks again.
    kafka.brokers[1].pause().unwrap();
    wait_for(&kafka, "messages", |partition| !partition.in_sync.contains(&1));
    kafka.brokers[1].resume().unwrap();
    wait_for(&kafka, "messages", |partition| partition.in_sync.contains(&1));
}

#[test]
fn a_broker_alone_comes_back_with_its_topics() {
    let mut kafka = Kafka::start(1).unwrap();
    assert_eq!(kafka.bootstrap(), format!("127.0.0.1:{}", kafka.brokers[0].port()));
    kafka.create_topic("messages", 2).unwrap();
    kafka.brokers[0].kill().unwrap();
    kafka.brokers[0].start_again().unwrap();
    assert_eq!(kafka.partitions("messages").unwrap().len(), 2);
    kafka.brokers[0].stop().unwrap();
    let listener = TcpListener::bind(kafka.brokers[0].address()).unwrap();
    assert!(matches!(kafka.brokers[0].start_again(), Err(Error::AddressInUse { .. })));
    drop(listener);
    kafka.brokers[0].start_again().unwrap();
    wait_for(&kafka, "messages", |partition| partition.leader == Some(0));
    kafka.partitions("another").unwrap_err();
}

#[test]
fn two_brokers_are_no_cluster() {
    let refused = Kafka::start(2).unwrap_err().to_string();
    assert!(refused.contains("1 or 3"), "{refused}");
}
