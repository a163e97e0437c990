//! The Persister behind a log of 200 rooms: read from Kafka, folded and written, beside the same rows put into an equal
//! table by `unnest` and nothing else.

use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use chat_server::journal::kafka::{KafkaOptions, KafkaReader, Topic};
use chat_server::journal::reader::LogReader;
use chat_server::store::postgres::{LogAt, PgOptions, PgStore};
use chat_server::store::projection::Projection;
use chat_services::{Durability, Kafka, Postgres};
use tokio::task::JoinSet;
use tokio_postgres::{Client, NoTls};

use super::Ground;
use super::finding::{Finding, Goal};
use super::written::{Rooms, Written, bare_producer, clock, options, produce};
use crate::proc::cpu_time;

const ROOMS: usize = 200;
const PARTITIONS: u32 = 4;
/// Rows of one transaction: as many as a run has records.
const RUN: usize = 1000;

/// A reader that has been given the whole topic: a group takes seconds to find that nobody else comes.
pub(super) async fn reader(options: &KafkaOptions, topic: &Topic) -> Result<Arc<KafkaReader>> {
    let reader = KafkaReader::start(options, topic, "bench", clock())?;
    let all = topic.partitions as usize;
    reader.assigned().wait_for(|ours| ours.len() == all).await?;
    Ok(Arc::new(reader))
}

