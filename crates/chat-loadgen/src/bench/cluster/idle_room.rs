//! What Redis holds of a room in which nothing happens any more: the field in its partition's `top`, and, for as long as they
//! last, its tail and the ids of what was said last.

use anyhow::{Context, Result, ensure};
use chat_server::domain::log_record::Record;
use chat_server::store::projection::Projection;
use chat_services::{Durability, Redis, Reply};

use super::Ground;
use super::finding::{Finding, Goal};
use super::relay::projection;
use super::written::Rooms;

/// One partition's: what a room costs doesn't depend on how many there are.
const PARTITIONS: u32 = 1;
const RUN: usize = 1000;

fn used(redis: &Redis) -> Result<f64> {
    let info = redis.ask(&["INFO", "memory"])?;
    let line = info.text().and_then(|it| it.lines().find_map(|it| it.strip_prefix("used_memory:")));
    Ok(line.context("INFO names its memory")?.trim().parse()?)
}

fn keys(redis: &Redis, pattern: &str) -> Result<Vec<String>> {
    let found = redis.ask(&["KEYS", pattern])?;
    Ok(found.list().iter().filter_map(Reply::text).map(str::to_owned).collect())
}

fn usage(redis: &Redis, key: &str) -> Result<f64> {
    match redis.ask(&["MEMORY", "USAGE", key, "SAMPLES", "0"])? {
        Reply::Int(bytes) => Ok(bytes as f64),
        other => anyhow::bail!("MEMORY USAGE {key} says {other:?}"),
    }
}

fn forget(redis: &Redis, keys: &[String]) -> Result<()> {
    for keys in keys.chunks(1000) {
        let mut words = vec!["DEL"];
        words.extend(keys.iter().map(String::as_str));
        redis.ask(&words)?;
    }
    Ok(())
}

pub(super) fn run(ground: &Ground) -> Result<Vec<Finding>> {
    let redis = Redis::start(Durability::Quick)?;
    let rooms = if ground.quick { 10_000 } else { 100_000 };
    let mut idle = Finding::new("an idle room in Redis", "bytes", Goal::Nothing);
    let mut tail = Finding::new("its tail of one message, for an hour", "bytes", Goal::Nothing);
    let mut id = Finding::new("an id, for 5 to 10 minutes", "bytes", Goal::Nothing);
    for nth in 0..ground.repeats {
        redis.wipe()?;
        let messages = Rooms { partitions: PARTITIONS }.messages(rooms, rooms)?;
        let record = |(at, it): (u64, &super::written::Written)| {
            Record::decode(at, 1_764_000_000_000, it.draft.room.as_str().as_bytes(), &it.value)
        };
        // At the time that their values tell: else all would be voids.
        let records: Vec<_> = (0..).zip(&messages).map(record).map(on_time).collect();
        let before = used(&redis)?;
        ground.runtime.block_on(async {
            let projection = projection(&redis, nth, PARTITIONS)?;
            projection.cursor(0).await?;
            for run in records.chunks(RUN) {
                projection.apply(0, run).await?;
            }
            anyhow::Ok(())
        })?;
        let (top, ids) = (keys(&redis, "*:top")?, keys(&redis, "*:n:*")?);
        let tails = keys(&redis, "*:s:*")?;
        ensure!(
            (top.len(), tails.len()) == (1, rooms),
            "{} tops, {} tails",
            top.len(),
            tails.len()
        );
        let count = rooms as f64;
        let by_usage = usage(&redis, &top[0])? / count;
        let all = used(&redis)?;
        // As if the hour had passed, and the window.
        forget(&redis, &tails)?;
        let without_tails = used(&redis)?;
        forget(&redis, &ids)?;
        let rest = used(&redis)?;
        idle.own.push((rest - before) / count);
        tail.own.push((all - without_tails) / count);
        id.own.push((without_tails - rest) / count);
        // The same fields and values in a hash that nobody gave a meaning.
        redis.wipe()?;
        let before = used(&redis)?;
        for chunk in messages.chunks(RUN) {
            let mut words = vec!["HSET", "bare"];
            for message in chunk {
                words.extend([message.draft.room.as_str(), "1:99999"]);
            }
            redis.ask(&words)?;
        }
        idle.floor.push((used(&redis)? - before) / count);
        idle.beside = format!(
            "MEMORY USAGE of `top` over {rooms} rooms: {by_usage:.1}; floor: a hash of ids and short texts"
        );
    }
    Ok(vec![idle, tail, id])
}

fn on_time(record: Record) -> Record {
    use chat_server::domain::log_record::Content;
    match &record.content {
        Content::Draft(checked) => Record { timestamp: checked.at, ..record },
        _ => record,
    }
}
