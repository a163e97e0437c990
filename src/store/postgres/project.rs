//! The database as a projection of a shared log: what the log says is folded into it, run by run.
//!
//! The lock of the partition's row is the fence. Rooms are known by their places alone here: one that the directory doesn't
//! have gets a row that nobody sees.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chat_protocol::{MessageId, RoomId};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::FutureExt;
use futures_util::future::try_join;
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::hold::Hold;
use super::schema::{events, log_part, room_top, rooms};
use super::write::{Append, heads};
use super::{PgStore, closed};
use crate::domain::fold::{Partition, Top};
use crate::domain::log_record::{Content, Record};
use crate::store::StoreError;
use crate::store::projection::{Base, Cursor, KnownId, Projection, ProjectionError, Source};
use crate::store::rules::folding::{Folding, Known};
use crate::store::rules::group::Head;
use crate::store::rules::rows;

/// For a run. Nobody waits for the answer, but a connection that says nothing has to be replaced.
const RUN_TIMEOUT: Duration = Duration::from_secs(5);
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

/// A row of `log_part`.
#[derive(Clone, Copy, Debug, Default)]
struct Part {
    partition: Partition,
    checksum: Option<u64>,
}

impl Part {
    fn read((next, time, checksum): (i64, i64, Option<i64>)) -> Self {
        let partition = Partition { next: next.cast_unsigned(), time: time.cast_unsigned() };
        Self { partition, checksum: checksum.map(i64::cast_unsigned) }
    }

