//! Rows by their keys, as both readers and writers look them up.

use chat_protocol::object::{Room, User};
use std::collections::HashMap;

use chat_protocol::{ErrorCode, RoomId, UserId};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::future::try_join;

use super::super::schema::{members, read_marks, room_top, rooms, users};
use crate::store::StoreError;
use crate::store::rules::read::Marked;
use crate::store::rules::rows;
use crate::store::rules::view::{Position, RoomColumns, RoomRow, Standing};

/// How many messages came up to each mark, which its own event knows.
const ORDINALS: &str = "SELECT events.room_no, events.ordinal \
     FROM unnest($1, $2) AS marks (room_no, place) \
     JOIN events ON events.room_no = marks.room_no AND events.\"offset\" = marks.place";

#[derive(QueryableByName)]
struct Ordinal {
    #[diesel(sql_type = BigInt)]
    room_no: i64,
    #[diesel(sql_type = BigInt)]
    ordinal: i64,
}

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

/// The user's mark in the room, as far as one is kept.
pub(super) async fn read_mark(
    mut conn: &AsyncPgConnection,
    room: &RoomId,
    user: &UserId,
) -> Result<Option<i64>, StoreError> {
    let kept = read_marks::table
        .inner_join(rooms::table)
        .filter(rooms::id.eq(room.as_str()))
        .filter(read_marks::user_id.eq(user.as_str()))
        .select(read_marks::offset)
        .first(&mut conn)
        .await
        .optional()?;
    Ok(kept)
}

/// The rooms as `viewer` sees them.
pub(super) async fn all_to_reader(
    conn: &AsyncPgConnection,
    viewer: &UserId,
    marked: Vec<Marked>,
) -> Result<Vec<Room>, StoreError> {
    let (ordinals, mut names) =
        try_join(ordinals(conn, &marked), other_names(conn, viewer, &marked)).await?;
    let read = |mut it: Marked| {
        if it.is_direct() {
            it.call(names.remove(&it.no));
        }
        let up_to = ordinals.get(&it.no).copied();
        it.counted(up_to)
    };
    Ok(marked.into_iter().map(read).collect())
}

/// One room as `viewer` sees it.
pub(super) async fn to_reader(
    conn: &AsyncPgConnection,
    viewer: &UserId,
    marked: Marked,
) -> Result<Room, StoreError> {
    let room = all_to_reader(conn, viewer, vec![marked]).await?.pop();
    room.ok_or(StoreError::Refused(ErrorCode::RoomNotFound))
}

/// How many messages came up to the mark, by room.
async fn ordinals(
    mut conn: &AsyncPgConnection,
    marked: &[Marked],
) -> Result<HashMap<i64, i64>, StoreError> {
    let (nos, places): (Vec<i64>, Vec<i64>) =
        marked.iter().filter_map(|it| Some((it.no, it.counts_to()?))).unzip();
    if nos.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<Ordinal> = diesel::sql_query(ORDINALS)
        .bind::<Array<BigInt>, _>(nos)
        .bind::<Array<BigInt>, _>(places)
        .load(&mut conn)
        .await?;
    Ok(rows.into_iter().map(|it| (it.room_no, it.ordinal)).collect())
}

/// Whom the viewer has in their direct rooms.
async fn other_names(
    mut conn: &AsyncPgConnection,
    viewer: &UserId,
    marked: &[Marked],
) -> Result<HashMap<i64, String>, StoreError> {
    let nos: Vec<i64> = marked.iter().filter(|it| it.is_direct()).map(|it| it.no).collect();
    if nos.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<(i64, String)> = members::table
        .inner_join(users::table)
        .filter(members::room_no.eq_any(nos))
        .filter(members::user_id.ne(viewer.as_str()))
        .select((members::room_no, users::name))
        .load(&mut conn)
        .await?;
    Ok(rows.into_iter().collect())
}
