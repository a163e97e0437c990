//! The relay half of a node behind a prepared log: read from Kafka, folded and published by Redis' script, beside reading
//! the same topic and doing nothing. Told per core: records over CPU time of this process, since Redis has one of its own.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use async_trait::async_trait;
use chat_protocol::Epoch;
use chat_server::bus::redis::{Redis as Client, RedisConfig, RedisProjection};
use chat_server::journal::kafka::Topic;
use chat_server::store::StoreError;
use chat_server::store::projection::{Base, Source};
use chat_services::{Durability, Kafka, Redis};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};

use super::Ground;
use super::catch_up::{ends, follow, reader};
use super::finding::{Finding, Goal};
use super::written::{Rooms, bare_producer, clock, options, produce};
use crate::proc::cpu_time;

const ROOMS: usize = 200;
const PARTITIONS: u32 = 4;
/// How long the brokers may say nothing.
const SILENCE: Duration = Duration::from_secs(20);

/// A log that nobody has folded.
pub(super) struct Empty;

#[async_trait]
impl Source for Empty {
    async fn base(&self, _: u32) -> Result<Base, StoreError> {
        Ok(Base::default())
    }
}

/// A projection into this Redis, of a log of its own.
pub(super) fn projection(redis: &Redis, nth: usize, partitions: u32) -> Result<RedisProjection> {
    let epoch = Epoch::parse(&format!("0.bench{nth:03}"));
    let epoch = epoch.map_err(|_| anyhow::anyhow!("an epoch can't be made"))?;
    let client =
        Client::start(RedisConfig::parse(&redis.url())?, &epoch, Arc::new(Rooms { partitions }));
    Ok(RedisProjection::new(client, Arc::new(Empty)))
}

/// CPU time that Redis says it has used.
pub(super) fn redis_cpu(redis: &Redis) -> Result<f64> {
    let info = redis.ask(&["INFO", "cpu"])?;
    let text = info.text().context("INFO is text")?;
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|value| value.trim().parse::<f64>().ok()).context("INFO names its CPU time")
    };
    Ok(field("used_cpu_user:")? + field("used_cpu_sys:")?)
}

/// Of one run over all records.
#[derive(Clone, Copy, Default)]
struct Cost {
    per_core: f64,
    per_s: f64,
}

fn timed(count: usize, work: impl FnOnce() -> Result<()>) -> Result<Cost> {
    let (cpu, at) = (cpu_time(std::process::id())?, Instant::now());
    work()?;
    let (seconds, count) = (at.elapsed().as_secs_f64(), count as f64);
    let cpu = cpu_time(std::process::id())? - cpu;
    Ok(Cost { per_core: count / cpu.as_secs_f64(), per_s: count / seconds })
}

pub(super) fn run(ground: &Ground) -> Result<Vec<Finding>> {
    let (kafka, redis) = (Kafka::start(1)?, Redis::start(Durability::Quick)?);
    let count = if ground.quick { 100_000 } else { 400_000 };
    let goal = Goal::AtLeast(100_000.0);
    let mut finding = Finding::new("the relay half, four partitions", "records/s and core", goal);
    let mut redis_us = 0.0;
    let (mut wall, mut bare_wall) = (0.0, 0.0);
    for nth in 0..ground.repeats {
        let options = options(kafka.bootstrap(), 1, PARTITIONS, &format!("relay-{nth}"));
        let messages = Rooms { partitions: PARTITIONS }.messages(ROOMS, count)?;
        let topic = ground.runtime.block_on(Topic::ensure(&options, None, clock()))?;
        produce(&bare_producer(&options.brokers)?, &topic.name, &messages)?;
        let ends = ends(&messages, PARTITIONS);
        drop(messages);
        let read = || timed(count, || read(&options.brokers, &topic.name, count));
        let before = (nth % 2 == 0).then(read).transpose()?;
        let redis_before = redis_cpu(&redis)?;
        let reader = ground.runtime.block_on(reader(&options, &topic))?;
        let own = timed(count, || {
            ground.runtime.block_on(async {
                let projection = Arc::new(projection(&redis, nth, PARTITIONS)?);
                follow(&reader, projection, &ends).await
            })
        })?;
        redis_us = (redis_cpu(&redis)? - redis_before) * 1e6 / count as f64;
        let floor = before.map_or_else(read, Ok)?;
        finding.add(own.per_core, floor.per_core);
        (wall, bare_wall) = (own.per_s, floor.per_s);
        redis.wipe()?;
    }
    finding.beside = format!(
        "{wall:.0} records/s by the clock, floor {bare_wall:.0}; Redis {redis_us:.1} CPU µs a record"
    );
    Ok(vec![finding])
}

/// Reads the whole topic.
fn read(brokers: &str, topic: &str, count: usize) -> Result<()> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers).set("group.id", "bare");
    config.set("enable.auto.commit", "false").set("check.crcs", "true");
    let consumer: BaseConsumer = config.create()?;
    let mut all = TopicPartitionList::new();
    for p in 0..PARTITIONS {
        all.add_partition_offset(topic, p.cast_signed(), Offset::Beginning)?;
    }
    consumer.assign(&all)?;
    let (mut seen, mut bytes) = (0, 0);
    while seen < count {
        match consumer.poll(SILENCE) {
            Some(record) => bytes += record?.payload().unwrap_or_default().len(),
            None => bail!("the brokers say nothing"),
        }
        seen += 1;
    }
    anyhow::ensure!(bytes > count, "the records are empty");
    Ok(())
}
