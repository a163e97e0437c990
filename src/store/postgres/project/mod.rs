//! The database as a projection of a shared log: what the log says is folded into it, run by run.
//!
//! The lock of the partition's row is the fence. A room that the directory doesn't have gets a row that nobody sees, until
//! the log tells how it was made.

mod directory;
mod rows;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chat_protocol::{MessageId, RoomId};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use futures_util::FutureExt;
use futures_util::future::try_join;
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::hold::{Hold, Lock};
use super::write::{Append, heads};
use super::{PgStore, closed};
use crate::domain::log_record::{Content, Record};
use crate::mutants;
use crate::store::StoreError;
use crate::store::projection::{
    Base, Cursor, LookUp, LookedUp, Projection, ProjectionError, Source,
};
use crate::store::rules::folding::Folding;
use directory::{Told, learn};
use rows::{Part, add_unlisted, body_of, held, ids, known, part, tops};

/// For a run. Nobody waits for the answer, but a connection that says nothing has to be replaced.
const RUN_TIMEOUT: Duration = Duration::from_secs(5);
/// For all that is known of a partition: it may have a million rooms.
const BASE_TIMEOUT: Duration = Duration::from_secs(60);
/// Unlike all else, this does read whole tables.
const BASE_SETTINGS: &str = "SET LOCAL statement_timeout = '60s'; SET LOCAL enable_seqscan = on";
/// Rows don't vanish unnoticed, as long as nobody brings in a backup under a running node.
const IDLE_CHECK: Duration = Duration::from_secs(10);

/// The partitions that were projected into, each with a connection of its own.
#[derive(Default)]
pub(super) struct Holds(std::sync::Mutex<HashMap<i32, Arc<Mutex<Hold>>>>);

impl Holds {
    fn of(&self, p: i32, make: impl FnOnce() -> Hold) -> Arc<Mutex<Hold>> {
        let mut holds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(holds.entry(p).or_insert_with(|| Arc::new(Mutex::new(make()))))
    }
}

fn number(partition: u32) -> Result<i32, StoreError> {
    let unknown = |_| StoreError::Unavailable(format!("the log has no partition {partition}"));
    i32::try_from(partition).map_err(unknown)
}

impl From<StoreError> for ProjectionError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

#[async_trait]
impl Projection for PgStore {
    fn name(&self) -> &'static str {
        "postgres"
    }

    fn idle_check(&self) -> Duration {
        IDLE_CHECK
    }

    async fn cursor(&self, partition: u32) -> Result<Cursor, ProjectionError> {
        let p = number(partition)?;
        let read = self.read(move |conn| async move { Ok(part(conn, p).await?) }.boxed());
        Ok(read.await?.unwrap_or_default().cursor())
    }

    async fn apply(&self, partition: u32, run: &[Record]) -> Result<Cursor, ProjectionError> {
        let p = number(partition)?;
        let hold = self.with(|running| {
            let make = || Hold::new(Arc::clone(&running.database), Lock::Partition(p));
            running.holds.of(p, make)
        })?;
        let run = run.to_vec();
        // On the store's own threads: an actor that is stopped must not stop a transaction in its middle.
        let applying = self.with(|running| {
            running.threads.spawn(async move {
                let applied = timeout(RUN_TIMEOUT, apply(&mut *hold.lock().await, p, &run)).await;
                let late = |_| Err(ProjectionError::Unavailable("it doesn't answer".to_owned()));
                applied.unwrap_or_else(late)
            })
        })?;
        applying.await.map_err(|_| ProjectionError::from(closed()))?
    }
}

#[async_trait]
impl Source for PgStore {
    async fn base(&self, partition: u32) -> Result<Base, StoreError> {
        let p = number(partition)?;
        let reads = self.with(|running| Arc::clone(&running.reads))?;
        let read = reads.read_within(BASE_TIMEOUT, move |conn| {
            async move {
                conn.batch_execute(BASE_SETTINGS).await?;
                let Part { partition, checksum } = part(conn, p).await?.unwrap_or_default();
                let oldest = partition.bucket().saturating_sub(1);
                let (tops, ids) = try_join(tops(conn, p), ids(conn, p, oldest)).await?;
                Ok(Base { partition, checksum, tops, ids })
            }
            .boxed()
        });
        read.await
    }
}

#[async_trait]
impl LookUp for PgStore {
    async fn look_up(
        &self,
        partition: u32,
        room: &RoomId,
        id: MessageId,
    ) -> Result<LookedUp, StoreError> {
        let (p, room) = (number(partition)?, room.clone());
        let read = self.read(move |conn| {
            async move {
                let (part, body) = try_join(
                    async { Ok(part(conn, p).await?.unwrap_or_default()) },
                    body_of(conn, &room, id),
                )
                .await?;
                Ok(LookedUp { partition: part.partition, body })
            }
            .boxed()
        });
        read.await
    }
}

/// One transaction: what of the run lies at the cursor or after it.
async fn apply(hold: &mut Hold, p: i32, run: &[Record]) -> Result<Cursor, ProjectionError> {
    let mut conn = hold.lock().await?;
    let stands = held(&mut conn, p).await?;
    let run = &run[run.partition_point(|it| it.log_offset < stands.partition.next)..];
    if run.first().is_some_and(|first| first.log_offset > stands.partition.next) {
        return Err(ProjectionError::Elsewhere);
    }
    let newer = run.iter().enumerate().find_map(|(at, it)| match it.content {
        Content::Newer(version) => Some((at, version)),
        _ => None,
    });
    if let Some((0, version)) = newer {
        return Err(ProjectionError::Newer(version));
    }
    let run = &run[..newer.map_or(run.len(), |(at, _)| at)];
    let stands = fold(&mut conn, p, stands, run).await?;
    hold.commit(conn).await?;
    Ok(stands.cursor())
}

async fn fold(
    conn: &mut AsyncPgConnection,
    p: i32,
    stands: Part,
    run: &[Record],
) -> Result<Part, StoreError> {
    let Some(last) = run.last() else { return Ok(stands) };
    let rooms: HashSet<&RoomId> = run.iter().filter_map(|it| it.room.as_ref()).collect();
    let (mut heads, ids) = try_join(heads(conn, rooms.clone()), known(conn, run)).await?;
    let unlisted: Vec<&RoomId> = rooms.into_iter().filter(|it| !heads.contains_key(*it)).collect();
    heads.extend(add_unlisted(conn, p, &unlisted).await?);
    let mut folding = Folding::begin(stands.partition, heads, ids);
    for record in run {
        folding.fold(record)?;
    }
    let stands = Part { partition: folding.partition, checksum: Some(last.checksum) };
    let append = Append::of(p, stands.partition, stands.checksum, folding.placed())?;
    if mutants::is("cursor-before-rows") {
        Append::of(p, stands.partition, stands.checksum, &[])?.execute(conn).await?;
        conn.batch_execute("COMMIT; BEGIN").await?;
    }
    append.execute(conn).await?;
    let told = folding.changes().map(|(change, placed)| Told {
        no: placed.head.no,
        version: change.cast_signed(),
        event: &placed.event,
    });
    learn(conn, &told.collect::<Vec<_>>()).await?;
    Ok(stands)
}
