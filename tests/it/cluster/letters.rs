//! Records that nobody can read: they cost a place and nothing else, are kept, and can be sent again once they can be read.

use std::process::Output;
use std::time::Duration;

use chat_protocol::object::Person;
use chat_protocol::{ClientId, RoomId, UserId};
use chat_server::domain::log_record::{Checked, encode};
use chat_server::domain::record::Draft;
use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Cluster, Setup};
use crate::kit::tokens::now_ms;
use crate::kit::{Client, Guest, eventually};

/// Writes a record past the nodes.
fn write(cluster: &Cluster, topic: &str, at: i32, key: &str, value: &[u8], ours: &[(&str, &str)]) {
    let brokers = cluster.kafka.as_ref().unwrap().bootstrap();
    let producer: BaseProducer =
        ClientConfig::new().set("bootstrap.servers", brokers).create().unwrap();
    let mut headers = OwnedHeaders::new();
    for (key, value) in ours {
        headers = headers.insert(Header { key, value: Some(*value) });
    }
    let record = BaseRecord::to(topic).partition(at).key(key).payload(value).headers(headers);
    producer.send(record).map_err(|(err, _)| err).unwrap();
    producer.flush(Duration::from_secs(20)).unwrap();
}

/// What an older node would have kept of a record that it couldn't read.
fn keep(cluster: &Cluster, offset: &str, key: &str, value: &[u8]) {
    let bytes = value.len().to_string();
    let ours = [
        ("chat-partition", "0"),
        ("chat-offset", offset),
        ("chat-timestamp", "1764000000000"),
        ("chat-reason", "malformed"),
        ("chat-value-bytes", bytes.as_str()),
    ];
    write(cluster, "MESSAGES.dead", 0, key, value, &ours);
}

/// A message as a node writes it.
fn message(room: &str, guest: &Guest, client_id: Uuid, text: &str) -> Vec<u8> {
    let author = Person { id: UserId::parse(&guest.id).unwrap(), name: guest.name.clone() };
    let client_id = ClientId::parse(&client_id.to_string()).unwrap();
    let draft = Draft::message(RoomId::parse(room).unwrap(), author, client_id, text.to_owned());
    encode(&Checked { at: now_ms(), draft })
}

