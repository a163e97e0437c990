//! Bounds: how much of everything a run has. Within them every order of everything is tried.

use crate::record::{Eighths, Message};

/// Faults that may still happen, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Faults {
    /// An author hears nothing more of an attempt: a time-out, a lost reply, a dead node; the record may be in the log, or
    /// land later.
    pub replies: u8,
    /// A record on its way is lost for good.
    pub records: u8,
    /// A publication doesn't reach a reader's node.
    pub publications: u8,
    /// A Redis is emptied.
    pub wipes: u8,
    /// A replica that may be stale takes over, while the old Redis goes on serving who has not noticed. At most one.
    pub failovers: u8,
    /// The relay script dies after its first writes.
    pub scripts: u8,
    /// A relay, a reader's node or a Persister dies and begins anew.
    pub crashes: u8,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// Messages that are sent, each under a client id of its own.
    pub messages: u8,
    /// Rooms of the one partition; the messages are dealt out to them in turn.
    pub rooms: u8,
    /// The moments at which things happen; time goes from one to the next at any point. Client ids are born at one.
    pub moments: &'static [Eighths],
    pub relays: usize,
    /// Readers of the first room.
    pub readers: usize,
    /// Events that a tail in Redis keeps of each room.
    pub tail: usize,
    pub faults: Faults,
}

impl Bounds {
    /// The least there is: one message, no fault. Others are this with more of something.
    pub const LEAST: Self = Self {
        messages: 1,
        rooms: 1,
        moments: &[7],
        relays: 1,
        readers: 1,
        tail: 8,
        faults: Faults {
            replies: 0,
            records: 0,
            publications: 0,
            wipes: 0,
            failovers: 0,
            scripts: 0,
            crashes: 0,
        },
    };

    /// The room that a message is for.
    pub fn room(&self, message: Message) -> usize {
        usize::from(message.0 % self.rooms.max(1))
    }

    /// Every message.
    pub fn all(&self) -> impl Iterator<Item = Message> + use<> {
        (0..self.messages).map(Message)
    }
}
