//! The sessions of one worker thread, and which rooms they are in.
//!
//! Owned by the thread, not by an actor: it outlives a crash of the fan-out, and a session registers and leaves by a
//! plain call. Nothing here is ever borrowed across a send.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use chat_protocol::object::Occupant;
use chat_protocol::{CloseCode, Format, Offset, RoomId, UserId};
use indexmap::IndexMap;
use slab::Slab;

use super::flow::Flow;
use super::workers::ToSession;
use crate::domain::presence::Move;
use crate::domain::revocation::TokenMark;
use crate::domain::session::{SessionKey, Ticket};

/// Ends a connection from outside its actor.
pub type Kill = Box<dyn FnOnce()>;

/// One session.
pub struct Entry {
    pub serial: u32,
    pub flow: Rc<Flow>,
    pub format: Format,
    kill: Option<Kill>,
    /// Whose it is, once that is known.
    pub occupant: Option<Arc<Occupant>>,
    /// The token that it was let in by.
    pub mark: TokenMark,
    /// Tickets whose attachment is on its way and no longer wanted.
    cancelled: Vec<Ticket>,
}

/// A room with members on this worker.
#[derive(Default)]
pub struct Here {
    /// By slot, in a dense order that fan-out walks through.
    pub members: IndexMap<u32, Ticket>,
    /// Slots of those who are told of each that comes and goes.
    pub watchers: HashSet<u32>,
    /// Everything up to here has been handed to them.
    pub delivered: Offset,
}

/// See the module.
pub struct Sessions {
    worker: u16,
    serial: u32,
    pub entries: Slab<Entry>,
    pub rooms: HashMap<RoomId, Here>,
    /// How many have left each room since it was last told.
    pub left: HashMap<RoomId, u32>,
    /// Who has come into rooms and gone, since presence was last told.
    pub moves: Vec<Move>,
}

impl Sessions {
    /// A worker without sessions.
    pub fn new(worker: u16) -> Self {
        Self {
            worker,
            serial: 0,
            entries: Slab::new(),
            rooms: HashMap::new(),
            left: HashMap::new(),
            moves: Vec::new(),
        }
    }

    /// Takes a session in.
    pub fn register(&mut self, flow: Rc<Flow>, format: Format, kill: Option<Kill>) -> SessionKey {
        self.serial = self.serial.wrapping_add(1);
        let serial = self.serial;
        let entry = Entry {
            serial,
            flow,
            format,
            kill,
            occupant: None,
            mark: TokenMark::default(),
            cancelled: Vec::new(),
        };
        let slot = self.entries.insert(entry);
        SessionKey { worker: self.worker, slot: u32::try_from(slot).unwrap_or(u32::MAX), serial }
    }

    /// The session of this key, if it is still there.
    pub fn get(&mut self, key: SessionKey) -> Option<&mut Entry> {
        self.entries.get_mut(key.slot as usize).filter(|entry| entry.serial == key.serial)
    }

    /// The key of whoever has this slot.
    pub fn key_of(&self, slot: u32) -> Option<SessionKey> {
        let serial = self.entries.get(slot as usize)?.serial;
        Some(SessionKey { worker: self.worker, slot, serial })
    }

    /// A session is gone: out of all its `rooms`.
    pub fn remove(&mut self, key: SessionKey, rooms: impl IntoIterator<Item = RoomId>) {
        if self.get(key).is_none() {
            return;
        }
        for room in rooms {
            self.leave(&room, key.slot);
        }
        self.entries.remove(key.slot as usize);
    }

    /// Puts a session into a room. `false`: it is gone or no longer wants that.
    pub fn attach(&mut self, key: SessionKey, ticket: Ticket, room: &RoomId) -> bool {
        let wanted = self.get(key).is_some_and(|entry| {
            let cancelled = entry.cancelled.iter().position(|t| *t == ticket);
            if let Some(at) = cancelled {
                entry.cancelled.swap_remove(at);
            }
            cancelled.is_none()
        });
        if !wanted {
            self.count_left(room);
            return false;
        }
        let here = match self.rooms.get_mut(room) {
            Some(here) => here,
            None => self.rooms.entry(room.clone()).or_default(),
        };
        if here.members.insert(key.slot, ticket).is_some() {
            self.count_left(room); // it was in already: two attachments, one member
        } else if let Some(occupant) = self.get(key).and_then(|entry| entry.occupant.clone()) {
            self.moves.push(Move { room: room.clone(), session: key, came: Some(occupant) });
        }
        true
    }

