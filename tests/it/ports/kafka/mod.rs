//! Kafka as the log, on real brokers.
//!
//! One broker serves all tests that break nothing, each with a topic of its own; those that break something have their
//! own.

mod appending;
mod failures;
mod knowing;
mod letters;
mod projection;
mod reading;
mod set_up;
pub mod subject;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock, Mutex};

use async_trait::async_trait;
use chat_protocol::object::Person;
use chat_protocol::{MessageId, RoomId};
use chat_server::clock::{Clock, SystemClock};
use chat_server::domain::log_record::{Checked, encode};
use chat_server::domain::record::Draft;
use chat_server::journal::JournalError;
use chat_server::journal::kafka::{Found, KafkaJournal, KafkaOptions, KafkaProducer, Known, Topic};
use chat_server::store::Partitions;
use chat_services::Kafka;
use uuid::Uuid;

use super::store::{draft, person};

static BROKER: LazyLock<Kafka> = LazyLock::new(|| Kafka::start(1).unwrap());
static TOPICS: AtomicU32 = AtomicU32::new(0);

/// A topic of one's own, which isn't there yet.
fn options(brokers: String, copies: u32, partitions: u32) -> KafkaOptions {
    let topic = format!("messages-{}", TOPICS.fetch_add(1, Ordering::Relaxed));
    let group_prefix = topic.clone();
    let (replication, in_sync_min) = (copies, copies.min(2));
    KafkaOptions {
        brokers,
        topic,
        group_prefix,
        partitions,
        replication,
        in_sync_min,
        ..KafkaOptions::default()
    }
}

/// The same on the broker that all share.
fn shared(partitions: u32) -> KafkaOptions {
    options(BROKER.bootstrap(), 1, partitions)
}

fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock::start())
}

/// A topic, and a journal that writes to it.
struct Written {
    options: KafkaOptions,
    topic: Topic,
    producer: Arc<KafkaProducer>,
    journal: KafkaJournal,
    rooms: Arc<Rooms>,
    known: Arc<Nothing>,
}

impl Written {
    async fn start(options: KafkaOptions) -> Self {
        let topic = Topic::ensure(&options, None, clock()).await.unwrap();
        let producer = KafkaProducer::start(&options, topic.clone(), clock()).unwrap();
        let producer = Arc::new(producer);
        producer.ready().await.unwrap();
        let (rooms, known) = (Arc::new(Rooms::default()), Arc::new(Nothing::default()));
        let journal = KafkaJournal::new(producer.clone(), rooms.clone(), known.clone(), clock());
        Self { options, topic, producer, journal, rooms, known }
    }

    fn room(&self, id: &str, partition: u32) -> RoomId {
        self.rooms.add(id, partition)
    }
}

/// Rooms and their partitions.
#[derive(Default)]
struct Rooms {
    partitions: Mutex<HashMap<RoomId, u32>>,
    asked: AtomicU32,
}

impl Rooms {
    fn add(&self, id: &str, partition: u32) -> RoomId {
        let room = RoomId::parse(id).unwrap();
        self.partitions.lock().unwrap().insert(room.clone(), partition);
        room
    }
}

#[async_trait]
impl Partitions for Rooms {
    async fn partition_of(&self, room: &RoomId) -> Result<Option<u32>, JournalError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        Ok(self.partitions.lock().unwrap().get(room).copied())
    }
}

/// Knows nothing of the log, and counts who asks.
#[derive(Default)]
struct Nothing {
    asked: AtomicU32,
}

#[async_trait]
impl Known for Nothing {
    async fn find(&self, _: &RoomId, _: MessageId) -> Result<Option<Found>, JournalError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        Ok(None)
    }
}

/// A message as clients make it: its client id tells the time.
fn message(room: &RoomId, author: &Person, text: &str) -> Draft {
    draft(room, author, &Uuid::now_v7().to_string(), text)
}

fn messages(room: &RoomId, count: usize) -> Vec<Draft> {
    (0..count).map(|i| message(room, &person("ann"), &i.to_string())).collect()
}

/// What a producer of ours would write.
fn value(draft: &Draft) -> Vec<u8> {
    encode(&Checked { at: clock().now_ms(), draft: draft.clone() })
}
