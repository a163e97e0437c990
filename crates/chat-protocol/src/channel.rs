//! Where publications are sent: a room's channel, or a user's own.

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

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Room(room) => write!(f, "room:{room}"),
            Self::User(user) => write!(f, "user:{user}"),
        }
    }
}
