//! Changes of users, rooms and members, and who may make them.
//!
//! Every refusal comes before the first write, so a refused change leaves nothing to undo.

use chat_protocol::event::Removal;
use chat_protocol::object::{Person, Role, Room, RoomKind, RoomState, User};
use chat_protocol::{ClientId, ErrorCode, EventBody, MessageId, Offset, RoomId, UserId};
use diesel::prelude::*;

use super::super::found::insert_room;
use super::super::read::view::{self, Position, RoomRow, Standing, user};
use super::super::rows::{self, MEMBER, OWNER, unreadable};
use super::super::schema::{events, members, rooms, users};
use super::group::{Group, Placed, Placing};
use crate::domain::record::Change;
use crate::store::{Changed, StoreError};

const fn refused<T>(code: ErrorCode) -> Result<T, StoreError> {
    Err(StoreError::Refused(code))
}

pub(in crate::store::sqlite) fn run(
    group: &mut Group<'_>,
    change: &Change,
) -> Result<Changed, StoreError> {
    match change {
        Change::CreateUser(user) => create_user(group, user).map(Changed::User),
        Change::RenameUser { user, name } => rename_user(group, user, name).map(Changed::User),
        Change::CreateRoom { room, state, creator, members, client_id } => {
            let new = NewRoom { room, state, creator, members, client_id };
            new.create(group).map(Changed::Room)
        }
        Change::UpdateRoom { room, by, name, topic } => {
            update_room(group, room, by, name.as_ref(), topic.as_ref()).map(Changed::Room)
        }
        Change::AddMember { room, by, member } => {
            add_member(group, room, by, member).map(Changed::Room)
        }
        Change::RemoveMember { room, by, member, reason } => {
            remove_member(group, room, by, member, *reason)
        }
    }
}

/// Idempotent: who is there already stays as they are.
fn create_user(group: &mut Group<'_>, new: &User) -> Result<User, StoreError> {
    if let Some(known) = user(group.conn, &new.id)? {
        return Ok(known);
    }
    diesel::insert_into(users::table)
        .values((
            users::id.eq(new.id.as_str()),
            users::name.eq(&new.name),
            users::guest.eq(new.guest),
        ))
        .execute(group.conn)?;
    // Everyone is a member of `general` by rule: counted, not listed.
    diesel::update(rooms::table.filter(rooms::kind.eq(rows::GENERAL)))
        .set(rooms::member_count.eq(rooms::member_count + 1))
        .execute(group.conn)?;
    Ok(new.clone())
}

fn rename_user(group: &mut Group<'_>, id: &UserId, name: &str) -> Result<User, StoreError> {
    let known = known_user(group, id)?;
    diesel::update(users::table.find(id.as_str())).set(users::name.eq(name)).execute(group.conn)?;
    Ok(User { name: name.to_owned(), ..known })
}

fn known_user(group: &mut Group<'_>, id: &UserId) -> Result<User, StoreError> {
    user(group.conn, id)?.ok_or(StoreError::Refused(ErrorCode::BadRequest))
}

/// A room that is asked for.
struct NewRoom<'a> {
    room: &'a RoomId,
    state: &'a RoomState,
    creator: &'a Person,
    members: &'a [UserId],
    client_id: &'a ClientId,
}

impl NewRoom<'_> {
    fn create(&self, group: &mut Group<'_>) -> Result<Room, StoreError> {
        if matches!(self.state.kind, RoomKind::Direct | RoomKind::General) {
            return refused(ErrorCode::NotAvailable);
        }
        if let Some(first) = self.first(group)? {
            return Ok(first);
        }
        if group.head(self.room)?.is_some() {
            return refused(ErrorCode::BadRequest); // someone else's room
        }
        known_user(group, &self.creator.id)?;
        let mut others: Vec<User> = Vec::new();
        for id in self.members {
            if *id != self.creator.id && !others.iter().any(|it| it.id == *id) {
                others.push(known_user(group, id)?);
            }
        }
        let creation = Some((self.creator.id.as_str(), self.client_id.as_str()));
        let no = insert_room(group.conn, self.room, self.state, creation, group.now_ms)?;
        let id = MessageId::of(self.room, &self.creator.id, self.client_id);
        let body = EventBody::RoomCreated(self.state.clone());
        let client_id = Some(self.client_id.as_str());
        let author = Some(self.creator);
        put(group, self.room, Placing { author, id, client_id, body: &body })?;
        join(group, self.room, no, self.creator, self.creator, OWNER)?;
        for User { id, name, .. } in others {
            join(group, self.room, no, self.creator, &Person { id, name }, MEMBER)?;
        }
        let row = view::room(group.conn, self.room)?;
        as_seen(group, row, &self.creator.id)
    }

    /// The room that the same creator made under the same client id before.
    fn first(&self, group: &mut Group<'_>) -> Result<Option<Room>, StoreError> {
        let known: Option<(i64, String)> = rooms::table
            .filter(rooms::creator.eq(self.creator.id.as_str()))
            .filter(rooms::client_id.eq(self.client_id.as_str()))
            .select((rooms::no, rooms::id))
            .first(group.conn)
            .optional()?;
        let Some((no, id)) = known else { return Ok(None) };
        let body: Vec<u8> = events::table
            .filter(events::room_no.eq(no))
            .filter(events::offset.eq(1))
            .select(events::body)
            .first(group.conn)?;
        if rows::room_state(&body)? != *self.state {
            return refused(ErrorCode::ClientIdReused);
        }
        let row = view::room(group.conn, &rows::room_id(&id)?)?;
        as_seen(group, row, &self.creator.id).map(Some)
    }
}

