//! Durable sends a second: three brokers, `acks=all`, 200 rooms. The journal as the Sink drives it, then a whole node with
//! sessions, beside a bare producer of the same records.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use chat_server::journal::Journal;
use chat_server::journal::kafka::{KafkaJournal, KafkaProducer, Topic};
use chat_services::{Durability, Kafka, Postgres, Redis};
use futures_util::{StreamExt, stream};

use super::Ground;
use super::finding::{Finding, Goal};
use super::written::{Nothing, Rooms, Written, bare_producer, clock, options, produce};
use crate::proc::cpu_time;
use crate::report::{Outcome, Report};
use crate::scenario::{self, Scenario, ScenarioName, Target};
use crate::server::log_tail;

const ROOMS: usize = 200;
const PARTITIONS: u32 = 16;
/// What the Sink hands over at once, at most.
const GROUP: usize = 4096;
/// Sends of one author that are unanswered at a time: enough that groups fill.
const WINDOW: usize = 32;

/// Records a second, and CPU microseconds of this process for each.
#[derive(Clone, Copy)]
struct Rate {
    per_s: f64,
    cpu_us: f64,
}

fn timed(count: usize, work: impl FnOnce() -> Result<()>) -> Result<Rate> {
    let (cpu, at) = (cpu_time(std::process::id())?, Instant::now());
    work()?;
    let seconds = at.elapsed().as_secs_f64();
    let cpu = cpu_time(std::process::id())? - cpu;
    let count = count as f64;
    Ok(Rate { per_s: count / seconds, cpu_us: cpu.as_secs_f64() * 1e6 / count })
}

pub(super) fn run(ground: &Ground) -> Result<Vec<Finding>> {
    let kafka = Kafka::start(3)?;
    let goal = Goal::PartOrAtLeast(0.6, 20_000.0);
    let mut journal = Finding::new("the journal: groups of 4096, one at a time", "sends/s", goal);
    let mut two = Finding::new("the same, two groups at a time", "sends/s", Goal::Nothing);
    let mut node =
        Finding::new("a whole node: 200 sessions, 32 sends unanswered each", "sends/s", goal);
    let (mut cpu, mut server) = (Vec::new(), Vec::new());
    for nth in 0..ground.repeats {
        let sends = Sends::start(ground, &kafka, nth)?;
        // In turn, so that a machine that gets slower favours none.
        let (own, floor) = if nth % 2 == 0 {
            let floor = sends.bare()?;
            (sends.journal(ground)?, floor)
        } else {
            (sends.journal(ground)?, sends.bare()?)
        };
        journal.add(own.per_s, floor.per_s);
        cpu.push((own.cpu_us, floor.cpu_us));
        two.add(sends.two_at_a_time(ground)?.per_s, floor.per_s);
        drop(sends);
        let report = whole_node(ground, &kafka, nth)?;
        ensure!(report.is_clean(), "the node's run was not clean: {report}");
        if let Outcome::Load(load) = report.outcome {
            node.add(load.acked_per_s, floor.per_s);
            server.push((load.server_busy / load.acked_per_s * 1e6, load.ack));
        }
    }
    let (own, floor) = cpu.last().copied().unwrap_or_default();
    journal.beside = format!("CPU {own:.1} µs a send, floor {floor:.1} µs");
    if let Some((us, ack)) = server.last() {
        node.beside = format!("CPU {us:.1} µs a send of the node; ack {ack}");
    }
    Ok(vec![journal, two, node])
}

/// A topic for both.
struct Sends {
    options: chat_server::journal::kafka::KafkaOptions,
    topic: Topic,
    count: usize,
}

impl Sends {
    fn start(ground: &Ground, kafka: &Kafka, nth: usize) -> Result<Self> {
        let options = options(kafka.bootstrap(), 3, PARTITIONS, &format!("sends-{nth}"));
        let topic = ground.runtime.block_on(Topic::ensure(&options, None, clock()))?;
        Ok(Self { options, topic, count: if ground.quick { 50_000 } else { 200_000 } })
    }

    fn messages(&self, count: usize) -> Result<Vec<Written>> {
        Rooms { partitions: PARTITIONS }.messages(ROOMS, count)
    }

    fn bare(&self) -> Result<Rate> {
        let producer = bare_producer(&self.options.brokers)?;
        produce(&producer, &self.topic.name, &self.messages(2 * GROUP)?)?;
        let messages = self.messages(self.count)?;
        timed(self.count, || produce(&producer, &self.topic.name, &messages))
    }

    /// As the Sink drives it.
    fn journal(&self, ground: &Ground) -> Result<Rate> {
        self.appended(ground, 1)
    }

    /// What a Sink could gain that doesn't wait for a group before it hands over the next.
    fn two_at_a_time(&self, ground: &Ground) -> Result<Rate> {
        self.appended(ground, 2)
    }

    fn appended(&self, ground: &Ground, at_a_time: usize) -> Result<Rate> {
        let producer = KafkaProducer::start(&self.options, self.topic.clone(), clock())?;
        let producer = Arc::new(producer);
        ground.runtime.block_on(producer.ready())?;
        let rooms = Arc::new(Rooms { partitions: PARTITIONS });
        let journal = KafkaJournal::new(producer, rooms, Arc::new(Nothing), clock());
        let append = |messages: Vec<Written>| {
            let drafts = messages.into_iter().map(|it| it.draft).collect::<Vec<_>>();
            ground.runtime.block_on(async {
                let appending = drafts.chunks(GROUP).map(|group| journal.append(group.to_vec()));
                let mut answers = stream::iter(appending).buffered(at_a_time);
                while let Some(answers) = answers.next().await {
                    for answer in answers {
                        answer.context("a send was not acknowledged")?;
                    }
                }
                Ok(())
            })
        };
        append(self.messages(2 * GROUP)?)?;
        let messages = self.messages(self.count)?;
        timed(self.count, || append(messages))
    }
}

fn whole_node(ground: &Ground, kafka: &Kafka, nth: usize) -> Result<Report> {
    let (postgres, redis) =
        (Postgres::start(Durability::Durable)?, Redis::start(Durability::Quick)?);
    let folder = ground.folder()?;
    let log = folder.path().join("server.log");
    let options = [
        ("DATABASE_URL", postgres.url()),
        ("REDIS_URL", redis.url()),
        ("KAFKA_BROKERS", kafka.bootstrap()),
        ("CHAT__KAFKA__TOPIC", format!("node-{nth}")),
        ("CHAT__KAFKA__PARTITIONS", PARTITIONS.to_string()),
    ];
    let running = ground.node(folder.path(), &options)?;
    let mut scenario = Scenario::named(ScenarioName::Rooms);
    (scenario.rooms, scenario.members, scenario.window) = (ROOMS, 1, WINDOW);
    scenario.drain_s = 60.0;
    if ground.quick {
        (scenario.warmup_s, scenario.measure_s) = (1.0, 3.0);
    }
    let (address, pid) = (running.address, running.pid());
    let target = Target::one(address, pid, false);
    scenario::run(&scenario, &target).with_context(|| log_tail(&log))
}
