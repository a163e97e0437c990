//! The call of `relay.lua`.

use redis::RedisResult;
use redis::aio::ConnectionLike;

use super::super::keys::PartitionKeys;
use super::super::script::Script;
use crate::domain::fold::{BUCKET_MS, LogOffset, SKEW_MS_MAX};
use crate::domain::log_record::{self, Content, Record};
use crate::mutants;
use crate::store::projection::Cursor;

/// The script's text.
pub const SOURCE: &str = include_str!("relay.lua");

/// The script as it is called: that text, but for mutants.
pub fn source() -> String {
    let mut source = SOURCE.to_owned();
    if mutants::is("no-fence") {
        source = source.replace("if from > cursor then", "if false then");
    }
    if mutants::is("redis-clock") {
        let expire =
            "call('PEXPIREAT', bucket.key, text(time + 2 * width))\n  end\nend\nfor _, it in";
        source = source.replace("  end\nend\nfor _, it in", expire);
    }
    source
}

/// Records that one call may fold: Redis does nothing else meanwhile, for about 2 ms.
const RECORDS_MAX: usize = 200;
/// Bytes that they may have.
const BYTES_MAX: usize = 256 * 1024;

/// About how many events a room's tail keeps.
const TAIL_EVENTS: usize = 300;
/// How long a tail outlives its last event, ms.
const TAIL_LIFE_MS: u64 = 60 * 60 * 1000;

/// A record as the script is told of it.
pub struct Entry {
    record: [Vec<u8>; 5],
    pub log_offset: LogOffset,
    checksum: u64,
}

impl Entry {
    /// A record that says nothing, or says it too late, is told without an id and is a void.
    pub fn of(record: &Record) -> Self {
        let (mut id, mut value) = (Vec::new(), Vec::new());
        if let Content::Draft(checked) = &record.content
            && record.timestamp.abs_diff(checked.at) <= SKEW_MS_MAX
        {
            id = checked.draft.id.as_bytes().to_vec();
            value = log_record::encode(checked);
        }
        let room = record.room.as_ref().map(|room| room.as_str().into()).unwrap_or_default();
        let (at, timestamp) = (number(record.log_offset), number(record.timestamp));
        Self {
            record: [at, timestamp, room, id, value],
            log_offset: record.log_offset,
            checksum: record.checksum,
        }
    }

    /// Bytes that it sends.
    fn cost(&self) -> usize {
        self.record.iter().map(Vec::len).sum()
    }
}

/// How many of them one call may fold; at least one.
pub fn how_many(entries: &[Entry]) -> usize {
    let mut bytes = 0;
    let fits = |entry: &&Entry| {
        bytes += entry.cost();
        bytes <= BYTES_MAX
    };
    entries.iter().take(RECORDS_MAX).take_while(fits).count().max(1).min(entries.len())
}

fn number(number: u64) -> Vec<u8> {
    number.to_string().into_bytes()
}

/// Has `entries` folded, if the partition stands at `from` or beyond; where it stands then. `None`: it stands before, or
/// nowhere, and nothing has changed.
///
/// # Errors
/// It may have been folded, all of it or the beginning; the same again is safe.
pub async fn call(
    script: &Script,
    connection: &mut impl ConnectionLike,
    keys: &PartitionKeys,
    publish: &str,
    from: LogOffset,
    entries: &[Entry],
) -> RedisResult<Option<Cursor>> {
    let Some(last) = entries.last() else { return Ok(None) };
    let mut arguments = vec![
        keys.prefix().into(),
        publish.into(),
        number(TAIL_EVENTS as u64),
        number(TAIL_LIFE_MS),
        number(BUCKET_MS),
        number(from),
        number(last.log_offset + 1),
        format!("{:016x}", last.checksum).into_bytes(),
    ];
    arguments.extend(entries.iter().flat_map(|entry| entry.record.iter().cloned()));
    let answer: Vec<String> = script.call(connection, &[keys.top()], &arguments).await?;
    Ok(match answer.as_slice() {
        [next, checksum] => read_cursor(next, checksum),
        _ => None,
    })
}

/// A cursor as `top` has it.
pub fn read_cursor(next: &str, checksum: &str) -> Option<Cursor> {
    let next = next.parse().ok()?;
    let checksum = match checksum {
        "" => None,
        checksum => Some(u64::from_str_radix(checksum, 16).ok()?),
    };
    Some(Cursor { next, checksum })
}
