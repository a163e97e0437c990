//! What a harness records: attempts to send, what readers saw, and the rooms' logs at the end.

use crate::intern::{Interner, Symbol};

/// One time that an author's client sent a message, and what came of it. A retry is another
/// attempt with the same `client_id`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    pub room: Symbol,
    pub author: Symbol,
    pub client_id: Symbol,
    /// Any hash of the text; the same function as in [`Message::text_hash`].
    pub text_hash: u64,
    pub answer: Answer,
}

/// What the server said to an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Durable, under this id, at the level named.
    Acked { id: Symbol, durability: Symbol },
    /// A final "no": this attempt changed nothing.
    Refused,
    /// A temporary error: the message may be in the log or not.
    Unavailable,
    /// The connection ended first: the message may be in the log or not.
    Unanswered,
}

/// A message's identity and content as a client saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    pub author: Symbol,
    pub client_id: Symbol,
    pub text_hash: u64,
}

/// One event of a room, live or from history. The two must be equal at the same offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    pub offset: u64,
    /// The event's `type`, such as `message.created`.
    pub kind: Symbol,
    /// Absent for a void.
    pub id: Option<Symbol>,
    /// Milliseconds since the Unix epoch; absent for a void.
    pub time_ms: Option<u64>,
    /// Present for messages only.
    pub message: Option<Message>,
}

/// A place in a room's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub epoch: Symbol,
    pub offset: u64,
}

/// How a subscription that asked to go on from a place was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resume {
    /// Where the client asked to go on from.
    pub asked: Place,
    /// The `recovered` flag of the reply.
    pub recovered: bool,
}

/// A successful subscribe reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// The place that the reply names: live events follow from `offset + 1`.
    pub at: Place,
    /// `None` for a fresh subscription.
    pub resume: Option<Resume>,
}

/// What a member was told of a room that they have read in part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// The room's last offset, as it was told along with the rest.
    pub head: u64,
    /// The place up to which they have read.
    pub mark: u64,
    /// Messages that lie above it.
    pub unread: u64,
}

/// What one reader saw of one room, in the order in which it saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Live {
    Subscribed {
        reader: Symbol,
        room: Symbol,
        subscription: Subscription,
    },
    Received {
        reader: Symbol,
        room: Symbol,
        event: Event,
    },
    /// The harness gave this reader every chance to reach the end of the room before it read the
    /// room's log: whatever it lacks now was withheld from it.
    Settled {
        reader: Symbol,
        room: Symbol,
    },
    /// This reader was told that the room is closed to them, by an event at this place: nothing beyond it is for them,
    /// until they subscribe again.
    Revoked {
        reader: Symbol,
        room: Symbol,
        at: u64,
    },
    Counted {
        reader: Symbol,
        room: Symbol,
        counted: Counted,
    },
}

/// A room's whole history as the server tells it when nobody writes any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomLog {
    pub room: Symbol,
    pub epoch: Symbol,
    /// The last offset according to the server.
    pub head: u64,
    /// In the order in which the pages told them.
    pub events: Vec<Event>,
}

/// A recorded history: everything that [`crate::check()`] judges.
#[derive(Clone, Debug, Default)]
pub struct History {
    pub names: Interner,
    pub attempts: Vec<Attempt>,
    /// Of all readers together; only the order within one (reader, room) matters.
    pub live: Vec<Live>,
    /// At most one per room.
    pub logs: Vec<RoomLog>,
}

impl History {
    /// Shorthand for interning a name.
    pub fn name(&mut self, name: &str) -> Symbol {
        self.names.intern(name)
    }
}
