//! What a new database holds before its first message: the epoch, the log's start, and the room `general`.

use chat_protocol::object::{RoomKind, RoomState};
use chat_protocol::{Epoch, EventBody, MessageId, RoomId};
use diesel::prelude::*;
use rand::distr::{Alphanumeric, SampleString};

use super::rows;
use super::schema::{log_meta, log_part, room_top, rooms};
use super::write::{Group, Memory, PARTITION, Placing};
use crate::store::StoreError;

/// Random characters of an epoch: 62^8 make a chance meeting of two logs' epochs impossible in practice.
const EPOCH_CHARS: usize = 8;
/// The form of records that this log begins with.
const RECORD_VERSION: i32 = 1;

/// The epoch of the log in this database, founded now if it is new.
pub(super) fn found(conn: &mut SqliteConnection, now_ms: u64) -> Result<Epoch, StoreError> {
    conn.immediate_transaction(|conn| {
        let known: Option<String> =
            log_meta::table.select(log_meta::epoch).first(conn).optional()?;
        if let Some(epoch) = known {
            return Epoch::parse(&epoch).map_err(|_| rows::unreadable("an epoch"));
        }
        let epoch = format!("0.{}", Alphanumeric.sample_string(&mut rand::rng(), EPOCH_CHARS));
        diesel::insert_into(log_meta::table)
            .values((
                log_meta::epoch.eq(&epoch),
                log_meta::generation.eq(0),
                log_meta::record_version.eq(RECORD_VERSION),
            ))
            .execute(conn)?;
        diesel::insert_into(log_part::table)
            .values((log_part::p.eq(PARTITION), log_part::next.eq(0), log_part::time.eq(0)))
            .execute(conn)?;
        let epoch = Epoch::parse(&epoch).map_err(|_| rows::unreadable("an epoch"))?;
        create_general(conn, &epoch, now_ms)?;
        Ok(epoch)
    })
}

fn create_general(
    conn: &mut SqliteConnection,
    epoch: &Epoch,
    now_ms: u64,
) -> Result<(), StoreError> {
    let room = RoomId::general();
    let kind = RoomKind::General;
    let state = RoomState { name: "General".to_owned(), kind, topic: String::new() };
    insert_room(conn, &room, &state, None, now_ms)?;
    let memory = Memory::read(conn)?;
    let mut group = Group::begin(conn, epoch, &memory, now_ms);
    let head = group.head(&room)?.ok_or(diesel::result::Error::NotFound)?;
    // Nobody made it, so nobody can compute its id: any fresh one will do.
    let id = MessageId::from_slice(uuid::Uuid::now_v7().as_bytes());
    let id = id.ok_or_else(|| rows::unreadable("an id"))?;
    let body = EventBody::RoomCreated(state);
    group.place(&room, head, Placing { author: None, id, client_id: None, body: &body })?;
    group.flush()?;
    Ok(())
}

/// Inserts the rows of a room without events and members.
pub(super) fn insert_room(
    conn: &mut SqliteConnection,
    room: &RoomId,
    state: &RoomState,
    creator: Option<(&str, &str)>,
    now_ms: u64,
) -> QueryResult<i64> {
    diesel::insert_into(rooms::table)
        .values((
            rooms::id.eq(room.as_str()),
            rooms::name.eq(&state.name),
            rooms::kind.eq(rows::kind_code(state.kind)),
            rooms::topic.eq(&state.topic),
            rooms::creator.eq(creator.map(|(user, _)| user)),
            rooms::client_id.eq(creator.map(|(_, client_id)| client_id)),
            rooms::member_count.eq(0),
            rooms::created_at.eq(now_ms.cast_signed()),
        ))
        .execute(conn)?;
    let no: i64 = rooms::table.filter(rooms::id.eq(room.as_str())).select(rooms::no).first(conn)?;
    diesel::insert_into(room_top::table)
        .values((
            room_top::room_no.eq(no),
            room_top::offset.eq(0),
            room_top::log_offset.eq(0),
            room_top::messages.eq(0),
        ))
        .execute(conn)?;
    Ok(no)
}
