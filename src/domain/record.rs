//! What is asked of the log: drafts of events, and changes of the directory that a room must see.

use chat_protocol::object::{Person, RoomState, User};
use chat_protocol::{
    ClientId, ErrorCode, EventBody, MessageId, Offset, RoomId, UserId, event::Removal,
};

use uuid::Uuid;

use super::revocation::Revocation;

/// An event on its way into the log: checked, but without a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    pub room: RoomId,
    /// Who acts; `None` where the server does.
    pub author: Option<Person>,
    pub id: MessageId,
    pub body: EventBody,
    /// Which change of its room it tells of, from 1; `None` for a message, and where the store is the log.
    pub change: Option<u64>,
}

impl Draft {
    /// A message of `author`.
    pub fn message(room: RoomId, author: Person, client_id: ClientId, text: String) -> Self {
        let id = MessageId::of(&room, &author.id, &client_id);
        let body = EventBody::MessageCreated { client_id, text };
        Self { room, author: Some(author), id, body, change: None }
    }

    /// Data for an open channel, by a user, or by nobody in particular. It has no `client_id`, so its id is drawn: what is
    /// published again is there again.
    ///
    /// # Errors
    /// Never, as far as a UUID is an id.
    pub fn data(room: RoomId, author: Option<Person>, data: String) -> Result<Self, ErrorCode> {
        let id = MessageId::from_slice(Uuid::now_v7().as_bytes()).ok_or(ErrorCode::Internal)?;
        let body = EventBody::DataPublished { client: None, data };
        Ok(Self { room, author, id, body, change: None })
    }

    /// Bytes that it holds on to while it waits: what queues are bounded by.
    pub fn cost(&self) -> usize {
        let text = match &self.body {
            EventBody::MessageCreated { text, .. } => text.len(),
            EventBody::DataPublished { data, .. } => data.len(),
            _ => 0,
        };
        text + size_of::<Self>() + 128
    }
}

/// A change of users, rooms or members. What a room must see of it becomes events in the same transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    CreateUser(User),
    /// Sessions of a user end on every node, and tokens with them as it says.
    Revoke(Revocation),
    /// Makes the room behind an open channel, unless it is there.
    OpenChannel(RoomId),
    RenameUser {
        user: UserId,
        name: String,
    },
    /// Idempotent by (creator, client_id): a repeat gives the room that the first one made.
    CreateRoom {
        room: RoomId,
        state: RoomState,
        creator: Person,
        members: Vec<UserId>,
        client_id: ClientId,
    },
    /// By its owner only.
    UpdateRoom {
        room: RoomId,
        by: Person,
        name: Option<String>,
        topic: Option<String>,
    },
    /// A user joins a public room, or its owner adds someone. A member already: nothing changes.
    AddMember {
        room: RoomId,
        by: Person,
        member: UserId,
    },
    /// A member leaves, or the owner removes one. Not a member: nothing changes.
    RemoveMember {
        room: RoomId,
        by: Person,
        member: UserId,
        reason: Removal,
    },
}

impl Change {
    /// Who sees the room that is changed; nobody where none is.
    pub const fn asker(&self) -> Option<&UserId> {
        match self {
            Self::CreateUser(_)
            | Self::OpenChannel(_)
            | Self::RenameUser { .. }
            | Self::Revoke(_) => None,
            Self::CreateRoom { creator: by, .. }
            | Self::UpdateRoom { by, .. }
            | Self::AddMember { by, .. }
            | Self::RemoveMember { by, .. } => Some(&by.id),
        }
    }
}

/// That a member has read a room up to a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadMark {
    pub room: RoomId,
    pub user: UserId,
    pub offset: Offset,
}
