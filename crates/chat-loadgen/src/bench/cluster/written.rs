//! Messages as a node writes them, and a topic full of them.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use chat_protocol::object::Person;
use chat_protocol::{ClientId, MessageId, RoomId, UserId};
use chat_server::clock::{Clock, SystemClock};
use chat_server::domain::log_record::{Checked, encode};
use chat_server::domain::record::Draft;
use chat_server::journal::JournalError;
use chat_server::journal::kafka::{Found, KafkaOptions, Known};
use chat_server::store::{Partitions, StoreError};
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use uuid::Uuid;

const TEXT_BYTES: usize = 128;
/// How long all of them may take to be acknowledged.
const WITHIN: Duration = Duration::from_secs(120);

/// A draft, its partition, and what is written of it.
pub(super) struct Written {
    pub(super) draft: Draft,
    pub(super) partition: u32,
    pub(super) value: Vec<u8>,
}

pub(super) fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock::start())
}

/// The rooms of a load, each in the partition that its number says.
pub(super) struct Rooms {
    pub(super) partitions: u32,
}

impl Rooms {
    /// As long as a real one's id.
    fn id(n: usize) -> Result<RoomId> {
        let id = RoomId::parse(&format!("01890a5d-ac96-774b-bcce-{n:012}"));
        id.map_err(|code| anyhow::anyhow!("a room's id: {}", code.name()))
    }

    fn partition(&self, room: &RoomId) -> Option<u32> {
        let n: u32 = room.as_str().rsplit('-').next()?.parse().ok()?;
        Some(n % self.partitions)
    }

    /// `count` messages, room after room.
    pub(super) fn messages(&self, rooms: usize, count: usize) -> Result<Vec<Written>> {
        let bad = |what: &'static str| anyhow::anyhow!("{what} can't be made");
        let at = clock().now_ms();
        let authors = (0..rooms).map(|n| {
            let id = UserId::parse(&format!("01890a5d-ac96-774b-aaaa-{n:012}"));
            Ok(Person { id: id.map_err(|_| bad("a user"))?, name: format!("guest-{n}") })
        });
        let authors: Vec<_> = authors.collect::<Result<_>>()?;
        let ids: Vec<_> = (0..rooms).map(Self::id).collect::<Result<_>>()?;
        let message = |n: usize| {
            let room = ids[n % rooms].clone();
            let client_id = ClientId::parse(&Uuid::now_v7().to_string());
            let client_id = client_id.map_err(|_| bad("a client id"))?;
            let text = format!("{n:0TEXT_BYTES$}");
            let partition = self.partition(&room).unwrap_or_default();
            let draft = Draft::message(room, authors[n % rooms].clone(), client_id, text);
            let value = encode(&Checked { at, draft: draft.clone() });
            Ok(Written { draft, partition, value })
        };
        (0..count).map(message).collect()
    }
}

#[async_trait::async_trait]
impl Partitions for Rooms {
    async fn partition_of(&self, room: &RoomId) -> Result<Option<u32>, StoreError> {
        Ok(self.partition(room))
    }
}

/// A log in which nothing has to be looked up.
pub(super) struct Nothing;

#[async_trait::async_trait]
impl Known for Nothing {
    async fn find(&self, _: &RoomId, _: MessageId) -> Result<Option<Found>, JournalError> {
        Ok(None)
    }
}

/// A topic of three brokers, or of one.
pub(super) fn options(brokers: String, copies: u32, partitions: u32, topic: &str) -> KafkaOptions {
    let (topic, replication) = (topic.to_owned(), copies);
    KafkaOptions {
        brokers,
        group_prefix: topic.clone(),
        topic,
        partitions,
        replication,
        in_sync_min: copies.min(2),
        ..KafkaOptions::default()
    }
}

/// A producer with what a node's has, and nothing around it.
pub(super) fn bare_producer(brokers: &str) -> Result<ThreadedProducer<DefaultProducerContext>> {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", brokers)
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("compression.type", "lz4")
        .set("linger.ms", "0")
        .set("batch.size", "262144")
        .set("socket.nagle.disable", "true")
        .set("queue.buffering.max.messages", "1000000")
        .set("queue.buffering.max.kbytes", "1048576");
    Ok(config.create()?)
}

/// Writes them all, and returns when all are acknowledged.
pub(super) fn produce(
    producer: &ThreadedProducer<DefaultProducerContext>,
    topic: &str,
    messages: &[Written],
) -> Result<()> {
    for Written { draft, partition, value } in messages {
        let record = BaseRecord::to(topic).partition(partition.cast_signed());
        let record = record.key(draft.room.as_str()).payload(value);
        if let Err((err, _)) = producer.send(record) {
            bail!("a bare producer refuses: {err}");
        }
    }
    producer.flush(WITHIN)?;
    ensure!(producer.in_flight_count() == 0, "some were not acknowledged");
    Ok(())
}
