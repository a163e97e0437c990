//! Everything at one moment.

use chat_protocol::Offset;

use crate::bounds::{Bounds, Faults};
use crate::log::Log;
use crate::projection::Projection;
use crate::receiver::Receiver;
use crate::record::{Eighths, Event, Flight};
use crate::redis::Redis;
use crate::store::{Store, View};

/// What an author knows of their message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Phase {
    /// It was not sent.
    #[default]
    Unsent,
    /// It was, and the answer is awaited.
    Waiting,
    /// `unavailable`, or no answer: it may be in the log, or get there yet.
    InDoubt,
    Acked,
}

/// A message at its author's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Sending {
    pub phase: Phase,
    /// When its client id was made; it says so itself.
    pub born: Eighths,
}

/// Who reads the log and calls the relay script.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Relay {
    /// The Redis that it is connected to: 0, and after a failover 1.
    pub redis: usize,
    /// Where it goes on reading; `None` before it has looked.
    pub position: Option<usize>,
    /// It has read the store as it was at this cursor, and will build a Redis from that. What the store has at a cursor
    /// follows from the log, which is checked in every state.
    pub staged: Option<usize>,
}

/// A reader of the first room.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Reader {
    /// The Redis that their node is connected to.
    pub redis: usize,
    /// Their room's on that node.
    pub receiver: Receiver,
    /// Publications that have come to the node and not been handed on.
    pub inbox: Vec<Event>,
    /// What they have seen: it outlives every node.
    pub seen: Vec<Event>,
}

impl Reader {
    /// Delivers to the reader; what they have is not shown again.
    pub fn show(&mut self, events: &[Event]) {
        for event in events {
            if event.offset > self.last() {
                self.seen.push(*event);
            }
        }
    }

    /// The offset up to which they have everything.
    pub fn last(&self) -> Offset {
        self.seen.last().map_or(0, |it| it.offset)
    }
}

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// Index of the moment.
    pub now: usize,
    pub sendings: Vec<Sending>,
    /// Records on their way, in no order.
    pub flights: Vec<Flight>,
    pub log: Log,
    /// The Redis that leads and its replica, which takes over in a failover; `None`: empty, or out of service.
    pub redis: [Option<Redis>; 2],
    pub failed_over: bool,
    /// Since the failover somebody still uses the old one.
    pub split: bool,
    pub relays: Vec<Relay>,
    pub store: Store,
    pub readers: Vec<Reader>,
    pub left: Faults,
}

impl State {
    /// Nothing has happened.
    pub fn new(bounds: &Bounds) -> Self {
        let empty = || Redis::built(Projection::new(bounds.rooms));
        Self {
            now: 0,
            sendings: vec![Sending::default(); usize::from(bounds.messages)],
            flights: Vec::new(),
            log: Log::new(bounds.rooms),
            redis: [Some(empty()), Some(empty())],
            failed_over: false,
            split: false,
            relays: vec![Relay { position: Some(0), ..Relay::default() }; bounds.relays],
            store: Store::new(bounds.rooms),
            readers: vec![Reader::default(); bounds.readers],
            left: bounds.faults,
        }
    }

    /// Is this Redis in service for anyone?
    pub fn serves(&self, redis: usize) -> bool {
        match redis {
            0 => !self.failed_over || self.split,
            _ => self.failed_over,
        }
    }

    /// What a reader's node reads of its room.
    pub fn view(&self, reader: &Reader) -> View<'_> {
        let redis = self.redis.get(reader.redis).and_then(Option::as_ref);
        View { store: &self.store, redis, room: 0 }
    }

    /// Forgets what makes no difference: which of two relays is which, and a Redis that nobody uses any more.
    pub fn settle(&mut self) {
        self.flights.sort_unstable();
        self.relays.sort_unstable();
        for reader in &mut self.readers {
            reader.inbox.sort_unstable();
            reader.inbox.dedup();
        }
        let relays = self.relays.iter().map(|it| it.redis);
        let readers = self.readers.iter().map(|it| it.redis);
        if self.split && relays.chain(readers).all(|redis| redis == 1) {
            self.split = false;
            self.redis[0] = None;
        }
    }
}
