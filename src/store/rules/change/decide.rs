//! Who may make a change, and what it does.
//!
//! Every refusal comes before the first step, so a refused change leaves nothing to undo.

use chat_protocol::event::Removal;
use chat_protocol::object::{Person, Role, RoomKind, RoomState, User};
use chat_protocol::{ClientId, ErrorCode, EventBody, MessageId, RoomId, UserId};

use super::super::rows::unreadable;
use super::super::view::{RoomRow, Seen, Standing};
use super::{Announcement, Answer, Facts, Plan, Step};
use crate::domain::record::Change;
use crate::store::StoreError;

const fn refused<T>(code: ErrorCode) -> Result<T, StoreError> {
    Err(StoreError::Refused(code))
}

impl Facts {
    /// # Errors
    /// [`ErrorCode::BadRequest`] for who isn't there.
    fn user(&self, id: &UserId) -> Result<&User, StoreError> {
        let known = self.users.iter().find(|it| it.id == *id);
        known.ok_or(StoreError::Refused(ErrorCode::BadRequest))
    }

    /// # Errors
    /// [`ErrorCode::RoomNotFound`].
    fn room(&self) -> Result<&RoomRow, StoreError> {
        self.room.as_ref().ok_or(StoreError::Refused(ErrorCode::RoomNotFound))
    }

    fn member(&self, id: &UserId) -> Option<Standing> {
        self.members.iter().find(|(member, _)| member == id).map(|(_, standing)| *standing)
    }

    /// # Errors
    /// [`ErrorCode::NotAMember`], [`ErrorCode::PermissionDenied`] for everyone but the owner.
    fn owner_only(&self, room: &RoomRow, by: &UserId) -> Result<(), StoreError> {
        match room.allow(self.member(by))? {
            Some(standing) if standing.role == Role::Owner => Ok(()),
            _ => refused(ErrorCode::PermissionDenied),
        }
    }
}

/// Decides a change by what is known of what it needs.
///
/// # Errors
/// [`StoreError::Refused`], as [`crate::store::Directory::change`] says.
pub fn decide<'a>(change: &'a Change, facts: &Facts) -> Result<Plan<'a>, StoreError> {
    match change {
        Change::CreateUser(new) => Ok(create_user(new, facts)),
        Change::Revoke(it) => {
            facts.user(&it.user)?;
            Ok(Plan { steps: vec![Step::AddRevocation(it)], answer: Answer::Gone })
        }
        Change::OpenChannel(room) => Ok(open_channel(room, facts)),
        Change::RenameUser { user, name } => rename_user(user, name, facts),
        Change::CreateRoom { room, state, creator, members, client_id } => {
            NewRoom { room, state, creator, members, client_id }.plan(facts)
        }
        Change::UpdateRoom { room, by, name, topic } => {
            update_room(room, by, name.as_ref(), topic.as_ref(), facts)
        }
        Change::AddMember { room, by, member } => add_member(room, by, member, facts),
        Change::RemoveMember { room, by, member, reason } => {
            remove_member(room, by, member, *reason, facts)
        }
    }
}

/// Idempotent: who is there already stays as they are.
fn create_user<'a>(new: &'a User, facts: &Facts) -> Plan<'a> {
    match facts.user(&new.id) {
        Ok(known) => Plan { steps: Vec::new(), answer: Answer::User(known.clone()) },
        Err(_) => Plan { steps: vec![Step::AddUser(new)], answer: Answer::User(new.clone()) },
    }
}

/// Nobody made it, and no event tells of it: its first publication is its first event.
fn open_channel<'a>(room: &'a RoomId, facts: &Facts) -> Plan<'a> {
    static STATE: RoomState =
        RoomState { name: String::new(), kind: RoomKind::Open, topic: String::new() };
    let made = Step::AddRoom { room, state: &STATE, creation: None };
    let steps = if facts.room.is_some() { Vec::new() } else { vec![made] };
    Plan { steps, answer: Answer::Gone }
}