    /// A session in a room is to be told of each that comes and goes, until it leaves.
    pub fn tell_comings(&mut self, key: SessionKey, ticket: Ticket, room: &RoomId) {
        if self.get(key).is_some()
            && let Some(here) = self.rooms.get_mut(room)
            && here.members.get(&key.slot) == Some(&ticket)
        {
            here.watchers.insert(key.slot);
        }
    }

    /// Takes a session out of a room at its own wish. If its attachment is still on the way, it will be ignored.
    pub fn detach(&mut self, key: SessionKey, ticket: Ticket, room: &RoomId) {
        let in_room = self.rooms.get(room).and_then(|here| here.members.get(&key.slot));
        if in_room == Some(&ticket) {
            self.leave(room, key.slot);
        } else if let Some(entry) = self.get(key) {
            entry.cancelled.push(ticket);
        }
    }

    /// Takes whoever has `slot` out of a room; gives the ticket it was in under.
    pub fn leave(&mut self, room: &RoomId, slot: u32) -> Option<Ticket> {
        let here = self.rooms.get_mut(room)?;
        let ticket = here.members.swap_remove(&slot)?;
        here.watchers.remove(&slot);
        if here.members.is_empty() {
            self.rooms.remove(room);
        }
        self.count_left(room);
        if let Some(session) = self.key_of(slot) {
            self.moves.push(Move { room: room.clone(), session, came: None });
        }
        Some(ticket)
    }

    /// Takes every session of `user` out of a room.
    pub fn expel(&mut self, room: &RoomId, user: &UserId, code: CloseCode) {
        let Some(here) = self.rooms.get(room) else { return };
        let theirs: Vec<u32> = here
            .members
            .keys()
            .copied()
            .filter(|slot| {
                let occupant = self.entries.get(*slot as usize).and_then(|e| e.occupant.as_ref());
                occupant.is_some_and(|it| it.user.id == *user)
            })
            .collect();
        for slot in theirs {
            self.lose(room, slot, code);
        }
    }

    /// Takes whoever has `slot` out of a room and says why.
    pub fn lose(&mut self, room: &RoomId, slot: u32, code: CloseCode) {
        if let Some(ticket) = self.leave(room, slot)
            && let Some(entry) = self.entries.get(slot as usize)
        {
            entry.flow.hand(ToSession::Detached { ticket, code }, 0);
        }
    }

    /// Everyone in `room` has lost their place: what was on its way to them is gone.
    pub fn lose_room(&mut self, room: &RoomId) {
        let members = |here: &Here| here.members.keys().copied().collect::<Vec<u32>>();
        for slot in self.rooms.get(room).map(members).unwrap_or_default() {
            self.lose(room, slot, CloseCode::LostPlace);
        }
    }

    /// The same for every room.
    pub fn lose_all(&mut self) {
        let rooms: Vec<RoomId> = self.rooms.keys().cloned().collect();
        for room in rooms {
            self.lose_room(&room);
        }
    }

    /// Ends a session that doesn't drain: told if it can still hear, its connection cut if it has a handle for that.
    pub fn evict(&mut self, key: SessionKey) {
        if let Some(entry) = self.get(key) {
            entry.flow.hand(ToSession::Close(CloseCode::Slow), 0);
            if let Some(kill) = entry.kill.take() {
                kill();
            }
        }
    }

    fn count_left(&mut self, room: &RoomId) {
        match self.left.get_mut(room) {
            Some(n) => *n += 1,
            None => {
                self.left.insert(room.clone(), 1);
            }
        }
    }
}
