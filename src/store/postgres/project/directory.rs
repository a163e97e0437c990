//! What the log says of rooms and members, brought into the directory.
//!
//! Changes were made there first, so all that is new is the place of a joining. Only a database that was restored from a
//! backup has a change still to be made: the room's count of changes tells.

use std::collections::HashMap;

use chat_protocol::object::{Person, Role, RoomKind};
use chat_protocol::{Event, EventBody};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::super::schema::{members, rooms, users};
use crate::store::rules::rows;
use crate::store::{PENDING, StoreError};

const PLACE_JOINS: &str = "UPDATE members SET joined = told.place \
     FROM unnest($1, $2, $3, $4) AS told (room_no, user_id, version, place) \
     WHERE members.room_no = told.room_no AND members.user_id = told.user_id COLLATE \"C\" \
     AND members.version = told.version";

/// An event that tells of a change.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told<'a> {
    pub no: i64,
    pub version: i64,
    pub event: &'a Event,
}

/// Takes them in, in the order of the log.
pub(super) async fn learn(
    conn: &mut AsyncPgConnection,
    told: &[Told<'_>],
) -> Result<(), StoreError> {
    if told.is_empty() {
        return Ok(());
    }
    let mut rooms: Vec<i64> = told.iter().map(|it| it.no).collect();
    rooms.sort_unstable();
    rooms.dedup();
    let known: Vec<(i64, i64)> = rooms::table
        .filter(rooms::no.eq_any(rooms))
        .select((rooms::no, rooms::version))
        .load(conn)
        .await?;
    let mut known: HashMap<i64, i64> = known.into_iter().collect();
    for told in told {
        let version = known.entry(told.no).or_default();
        if told.version > *version {
            *version = told.version;
            make_up_for(conn, told).await?;
        }
    }
    for told in told {
        place_direct(conn, told).await?;
    }
    place_joins(conn, told).await
}

/// Who a direct room was made for reads it from its beginning: no event tells of their joining.
async fn place_direct(conn: &mut AsyncPgConnection, told: &Told<'_>) -> Result<(), StoreError> {
    let EventBody::RoomCreated(state) = &told.event.body else { return Ok(()) };
    if state.kind == RoomKind::Direct {
        diesel::update(members::table)
            .filter(members::room_no.eq(told.no))
            .filter(members::joined.eq(PENDING.cast_signed()))
            .set(members::joined.eq(told.event.offset.cast_signed()))
            .execute(conn)
            .await?;
    }
    Ok(())
}

async fn place_joins(conn: &mut AsyncPgConnection, told: &[Told<'_>]) -> Result<(), StoreError> {
    let (mut nos, mut ids, mut versions, mut places) = (vec![], vec![], vec![], vec![]);
    for Told { no, version, event } in told {
        if let EventBody::MemberJoined(member) = &event.body {
            nos.push(*no);
            ids.push(member.id.as_str());
            versions.push(*version);
            places.push(event.offset.cast_signed());
        }
    }
    if nos.is_empty() {
        return Ok(());
    }
    diesel::sql_query(PLACE_JOINS)
        .bind::<Array<BigInt>, _>(nos)
        .bind::<Array<Text>, _>(ids)
        .bind::<Array<BigInt>, _>(versions)
        .bind::<Array<BigInt>, _>(places)
        .execute(conn)
        .await?;
    Ok(())
}

/// Makes a change that the directory has lost.
async fn make_up_for(conn: &mut AsyncPgConnection, told: &Told<'_>) -> Result<(), StoreError> {
    let room = rooms::table.find(told.no);
    diesel::update(room).set(rooms::version.eq(told.version)).execute(conn).await?;
    match &told.event.body {
        EventBody::RoomCreated(state) => {
            let creator = told.event.user.as_ref().map(|it| it.id.as_str());
            diesel::update(room)
                .set((
                    rooms::name.eq(&state.name),
                    rooms::topic.eq(&state.topic),
                    rooms::kind.eq(rows::kind_code(state.kind)),
                    rooms::creator.eq(creator),
                    rooms::created_at.eq(told.event.time.cast_signed()),
                ))
                .execute(conn)
                .await?;
        }
        EventBody::RoomUpdated(state) => {
            diesel::update(room)
                .set((rooms::name.eq(&state.name), rooms::topic.eq(&state.topic)))
                .execute(conn)
                .await?;
        }
        EventBody::MemberJoined(member) => add_member(conn, told, member).await?,
        EventBody::MemberRemoved { member, .. } => {
            let row = members::table.find((told.no, member.id.as_str()));
            let gone = diesel::delete(row).execute(conn).await?;
            count(conn, told.no, -i64::try_from(gone).unwrap_or_default()).await?;
        }
        EventBody::MessageCreated { .. }
        | EventBody::DataPublished { .. }
        | EventBody::Void { .. } => {}
    }
    Ok(())
}

async fn add_member(
    conn: &mut AsyncPgConnection,
    told: &Told<'_>,
    member: &Person,
) -> Result<(), StoreError> {
    let id = member.id.as_str();
    // The log doesn't say who is a guest. Guests' ids are drawn by the server, an operator's seldom look like that.
    let guest = Uuid::parse_str(id).is_ok_and(|id| id.get_version_num() == 7);
    let is_new = diesel::insert_into(users::table)
        .values((users::id.eq(id), users::name.eq(&member.name), users::guest.eq(guest)))
        .on_conflict_do_nothing()
        .execute(conn)
        .await?;
    if is_new > 0 {
        let general = rooms::kind.eq(rows::kind_code(RoomKind::General));
        diesel::update(rooms::table.filter(general))
            .set(rooms::member_count.eq(rooms::member_count + 1))
            .execute(conn)
            .await?;
    }
    let creator: Option<String> =
        rooms::table.find(told.no).select(rooms::creator).first(conn).await?;
    let role = if creator.as_deref() == Some(id) { Role::Owner } else { Role::Member };
    let place = told.event.offset.cast_signed();
    let added = diesel::insert_into(members::table)
        .values((
            members::room_no.eq(told.no),
            members::user_id.eq(id),
            members::role.eq(rows::role_code(role)),
            members::joined.eq(place),
            members::version.eq(told.version),
        ))
        .on_conflict_do_nothing()
        .execute(conn)
        .await?;
    count(conn, told.no, i64::try_from(added).unwrap_or_default()).await?;
    Ok(())
}

async fn count(conn: &mut AsyncPgConnection, no: i64, more: i64) -> QueryResult<usize> {
    diesel::update(rooms::table.find(no))
        .set(rooms::member_count.eq(rooms::member_count + more))
        .execute(conn)
        .await
}
