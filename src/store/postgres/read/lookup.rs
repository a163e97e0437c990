//! Rows by their keys, as both readers and writers look them up.

use chat_protocol::object::User;
use chat_protocol::{ErrorCode, RoomId, UserId};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::super::schema::{members, room_top, rooms, users};
use crate::store::StoreError;
use crate::store::rules::rows;
use crate::store::rules::view::{Position, RoomColumns, RoomRow, Standing};

/// Those of the users that there are.
pub(in crate::store::postgres) async fn users(
    mut conn: &AsyncPgConnection,
    ids: &[&UserId],
) -> Result<Vec<User>, StoreError> {
    let ids: Vec<&str> = ids.iter().map(|it| it.as_str()).collect();
    let rows: Vec<(String, String, bool)> = users::table
        .filter(users::id.eq_any(ids))
        .select((users::id, users::name, users::guest))
        .load(&mut conn)
        .await?;
    let user = |(id, name, guest): (String, String, bool)| {
        Ok(User { id: rows::user_id(&id)?, name, guest })
    };
    rows.into_iter().map(user).collect()
}

/// A room and where it stands, as of the last commit.
pub(in crate::store::postgres) async fn find_room(
    mut conn: &AsyncPgConnection,
    id: &RoomId,
) -> Result<Option<(RoomRow, Position)>, StoreError> {
    let row: Option<(RoomColumns, (i64, i64))> = rooms::table
        .inner_join(room_top::table)
        .filter(rooms::id.eq(id.as_str()))
        .filter(rooms::kind.ne(rows::UNLISTED))
        .select((
            (rooms::no, rooms::name, rooms::kind, rooms::topic, rooms::member_count),
            (room_top::offset, room_top::messages),
        ))
        .first(&mut conn)
        .await
        .optional()?;
    let Some((columns, position)) = row else { return Ok(None) };
    Ok(Some((RoomRow::read(id.clone(), columns)?, Position::read(position))))
}

/// The same, whoever asks.
pub(super) async fn room(
    conn: &AsyncPgConnection,
    id: &RoomId,
) -> Result<(RoomRow, Position), StoreError> {
    find_room(conn, id).await?.ok_or(StoreError::Refused(ErrorCode::RoomNotFound))
}

/// The users' rows among the members of the room.
pub(in crate::store::postgres) async fn members(
    mut conn: &AsyncPgConnection,
    room: &RoomId,
    ids: &[&UserId],
) -> Result<Vec<(UserId, Standing)>, StoreError> {
    let ids: Vec<&str> = ids.iter().map(|it| it.as_str()).collect();
    let rows: Vec<(String, (i16, i64))> = members::table
        .inner_join(rooms::table)
        .filter(rooms::id.eq(room.as_str()))
        .filter(members::user_id.eq_any(ids))
        .select((members::user_id, (members::role, members::joined)))
        .load(&mut conn)
        .await?;
    let member = |(id, row): (String, _)| Ok((rows::user_id(&id)?, Standing::read(row)?));
    rows.into_iter().map(member).collect()
}

/// One user's row among the members of the room.
pub(in crate::store::postgres) async fn member(
    conn: &AsyncPgConnection,
    room: &RoomId,
    id: &UserId,
) -> Result<Option<Standing>, StoreError> {
    let found = members(conn, room, &[id]).await?;
    Ok(found.into_iter().next().map(|(_, standing)| standing))
}
