//! Several nodes on Kafka, Redis and PostgreSQL: the log, what is live, and what is past.

use std::sync::Arc;
use std::time::Duration;

use chat_protocol::object::Durability;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::time::sleep;

use super::StartError;
use super::parts::{Following, Outdated, Parts, bus_thread};
use crate::bus::redis::{
    Redis, RedisBus, RedisConfig, RedisHeads, RedisNodes, RedisProjection, RedisTail,
};
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::domain::log_record::VERSION;
use crate::journal::kafka::{
    DeadLetters, KafkaJournal, KafkaOptions, KafkaProducer, KafkaReader, Passing, StoreKnown, Topic,
};
use crate::store::History;
use crate::store::postgres::{LogAt, PgOptions, PgStore};
use crate::store::tailed::Tailed;

/// How often the log is asked for the version of its records.
const LOOK_EVERY: Duration = Duration::from_secs(5);
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
    let outdated = watch_version(&threads, store.clone());
    let (bus, redis) = {
        let _context = threads.enter();
        let redis = Redis::start(at, store.epoch(), store.clone());
        (RedisBus::start(redis.clone(), Arc::new(RedisHeads::new(redis.clone()))), redis)
    };
    let nodes = RedisNodes::new(redis.clone(), config.presence.believed_for());
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
        nodes: Arc::new(nodes),
        projectors: vec![relay, persister],
        outbox: Some(store.clone()),
        kept: format!(
            "Kafka topic {} (every acknowledged message is {worth}), history in PostgreSQL at {}",
            topic.name,
            store.place()
        ),
        secret: store.secret().to_vec(),
        outdated: Some(outdated),
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

/// Looks whether records are written in a version that this node can't read. Then it has to let go of its partitions, which
/// stand still here, and would refuse to start.
fn watch_version(threads: &Runtime, store: Arc<PgStore>) -> Outdated {
    let (tell, outdated) = oneshot::channel();
    threads.spawn(async move {
        loop {
            sleep(LOOK_EVERY).await;
            match store.record_version().await {
                Ok(version) if version > i32::from(VERSION) => {
                    let _ = tell.send(version); // a node that ends by itself doesn't listen
                    return;
                }
                _ => {}
            }
        }
    });
    outdated
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
