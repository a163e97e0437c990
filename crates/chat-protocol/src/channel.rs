//! Where publications are sent: a room's channel, or a user's own.

use std::borrow::Cow;
use std::fmt;

use crate::{RoomId, UserId};

/// A channel that the server says something in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Channel {
    /// What happens in a room.
    Room(RoomId),
    /// What concerns one user alone: hints, on each of their connections.
    User(UserId),
}

impl Channel {
    /// What clients call it.
    pub fn name(&self) -> Cow<'_, str> {
        match self {
            Self::Room(room) => room.channel(),
            Self::User(user) => format!("user:{user}").into(),
        }
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}
