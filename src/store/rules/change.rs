//! Changes of users, rooms and members. An adapter looks up what a change [`Needs`], has it decided by the [`Facts`], and does
//! the [`Step`]s of the [`Plan`].

use chat_protocol::object::{Person, Role, RoomKind, RoomState, User};
use chat_protocol::{ClientId, EventBody, MessageId, RoomId, UserId};

use super::group::Placing;
use super::view::{RoomRow, Seen, Standing};
use crate::domain::record::Change;
use crate::domain::revocation::Revocation;

mod decide;

pub use decide::decide;

/// What has to be known before a change can be decided.
#[derive(Debug, Default)]
pub struct Needs<'a> {
    pub room: Option<&'a RoomId>,
    pub users: Vec<&'a UserId>,
    /// Whose rows among the members of the room.
    pub members: Vec<&'a UserId>,
    /// Who may have created a room before, under which client id.
    pub first: Option<(&'a UserId, &'a ClientId)>,
}

/// The answers: what of it there is.
#[derive(Debug, Default)]
pub struct Facts {
    pub room: Option<RoomRow>,
    pub users: Vec<User>,
    pub members: Vec<(UserId, Standing)>,
    pub first: Option<First>,
}

/// A room that its creator made before under the same client id.
#[derive(Debug)]
pub struct First {
    pub row: RoomRow,
    /// As it was then.
    pub created: RoomState,
    /// Its creator's row among the members.
    pub creator: Option<Standing>,
}

/// What a change does, in this order.
#[derive(Debug)]
pub enum Step<'a> {
    /// Everyone is a member of `general` by rule: counted there, not listed.
    AddUser(&'a User),
    NameUser(&'a UserId, &'a str),
    AddRevocation(&'a Revocation),
    /// Without events and members.
    AddRoom {
        room: &'a RoomId,
        state: &'a RoomState,
        /// Who may name it by which client id; nobody a direct room, which is named by its members.
        creation: Option<(&'a UserId, &'a ClientId)>,
    },
    DescribeRoom(RoomState),
    Announce(Announcement<'a>),
    /// Whose joining is the event that was just announced.
    AddMember(UserId, Role),
    /// A member from the room's beginning on, of whom nothing is announced.
    RestoreMember(UserId),
    RemoveMember(&'a UserId),
}

/// An event of the room that is changed.
#[derive(Debug)]
pub struct Announcement<'a> {
    room: &'a RoomId,
    author: &'a Person,
    id: MessageId,
    client_id: ClientId,
    body: EventBody,
}

impl Announcement<'_> {
    pub fn placing(&self) -> Placing<'_> {
        let client_id = Some(self.client_id.as_str());
        let author = Some(self.author);
        Placing { room: self.room, author, id: self.id, client_id, body: &self.body }
    }
}

/// What the asker is told when the steps are done.
#[derive(Debug)]
pub enum Answer {
    User(User),
    Room(Seen),
    Gone,
}

/// A change that is allowed.
#[derive(Debug)]
pub struct Plan<'a> {
    pub steps: Vec<Step<'a>>,
    pub answer: Answer,
}

impl<'a> Needs<'a> {
    pub fn of(change: &'a Change) -> Self {
        match change {
            Change::CreateUser(User { id, .. })
            | Change::RenameUser { user: id, .. }
            | Change::Revoke(Revocation { user: id, .. }) => {
                Self { users: vec![id], ..Self::default() }
            }
            Change::OpenChannel(room) => Self { room: Some(room), ..Self::default() },
            Change::CreateRoom { room, state, creator, members, .. }
                if state.kind == RoomKind::Direct =>
            {
                let both: Vec<_> = std::iter::once(&creator.id).chain(members).collect();
                Self { room: Some(room), users: both.clone(), members: both, first: None }
            }
            Change::CreateRoom { room, creator, members, client_id, .. } => Self {
                room: Some(room),
                users: std::iter::once(&creator.id).chain(members).collect(),
                first: Some((&creator.id, client_id)),
                ..Self::default()
            },
            Change::UpdateRoom { room, by, .. } => {
                Self { room: Some(room), members: vec![&by.id], ..Self::default() }
            }
            Change::AddMember { room, by, member }
            | Change::RemoveMember { room, by, member, .. } => Self {
                room: Some(room),
                users: vec![member],
                members: vec![&by.id, member],
                ..Self::default()
            },
        }
    }
}
