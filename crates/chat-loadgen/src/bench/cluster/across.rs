//! From a publish through one node to its being seen through another, at 200 a second, beside what the services alone need
//! for the way: a record produced and consumed, and a publication of Redis.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use chat_server::journal::kafka::Topic;
use chat_services::{Kafka, Redis};
use futures_util::StreamExt;
use hdrhistogram::Histogram;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseRecord, Producer};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::Ground;
use super::finding::{Finding, Goal, median};
use super::nodes::Nodes;
use super::written::{bare_producer, clock, options};
use crate::report::{Latency, Outcome};
use crate::scenario::{self, Scenario, ScenarioName, Target};

/// Publications a second.
const RATE: u32 = 200;
/// One writes through one node, the others listen through the other.
const MEMBERS: usize = 10;
const PARTITIONS: u32 = 4;
/// As long as a message in its envelope.
const BYTES: usize = 400;
const SILENCE: Duration = Duration::from_secs(20);

pub(super) fn run(ground: &Ground) -> Result<Vec<Finding>> {
    let seconds = if ground.quick { 3 } else { 15 };
    let count = (RATE * seconds) as usize;
    let mut p50 =
        Finding::new("publish to seen on another node, p50", "ms", Goal::MoreByAtMost(1.5));
    let mut p99 = Finding::new("the same, p99", "ms", Goal::Nothing);
    let (mut of_kafka, mut of_redis, mut acks) = (Vec::new(), Vec::new(), Vec::new());
    let nodes = Nodes::start(ground, 2, PARTITIONS)?;
    for nth in 0..ground.repeats {
        let through = |acks: &mut Vec<f64>| {
            let (seen, ack) = run_through(&nodes, f64::from(seconds))?;
            acks.push(ack.p50_ms);
            anyhow::Ok(seen)
        };
        let before = if nth % 2 == 1 { Some(through(&mut acks)?) } else { None };
        let bare_kafka = produce_and_consume(ground, &nodes.kafka, nth, count)?;
        let bare_redis = ground.runtime.block_on(publish_and_receive(&nodes.redis, count))?;
        let own = before.map_or_else(|| through(&mut acks), Ok)?;
        p50.add(own.p50_ms, bare_kafka.p50_ms + bare_redis.p50_ms);
        p99.add(own.p99_ms, bare_kafka.p99_ms + bare_redis.p99_ms);
        of_kafka.push(bare_kafka);
        of_redis.push(bare_redis);
    }
    let of =
        |all: &[Latency], it: fn(&Latency) -> f64| median(&all.iter().map(it).collect::<Vec<_>>());
    p50.beside = format!(
        "floor: Kafka {:.2} and Redis {:.2}; the ack came after {:.2}",
        of(&of_kafka, |it| it.p50_ms),
        of(&of_redis, |it| it.p50_ms),
        median(&acks)
    );
    p99.beside = format!(
        "floor: Kafka {:.2} and Redis {:.2}",
        of(&of_kafka, |it| it.p99_ms),
        of(&of_redis, |it| it.p99_ms)
    );
    Ok(vec![p50, p99])
}

/// Publish to each member, and to the ack.
fn run_through(nodes: &Nodes, seconds: f64) -> Result<(Latency, Latency)> {
    let (writers, readers) = (&nodes.running[0], &nodes.running[1]);
    let mut scenario = Scenario::named(ScenarioName::OneRoom);
    scenario.members = MEMBERS;
    scenario.deliveries_per_s = Some(f64::from(RATE) * MEMBERS as f64);
    scenario.measure_s = seconds;
    let mut target = Target::one(writers.address, writers.pid(), false);
    target.readers = vec![readers.address];
    let report = scenario::run(&scenario, &target)?;
    ensure!(report.is_clean(), "the run was not clean: {report}");
    match report.outcome {
        Outcome::Load(load) => Ok((load.receive, load.ack)),
        Outcome::Idle(_) => bail!("there was no load"),
    }
}

fn histogram() -> Result<Histogram<u64>> {
    Ok(Histogram::new_with_max(60_000_000_000, 3)?)
}

fn nanoseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// When each was sent, by its number.
fn sent_at(begin: Instant, value: &[u8]) -> Result<Instant> {
    let text = std::str::from_utf8(value.get(..20).context("a value has its time")?)?;
    Ok(begin + Duration::from_nanos(text.trim().parse()?))
}

fn value(begin: Instant) -> Vec<u8> {
    let mut value = format!("{:<20}", begin.elapsed().as_nanos()).into_bytes();
    value.resize(BYTES, b'x');
    value
}

fn produce_and_consume(
    ground: &Ground,
    kafka: &Kafka,
    nth: usize,
    count: usize,
) -> Result<Latency> {
    let options = options(kafka.bootstrap(), 3, 1, &format!("across-{nth}"));
    let topic = ground.runtime.block_on(Topic::ensure(&options, None, clock()))?.name;
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &options.brokers).set("group.id", "bare");
    config.set("enable.auto.commit", "false").set("socket.nagle.disable", "true");
    let consumer: BaseConsumer = config.create()?;
    let mut all = TopicPartitionList::new();
    all.add_partition_offset(&topic, 0, Offset::Beginning)?;
    consumer.assign(&all)?;
    let producer = bare_producer(&options.brokers)?;
    let begin = Instant::now();
    // The first seconds are for connections, and for brokers that have just begun.
    let warm = 3 * RATE as usize;
    let writing = ground.runtime.spawn(async move {
        let mut beat = interval(Duration::from_secs(1) / RATE);
        beat.set_missed_tick_behavior(MissedTickBehavior::Skip);
        for _ in 0..warm + count {
            beat.tick().await;
            let value = value(begin);
            let record = BaseRecord::<str, [u8]>::to(&topic).partition(0).key("k").payload(&value);
            producer.send(record).map_err(|(err, _)| err)?;
        }
        producer.flush(SILENCE)?;
        anyhow::Ok(())
    });
    let mut latencies = histogram()?;
    for nth in 0..warm + count {
        let record = consumer.poll(SILENCE).context("the brokers say nothing")??;
        let sent = sent_at(begin, record.payload().unwrap_or_default())?;
        if nth >= warm {
            latencies.record(nanoseconds(sent))?;
        }
    }
    ground.runtime.block_on(writing)??;
    Ok((&latencies).into())
}

async fn publish_and_receive(redis: &Redis, count: usize) -> Result<Latency> {
    let client = redis::Client::open(redis.url())?;
    let mut publisher = client.get_multiplexed_async_connection().await?;
    let mut subscriber = client.get_async_pubsub().await?;
    subscriber.subscribe("bare").await?;
    let begin = Instant::now();
    let writing = tokio::spawn(async move {
        let mut beat = interval(Duration::from_secs(1) / RATE);
        beat.set_missed_tick_behavior(MissedTickBehavior::Skip);
        for _ in 0..count {
            beat.tick().await;
            let () = redis::cmd("PUBLISH")
                .arg("bare")
                .arg(value(begin))
                .query_async(&mut publisher)
                .await?;
        }
        anyhow::Ok(())
    });
    let mut latencies = histogram()?;
    let mut received = subscriber.on_message();
    for _ in 0..count {
        let message = timeout(SILENCE, received.next()).await?.context("Redis has gone")?;
        latencies.record(nanoseconds(sent_at(begin, message.get_payload_bytes())?))?;
    }
    writing.await??;
    Ok((&latencies).into())
}
