//! A room on one node: who may enter, and one order for everyone.
//!
//! The room has a place, `pos`: everything up to it has been handed to the members here. An event is delivered if it
//! is the next one; an earlier one is dropped; a later one shows a gap, which is filled from the store before anything
//! else goes out. So members see offsets without a hole whatever the bus loses, delays or repeats.
//!
//! Membership is asked of the store and remembered only while the room lives. A "no" is never remembered: SDKs take it
//! as final, and the user may have joined a moment ago.

mod delivery;
mod entry;

use std::collections::HashMap;
use std::sync::Arc;

use chat_protocol::object::{Person, RoomKind};
use chat_protocol::{
    CloseCode, EphemeralBody, Epoch, ErrorCode, Event, Offset, Publication, UserId,
};

use super::record::Draft;
use super::resume::{Follows, Since};
use super::session::{Attached, SessionKey, Ticket};
pub use delivery::{TAIL_BYTES_MAX, TAIL_EVENTS_MAX};

/// Asks that may wait for the room to start or for a membership to be read.
pub const WAITING_MAX: usize = 4096;

/// What is wanted of a room. `R` is how a publish is answered.
#[derive(Debug)]
pub enum Ask<R> {
    Subscribe {
        session: SessionKey,
        ticket: Ticket,
        user: UserId,
        since: Option<Since>,
    },
    /// A session that catches up has everything up to `after`.
    Continue {
        session: SessionKey,
        ticket: Ticket,
        user: UserId,
        after: Offset,
    },
    Publish {
        reply: R,
        draft: Draft,
    },
    /// Tell the room that `user` is writing.
    Typing {
        reply: R,
        user: Person,
    },
}

impl<R> Ask<R> {
    fn user(&self) -> Option<&UserId> {
        match self {
            Self::Subscribe { user, .. } | Self::Continue { user, .. } => Some(user),
            Self::Typing { user, .. } => Some(&user.id),
            Self::Publish { draft, .. } => draft.author.as_ref().map(|author| &author.id),
        }
    }

    /// Turns it down.
    pub fn refuse(self, code: ErrorCode) -> Effect<R> {
        match self {
            Self::Subscribe { session, ticket, .. } | Self::Continue { session, ticket, .. } => {
                Effect::Refuse { session, ticket, code }
            }
            Self::Publish { reply, .. } | Self::Typing { reply, .. } => {
                Effect::Answer { reply, code }
            }
        }
    }
}

/// What the room's actor is asked to do, in order.
#[derive(Debug)]
pub enum Effect<R> {
    /// Read the membership; ends with [`Room::on_membership`].
    AskMembership(UserId),
    /// The session is in; what is delivered from now on goes to it too.
    Attach {
        session: SessionKey,
        ticket: Ticket,
        attached: Attached,
    },
    /// Read the page after `after` from the store, for the session itself.
    ReadPage {
        session: SessionKey,
        ticket: Ticket,
        user: UserId,
        after: Offset,
    },
    Refuse {
        session: SessionKey,
        ticket: Ticket,
        code: ErrorCode,
    },
    Answer {
        reply: R,
        code: ErrorCode,
    },
    /// To every node, and then it is done.
    PassOn {
        reply: R,
        body: EphemeralBody,
    },
    /// Into the log with it.
    Append {
        reply: R,
        draft: Draft,
    },
    /// To every session here.
    Deliver(Vec<Publication>),
    /// No session of this user gets anything more.
    Expel {
        user: UserId,
        code: CloseCode,
    },
    /// Read what follows `after` from the store; ends with [`Room::on_repair`].
    Repair {
        after: Offset,
    },
}

#[derive(Debug)]
struct Asked<R> {
    waiting: Vec<Ask<R>>,
    /// Offset of the newest member event about this user since the question was asked.
    changed_at: Offset,
}

/// The machine.
#[derive(Debug)]
pub struct Room<R> {
    epoch: Epoch,
    follows: Follows,
    /// `None` until the store has said what the room is.
    kind: Option<RoomKind>,
    pos: Offset,
    /// The newest offset known to exist.
    seen: Offset,
    repairing: bool,
    /// Events that came before the room was ready, or beyond a gap.
    early: Vec<Arc<Event>>,
    tail: delivery::Tail,
    /// Offset of the latest join of members asked for lately.
    members: HashMap<UserId, Offset>,
    asked: HashMap<UserId, Asked<R>>,
    /// Asks that wait for the room to start, or to be where it was.
    starting: Vec<Ask<R>>,
}

impl<R> Room<R> {
    /// A room that doesn't know yet what it is.
    pub fn new(epoch: Epoch, follows: Follows) -> Self {
        Self {
            epoch,
            follows,
            kind: None,
            pos: 0,
            seen: 0,
            repairing: false,
            early: Vec::new(),
            tail: delivery::Tail::default(),
            members: HashMap::new(),
            asked: HashMap::new(),
            starting: Vec::new(),
        }
    }

    /// Everything up to here has been delivered.
    pub fn pos(&self) -> Offset {
        self.pos
    }

    /// Does nothing wait for an answer or a repair?
    pub fn is_quiet(&self) -> bool {
        self.kind.is_some() && self.asked.is_empty() && !self.repairing
    }

    /// The store said what the room is and where it stands; `delivered` is the least offset that members
    /// here have been handed by an earlier life of this room, if there are any.
    pub fn on_start(
        &mut self,
        kind: RoomKind,
        head: Offset,
        delivered: Option<Offset>,
        effects: &mut Vec<Effect<R>>,
    ) {
        self.kind = Some(kind);
        self.pos = match (delivered, self.follows) {
            (Some(delivered), Follows::Log) => delivered.min(head),
            // What members have been handed stays handed, though the projections have come back behind it.
            (Some(delivered), Follows::Projections) => delivered,
            (None, _) => head,
        };
        self.seen = self.seen.max(head);
        let early = std::mem::take(&mut self.early);
        self.on_events(early, effects);
        self.on_ready(effects);
    }

    fn on_ready(&mut self, effects: &mut Vec<Effect<R>>) {
        for ask in std::mem::take(&mut self.starting) {
            self.on_ask(ask, effects);
        }
    }

    /// The store stands at `head`: was something lost on the way here?
    pub fn on_head(&mut self, head: Offset, effects: &mut Vec<Effect<R>>) {
        self.seen = self.seen.max(head);
        self.repair_if_behind(effects);
    }

    /// There is no such room, or the store can't say.
    pub fn on_start_failed(&mut self, code: ErrorCode, effects: &mut Vec<Effect<R>>) {
        effects.extend(std::mem::take(&mut self.starting).into_iter().map(|ask| ask.refuse(code)));
    }
}

#[cfg(test)]
mod tests;
