//! What a user may see of a room: the one place where reading is allowed or refused.

use chat_protocol::object::{Role, Room, RoomKind, RoomState};
use chat_protocol::{Epoch, ErrorCode, Offset, RoomId};

use super::rows;
use crate::store::StoreError;

/// A room as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomRow {
    pub no: i64,
    pub id: RoomId,
    pub state: RoomState,
    pub member_count: u64,
}

/// The columns of `rooms` that a [`RoomRow`] is made of besides the id.
pub type RoomColumns = (i64, String, i16, String, i64);

impl RoomRow {
    /// # Errors
    /// A kind that this version doesn't know.
    pub fn read(id: RoomId, columns: RoomColumns) -> Result<Self, StoreError> {
        let (no, name, kind, topic, member_count) = columns;
        let state = RoomState { name, kind: rows::room_kind(kind)?, topic };
        Ok(Self { no, id, state, member_count: member_count.cast_unsigned() })
    }

    /// May anyone read it, from its beginning on?
    pub const fn is_open_to_all(&self) -> bool {
        matches!(self.state.kind, RoomKind::General | RoomKind::Public | RoomKind::Open)
    }

    /// A user's standing, whose row among the members is `found`; everyone has one in `general`.
    pub const fn standing(&self, found: Option<Standing>) -> Option<Standing> {
        match self.state.kind {
            RoomKind::General => Some(Standing { role: Role::Member, joined: 1 }),
            _ => found,
        }
    }

    /// The viewer's standing.
    ///
    /// # Errors
    /// [`ErrorCode::NotAMember`] if the room isn't theirs to see.
    pub fn allow(&self, found: Option<Standing>) -> Result<Option<Standing>, StoreError> {
        let standing = self.standing(found);
        if standing.is_none() && !self.is_open_to_all() {
            return Err(StoreError::Refused(ErrorCode::NotAMember));
        }
        Ok(standing)
    }

    /// The room to a viewer of this role.
    pub fn seen(&self, role: Option<Role>) -> Seen {
        Seen {
            id: self.id.clone(),
            state: self.state.clone(),
            member_count: self.member_count,
            role,
        }
    }
}

/// A room as somebody sees it, wherever it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub id: RoomId,
    pub state: RoomState,
    pub member_count: u64,
    pub role: Option<Role>,
}

impl Seen {
    /// What they are told.
    pub fn at(self, position: Position, epoch: &Epoch) -> Room {
        Room {
            id: self.id,
            state: self.state,
            head: position.offset,
            epoch: epoch.clone(),
            messages: position.messages,
            member_count: self.member_count,
            role: self.role,
            read: None,
            unread: None,
        }
    }
}

/// A membership as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    pub role: Role,
    /// Offset of the latest join.
    pub joined: Offset,
}

impl Standing {
    /// # Errors
    /// A role that this version doesn't know.
    pub fn read((role, joined): (i16, i64)) -> Result<Self, StoreError> {
        Ok(Self { role: rows::role(role)?, joined: joined.cast_unsigned() })
    }
}

/// Where a room stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    pub offset: Offset,
    pub messages: u64,
}

impl Position {
    pub const fn read((offset, messages): (i64, i64)) -> Self {
        Self { offset: offset.cast_unsigned(), messages: messages.cast_unsigned() }
    }
}
