//! Messages, the records that carry them, and the events that records become.

use std::fmt;

use chat_protocol::{MessageId, Offset};
use chat_server::domain::fold::{BUCKET_MS, SKEW_MS_MAX};

/// Time in eighths of W. An eighth is what the fold bears between a draft's check and its record's timestamp.
pub type Eighths = u8;

/// In milliseconds, as the server counts.
pub const fn ms(time: Eighths) -> u64 {
    time as u64 * (BUCKET_MS / 8)
}

/// How old a client id may be without being looked up: W/4, as in `journal/kafka/look_up.rs`.
pub const RECENT: Eighths = 2;
const _: () = assert!(ms(RECENT) == BUCKET_MS / 4 && ms(1) == SKEW_MS_MAX);

/// A message, by the client id that its author gave it: every attempt to send it is this same message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Message(pub u8);

impl Message {
    /// The id that the server makes of room, author and client id; here one that shows the message.
    pub fn id(self) -> Option<MessageId> {
        MessageId::from_slice(&[self.0; 16])
    }

    /// Back from its id.
    pub fn of(id: &MessageId) -> Self {
        Self(id.as_bytes()[0])
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", char::from(b'A' + self.0))
    }
}

/// A record of the log. Its log offset is its index there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Record {
    pub message: Message,
    /// When its draft was checked.
    pub checked: Eighths,
    /// When the log took it.
    pub timestamp: Eighths,
    /// The place that it was given before it was in the log; only where Redis gives places.
    pub place: Option<Offset>,
}

/// A record on its way into the log. It may land much later than anyone waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Flight {
    pub message: Message,
    pub checked: Eighths,
    pub place: Option<Offset>,
    /// Its author will hear what becomes of it.
    pub awaited: bool,
}

/// What a place says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Says {
    Message {
        message: Message,
        /// Log time, ms.
        time: u64,
    },
    Void {
        of: Option<Offset>,
    },
}

/// An event: what everyone sees of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Event {
    pub offset: Offset,
    pub says: Says,
}

impl Event {
    /// Is it this message?
    pub fn is(&self, wanted: Message) -> bool {
        matches!(self.says, Says::Message { message, .. } if message == wanted)
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.says {
            Says::Message { message, .. } => write!(f, "{}:{message}", self.offset),
            Says::Void { of: Some(of) } => write!(f, "{}:repeat of {of}", self.offset),
            Says::Void { of: None } => write!(f, "{}:void", self.offset),
        }
    }
}
