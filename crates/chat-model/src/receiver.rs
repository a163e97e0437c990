//! A reader: the room on the node that they are connected to, and what they have seen.
//!
//! The room is the server's own machine. It can't be hashed, so between two steps only what it knows is kept, and for each
//! step a room is brought to where it was, through what anyone may call. What goes in is an [`chat_protocol::Event`], what
//! comes out are the bytes that clients get, read as a client reads them.

use std::sync::Arc;

use chat_protocol::object::RoomKind;
use chat_protocol::{
    ClientId, Epoch, ErrorCode, Event as Wire, EventBody, MessageId, Offset, Publication, RoomId,
};
use chat_server::domain::resume::Follows;
use chat_server::domain::room::{Effect, Room};
use serde::Deserialize;

use crate::record::{Event, Message, Says};

/// What events need beside what is modelled of them.
#[derive(Clone, Debug)]
pub struct Names {
    epoch: Epoch,
    client_id: ClientId,
}

impl Names {
    /// Any will do.
    ///
    /// # Errors
    /// Never; but names are made by parsing.
    pub fn new() -> Result<Self, ErrorCode> {
        Ok(Self { epoch: Epoch::parse("0.model")?, client_id: ClientId::parse("model")? })
    }

    fn wire(&self, event: Event) -> Wire {
        let (id, time, body) = match event.says {
            Says::Message { message, time } => {
                let (client_id, text) = (self.client_id.clone(), String::new());
                (message.id(), time, EventBody::MessageCreated { client_id, text })
            }
            Says::Void { of } => (None, 0, EventBody::Void { of }),
        };
        Wire { room: RoomId::general(), offset: event.offset, time, id, user: None, body }
    }
}

/// What of an event a client reads.
#[derive(Deserialize)]
struct Data {
    id: Option<String>,
    time: Option<u64>,
    of: Option<Offset>,
}

/// `None`: not an event of the model's.
fn read(publication: &Publication) -> Option<Event> {
    let (offset, data) = (publication.offset, publication.data());
    let data: Data = serde_json::from_slice(&data).ok()?;
    let says = match (data.id, data.time) {
        (Some(id), Some(time)) => {
            Says::Message { message: Message::of(&MessageId::parse(&id)?), time }
        }
        _ => Says::Void { of: data.of },
    };
    Some(Event { offset, says })
}

/// What the room of a node knows.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Receiver {
    /// Its place.
    pub pos: Offset,
    /// The newest offset that it was told of.
    pub seen: Offset,
    /// It waits for what it asked of the store.
    pub repairing: bool,
    /// What it was handed beyond its place, ascending.
    pub early: Vec<Event>,
}

impl Receiver {
    /// A new life of a room: it reaches to `head`, and who reads here has everything up to `delivered`.
    pub fn start(names: &Names, head: Offset, delivered: Offset) -> Self {
        let mut room: Room<()> = Room::new(names.epoch.clone(), Follows::Projections);
        room.on_start(RoomKind::General, head, Some(delivered), &mut Vec::new());
        let (pos, repairing) = (room.pos(), !room.is_quiet());
        Self { pos, seen: head.max(pos), repairing, early: Vec::new() }
    }

    /// Events came over the bus. What is delivered.
    pub fn on_events(&mut self, names: &Names, events: &[Event]) -> Vec<Event> {
        let wire = events.iter().map(|it| Arc::new(names.wire(*it))).collect();
        self.drive(names, events, 0, |room, effects| room.on_events(wire, effects))
    }

    /// What was missing was read. What is delivered.
    pub fn on_repair(&mut self, names: &Names, events: &[Event]) -> Vec<Event> {
        let wire = events.iter().map(|it| names.wire(*it)).collect();
        self.drive(names, events, 0, |room, effects| room.on_repair(wire, effects))
    }

    /// It was compared with how far the room reaches.
    pub fn on_head(&mut self, names: &Names, head: Offset) {
        self.drive(names, &[], head, |room, effects| room.on_head(head, effects));
    }

    /// Brings a room to where it was, does something with it, and keeps what it knows then.
    fn drive(
        &mut self,
        names: &Names,
        handed: &[Event],
        head: Offset,
        act: impl FnOnce(&mut Room<()>, &mut Vec<Effect<()>>),
    ) -> Vec<Event> {
        let mut room = self.room(names);
        let mut effects = Vec::new();
        act(&mut room, &mut effects);
        let mut delivered = Vec::new();
        for effect in &effects {
            if let Effect::Deliver(publications) = effect {
                delivered.extend(publications.iter().filter_map(read));
            }
        }
        self.pos = room.pos();
        self.repairing = !room.is_quiet();
        self.seen = handed.iter().map(|it| it.offset).fold(self.seen.max(head), Offset::max);
        self.early.extend_from_slice(handed);
        self.early.retain(|it| it.offset > self.pos);
        self.early.sort_unstable();
        self.early.dedup();
        delivered
    }

    fn room(&self, names: &Names) -> Room<()> {
        let mut room = Room::new(names.epoch.clone(), Follows::Projections);
        let effects = &mut Vec::new();
        // One that waits for a repair it no longer needs was behind, and got the rest live.
        let caught_up = self.repairing && self.seen == self.pos;
        let from = if caught_up { self.pos.saturating_sub(1) } else { self.pos };
        room.on_start(RoomKind::General, from, None, effects);
        room.on_head(self.seen, effects);
        let mut early = self.early.clone();
        if caught_up {
            early.push(Event { offset: self.pos, says: Says::Void { of: None } });
        }
        room.on_events(early.iter().map(|it| Arc::new(names.wire(*it))).collect(), effects);
        room
    }
}

#[cfg(test)]
mod tests;
