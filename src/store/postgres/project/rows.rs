//! The rows that a projection stands on.

use std::collections::HashMap;

use chat_protocol::{EventBody, MessageId, RoomId};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::super::schema::{events, log_part, room_top, rooms};
use crate::domain::fold::{Partition, Top};
use crate::domain::log_record::Record;
use crate::store::StoreError;
use crate::store::projection::{Cursor, KnownId};
use crate::store::rules::folding::Known;
use crate::store::rules::group::Head;
use crate::store::rules::rows::{self, EventRow};

/// A row of `log_part`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Part {
    pub partition: Partition,
    pub checksum: Option<u64>,
}

impl Part {
    fn read((next, time, checksum): (i64, i64, Option<i64>)) -> Self {
        let partition = Partition { next: next.cast_unsigned(), time: time.cast_unsigned() };
        Self { partition, checksum: checksum.map(i64::cast_unsigned) }
    }

    pub(super) const fn cursor(self) -> Cursor {
        Cursor { next: self.partition.next, checksum: self.checksum }
    }
}

pub(super) async fn part(mut conn: &AsyncPgConnection, p: i32) -> QueryResult<Option<Part>> {
    let row = log_part::table.find(p).select((log_part::next, log_part::time, log_part::checksum));
    Ok(row.first(&mut conn).await.optional()?.map(Part::read))
}

/// The partition's row, held. A log that was given more partitions had none to hold when the transaction began: whoever
/// makes it holds it, and the others wait for that one.
pub(super) async fn held(conn: &mut AsyncPgConnection, p: i32) -> Result<Part, StoreError> {
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

/// Where the ids of the run stand already, however old: which of them still count is the fold's to say. If it were asked for
/// here, a plan that was made while the table was small would go through a whole bucket for each run, for ever.
pub(super) async fn known(
    mut conn: &AsyncPgConnection,
    run: &[Record],
) -> Result<HashMap<MessageId, Known>, StoreError> {
    let ids = run.iter().filter_map(|it| it.header().readable);
    let ids: Vec<Vec<u8>> = ids.map(|(_, id)| id.as_bytes().to_vec()).collect();
    let found: Vec<(Option<Vec<u8>>, Option<i64>, i64)> = events::table
        .filter(events::id.eq_any(ids))
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
pub(super) async fn add_unlisted(
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

pub(super) async fn tops(
    mut conn: &AsyncPgConnection,
    p: i32,
) -> Result<Vec<(RoomId, Top)>, StoreError> {
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

pub(super) async fn ids(
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

/// What a room's event with this id says.
pub(super) async fn body_of(
    mut conn: &AsyncPgConnection,
    room: &RoomId,
    id: MessageId,
) -> Result<Option<EventBody>, StoreError> {
    let row: Option<EventRow> = events::table
        .inner_join(rooms::table.on(rooms::no.eq(events::room_no)))
        .filter(events::id.eq(&id.as_bytes()[..]))
        .filter(rooms::id.eq(room.as_str()))
        .order(events::offset.asc())
        .select((
            events::offset,
            events::kind,
            events::id,
            events::author,
            events::author_name,
            events::client_id,
            events::body,
            events::time,
        ))
        .first(&mut conn)
        .await
        .optional()?;
    row.map(|row| Ok(row.into_event(room.clone())?.body)).transpose()
}