    const fn cursor(self) -> Cursor {
        Cursor { next: self.partition.next, checksum: self.checksum }
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
        let hold = self
            .with(|running| running.holds.of(p, || Hold::new(Arc::clone(&running.database), p)))?;
        let run = run.to_vec();
        // On the store's own threads: an actor that is stopped must not stop a transaction in its middle.
        let applying = self.with(|running| {
            running.threads.spawn(async move {
                let applied = timeout(RUN_TIMEOUT, apply(&mut *hold.lock().await, &run)).await;
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
        let read = self.read(move |conn| {
            async move {
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

/// One transaction: what of the run lies at the cursor or after it.
async fn apply(hold: &mut Hold, run: &[Record]) -> Result<Cursor, ProjectionError> {
    let p = hold.p;
    let mut conn = hold.lock().await?;
    let stands = held(&mut conn, p).await?;
    let run = &run[run.partition_point(|it| it.log_offset < stands.partition.next)..];
    let newer = |it: &Record| match it.content {
        Content::Newer(version) => Some(version),
        _ => None,
    };
    let readable = run.iter().position(|it| newer(it).is_some()).unwrap_or(run.len());
    match (run.first(), &run[..readable]) {
        (Some(first), _) if first.log_offset > stands.partition.next => {
            return Err(ProjectionError::Elsewhere);
        }
        (Some(first), []) => {
            return Err(ProjectionError::Newer(newer(first).unwrap_or_default()));
        }
        (_, run) => {
            let stands = fold(&mut conn, p, stands, run).await?;
            hold.commit(conn).await?;
            Ok(stands.cursor())
        }
    }
}

async fn fold(
    conn: &mut AsyncPgConnection,
    p: i32,
    stands: Part,
    run: &[Record],
) -> Result<Part, StoreError> {
    let Some(last) = run.last() else { return Ok(stands) };
    let rooms: HashSet<&RoomId> = run.iter().filter_map(|it| it.room.as_ref()).collect();
    let oldest = stands.partition.bucket().saturating_sub(1);
    let (mut heads, ids) = try_join(heads(conn, rooms.clone()), known(conn, run, oldest)).await?;
    let unlisted: Vec<&RoomId> = rooms.into_iter().filter(|it| !heads.contains_key(*it)).collect();
    heads.extend(add_unlisted(conn, p, &unlisted).await?);
    let mut folding = Folding::begin(stands.partition, heads, ids);
    for record in run {
        folding.fold(record)?;
    }
    let stands = Part { partition: folding.partition, checksum: Some(last.checksum) };
    let append = Append::of(p, stands.partition, stands.checksum, folding.placed())?;
    append.execute(conn).await?;
    Ok(stands)
}

async fn part(mut conn: &AsyncPgConnection, p: i32) -> QueryResult<Option<Part>> {
    let row = log_part::table.find(p).select((log_part::next, log_part::time, log_part::checksum));
    Ok(row.first(&mut conn).await.optional()?.map(Part::read))
}

/// The partition's row, held. A log that was given more partitions had none to hold when the transaction began: whoever
/// makes it holds it, and the others wait for that one.
async fn held(conn: &mut AsyncPgConnection, p: i32) -> Result<Part, StoreError> {
    if let Some(part) = hold(conn, p).await? {
        return Ok(part);
    }
    diesel::insert_into(log_part::table)
        .values((log_part::p.eq(p), log_part::next.eq(0), log_part::time.eq(0)))
        .on_conflict_do_nothing()
        .execute(conn)
        .await?;
    Ok(hold(conn, p).await?.unwrap_or_default())
}

async fn hold(conn: &mut AsyncPgConnection, p: i32) -> QueryResult<Option<Part>> {
    let row = log_part::table
        .find(p)
        .select((log_part::next, log_part::time, log_part::checksum))
        .for_update();
    Ok(row.first(conn).await.optional()?.map(Part::read))
}

/// Where the ids of the run stand already, as far back as `oldest`, their bucket.
async fn known(
    mut conn: &AsyncPgConnection,
    run: &[Record],
    oldest: u64,
) -> Result<HashMap<MessageId, Known>, StoreError> {
    let ids = run.iter().filter_map(|it| it.header().readable);
    let ids: Vec<Vec<u8>> = ids.map(|(_, id)| id.as_bytes().to_vec()).collect();
    let found: Vec<(Option<Vec<u8>>, Option<i64>, i64)> = events::table
        .filter(events::id.eq_any(ids))
        .filter(events::bucket.ge(oldest.cast_signed()))
        .order(events::bucket.asc())
        .select((events::id, events::bucket, events::offset))
        .load(&mut conn)
        .await?;
    let known = |(id, bucket, offset)| {
        let KnownId { bucket, id, offset } = known_id(id, bucket, offset)?;
        Ok((id, Known { bucket, offset }))
    };
    found.into_iter().map(known).collect() // of two, the newer one counts
}

fn known_id(id: Option<Vec<u8>>, bucket: Option<i64>, offset: i64) -> Result<KnownId, StoreError> {
    let id =
        id.and_then(|id| MessageId::from_slice(&id)).ok_or_else(|| rows::unreadable("an id"))?;
    let bucket = bucket.unwrap_or_default().cast_unsigned();
    Ok(KnownId { bucket, id, offset: offset.cast_unsigned() })
}

/// Rows for rooms that the directory doesn't have.
async fn add_unlisted(
    conn: &mut AsyncPgConnection,
    p: i32,
    ids: &[&RoomId],
) -> Result<HashMap<RoomId, Head>, StoreError> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<_> = ids
        .iter()
        .map(|id| {
            (
                rooms::id.eq(id.as_str()),
                rooms::partition.eq(p),
                rooms::name.eq(""),
                rooms::kind.eq(rows::UNLISTED),
                rooms::topic.eq(""),
                rooms::member_count.eq(0),
                rooms::created_at.eq(0),
            )
        })
        .collect();
    let added: Vec<(String, i64)> = diesel::insert_into(rooms::table)
        .values(rows)
        .on_conflict_do_nothing() // made meanwhile: the run is tried again
        .returning((rooms::id, rooms::no))
        .get_results(conn)
        .await?;
    let tops: Vec<_> = added
        .iter()
        .map(|(_, no)| {
            (
                room_top::room_no.eq(*no),
                room_top::offset.eq(0),
                room_top::log_offset.eq(0),
                room_top::messages.eq(0),
            )
        })
        .collect();
    diesel::insert_into(room_top::table).values(tops).execute(conn).await?;
    let head = |(id, no): (String, i64)| Ok((rows::room_id(&id)?, Head::read((no, 0, 0, 0))));
    added.into_iter().map(head).collect()
}

async fn tops(mut conn: &AsyncPgConnection, p: i32) -> Result<Vec<(RoomId, Top)>, StoreError> {
    let rows: Vec<(String, (i64, i64, i64, i64))> = rooms::table
        .inner_join(room_top::table)
        .filter(rooms::partition.eq(p))
        .filter(room_top::offset.gt(0))
        .select((
            rooms::id,
            (rooms::no, room_top::offset, room_top::log_offset, room_top::messages),
        ))
        .load(&mut conn)
        .await?;
    rows.into_iter().map(|(id, head)| Ok((rows::room_id(&id)?, Head::read(head).top))).collect()
}

async fn ids(
    mut conn: &AsyncPgConnection,
    p: i32,
    oldest: u64,
) -> Result<Vec<KnownId>, StoreError> {
    let rows: Vec<(Option<Vec<u8>>, Option<i64>, i64)> = events::table
        .filter(events::p.eq(p))
        .filter(events::bucket.ge(oldest.cast_signed()))
        .select((events::id, events::bucket, events::offset))
        .load(&mut conn)
        .await?;
    rows.into_iter().map(|(id, bucket, offset)| known_id(id, bucket, offset)).collect()
}
