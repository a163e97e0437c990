//! What a user may see of a room: the one place where reading is allowed or refused.

use chat_protocol::object::{Role, Room, RoomKind, RoomState, User};
use chat_protocol::{Epoch, ErrorCode, Offset, RoomId, UserId};
use diesel::prelude::*;

use super::super::rows;
use super::super::schema::{members, room_top, rooms, users};
use crate::store::StoreError;

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

/// A room as it is stored.
#[derive(Clone, Debug)]
pub(in crate::store::sqlite) struct RoomRow {
    pub no: i64,
    pub id: RoomId,
    pub state: RoomState,
    pub member_count: u64,
}

/// A membership as it is stored.
#[derive(Clone, Copy, Debug)]
pub(in crate::store::sqlite) struct Standing {
    pub role: Role,
    /// Offset of the latest join.
    pub joined: Offset,
}

/// Where a room stands.
#[derive(Clone, Copy, Debug)]
pub(in crate::store::sqlite) struct Position {
    pub offset: Offset,
    pub messages: u64,
}

/// The room's row, whoever asks.
pub(in crate::store::sqlite) fn room(
    conn: &mut SqliteConnection,
    id: &RoomId,
) -> Result<RoomRow, StoreError> {
    let row: Option<(i64, String, i16, String, i64)> = rooms::table
        .filter(rooms::id.eq(id.as_str()))
        .select((rooms::no, rooms::name, rooms::kind, rooms::topic, rooms::member_count))
        .first(conn)
        .optional()?;
    let Some((no, name, kind, topic, member_count)) = row else {
        return Err(StoreError::Refused(ErrorCode::RoomNotFound));
    };
    let state = RoomState { name, kind: rows::room_kind(kind)?, topic };
    Ok(RoomRow { no, id: id.clone(), state, member_count: member_count.cast_unsigned() })
}

/// The user's standing in the room; everyone has one in `general`.
pub(in crate::store::sqlite) fn standing(
    conn: &mut SqliteConnection,
    room: &RoomRow,
    user: &UserId,
) -> Result<Option<Standing>, StoreError> {
    if room.state.kind == RoomKind::General {
        return Ok(Some(Standing { role: Role::Member, joined: 1 }));
    }
    let row: Option<(i16, i64)> = members::table
        .find((room.no, user.as_str()))
        .select((members::role, members::joined))
        .first(conn)
        .optional()?;
    match row {
        Some((role, joined)) => {
            Ok(Some(Standing { role: rows::role(role)?, joined: joined.cast_unsigned() }))
        }
        None => Ok(None),
    }
}

/// May anyone read it, from its beginning on?
pub(in crate::store::sqlite) const fn open_to_all(room: &RoomRow) -> bool {
    matches!(room.state.kind, RoomKind::General | RoomKind::Public)
}

/// The viewer's standing, or a refusal if the room isn't theirs to see.
pub(in crate::store::sqlite) fn allow(
    conn: &mut SqliteConnection,
    room: &RoomRow,
    viewer: &UserId,
) -> Result<Option<Standing>, StoreError> {
    let standing = standing(conn, room, viewer)?;
    if !open_to_all(room) && standing.is_none() {
        return Err(StoreError::Refused(ErrorCode::NotAMember));
    }
    Ok(standing)
}

/// Where the room stands, as of the last commit.
pub(in crate::store::sqlite) fn position(
    conn: &mut SqliteConnection,
    no: i64,
) -> Result<Position, StoreError> {
    let (offset, messages): (i64, i64) =
        room_top::table.find(no).select((room_top::offset, room_top::messages)).first(conn)?;
    Ok(Position { offset: offset.cast_unsigned(), messages: messages.cast_unsigned() })
}

/// The room as the viewer is told of it.
pub(in crate::store::sqlite) fn object(
    room: RoomRow,
    position: Position,
    standing: Option<Standing>,
    epoch: &Epoch,
) -> Room {
    Room {
        id: room.id,
        state: room.state,
        head: position.offset,
        epoch: epoch.clone(),
        messages: position.messages,
        member_count: room.member_count,
        role: standing.map(|it| it.role),
    }
}
