//! Ticks: what members are told of who has come and gone, at most once in a while.

use std::collections::HashMap;

use chat_protocol::ephemeral::PresenceTick;
use chat_protocol::object::Person;
use chat_protocol::{Ephemeral, EphemeralBody, RoomId, UserId};
use indexmap::IndexMap;

/// People that a tick names as having come, and as having gone; of more there is only the count.
const NAMED_MAX: usize = 50;
/// So many users more, and a room ticks once less in the same time: what a crowd costs has a bound.
const USERS_PER_INTERVAL: u64 = 1000;

#[derive(Debug, Default)]
struct Pending {
    count: u32,
    sample: Vec<Person>,
    joined: IndexMap<UserId, Person>,
    left: IndexMap<UserId, Person>,
    due_ms: u64,
}

/// See the module.
#[derive(Debug)]
pub struct Ticks {
    rooms: HashMap<RoomId, Pending>,
    /// The count that members were told last.
    told: HashMap<RoomId, u32>,
    interval_ms: u64,
}

impl Ticks {
    /// A room ticks `interval_ms` after it has changed, with all that has changed by then.
    pub fn new(interval_ms: u64) -> Self {
        Self { rooms: HashMap::new(), told: HashMap::new(), interval_ms }
    }

    /// A room has changed. Who came and went in between is not named.
    pub fn on_change(&mut self, room: RoomId, it: PresenceTick, now_ms: u64) {
        let pending = self.rooms.entry(room).or_default();
        if pending.due_ms == 0 {
            let intervals = 1 + u64::from(it.count) / USERS_PER_INTERVAL;
            pending.due_ms = now_ms + self.interval_ms * intervals;
        }
        for person in it.joined {
            if pending.left.shift_remove(&person.id).is_none() && pending.joined.len() < NAMED_MAX {
                pending.joined.insert(person.id.clone(), person);
            }
        }
        for person in it.left {
            if pending.joined.shift_remove(&person.id).is_none() && pending.left.len() < NAMED_MAX {
                pending.left.insert(person.id.clone(), person);
            }
        }
        pending.count = it.count;
        pending.sample = it.sample;
    }

    /// A room with sessions here, or none any more, has so many users: if members were told otherwise, a change was lost
    /// on its way, and they are told anew.
    pub fn on_count(&mut self, room: &RoomId, is_here: bool, count: u32, now_ms: u64) {
        if !is_here {
            self.told.remove(room);
        } else if self.told.get(room) != Some(&count) && !self.rooms.contains_key(room) {
            self.on_change(room.clone(), PresenceTick { count, ..PresenceTick::default() }, now_ms);
        }
    }

    /// The ticks whose time has come.
    pub fn due(&mut self, now_ms: u64) -> Vec<Ephemeral> {
        let due = self.rooms.extract_if(|_, it| it.due_ms <= now_ms);
        let told = &mut self.told;
        let tick = |(room, mut it): (RoomId, Pending)| {
            told.insert(room.clone(), it.count);
            let people =
                |map: &mut IndexMap<UserId, Person>| map.drain(..).map(|(_, it)| it).collect();
            let body = EphemeralBody::PresenceTick(PresenceTick {
                count: it.count,
                joined: people(&mut it.joined),
                left: people(&mut it.left),
                sample: it.sample,
            });
            Ephemeral { room, body }
        };
        due.map(tick).collect()
    }
}