/// What a node's projector does, without waiting for more: every partition is followed to its end.
pub(super) async fn follow(
    reader: &Arc<KafkaReader>,
    projection: Arc<dyn Projection>,
    ends: &[u64],
) -> Result<()> {
    let mut tasks = JoinSet::new();
    for (partition, end) in (0..).zip(ends.iter().copied()) {
        let (reader, projection) = (reader.clone(), projection.clone());
        tasks.spawn(async move {
            let mut cursor = projection.cursor(partition).await?;
            let mut stream = reader.open(partition, cursor.next).await?;
            while cursor.next < end {
                cursor = projection.apply(partition, &stream.next(RUN).await?).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(())
}

/// How many of `messages` are in each partition.
pub(super) fn ends(messages: &[Written], partitions: u32) -> Vec<u64> {
    let of = |p| messages.iter().filter(|it| it.partition == p).count() as u64;
    (0..partitions).map(of).collect()
}

/// Records a second, and CPU microseconds of this process for each.
async fn timed(count: usize, work: impl Future<Output = Result<()>>) -> Result<(f64, f64)> {
    let (cpu, at) = (cpu_time(std::process::id())?, Instant::now());
    work.await?;
    let (seconds, count) = (at.elapsed().as_secs_f64(), count as f64);
    let cpu = cpu_time(std::process::id())? - cpu;
    Ok((count / seconds, cpu.as_secs_f64() * 1e6 / count))
}

pub(super) fn run(ground: &Ground) -> Result<Vec<Finding>> {
    let kafka = Kafka::start(1)?;
    let postgres = Postgres::start(Durability::Durable)?;
    let count = if ground.quick { 40_000 } else { 200_000 };
    let goal = Goal::PartOrAtLeast(0.6, 40_000.0);
    let mut finding = Finding::new("the Persister catching up, four partitions", "rows/s", goal);
    let mut cpu = (0.0, 0.0);
    for nth in 0..ground.repeats {
        let options = options(kafka.bootstrap(), 1, PARTITIONS, &format!("catch-up-{nth}"));
        let messages = Rooms { partitions: PARTITIONS }.messages(ROOMS, count)?;
        let topic = ground.runtime.block_on(Topic::ensure(&options, None, clock()))?;
        produce(&bare_producer(&options.brokers)?, &topic.name, &messages)?;
        let url = postgres.create_database(&format!("catch_up_{nth}"))?;
        let (own, floor) = ground.runtime.block_on(async {
            let store = PgOptions {
                log: LogAt::Elsewhere,
                partitions: PARTITIONS.cast_signed(),
                ..PgOptions::new(&*url)
            };
            let store = Arc::new(PgStore::open(store, clock(), Box::new(|_| {})).await?);
            bare_table(&url).await?;
            let ends = ends(&messages, PARTITIONS);
            let reader = reader(&options, &topic).await?;
            let own = follow(&reader, store.clone(), &ends);
            let floor = bare(&url, &messages);
            let (own, floor) = if nth % 2 == 0 {
                let floor = timed(count, floor).await?;
                (timed(count, own).await?, floor)
            } else {
                (timed(count, own).await?, timed(count, floor).await?)
            };
            check(&url, count).await?;
            store.close().await;
            anyhow::Ok((own, floor))
        })?;
        finding.add(own.0, floor.0);
        cpu = (own.1, floor.1);
    }
    finding.beside = format!("CPU of the client {:.1} µs a row, floor {:.1} µs", cpu.0, cpu.1);
    Ok(vec![finding])
}

async fn connect(url: &str) -> Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection); // it ends with the client
    Ok(client)
}

/// Equal to that of the events, indexes and all.
async fn bare_table(url: &str) -> Result<()> {
    let make = "CREATE TABLE bare (LIKE events INCLUDING ALL)";
    Ok(connect(url).await?.batch_execute(make).await?)
}

/// Both have put the same number of rows in.
async fn check(url: &str, count: usize) -> Result<()> {
    let client = connect(url).await?;
    for (table, and) in [("events", "id IS NOT NULL"), ("bare", "true")] {
        let sql = format!("SELECT count(*) FROM {table} WHERE {and} AND author IS NOT NULL");
        let there: i64 = client.query_one(&sql, &[]).await?.get(0);
        ensure!(there == i64::try_from(count)?, "{table} has {there} rows of {count}");
    }
    Ok(())
}

/// Rows of `bare` by column.
#[derive(Default)]
struct Columns {
    room_no: Vec<i64>,
    offset: Vec<i64>,
    log_offset: Vec<i64>,
    time: Vec<i64>,
    ordinal: Vec<i64>,
    bucket: Vec<i64>,
    kind: Vec<i16>,
    id: Vec<Vec<u8>>,
    author: Vec<String>,
    author_name: Vec<String>,
    client_id: Vec<String>,
    body: Vec<Vec<u8>>,
}

/// The same rows as the events will be, in transactions as large, of as many connections.
async fn bare(url: &str, messages: &[Written]) -> Result<()> {
    let mut tasks = JoinSet::new();
    for p in 0..PARTITIONS {
        let of_partition = messages.iter().filter(|it| it.partition == p);
        let mut runs = vec![Columns::default()];
        for (n, Written { draft, .. }) in of_partition.enumerate() {
            if n % RUN == 0 && n > 0 {
                runs.push(Columns::default());
            }
            let run = runs.last_mut().context("there is a run")?;
            let number: i64 = draft.room.as_str().rsplit('-').next().unwrap_or_default().parse()?;
            let chat_protocol::EventBody::MessageCreated { client_id, text } = &draft.body else {
                continue;
            };
            let author = draft.author.as_ref().context("a message has an author")?;
            let n = i64::try_from(n)?;
            // Rooms come one after the other, so this is the message's number in its room.
            let offset = n / (i64::try_from(ROOMS)? / i64::from(PARTITIONS)) + 1;
            run.room_no.push(number);
            run.offset.push(offset);
            run.log_offset.push(n);
            run.time.push(1_764_000_000_000 + n);
            run.ordinal.push(offset);
            run.bucket.push(5_880_000);
            run.kind.push(0);
            run.id.push(draft.id.as_bytes().to_vec());
            run.author.push(author.id.as_str().to_owned());
            run.author_name.push(author.name.clone());
            run.client_id.push(client_id.as_str().to_owned());
            run.body.push(text.as_bytes().to_vec());
        }
        let url = url.to_owned();
        tasks.spawn(async move { insert(&url, p.cast_signed(), runs).await });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(())
}

async fn insert(url: &str, p: i32, runs: Vec<Columns>) -> Result<()> {
    let client = connect(url).await?;
    let insert = client
        .prepare(
            "INSERT INTO bare (p, room_no, \"offset\", log_offset, time, ordinal, bucket, kind, id, author, \
             author_name, client_id, body) SELECT $1::int, new.* FROM unnest($2::bigint[], $3::bigint[], \
             $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::smallint[], $9::bytea[], $10::text[], \
             $11::text[], $12::text[], $13::bytea[]) AS new",
        )
        .await?;
    for run in runs {
        let Columns { room_no, offset, log_offset, time, ordinal, bucket, kind, id, .. } = &run;
        let Columns { author, author_name, client_id, body, .. } = &run;
        client
            .execute(
                &insert,
                &[
                    &p,
                    room_no,
                    offset,
                    log_offset,
                    time,
                    ordinal,
                    bucket,
                    kind,
                    id,
                    author,
                    author_name,
                    client_id,
                    body,
                ],
            )
            .await?;
    }
    Ok(())
}
