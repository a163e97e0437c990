//! Several nodes on Kafka, Redis and PostgreSQL: the log, what is live, and what is past.

use std::sync::Arc;
use std::time::Duration;

use chat_protocol::object::Durability;

use super::StartError;
use super::parts::{Following, Parts, bus_thread};
use crate::bus::redis::{
    Redis, RedisBus, RedisConfig, RedisHeads, RedisNodes, RedisProjection, RedisTail,
};
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::journal::kafka::{
    KafkaJournal, KafkaOptions, KafkaProducer, KafkaReader, StoreKnown, Topic,
};
use crate::store::History;
use crate::store::postgres::{LogAt, PgOptions, PgStore};
use crate::store::tailed::Tailed;

/// How long what is on its way to the log, and leaving the groups, may take at the end.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);

/// Connects to all three.
///
/// # Errors
/// [`StartError`].
pub async fn parts(config: &Config, clock: Arc<dyn Clock>) -> Result<Parts, StartError> {
    let at = RedisConfig::parse(&config.redis.url)?;
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
    let journal = KafkaJournal::new(producer, store.clone(), Arc::new(known), clock.clone());
    let journal = Arc::new(journal);
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
    let nodes = RedisNodes::new(redis.clone(), config.presence.believed_for());
    let relay = Following {
        actor: "relay",
        reader: relay_reader.clone(),
        projection: Arc::new(RedisProjection::new(redis.clone(), store.clone())),
    };
    let persister =
        Following { actor: "persister", reader: store_reader.clone(), projection: store.clone() };
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
        closing: Box::new(move || {
            Box::pin(async move {
                journal.close(CLOSE_WITHIN).await;
                // So that others take over at once.
                tokio::join!(relay_reader.close(CLOSE_WITHIN), store_reader.close(CLOSE_WITHIN));
                store.close().await;
                threads.shutdown_background();
            })
        }),
    })
}

fn kafka(config: &config::Kafka) -> KafkaOptions {
    let hours = |hours: u64| hours * 60 * 60 * 1000;
    KafkaOptions {
        brokers: config.brokers.clone(),
        topic: config.topic.clone(),
        partitions: config.partitions,
        replication: config.replication,
        in_sync_min: config.in_sync_min,
        retention_ms: (config.retention_hours > 0).then(|| hours(config.retention_hours)),
        group_prefix: config.topic.clone(),
        properties: config.properties.clone(),
    }
}
