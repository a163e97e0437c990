//! The sessions of this node by room, and what of them has not been reported yet.

use std::collections::HashMap;
use std::sync::Arc;

use chat_protocol::RoomId;
use chat_protocol::object::Occupant;

use crate::domain::session::SessionKey;

/// A session has come into a room, or gone.
#[derive(Clone, Debug)]
pub struct Move {
    pub room: RoomId,
    pub session: SessionKey,
    /// `None`: it has gone.
    pub came: Option<Arc<Occupant>>,
}

/// What is to be reported of a room now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    pub room: RoomId,
    /// `came` is everyone.
    pub whole: bool,
    pub came: Vec<Arc<Occupant>>,
    /// The names of sessions that went.
    pub went: Vec<String>,
    /// Sessions here after this.
    pub here: usize,
}

#[derive(Debug, Default)]
struct Here {
    occupants: HashMap<SessionKey, Arc<Occupant>>,
    came: Vec<SessionKey>,
    went: Vec<String>,
    /// What was reported can't be built on.
    whole: bool,
    due_ms: u64,
}

/// Until it is known what became of a report.
const UNDER_WAY: u64 = u64::MAX;

impl Here {
    fn wants_telling(&mut self) {
        if self.due_ms != UNDER_WAY {
            self.due_ms = 0;
        }
    }
}

/// See the module.
#[derive(Debug)]
pub struct Register {
    rooms: HashMap<RoomId, Here>,
    heartbeat_ms: u64,
}

impl Register {
    /// Nobody yet. A room is reported again after `heartbeat_ms`, though nothing has changed.
    pub fn new(heartbeat_ms: u64) -> Self {
        Self { rooms: HashMap::new(), heartbeat_ms }
    }

    /// Takes a move in. One that says what is so already changes nothing.
    pub fn on_move(&mut self, it: Move) {
        let here = self.rooms.entry(it.room).or_default();
        match it.came {
            Some(occupant) => {
                let went = here.went.iter().position(|went| *went == occupant.client);
                if here.occupants.insert(it.session, occupant).is_some() {
                    return;
                }
                match went {
                    Some(at) => drop(here.went.swap_remove(at)), // back before anybody heard of it
                    None => here.came.push(it.session),
                }
                here.wants_telling();
            }
            None => {
                let Some(gone) = here.occupants.remove(&it.session) else { return };
                match here.came.iter().position(|came| *came == it.session) {
                    Some(at) => drop(here.came.swap_remove(at)), // nobody has heard of it
                    None => here.went.push(gone.client.clone()),
                }
                here.wants_telling();
            }
        }
    }

    /// What is to be reported now; until it is known what became of it, nothing more of the same rooms.
    pub fn due(&mut self, now_ms: u64) -> Vec<Report> {
        let is_due = |it: &(&RoomId, &mut Here)| it.1.due_ms <= now_ms;
        let due = self.rooms.iter_mut().filter(is_due).map(|(room, here)| {
            here.due_ms = UNDER_WAY;
            let (came, went) = (std::mem::take(&mut here.came), std::mem::take(&mut here.went));
            let whole = std::mem::take(&mut here.whole);
            let came: Vec<_> = match whole {
                true => here.occupants.values().cloned().collect(),
                false => came.iter().filter_map(|it| here.occupants.get(it).cloned()).collect(),
            };
            let went = if whole { Vec::new() } else { went };
            Report { room: room.clone(), whole, came, went, here: here.occupants.len() }
        });
        due.collect()
    }

    /// The node ends: everyone goes, whatever their connections do.
    pub fn on_farewell(&mut self) {
        for here in self.rooms.values_mut() {
            let came = std::mem::take(&mut here.came);
            let told = here.occupants.drain().filter(|(session, _)| !came.contains(session));
            here.went.extend(told.map(|(_, occupant)| occupant.client.clone()));
            here.wants_telling();
        }
    }

    /// Is nobody here, and has that been told?
    pub fn is_empty(&self) -> bool {
        self.rooms.is_empty()
    }

    /// Whoever reported has died: it is not known what became of what was under way.
    pub fn on_restart(&mut self) {
        for here in self.rooms.values_mut().filter(|here| here.due_ms == UNDER_WAY) {
            (here.due_ms, here.whole) = (0, true);
        }
    }

    /// A report was taken, and adds up or not; `None`: it is not known what became of it.
    pub fn on_reported(&mut self, room: &RoomId, adds_up: Option<bool>, now_ms: u64) {
        /// Before a report is tried again that did not get through.
        const AGAIN_MS: u64 = 1000;
        let Some(here) = self.rooms.get_mut(room) else { return };
        let has_changed = !here.came.is_empty() || !here.went.is_empty();
        here.due_ms = match adds_up {
            Some(true) if has_changed => now_ms,
            Some(true) => now_ms + self.heartbeat_ms,
            Some(false) => now_ms,
            None => now_ms + AGAIN_MS,
        };
        here.whole = adds_up != Some(true);
        if adds_up == Some(true) && here.occupants.is_empty() && !has_changed {
            self.rooms.remove(room);
        }
    }
}