fn rename_user<'a>(id: &'a UserId, name: &'a str, facts: &Facts) -> Result<Plan<'a>, StoreError> {
    let renamed = User { name: name.to_owned(), ..facts.user(id)?.clone() };
    Ok(Plan { steps: vec![Step::NameUser(id, name)], answer: Answer::User(renamed) })
}

/// A room that is asked for.
struct NewRoom<'a> {
    room: &'a RoomId,
    state: &'a RoomState,
    creator: &'a Person,
    members: &'a [UserId],
    client_id: &'a ClientId,
}

impl<'a> NewRoom<'a> {
    fn plan(&self, facts: &Facts) -> Result<Plan<'a>, StoreError> {
        match self.state.kind {
            RoomKind::General | RoomKind::Open => return refused(ErrorCode::NotAvailable),
            RoomKind::Direct => return self.plan_direct(facts),
            RoomKind::Public | RoomKind::Private => {}
        }
        if let Some(first) = &facts.first {
            if first.created != *self.state {
                return refused(ErrorCode::ClientIdReused);
            }
            // Who has left since sees what anyone outside sees.
            let seen = first.row.seen(first.row.allow(first.creator)?.map(|it| it.role));
            return Ok(Plan { steps: Vec::new(), answer: Answer::Room(seen) });
        }
        if facts.room.is_some() {
            return refused(ErrorCode::BadRequest); // someone else's room
        }
        facts.user(&self.creator.id)?;
        let mut others: Vec<&User> = Vec::new();
        for id in self.members {
            if *id != self.creator.id && !others.iter().any(|it| it.id == *id) {
                others.push(facts.user(id)?);
            }
        }
        let mut steps = vec![
            Step::AddRoom {
                room: self.room,
                state: self.state,
                creation: Some((&self.creator.id, self.client_id)),
            },
            Step::Announce(self.created()),
        ];
        steps.extend(join(self.room, self.creator, self.creator.clone(), Role::Owner)?);
        for User { id, name, .. } in &others {
            let member = Person { id: id.clone(), name: name.clone() };
            steps.extend(join(self.room, self.creator, member, Role::Member)?);
        }
        let seen = Seen {
            id: self.room.clone(),
            state: self.state.clone(),
            member_count: 1 + u64::try_from(others.len()).unwrap_or(u64::MAX - 1),
            role: Some(Role::Owner),
        };
        Ok(Plan { steps, answer: Answer::Room(seen) })
    }

    /// The room of two people, made by whichever asks first.
    fn plan_direct(&self, facts: &Facts) -> Result<Plan<'a>, StoreError> {
        let [other] = self.members else { return refused(ErrorCode::BadRequest) };
        let both = [&self.creator.id, other];
        if *self.room != RoomId::direct(both[0], both[1]) || both[0] == both[1] {
            return refused(ErrorCode::BadRequest);
        }
        for id in both {
            facts.user(id)?;
        }
        let member = Some(Role::Member);
        if let Some(row) = &facts.room {
            // No event tells of its members: a directory that was restored from a log has lost them.
            let lost = both.into_iter().filter(|id| facts.member(id).is_none());
            let steps: Vec<_> = lost.map(|id| Step::RestoreMember(id.clone())).collect();
            let restored = u64::try_from(steps.len()).unwrap_or_default();
            let member_count = row.member_count + restored;
            let seen = Seen { member_count, ..row.seen(member) };
            return Ok(Plan { steps, answer: Answer::Room(seen) });
        }
        let mut steps = vec![
            Step::AddRoom { room: self.room, state: self.state, creation: None },
            Step::Announce(self.created()),
        ];
        steps.extend(both.map(|id| Step::AddMember(id.clone(), Role::Member)));
        let (id, state) = (self.room.clone(), self.state.clone());
        let seen = Seen { id, state, member_count: 2, role: member };
        Ok(Plan { steps, answer: Answer::Room(seen) })
    }

    fn created(&self) -> Announcement<'a> {
        Announcement {
            room: self.room,
            author: self.creator,
            id: MessageId::of(self.room, &self.creator.id, self.client_id),
            client_id: self.client_id.clone(),
            body: EventBody::RoomCreated(self.state.clone()),
        }
    }
}

