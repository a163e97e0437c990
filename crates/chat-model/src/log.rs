//! The log, and what is so: its fold at every length. Kept beside the records because it follows from them.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::projection::{Departure, Projection};
use crate::record::{Event, Record};

/// See the module.
#[derive(Clone, Debug)]
pub struct Log {
    pub records: Vec<Record>,
    folded: Arc<Folded>,
}

#[derive(Clone, Debug)]
struct Folded {
    /// After each number of records, from none to all.
    prefixes: Vec<Projection>,
    /// The events of each room.
    events: Vec<Vec<Event>>,
}

impl Log {
    /// An empty one.
    pub fn new(rooms: u8) -> Self {
        let events = vec![Vec::new(); usize::from(rooms)];
        let folded = Folded { prefixes: vec![Projection::new(rooms)], events };
        Self { records: Vec::new(), folded: Arc::new(folded) }
    }

    /// How many records it has.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Has it none?
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Appends a record of a room.
    pub fn push(&mut self, room: usize, record: Record, departure: Departure) {
        let folded = Arc::make_mut(&mut self.folded);
        let mut fold = folded.prefixes.last().cloned().unwrap_or_default();
        let event = fold.fold(self.records.len(), room, &record, departure);
        if let (Some(events), Some(event)) = (folded.events.get_mut(room), event) {
            events.push(event);
        }
        folded.prefixes.push(fold);
        self.records.push(record);
    }

    /// The fold of its first records.
    pub fn fold_of(&self, records: usize) -> Option<&Projection> {
        self.folded.prefixes.get(records)
    }

    /// The events of every room.
    pub fn events(&self) -> &[Vec<Event>] {
        &self.folded.events
    }

    /// The events of a room.
    pub fn room(&self, room: usize) -> &[Event] {
        self.folded.events.get(room).map_or(&[], Vec::as_slice)
    }
}

impl PartialEq for Log {
    fn eq(&self, other: &Self) -> bool {
        self.records == other.records
    }
}

impl Eq for Log {}

impl Hash for Log {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.records.hash(state);
    }
}
