//! Changes of users, rooms and members: what they need is looked up, what is decided is written.

use chat_protocol::object::{Role, RoomKind, User};
use chat_protocol::{ClientId, ErrorCode, Offset, RoomId, UserId};
use diesel::prelude::*;

use super::super::found::insert_room;
use super::super::read::lookup;
use super::super::schema::{events, members, read_marks, revocations, rooms, users};
use super::group::{Group, Put};
use super::mark::keep_mark;
use crate::domain::record::{Change, ReadMark};
use crate::store::rules::change::{Announcement, Answer, Facts, First, Needs, Step, decide};
use crate::store::rules::rows;
use crate::store::rules::view::Position;
use crate::store::{Changed, StoreError};

pub(in crate::store::sqlite) fn run(
    group: &mut Group<'_>,
    change: &Change,
) -> Result<Changed, StoreError> {
    let facts = facts(group.conn, &Needs::of(change))?;
    let plan = decide(change, &facts)?;
    let mut writing = Writing { no: facts.room.map(|it| it.no), announced: 0 };
    for step in plan.steps {
        writing.step(group, step)?;
    }
    match plan.answer {
        Answer::User(user) => Ok(Changed::User(user)),
        Answer::Gone => Ok(Changed::Gone),
        Answer::Room(seen) => {
            let position = position(group, &seen.id)?;
            Ok(Changed::Room(seen.at(position, group.epoch)))
        }
    }
}

fn facts(conn: &mut SqliteConnection, needs: &Needs<'_>) -> Result<Facts, StoreError> {
    let mut facts = Facts::default();
    if let Some(room) = needs.room {
        facts.room = lookup::find_room(conn, room)?;
    }
    for id in &needs.users {
        facts.users.extend(lookup::user(conn, id)?);
    }
    if let Some(room) = &facts.room {
        for id in &needs.members {
            let found = lookup::member(conn, room.no, id)?;
            facts.members.extend(found.map(|standing| ((*id).clone(), standing)));
        }
    }
    if let Some((creator, client_id)) = needs.first {
        facts.first = first(conn, creator, client_id)?;
    }
    Ok(facts)
}

/// The room that the same creator made under the same client id before.
fn first(
    conn: &mut SqliteConnection,
    creator: &UserId,
    client_id: &ClientId,
) -> Result<Option<First>, StoreError> {
    let known: Option<(String, Vec<u8>)> = rooms::table
        .inner_join(events::table.on(events::room_no.eq(rooms::no).and(events::offset.eq(1))))
        .filter(rooms::creator.eq(creator.as_str()))
        .filter(rooms::client_id.eq(client_id.as_str()))
        .select((rooms::id, events::body))
        .first(conn)
        .optional()?;
    let Some((id, body)) = known else { return Ok(None) };
    let Some(row) = lookup::find_room(conn, &rows::room_id(&id)?)? else { return Ok(None) };
    let created = rows::room_state(&body)?;
    let creator = lookup::member(conn, row.no, creator)?;
    Ok(Some(First { row, created, creator }))
}

/// The steps of one change as far as they are done.
struct Writing {
    /// The room's number.
    no: Option<i64>,
    /// Offset of the last event that was announced.
    announced: Offset,
}

impl Writing {
    fn step(&mut self, group: &mut Group<'_>, step: Step<'_>) -> Result<(), StoreError> {
        let known = self.no.ok_or(StoreError::Refused(ErrorCode::RoomNotFound));
        match step {
            Step::AddUser(user) => {
                diesel::insert_into(users::table)
                    .values((
                        users::id.eq(user.id.as_str()),
                        users::name.eq(&user.name),
                        users::guest.eq(user.guest),
                    ))
                    .execute(group.conn)?;
                let general = rooms::kind.eq(rows::kind_code(RoomKind::General));
                diesel::update(rooms::table.filter(general))
                    .set(rooms::member_count.eq(rooms::member_count + 1))
                    .execute(group.conn)?;
                begin_general(group, user)?;
            }
            Step::AddRevocation(it) => {
                let (kind, token) = rows::revoked_columns(&it.what);
                diesel::insert_into(revocations::table)
                    .values((
                        revocations::user_id.eq(it.user.as_str()),
                        revocations::kind.eq(kind),
                        revocations::token_id.eq(token),
                        revocations::at.eq(it.at.cast_signed()),
                    ))
                    .execute(group.conn)?;
            }
            Step::NameUser(id, name) => {
                diesel::update(users::table.find(id.as_str()))
                    .set(users::name.eq(name))
                    .execute(group.conn)?;
            }
            Step::AddRoom { room, state, creation } => {
                let creation =
                    creation.map(|(user, client_id)| (user.as_str(), client_id.as_str()));
                self.no = Some(insert_room(group.conn, room, state, creation, group.now_ms)?);
            }
            Step::DescribeRoom(state) => {
                diesel::update(rooms::table.find(known?))
                    .set((rooms::name.eq(&state.name), rooms::topic.eq(&state.topic)))
                    .execute(group.conn)?;
            }
            Step::Announce(event) => self.announced = announce(group, &event)?,
            Step::AddMember(user, role) => {
                add_member(group.conn, known?, &user, role, self.announced)?;
            }
            Step::RestoreMember(user) => add_member(group.conn, known?, &user, Role::Member, 1)?,
            Step::RemoveMember(user) => {
                let no = known?;
                diesel::delete(members::table.find((no, user.as_str()))).execute(group.conn)?;
                diesel::delete(read_marks::table.find((no, user.as_str()))).execute(group.conn)?;
                count_members(group.conn, no, -1)?;
            }
        }
        Ok(())
    }
}

fn add_member(
    conn: &mut SqliteConnection,
    no: i64,
    user: &UserId,
    role: Role,
    joined: Offset,
) -> Result<(), StoreError> {
    diesel::insert_into(members::table)
        .values((
            members::room_no.eq(no),
            members::user_id.eq(user.as_str()),
            members::role.eq(rows::role_code(role)),
            members::joined.eq(joined.cast_signed()),
        ))
        .execute(conn)?;
    count_members(conn, no, 1)?;
    Ok(())
}

/// Who is new has read what came before them.
fn begin_general(group: &mut Group<'_>, user: &User) -> Result<(), StoreError> {
    let room = RoomId::general();
    let offset = position(group, &room)?.offset;
    keep_mark(group.conn, &ReadMark { room, user: user.id.clone(), offset })?;
    Ok(())
}

fn count_members(conn: &mut SqliteConnection, no: i64, more: i64) -> QueryResult<usize> {
    diesel::update(rooms::table.find(no))
        .set(rooms::member_count.eq(rooms::member_count + more))
        .execute(conn)
}

fn announce(group: &mut Group<'_>, event: &Announcement<'_>) -> Result<Offset, StoreError> {
    let event = event.placing();
    let head = group.head(event.room)?.ok_or(StoreError::Refused(ErrorCode::RoomNotFound))?;
    match group.put(head, &event)? {
        Put::At(offset) => Ok(offset),
        Put::Repeat => Err(StoreError::Unavailable("a fresh id was taken".to_owned())),
    }
}

/// Where the room stands within the group, which the database doesn't know yet.
fn position(group: &mut Group<'_>, room: &RoomId) -> Result<Position, StoreError> {
    let head = group.head(room)?.ok_or(StoreError::Refused(ErrorCode::RoomNotFound))?;
    Ok(head.position())
}
