//! What a user may ask of the store, the same for RPC and REST, and how that is answered.

use chat_protocol::client::{HistoryPageRequest, Paging};
use chat_protocol::object::Occupant;
use chat_protocol::server::{Crowd, History};
use chat_protocol::{Epoch, Offset, RoomId};

/// Events in a `history.page` where the client names no limit.
pub const PAGE_EVENTS_DEFAULT: usize = 50;
/// Events in a `history.page` at most.
pub const PAGE_EVENTS_MAX: usize = 200;
/// Events in a reply of the protocol's own `history` at most.
pub const HISTORY_EVENTS_MAX: usize = 300;
/// Bytes of events that one reply carries at most.
pub const REPLY_BYTES_MAX: usize = 256 * 1024;

/// A read. Who asks goes beside it.
#[derive(Clone, Debug)]
pub enum Question {
    Me,
    Room(RoomId),
    Rooms(Paging),
    Members(RoomId, Paging),
    HistoryPage(HistoryPageRequest),
    /// The protocol's own history: `limit` publications after (or, in reverse, before) `since`.
    History {
        room: RoomId,
        limit: usize,
        since: Option<(Offset, Option<Epoch>)>,
        reverse: bool,
    },
    /// Everyone in a room.
    Presence(RoomId),
    /// How many are in a room.
    PresenceStats(RoomId),
}

/// What a command is answered with when it was done.
#[derive(Debug)]
pub enum Answer {
    /// JSON, the same for RPC and REST.
    Data(Vec<u8>),
    /// To the protocol's own history. Boxed: rarely asked for, and passed on as often as the other.
    History(Box<History>),
    Presence(Vec<Occupant>),
    PresenceStats(Crowd),
}
