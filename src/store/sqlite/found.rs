//! Founds a new log.

use chat_protocol::object::RoomState;
use chat_protocol::{Epoch, RoomId};
use diesel::prelude::*;

use super::schema::{log_meta, log_part, room_top, rooms};
use super::write::{Group, PARTITION, read_memory};
use crate::store::StoreError;
use crate::store::rules::founding::{self, GENERATION, General, RECORD_VERSION};
use crate::store::rules::rows;

/// The epoch of the log in this database, founded now if it is new.
pub(super) fn found(conn: &mut SqliteConnection, now_ms: u64) -> Result<Epoch, StoreError> {
    conn.immediate_transaction(|conn| {
        let known: Option<String> =
            log_meta::table.select(log_meta::epoch).first(conn).optional()?;
        if let Some(epoch) = known {
            return founding::read_epoch(&epoch);
        }
        let epoch = founding::draw_epoch()?;
        diesel::insert_into(log_meta::table)
            .values((
                log_meta::epoch.eq(epoch.as_str()),
                log_meta::generation.eq(GENERATION),
                log_meta::record_version.eq(RECORD_VERSION),
            ))
            .execute(conn)?;
        diesel::insert_into(log_part::table)
            .values((log_part::p.eq(PARTITION), log_part::next.eq(0), log_part::time.eq(0)))
            .execute(conn)?;
        create_general(conn, &epoch, now_ms)?;
        Ok(epoch)
    })
}

fn create_general(
    conn: &mut SqliteConnection,
    epoch: &Epoch,
    now_ms: u64,
) -> Result<(), StoreError> {
    let general = General::new()?;
    insert_room(conn, &general.room, &general.state, None, now_ms)?;
    let memory = read_memory(conn)?;
    let mut group = Group::begin(conn, epoch, &memory, now_ms);
    let head = group.head(&general.room)?.ok_or(diesel::result::Error::NotFound)?;
    group.put(head, &general.created())?;
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
