//! Events to members: in order, without a hole, each encoded once.

use std::collections::VecDeque;
use std::sync::Arc;

use chat_protocol::event::Removal;
use chat_protocol::object::RoomKind;
use chat_protocol::{CloseCode, Event, EventBody, Offset, Publication, UserId};

use super::{Effect, Room};
use crate::mutants;

/// The newest events that a room keeps encoded, for whoever resumes after a short drop.
pub const TAIL_EVENTS_MAX: usize = 300;
/// Bytes that they may have.
pub const TAIL_BYTES_MAX: usize = 256 * 1024;
/// Events that wait beyond a gap; what comes on top of them is read from the store later.
const EARLY_MAX: usize = 1024;

/// The newest publications, ending at the room's place.
#[derive(Debug, Default)]
pub(super) struct Tail {
    publications: VecDeque<Publication>,
    bytes: usize,
}

impl Tail {
    fn push(&mut self, publication: Publication) {
        self.bytes += publication.len();
        self.publications.push_back(publication);
        while self.publications.len() > TAIL_EVENTS_MAX || self.bytes > TAIL_BYTES_MAX {
            let Some(oldest) = self.publications.pop_front() else { break };
            self.bytes -= oldest.len();
        }
    }

    /// Everything after `after` up to the end, if it is all here.
    pub(super) fn after(&self, after: Offset) -> Option<Vec<Publication>> {
        let first = self.publications.front()?.offset;
        let skip = usize::try_from((after + 1).checked_sub(first)?).ok()?;
        Some(self.publications.iter().skip(skip).cloned().collect())
    }
}

impl<R> Room<R> {
    /// Events with places came, in whatever order the bus had them.
    pub fn on_events(&mut self, events: Vec<Arc<Event>>, effects: &mut Vec<Effect<R>>) {
        let mut ready = Vec::with_capacity(events.len());
        for event in events {
            self.seen = self.seen.max(event.offset);
            let is_beyond = event.offset > self.pos + 1 && !mutants::is("skip-gaps");
            if self.kind.is_none() || is_beyond {
                self.keep_early(event);
            } else if event.offset > self.pos {
                self.take(&event, &mut ready, effects);
            }
        }
        self.take_early(&mut ready, effects);
        flush(&mut ready, effects);
        self.repair_if_behind(effects);
        if self.kind.is_some() && self.pos == self.seen && !self.starting.is_empty() {
            self.on_ready(effects);
        }
    }

    /// What was missing came from the store, ascending; nothing, if it could not be read: then it is asked for again.
    pub fn on_repair(&mut self, events: Vec<Event>, effects: &mut Vec<Effect<R>>) {
        self.repairing = false;
        self.on_events(events.into_iter().map(Arc::new).collect(), effects);
    }

    pub(super) fn repair_if_behind(&mut self, effects: &mut Vec<Effect<R>>) {
        if self.kind.is_some()
            && self.seen > self.pos
            && !self.repairing
            && !mutants::is("no-repair")
        {
            self.repairing = true;
            effects.push(Effect::Repair { after: self.pos });
        }
    }

    fn keep_early(&mut self, event: Arc<Event>) {
        if self.early.len() < EARLY_MAX {
            self.early.push(event);
        }
    }

    fn take_early(&mut self, ready: &mut Vec<Publication>, effects: &mut Vec<Effect<R>>) {
        if self.kind.is_none() || self.early.is_empty() {
            return;
        }
        let mut early = std::mem::take(&mut self.early);
        early.sort_by_key(|event| event.offset);
        for event in early {
            if event.offset == self.pos + 1 {
                self.take(&event, ready, effects);
            } else if event.offset > self.pos {
                self.early.push(event);
            }
        }
    }

    /// The next event: place, tail, members.
    fn take(&mut self, event: &Event, ready: &mut Vec<Publication>, effects: &mut Vec<Effect<R>>) {
        self.pos = event.offset;
        let publication = Publication::encode(event);
        self.tail.push(publication.clone());
        ready.push(publication);
        match &event.body {
            EventBody::MemberJoined(member) => {
                self.note_change(&member.id, event.offset);
                self.remember(member.id.clone(), event.offset);
            }
            EventBody::MemberRemoved { member, reason } => {
                self.note_change(&member.id, event.offset);
                self.members.remove(&member.id);
                // The removed one gets the event of the removal, and nothing after it.
                flush(ready, effects);
                if mutants::is("deliver-after-removal") {
                    return;
                }
                let code = match reason {
                    Removal::Banned => CloseCode::RemovedBanned,
                    Removal::Left | Removal::Removed => CloseCode::Removed,
                };
                effects.push(Effect::Expel { user: member.id.clone(), code });
            }
            _ => {}
        }
    }

    fn note_change(&mut self, user: &UserId, offset: Offset) {
        if let Some(asked) = self.asked.get_mut(user) {
            asked.changed_at = offset;
        }
    }

    /// Remembers a member, unless everyone is one anyway.
    pub(super) fn remember(&mut self, user: UserId, joined: Offset) {
        /// Beyond this, all are forgotten and asked for again: simple, bounded, rare.
        const REMEMBERED_MAX: usize = 16 * 1024;
        if self.kind == Some(RoomKind::General) {
            return;
        }
        if self.members.len() >= REMEMBERED_MAX {
            self.members.clear();
        }
        self.members.insert(user, joined);
    }
}

fn flush<R>(ready: &mut Vec<Publication>, effects: &mut Vec<Effect<R>>) {
    if !ready.is_empty() {
        effects.push(Effect::Deliver(std::mem::take(ready)));
    }
}