fn update_room<'a>(
    room: &'a RoomId,
    by: &'a Person,
    name: Option<&String>,
    topic: Option<&String>,
    facts: &Facts,
) -> Result<Plan<'a>, StoreError> {
    let row = facts.room()?;
    facts.owner_only(row, &by.id)?;
    let state = RoomState {
        name: name.unwrap_or(&row.state.name).clone(),
        topic: topic.unwrap_or(&row.state.topic).clone(),
        kind: row.state.kind,
    };
    let mut steps = Vec::new();
    if state != row.state {
        steps.push(Step::DescribeRoom(state.clone()));
        steps.push(announce(room, by, EventBody::RoomUpdated(state.clone()))?);
    }
    let seen = Seen { state, ..row.seen(Some(Role::Owner)) };
    Ok(Plan { steps, answer: Answer::Room(seen) })
}

fn add_member<'a>(
    room: &'a RoomId,
    by: &'a Person,
    member: &'a UserId,
    facts: &Facts,
) -> Result<Plan<'a>, StoreError> {
    let row = facts.room()?;
    let own = *member == by.id;
    let standing = row.standing(facts.member(member));
    if own && !row.is_open_to_all() && standing.is_none() {
        return refused(ErrorCode::PermissionDenied);
    }
    if !own && row.state.kind != RoomKind::General {
        facts.owner_only(row, &by.id)?;
    }
    let User { id, name, .. } = facts.user(member)?.clone();
    let mut seen = row.seen(row.standing(facts.member(&by.id)).map(|it| it.role));
    let mut steps = Vec::new();
    if standing.is_none() {
        steps.extend(join(room, by, Person { id, name }, Role::Member)?);
        seen.member_count += 1;
        seen.role = if own { Some(Role::Member) } else { seen.role };
    }
    Ok(Plan { steps, answer: Answer::Room(seen) })
}

fn remove_member<'a>(
    room: &'a RoomId,
    by: &'a Person,
    member: &'a UserId,
    reason: Removal,
    facts: &Facts,
) -> Result<Plan<'a>, StoreError> {
    let row = facts.room()?;
    if matches!(row.state.kind, RoomKind::General | RoomKind::Direct) {
        return refused(ErrorCode::PermissionDenied);
    }
    let leaves = *member == by.id;
    if !leaves {
        facts.owner_only(row, &by.id)?;
    }
    let User { id, name, .. } = facts.user(member)?.clone();
    let mut seen = row.seen(row.standing(facts.member(&by.id)).map(|it| it.role));
    let mut steps = Vec::new();
    if facts.member(member).is_some() {
        steps.push(Step::RemoveMember(member));
        let body = EventBody::MemberRemoved { member: Person { id, name }, reason };
        steps.push(announce(room, by, body)?);
        seen.member_count = seen.member_count.saturating_sub(1);
    }
    Ok(Plan { steps, answer: if leaves { Answer::Gone } else { Answer::Room(seen) } })
}

/// A member who isn't one yet: the event, then the row that points to it.
fn join<'a>(
    room: &'a RoomId,
    by: &'a Person,
    member: Person,
    role: Role,
) -> Result<[Step<'a>; 2], StoreError> {
    let id = member.id.clone();
    Ok([announce(room, by, EventBody::MemberJoined(member))?, Step::AddMember(id, role)])
}

/// An event that the server names.
fn announce<'a>(room: &'a RoomId, by: &'a Person, body: EventBody) -> Result<Step<'a>, StoreError> {
    let client_id = ClientId::parse(&uuid::Uuid::now_v7().to_string());
    let client_id = client_id.map_err(|_| unreadable("a client id"))?;
    let id = MessageId::of(room, &by.id, &client_id);
    Ok(Step::Announce(Announcement { room, author: by, id, client_id, body }))
}
