//! Rows by their keys, as both readers and the writer look them up.

use chat_protocol::object::{Room, User};
use chat_protocol::{ErrorCode, RoomId, UserId};
use diesel::prelude::*;

use super::super::schema::{events, members, read_marks, room_top, rooms, users};
use crate::store::StoreError;
use crate::store::rules::read::Marked;
use crate::store::rules::view::{Position, RoomColumns, RoomRow, Standing};

/// The user, if there is one of this id.
pub(in crate::store::sqlite) fn user(
    conn: &mut SqliteConnection,
    id: &UserId,
) -> Result<Option<User>, StoreError> {
    let row: Option<(String, bool)> = users::table
        .find(id.as_str())
        .select((users::name, users::guest))
        .first(conn)
        .optional()?;
    Ok(row.map(|(name, guest)| User { id: id.clone(), name, guest }))
}

/// The room's row, if there is one of this id.
pub(in crate::store::sqlite) fn find_room(
    conn: &mut SqliteConnection,
    id: &RoomId,
) -> Result<Option<RoomRow>, StoreError> {
    let row: Option<RoomColumns> = rooms::table
        .filter(rooms::id.eq(id.as_str()))
        .select((rooms::no, rooms::name, rooms::kind, rooms::topic, rooms::member_count))
        .first(conn)
        .optional()?;
    row.map(|columns| RoomRow::read(id.clone(), columns)).transpose()
}

/// The room's row, whoever asks.
pub(super) fn room(conn: &mut SqliteConnection, id: &RoomId) -> Result<RoomRow, StoreError> {
    find_room(conn, id)?.ok_or(StoreError::Refused(ErrorCode::RoomNotFound))
}

/// The user's row among the members of the room.
pub(in crate::store::sqlite) fn member(
    conn: &mut SqliteConnection,
    room_no: i64,
    user: &UserId,
) -> Result<Option<Standing>, StoreError> {
    let row: Option<(i16, i64)> = members::table
        .find((room_no, user.as_str()))
        .select((members::role, members::joined))
        .first(conn)
        .optional()?;
    row.map(Standing::read).transpose()
}

/// Where the room stands, as of the last commit.
pub(super) fn position(conn: &mut SqliteConnection, room_no: i64) -> QueryResult<Position> {
    let row = room_top::table.find(room_no).select((room_top::offset, room_top::messages));
    row.first(conn).map(Position::read)
}

/// The user's mark in the room, as far as one is kept.
pub(super) fn read_mark(
    conn: &mut SqliteConnection,
    room_no: i64,
    user: &UserId,
) -> QueryResult<Option<i64>> {
    let row = read_marks::table.find((room_no, user.as_str())).select(read_marks::offset);
    row.first(conn).optional()
}

/// The room as `viewer` sees it. How many messages came up to their mark, its own event knows.
pub(super) fn to_reader(
    conn: &mut SqliteConnection,
    viewer: &UserId,
    mut marked: Marked,
) -> QueryResult<Room> {
    if marked.is_direct() {
        let others = members::table
            .inner_join(users::table)
            .filter(members::room_no.eq(marked.no).and(members::user_id.ne(viewer.as_str())));
        marked.call(others.select(users::name).first(conn).optional()?);
    }
    let up_to: Option<i64> = match marked.counts_to() {
        Some(place) => events::table
            .filter(events::room_no.eq(marked.no).and(events::offset.eq(place)))
            .select(events::ordinal)
            .first(conn)
            .optional()?,
        None => None,
    };
    Ok(marked.counted(up_to))
}
