//! Builds a partition's projection where Redis has none: from another one that lags, perhaps, so that the log from there on
//! gives the same places again.
//!
//! It is written under a name of its own, which ends by itself if this node does, and put in place by a script that changes
//! nothing where somebody was faster.

use std::time::Duration;

use rand::distr::{Alphanumeric, SampleString};
use redis::Pipeline;

use super::super::connection::{Connection, Redis, Unreachable};
use super::super::keys::PartitionKeys;
use super::super::script::Script;
use super::unavailable;
use crate::mutants;
use crate::store::StoreError;
use crate::store::projection::{Base, ProjectionError, Source};

/// The text of the script that puts it in place.
pub const PROMOTE: &str = include_str!("promote.lua");

/// Fields that are written at once.
const FIELDS_MAX: usize = 1000;
/// How long what has been staged waits for the rest.
const STAGED_FOR: Duration = Duration::from_secs(60);

/// Fields of a hash that is to be.
type Fields = Vec<(Vec<u8>, String)>;

/// Builds it, unless it is there.
///
/// # Errors
/// [`ProjectionError::Unavailable`].
pub async fn rebuild(
    redis: &Redis,
    source: &dyn Source,
    promote: &Script,
    partition: u32,
) -> Result<(), ProjectionError> {
    let base = source.base(partition).await;
    let base = base.map_err(|err: StoreError| ProjectionError::Unavailable(err.to_string()))?;
    let (rooms, ids, next) = (base.tops.len(), base.ids.len(), base.partition.next);
    let built = build(redis, promote, partition, base).await.map_err(unavailable)?;
    tracing::info!(partition, rooms, ids, next, outcome = %built, "projection rebuilt in redis");
    match built.as_str() {
        "incomplete" => {
            Err(ProjectionError::Unavailable("what was staged went before it was used".to_owned()))
        }
        _ => Ok(()),
    }
}

async fn build(
    redis: &Redis,
    promote: &Script,
    partition: u32,
    base: Base,
) -> Result<String, Unreachable> {
    let keys = redis.keys.of(partition);
    let staged = keys.staged(&Alphanumeric.sample_string(&mut rand::rng(), 12));
    let mut connection = redis.connection().await?;
    let (mut names, mut sizes) = (Vec::new(), Vec::new());
    for (name, staged, fields) in hashes(&keys, &staged, base) {
        stage(&mut connection, &staged, &fields).await?;
        names.extend([name, staged]);
        sizes.push(fields.len().to_string().into_bytes());
    }
    Ok(promote.call(&mut connection, &names, &sizes).await?)
}

/// The hashes that make up a projection: name, name while staged, fields. The top first.
fn hashes(
    keys: &PartitionKeys,
    staged: &PartitionKeys,
    base: Base,
) -> Vec<(String, String, Fields)> {
    let Base { partition, checksum, tops, ids } = base;
    let checksum = checksum.map(|checksum| format!("{checksum:016x}")).unwrap_or_default();
    let mut top: Fields =
        vec![(Vec::new(), format!("{}:{}:{checksum}", partition.next, partition.time))];
    top.extend(tops.into_iter().filter_map(|(room, top)| {
        Some((room.as_str().into(), format!("{}:{}", top.offset, top.log_offset?)))
    }));
    let mut hashes = vec![(keys.top(), staged.top(), top)];
    let newest = partition.bucket();
    for bucket in newest.saturating_sub(1)..=newest {
        let ids = ids.iter().filter(|known| known.bucket == bucket);
        let ids = ids.filter(|_| !mutants::is("rebuild-without-ids"));
        let ids = ids.map(|known| (known.id.as_bytes().to_vec(), known.offset.to_string()));
        hashes.push((keys.bucket(bucket), staged.bucket(bucket), ids.collect()));
    }
    hashes
}

async fn stage(
    connection: &mut Connection,
    key: &str,
    fields: &[(Vec<u8>, String)],
) -> Result<(), Unreachable> {
    for fields in fields.chunks(FIELDS_MAX) {
        let mut write = Pipeline::new();
        write.cmd("HSET").arg(key);
        for (field, value) in fields {
            write.arg(field).arg(value);
        }
        write.cmd("PEXPIRE").arg(key).arg(STAGED_FOR.as_secs() * 1000);
        write.exec_async(connection).await?;
    }
    Ok(())
}
