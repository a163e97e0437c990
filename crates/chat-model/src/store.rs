//! The store: a projection with the whole history beside it; and what can be read of it, completed by a tail.

use chat_protocol::Offset;

use crate::projection::Projection;
use crate::record::{Event, Message};
use crate::redis::Redis;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Store {
    pub projection: Projection,
    /// The events of each room, by offset.
    pub rows: Vec<Vec<Event>>,
    /// Rows that a wrong Persister has not written yet, though its cursor has passed them.
    pub owed: Vec<(usize, Event)>,
}

impl Store {
    /// An empty one.
    pub fn new(rooms: u8) -> Self {
        let rows = vec![Vec::new(); usize::from(rooms)];
        Self { projection: Projection::new(rooms), rows, owed: Vec::new() }
    }

    /// Writes a row; there is at most one for each place.
    pub fn write(&mut self, room: usize, event: Event) {
        let Some(rows) = self.rows.get_mut(room) else { return };
        if rows.iter().all(|it| it.offset != event.offset) {
            rows.push(event);
            rows.sort_unstable();
        }
    }

    /// Is the message in history, however old?
    pub fn has(&self, room: usize, message: Message) -> bool {
        self.room(room).iter().any(|it| it.is(message))
    }

    /// The rows of a room.
    pub fn room(&self, room: usize) -> &[Event] {
        self.rows.get(room).map_or(&[], Vec::as_slice)
    }
}

/// What a node reads: the store's rows and what a tail has above them, as `store/tailed.rs` puts them together.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    pub store: &'a Store,
    /// The Redis whose tails are read; it may have nothing.
    pub redis: Option<&'a Redis>,
    pub room: usize,
}

impl<'a> View<'a> {
    fn stored(&self) -> Offset {
        self.store.projection.head(self.room)
    }

    /// What the tail has above the store, and how far the room reaches there.
    fn above(&self) -> (Offset, impl Iterator<Item = &'a Event> + use<'a>) {
        let stored = self.stored();
        let top = self.redis.map_or(0, |it| it.projection.head(self.room));
        let tail = self.redis.and_then(|it| it.tails.get(self.room));
        let within = move |it: &&Event| it.offset > stored && it.offset <= top;
        (top, tail.into_iter().flatten().filter(within))
    }

    /// How far the room reaches.
    pub fn head(&self) -> Offset {
        self.above().0.max(self.stored())
    }

    /// Everything after `after` that can be read without a hole; nothing, where it can't be said yet what follows.
    pub fn page(&self, after: Offset) -> Vec<Event> {
        let stored = self.stored();
        let mut page = self.store.room(self.room).to_vec();
        page.retain(|it| it.offset <= stored);
        let mut reach = stored;
        for event in self.above().1 {
            if event.offset == reach + 1 {
                reach = event.offset;
                page.push(*event);
            }
        }
        page.retain(|it| it.offset > after);
        page
    }
}