fn lines(output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_nobody_can_read_costs_a_place_and_is_kept() {
    let cluster = Cluster::start(Setup::Kafka, 2).await;
    let guest = &cluster.guests(1).await[0];
    let mut client = Client::connect(cluster.node(0), guest).await;
    let top = client.subscribe("general").await["offset"].as_u64().unwrap();
    let listing = cluster.command(&["dead-letters", "list"]).await;
    assert_eq!(String::from_utf8(listing.stdout).unwrap(), "There are no dead letters.\n");
    client.say_now("general", "before").await;
    let partition = cluster.sql("SELECT partition FROM rooms WHERE id = 'general'");
    let partition = partition.parse().unwrap();
    cluster.node(0).arm("dead_letters.kept", 1).await;
    cluster.node(1).arm("dead_letters.kept", 1).await;
    write(&cluster, "MESSAGES", partition, "general", b"\x1bpoison", &[]);
    client.say_now("general", "after").await;
    let mut seen = Vec::new();
    for _ in 0..3 {
        let event = client.event().await;
        seen.push((event["offset"].as_u64().unwrap() - top, event["text"].clone()));
    }
    assert_eq!(seen, [(1, json!("before")), (2, Value::Null), (3, json!("after"))]);
    let passed = async || (cluster.node(1).head("general", guest).await >= top + 3).then_some(());
    eventually("history passes it, though the Persister died after it was kept", passed).await;
    let (mut kept, mut crashes) = (0.0, 0.0);
    for node in &cluster.nodes {
        kept += node.metric("chat_dead_letters_total").await;
        crashes += node.metric("chat_actor_crashes_total").await;
    }
    assert_eq!((kept, crashes), (1.0, 1.0), "a new life has not copied it again");

    let listing = cluster.command(&["dead-letters", "list", "--json"]).await;
    let letters = lines(&listing);
    assert_eq!(letters.len(), 1, "{letters:?}");
    let letter = &letters[0];
    assert_eq!((&letter["reason"], &letter["room"]), (&json!("foreign"), &json!("general")));
    assert_eq!(letter["partition"], partition);
    let listing = cluster.command(&["dead-letters", "list"]).await;
    let listing = String::from_utf8(listing.stdout).unwrap();
    assert!(listing.contains(r#""\u{1b}poison""#), "no letter speaks to a terminal: {listing}");

    let place = format!("{partition}:{}", letter["offset"]);
    let refused = cluster.command(&["dead-letters", "send", &place]).await;
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(65), "{said}");
    assert!(said.contains("can't be read by this version either: foreign"), "{said}");
    client.say_now("general", "still").await;
    assert_eq!(client.event().await["offset"], top + 4, "a refusal changes nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_that_can_be_read_now_becomes_one_message_however_often_it_is_sent() {
    let cluster = Cluster::start(Setup::Kafka, 1).await;
    let guest = &cluster.guests(1).await[0];
    let mut client = Client::connect(cluster.node(0), guest).await;
    client.subscribe("general").await;
    // The fold alone would not know the first again, and would make the second a void.
    let (old, recent) = (Uuid::from_u128(Uuid::now_v7().as_u128() - (1 << 110)), Uuid::now_v7());
    for _ in 0..2 {
        keep(&cluster, "7", "general", &message("general", guest, old, "late"));
    }
    keep(&cluster, "6", "general", &message("general", guest, recent, "later"));
    keep(&cluster, "8", "nowhere", &message("nowhere", guest, recent, "lost"));
    keep(&cluster, "9", "general", b"chat\x02whatever");
    let send = async |place| cluster.command(&["dead-letters", "send", "--json", place]).await;

    for (place, text) in [("0:7", "late"), ("0:6", "later")] {
        let first = lines(&send(place).await).remove(0);
        assert_eq!(first["repeat"], false);
        let event = client.event().await;
        assert_eq!((&event["text"], &event["id"]), (&json!(text), &first["id"]));
        assert_eq!(event["user"]["id"], *guest.id, "it is still its author's");
        let offset = event["offset"].as_u64().unwrap();
        let passed =
            async || (cluster.node(0).head("general", guest).await >= offset).then_some(());
        eventually("history has it", passed).await;
        let again = lines(&send(place).await).remove(0);
        assert_eq!(again, json!({ "id": first["id"], "repeat": true }));
    }

    for (place, code, why) in [
        ("0:8", 65, "its room doesn't exist"),
        ("0:9", 65, "it is of version 2"),
        ("0:10", 66, "there is no dead letter 0:10"),
        ("ten", 64, "<partition>:<offset>"),
    ] {
        let refused = send(place).await;
        let said = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(code), "{said}");
        assert!(said.contains(why), "{said}");
    }
    client.say_now("general", "next").await;
    assert_eq!(client.event().await["text"], "next", "nothing came between");
    let history = cluster.node(0).history("general", guest).await;
    let texts: Vec<_> = history.iter().filter_map(|it| it["text"].as_str()).collect();
    assert_eq!(texts, ["late", "later", "next"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_can_t_read_what_others_write_gives_no_place_and_ends() {
    let mut cluster = Cluster::start(Setup::Kafka, 1).await;
    let guest = cluster.guests(1).await.remove(0);
    let mut client = Client::connect(cluster.node(0), &guest).await;
    let top = client.subscribe("general").await["offset"].as_u64().unwrap();
    client.say_now("general", "before").await;
    assert_eq!(client.event().await["offset"], top + 1);
    let partition = cluster.sql("SELECT partition FROM rooms WHERE id = 'general'");
    write(&cluster, "MESSAGES", partition.parse().unwrap(), "general", b"chat\x02whatever", &[]);
    cluster.node(0).metric_reaches("chat_projection_stopped", 2.0).await;
    client.say_now("general", "after").await; // acks go on: it is in the log
    assert_eq!(
        cluster.node(0).head("general", &guest).await,
        top + 1,
        "behind it nothing has a place"
    );
    assert_eq!(cluster.node(0).metric("chat_dead_letters_total").await, 0.0);

    cluster.sql("UPDATE log_meta SET record_version = 2");
    let mut node = cluster.nodes.remove(0);
    assert_eq!(node.ended().await.code(), Some(74), "{}", node.log());
    assert!(node.log().contains("it ends"), "{}", node.log());
    let refused = cluster.command(&[]).await;
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(74), "{said}");
    assert!(
        said.contains("written in version 2, and this program reads and writes up to 1"),
        "{said}"
    );
}