fn update_room(
    group: &mut Group<'_>,
    room: &RoomId,
    by: &Person,
    name: Option<&String>,
    topic: Option<&String>,
) -> Result<Room, StoreError> {
    let mut row = view::room(group.conn, room)?;
    let standing = owner_only(group, &row, &by.id)?;
    let state = RoomState {
        name: name.unwrap_or(&row.state.name).clone(),
        topic: topic.unwrap_or(&row.state.topic).clone(),
        kind: row.state.kind,
    };
    if state != row.state {
        diesel::update(rooms::table.find(row.no))
            .set((rooms::name.eq(&state.name), rooms::topic.eq(&state.topic)))
            .execute(group.conn)?;
        announce(group, room, by, &EventBody::RoomUpdated(state.clone()))?;
        row.state = state;
    }
    let position = position(group, room)?;
    Ok(view::object(row, position, Some(standing), group.epoch))
}

fn add_member(
    group: &mut Group<'_>,
    room: &RoomId,
    by: &Person,
    member: &UserId,
) -> Result<Room, StoreError> {
    let row = view::room(group.conn, room)?;
    if *member == by.id {
        let closed = !view::open_to_all(&row);
        if closed && view::standing(group.conn, &row, member)?.is_none() {
            return refused(ErrorCode::PermissionDenied);
        }
    } else if row.state.kind != RoomKind::General {
        owner_only(group, &row, &by.id)?;
    }
    let User { id, name, .. } = known_user(group, member)?;
    if view::standing(group.conn, &row, &id)?.is_none() {
        join(group, room, row.no, by, &Person { id, name }, MEMBER)?;
    }
    let row = view::room(group.conn, room)?;
    as_seen(group, row, &by.id)
}

fn remove_member(
    group: &mut Group<'_>,
    room: &RoomId,
    by: &Person,
    member: &UserId,
    reason: Removal,
) -> Result<Changed, StoreError> {
    let row = view::room(group.conn, room)?;
    if row.state.kind == RoomKind::General {
        return refused(ErrorCode::PermissionDenied);
    }
    let leaves = *member == by.id;
    if !leaves {
        owner_only(group, &row, &by.id)?;
    }
    let User { id, name, .. } = known_user(group, member)?;
    if view::standing(group.conn, &row, &id)?.is_some() {
        diesel::delete(members::table.find((row.no, id.as_str()))).execute(group.conn)?;
        diesel::update(rooms::table.find(row.no))
            .set(rooms::member_count.eq(rooms::member_count - 1))
            .execute(group.conn)?;
        let body = EventBody::MemberRemoved { member: Person { id, name }, reason };
        announce(group, room, by, &body)?;
    }
    if leaves {
        return Ok(Changed::Gone);
    }
    let row = view::room(group.conn, room)?;
    as_seen(group, row, &by.id).map(Changed::Room)
}

/// The owner's standing; a refusal for everyone else.
fn owner_only(group: &mut Group<'_>, row: &RoomRow, by: &UserId) -> Result<Standing, StoreError> {
    match view::allow(group.conn, row, by)? {
        Some(standing) if standing.role == Role::Owner => Ok(standing),
        _ => refused(ErrorCode::PermissionDenied),
    }
}

/// Adds a member who isn't one: the event, and the row that points to it.
fn join(
    group: &mut Group<'_>,
    room: &RoomId,
    no: i64,
    by: &Person,
    member: &Person,
    role: i16,
) -> Result<(), StoreError> {
    let joined = announce(group, room, by, &EventBody::MemberJoined(member.clone()))?;
    diesel::insert_into(members::table)
        .values((
            members::room_no.eq(no),
            members::user_id.eq(member.id.as_str()),
            members::role.eq(role),
            members::joined.eq(joined.cast_signed()),
        ))
        .execute(group.conn)?;
    diesel::update(rooms::table.find(no))
        .set(rooms::member_count.eq(rooms::member_count + 1))
        .execute(group.conn)?;
    Ok(())
}

/// Writes an event that the server named.
fn announce(
    group: &mut Group<'_>,
    room: &RoomId,
    by: &Person,
    body: &EventBody,
) -> Result<Offset, StoreError> {
    let client_id = uuid::Uuid::now_v7().to_string();
    let parsed = ClientId::parse(&client_id).map_err(|_| unreadable("a client id"))?;
    let id = MessageId::of(room, &by.id, &parsed);
    put(group, room, Placing { author: Some(by), id, client_id: Some(&client_id), body })
}

fn put(group: &mut Group<'_>, room: &RoomId, event: Placing<'_>) -> Result<Offset, StoreError> {
    let head = group.head(room)?.ok_or(StoreError::Refused(ErrorCode::RoomNotFound))?;
    match group.place(room, head, event)? {
        Placed::At(offset) => Ok(offset),
        Placed::Repeat => Err(StoreError::Unavailable("a fresh id was taken".to_owned())),
    }
}

/// Where the room stands within the group, which the database doesn't know yet.
fn position(group: &mut Group<'_>, room: &RoomId) -> Result<Position, StoreError> {
    let head = group.head(room)?.ok_or(StoreError::Refused(ErrorCode::RoomNotFound))?;
    Ok(Position { offset: head.top.offset, messages: head.messages })
}

fn as_seen(group: &mut Group<'_>, row: RoomRow, viewer: &UserId) -> Result<Room, StoreError> {
    let standing = view::standing(group.conn, &row, viewer)?;
    let position = position(group, &row.id)?;
    Ok(view::object(row, position, standing, group.epoch))
}
