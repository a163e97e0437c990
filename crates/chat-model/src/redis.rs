//! A Redis: a projection with the rooms' newest events beside it. What it does is what `bus/redis/projection/relay.lua` does,
//! but for the fold itself, to which that script is held by a test.

use std::ops::Range;

use chat_protocol::Offset;

use crate::projection::{Departure, Projection};
use crate::record::{Event, Message, Record};

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Redis {
    pub projection: Projection,
    /// Of each room the newest events, ascending.
    pub tails: Vec<Vec<Event>>,
}

/// How the script is called.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    pub log: &'a [Record],
    /// How many events a tail keeps.
    pub tail: usize,
    pub fenced: bool,
    pub departure: Departure,
}

impl Redis {
    /// One that stands where `base` stands, its tails empty.
    pub fn built(base: Projection) -> Self {
        let tails = vec![Vec::new(); base.tops.len()];
        Self { projection: base, tails }
    }

    /// The relay script: folds a run and tells what it publishes, room by room. `None`: the run begins beyond the cursor.
    pub fn apply(
        &mut self,
        run: Range<usize>,
        call: Call<'_>,
        room_of: impl Fn(Message) -> usize,
    ) -> Option<Vec<(usize, Event)>> {
        if call.fenced && run.start > self.projection.cursor() {
            return None;
        }
        let mut published = Vec::new();
        for (at, record) in call.log.iter().enumerate().take(run.end).skip(run.start) {
            let room = room_of(record.message);
            if let Some(event) = self.projection.fold(at, room, record, call.departure) {
                self.keep(room, event, call.tail);
                published.push((room, event));
            }
        }
        Some(published)
    }

    /// The script, dead after its first writes: ids and tails are there, nobody's place has moved and nothing is published.
    pub fn apply_half(
        &mut self,
        run: Range<usize>,
        call: Call<'_>,
        room_of: impl Fn(Message) -> usize,
    ) {
        let mut whole = self.clone();
        if whole.apply(run, call, room_of).is_some() {
            self.projection.known = whole.projection.known;
            self.tails = whole.tails;
        }
    }

    /// The old way: gives a message its place before the log has it.
    pub fn give_place(&mut self, room: usize) -> Offset {
        self.projection.tops.get_mut(room).map_or(0, |top| {
            top.offset += 1;
            top.offset
        })
    }

    fn keep(&mut self, room: usize, event: Event, most: usize) {
        let Some(tail) = self.tails.get_mut(room) else { return };
        // A stream refuses what lies at or below its end.
        if tail.last().is_none_or(|last| last.offset < event.offset) {
            tail.push(event);
        }
        let excess = tail.len().saturating_sub(most);
        tail.drain(..excess);
    }
}
