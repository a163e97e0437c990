//! What the server says, whatever format it says it in: [`crate::Format`] encodes it.

use bytes::Bytes;
use serde::Serialize;

use crate::object::{Occupant, Person, User};
use crate::{Channel, CloseCode, Epoch, ErrorCode, Offset, Publication, RoomId};

/// Said to one session. Publications, which many sessions are told, are encoded on their own.
#[derive(Clone, Debug)]
pub enum Reply {
    /// Command `id` was done.
    Result { id: u32, result: CommandResult },
    /// Command `id` was refused.
    Error { id: u32, code: ErrorCode },
    /// The server ends a subscription: below 2500 the client stays out, from 2500 on it subscribes again.
    Unsubscribe { room: RoomId, code: CloseCode },
    /// A user has come into a room: their first session there.
    Join { room: RoomId, user: Person },
    /// A user has gone from a room with all their sessions.
    Leave { room: RoomId, user: Person },
    /// Is the client still there?
    Ping,
}

/// The result of a command, by its name.
#[derive(Clone, Debug)]
pub enum CommandResult {
    Connect(Box<Connected>),
    Subscribe(Subscribed),
    Unsubscribe,
    Publish,
    History(History),
    /// Everyone in a room.
    Presence(Vec<Occupant>),
    PresenceStats(Crowd),
    /// JSON of the method's own.
    Rpc(Bytes),
    Refresh {
        /// As in [`Connected`].
        ttl_s: u32,
    },
    SubRefresh {
        /// As in [`Subscribed`].
        ttl_s: u32,
    },
}

/// The result of a successful connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connected {
    /// The session's name.
    pub client: String,
    pub version: &'static str,
    /// Seconds until the token runs out, at least 1; `None` for who came without one.
    pub ttl_s: Option<u32>,
    /// JSON of a [`Welcome`].
    pub data: Bytes,
    /// The channels that the server has subscribed the session to: nothing of them can be recovered.
    pub subs: Vec<Channel>,
    /// Seconds between the server's pings, which want an answer.
    pub ping_s: u32,
}

/// The `data` of a connect reply.
#[derive(Debug, Serialize)]
pub struct Welcome<'a> {
    pub server: &'static str,
    pub version: &'static str,
    pub node: &'a str,
    pub user: &'a User,
    pub limits: Limits,
    pub durability: &'static str,
}

/// What a client must keep to.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Limits {
    pub text_bytes_max: usize,
    pub frame_bytes_max: usize,
    pub channels_max: usize,
}

/// Where a subscription stands.
#[derive(Clone, Debug)]
pub struct Subscribed {
    /// Seconds until its token runs out, at least 1; `None` if it came without one, and lasts.
    pub ttl_s: Option<u32>,
    pub epoch: Epoch,
    /// Fresh: the top. Recovered: what the client asked from; it counts on by itself.
    pub offset: Offset,
    /// Absent for a fresh subscription.
    pub recovered: Option<bool>,
    /// What was missed, or the first page of it.
    pub missed: Vec<Publication>,
}

/// How many are in a room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Crowd {
    pub sessions: u32,
    /// Each once, in however many sessions.
    pub users: u32,
}

/// A stretch of a channel's past, and where the channel stands.
#[derive(Clone, Debug)]
pub struct History {
    pub publications: Vec<Publication>,
    pub epoch: Epoch,
    pub top: Offset,
}
