//! Several nodes on Kafka, Redis and PostgreSQL: the log, what is live, and what is past.

use std::sync::Arc;
use std::time::Duration;

use chat_protocol::object::Durability;

use super::StartError;
use super::parts::{Following, Parts, bus_thread};
use crate::bus::redis::{Redis, RedisBus, RedisConfig, RedisHeads, RedisProjection, RedisTail};
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::journal::kafka::{
    DeadLetters, KafkaJournal, KafkaOptions, KafkaProducer, KafkaReader, Passing, StoreKnown, Topic,
};
use crate::store::History;
use crate::store::postgres::{LogAt, PgOptions, PgStore};
use crate::store::tailed::Tailed;

/// How long what is on its way to the log, and leaving the groups, may take at the end.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);

/// The log, and the store that lags behind it: what a node stands on, and an operator's command.
pub struct Log {
    pub store: Arc<PgStore>,
    pub journal: Arc<KafkaJournal>,
    pub topic: Topic,
}

impl Log {
    /// Connects to both.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn open(config: &Config, clock: Arc<dyn Clock>) -> Result<Self, StartError> {
        let kafka = kafka(&config.kafka);
        let options = PgOptions {
            log: LogAt::Elsewhere,
            partitions: kafka.partitions.cast_signed(),
            readers: config.postgres.connections,
            ..PgOptions::new(&config.postgres.url)
        };
        let store = Arc::new(PgStore::open(options, clock.clone(), Box::new(|_| {})).await?);
        let topic = Topic::ensure(&kafka, Some(store.partitions()), clock.clone()).await?;
        let producer = Arc::new(KafkaProducer::start(&kafka, topic.clone(), clock.clone())?);
        producer.ready().await?;
        let known = StoreKnown::new(store.clone(), producer.clone(), clock.clone());
        let journal = KafkaJournal::new(producer, store.clone(), Arc::new(known), clock);
        Ok(Self { store, journal: Arc::new(journal), topic })
    }

    /// Lets go of both.
    pub async fn close(&self) {
        self.journal.close(CLOSE_WITHIN).await;
        self.store.close().await;
    }
}

/// Connects to all three.
///
/// # Errors
/// [`StartError`].
pub async fn parts(config: &Config, clock: Arc<dyn Clock>) -> Result<Parts, StartError> {
    let at = RedisConfig::parse(&config.redis.url)?;
    let Log { store, journal, topic } = Log::open(config, clock.clone()).await?;
    let letters = DeadLetters::start(&dead_letters(&config.kafka), clock.clone()).await?;
    let letters = Arc::new(letters);
    let kafka = kafka(&config.kafka);
    let reader = |projection| -> Result<_, StartError> {
        Ok(Arc::new(KafkaReader::start(&kafka, &topic, projection, clock.clone())?))
    };
    let (relay_reader, store_reader) = (reader("redis")?, reader("postgres")?);
    let threads = bus_thread()?;
    let (bus, redis) = {
        let _context = threads.enter();
        let redis = Redis::start(at, store.epoch(), store.clone());
        (RedisBus::start(redis.clone(), Arc::new(RedisHeads::new(redis.clone()))), redis)
    };
    let relay = Following {
        actor: "relay",
        reader: relay_reader.clone(),
        projection: Arc::new(RedisProjection::new(redis.clone(), store.clone())),
    };
    let persister = Following {
        actor: "persister",
        reader: store_reader.clone(),
        projection: Arc::new(Passing::new(store.clone(), letters.clone())),
    };
    let worth = match topic.durability {
        Durability::Replicated => "in the memory of at least two brokers",
        _ => "in the memory of one broker alone",
    };
    Ok(Parts {
        journal: journal.clone(),
        store: Arc::new(Tailed::new(store.clone(), Arc::new(RedisTail::new(redis)))),
        bus: Arc::new(bus),
        projectors: vec![relay, persister],
        outbox: Some(store.clone()),
        kept: format!(
            "Kafka topic {} (every acknowledged message is {worth}), history in PostgreSQL at {}",
            topic.name,
            store.place()
        ),
        secret: store.secret().to_vec(),
        closing: Box::new(move || {
            Box::pin(async move {
                journal.close(CLOSE_WITHIN).await;
                // So that others take over at once.
                tokio::join!(relay_reader.close(CLOSE_WITHIN), store_reader.close(CLOSE_WITHIN));
                letters.close(CLOSE_WITHIN).await;
                store.close().await;
                threads.shutdown_background();
            })
        }),
    })
}

/// The letters' topic. One partition: letters are few, and so they are listed in their order.
pub fn dead_letters(config: &config::Kafka) -> KafkaOptions {
    let topic = match config.dead_letter_topic.as_str() {
        "" => format!("{}.dead", config.topic),
        named => named.to_owned(),
    };
    let retention_ms = hours(config.dead_letter_hours);
    KafkaOptions { topic, partitions: 1, retention_ms, ..kafka(config) }
}

/// In ms; `None` for ever.
fn hours(hours: u64) -> Option<u64> {
    (hours > 0).then_some(hours * 60 * 60 * 1000)
}

fn kafka(config: &config::Kafka) -> KafkaOptions {
    KafkaOptions {
        brokers: config.brokers.clone(),
        topic: config.topic.clone(),
        partitions: config.partitions,
        replication: config.replication,
        in_sync_min: config.in_sync_min,
        retention_ms: hours(config.retention_hours),
        group_prefix: config.topic.clone(),
        properties: config.properties.clone(),
    }
}
