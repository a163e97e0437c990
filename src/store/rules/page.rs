//! Pages of a room's past. Offsets have no hole, so a page is an interval, and its ends are arithmetic.

use chat_protocol::client::Anchor;
use chat_protocol::object::HistoryPage;
use chat_protocol::{Epoch, ErrorCode, Event, EventBody, MessageId, Offset};

use super::view::{RoomRow, Standing};
use crate::mutants;
use crate::store::{PENDING, PageLimit, Range, StoreError};

/// What an event costs as JSON besides its texts: keys, ids, numbers.
pub const EVENT_BYTES: usize = 256;

/// The event's size as JSON, as far as it depends on what people wrote.
fn estimate(event: &Event) -> usize {
    let text = match &event.body {
        EventBody::MessageCreated { text, .. } => text.len(),
        EventBody::DataPublished { data, .. } => data.len(),
        EventBody::RoomCreated(state) | EventBody::RoomUpdated(state) => {
            state.name.len() + state.topic.len()
        }
        _ => 0,
    };
    EVENT_BYTES + text
}

/// The part of a room that a viewer may see: offsets `floor` to `head`; none if `floor` is greater.
#[derive(Clone, Copy, Debug)]
pub struct Visible {
    floor: Offset,
    head: Offset,
}

impl Visible {
    /// To the server itself.
    pub const fn whole(head: Offset) -> Self {
        Self { floor: 1, head }
    }

    /// What lies from `floor` on; that may be right after `head`, and no further.
    pub const fn from(floor: Offset, head: Offset) -> Self {
        Self { floor, head }
    }

    /// To a user, whose row among the members is `found`.
    ///
    /// # Errors
    /// [`ErrorCode::NotAMember`]; unavailable while it isn't known where what they may read begins.
    pub fn to(room: &RoomRow, found: Option<Standing>, head: Offset) -> Result<Self, StoreError> {
        let standing = room.allow(found)?;
        let floor = match standing {
            Some(Standing { joined: PENDING, .. }) if !room.is_open_to_all() => {
                return Err(StoreError::Unavailable("a joining has no place yet".to_owned()));
            }
            Some(standing) if !room.is_open_to_all() => standing.joined.max(1),
            _ => 1,
        };
        Ok(Self { floor, head })
    }

    /// The offset of an anchor that was looked up in the room by its id.
    ///
    /// # Errors
    /// [`ErrorCode::BadRequest`] if it isn't there, or not to be seen.
    pub fn anchor(&self, found: Option<i64>) -> Result<Offset, StoreError> {
        let offset = found.map(i64::cast_unsigned).filter(|it| *it >= self.floor);
        offset.ok_or(StoreError::Refused(ErrorCode::BadRequest))
    }
}

/// What a range is anchored to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seek {
    At(Offset),
    /// To be looked up.
    Id(MessageId),
}

impl Seek {
    /// # Errors
    /// [`ErrorCode::BadRequest`] for what is no id.
    pub fn of(range: &Range) -> Result<Self, StoreError> {
        match range {
            Range::Newest => Ok(Self::At(Offset::MAX)),
            Range::Before(anchor) | Range::After(anchor) | Range::Around(anchor) => match anchor {
                Anchor::Offset(offset) => Ok(Self::At(*offset)),
                Anchor::Id(id) => MessageId::parse(id)
                    .map(Self::Id)
                    .ok_or(StoreError::Refused(ErrorCode::BadRequest)),
            },
        }
    }
}

/// Rows that are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Inclusive.
    pub first: Offset,
    /// Inclusive.
    pub last: Offset,
    /// Descending, else ascending.
    pub newest_first: bool,
    /// By the estimate; what comes after need not be read.
    pub bytes: usize,
}

/// How much a page, or one side of it, may hold.
#[derive(Clone, Copy, Debug)]
struct Budget {
    events: u64,
    bytes: usize,
}

/// A page while it is being read: asks for stretches until it has enough.
#[derive(Debug)]
pub struct Reading {
    visible: Visible,
    budget: Budget,
    /// Ascending.
    events: Vec<Event>,
    stretch: Option<Stretch>,
    /// What lies after it may follow, as far as the budget goes.
    middle: Option<Offset>,
    /// An empty page lies right after it.
    end: Offset,
}

impl Reading {
    /// Begins the page of `range`, whose anchor is `at`.
    pub fn begin(visible: Visible, range: &Range, at: Offset, limit: PageLimit) -> Self {
        let events = u64::try_from(limit.events.max(1)).unwrap_or(u64::MAX);
        let budget = Budget { events, bytes: limit.bytes };
        let Visible { floor, head } = visible;
        let (end, stretch, middle) = match range {
            Range::Newest => (head, visible.backwards(head, budget), None),
            Range::Before(_) => {
                let end = at.saturating_sub(1).clamp(floor - 1, head);
                (end, visible.backwards(end, budget), None)
            }
            Range::After(_) => {
                let start = at.clamp(floor - 1, head);
                (start, visible.forwards(start, budget), None)
            }
            Range::Around(_) => {
                let middle = at.clamp(floor, head.max(floor));
                // As many on both sides as fit; what one side hasn't, the other may have.
                let newer = head.saturating_sub(middle).min(events / 2);
                let older = Budget { events: events - newer, bytes: budget.bytes / 2 };
                (middle, visible.backwards(middle, older), Some(middle))
            }
        };
        Self { visible, budget, events: Vec::new(), stretch, middle, end }
    }

    /// What is to be read next; `None`: the page is done.
    pub const fn stretch(&self) -> Option<Stretch> {
        self.stretch
    }

    /// Takes the rows of the stretch, as long as its budget lasts, but always one.
    ///
    /// # Errors
    /// That of a row.
    pub fn take(
        &mut self,
        rows: impl IntoIterator<Item = Result<Event, StoreError>>,
    ) -> Result<(), StoreError> {
        let Some(stretch) = self.stretch.take() else { return Ok(()) };
        let (mut part, mut bytes) = (Vec::new(), 0);
        for event in rows {
            let event = event?;
            bytes += estimate(&event);
            if bytes > stretch.bytes && !part.is_empty() {
                break;
            }
            part.push(event);
        }
        if stretch.newest_first {
            part.reverse();
        }
        self.events.append(&mut part);
        if let Some(middle) = self.middle.take() {
            let taken = u64::try_from(self.events.len()).unwrap_or(u64::MAX);
            let spent: usize = self.events.iter().map(estimate).sum();
            let events = self.budget.events.saturating_sub(taken);
            let rest = Budget { events, bytes: self.budget.bytes.saturating_sub(spent) };
            if rest.bytes > 0 {
                self.stretch = self.visible.forwards(middle, rest);
            }
        }
        Ok(())
    }

    /// The page.
    pub fn page(self, epoch: Epoch) -> HistoryPage {
        let Visible { floor, head } = self.visible;
        let first = self.events.first().map_or(self.end + 1, |it| it.offset);
        let last = self.events.last().map_or(self.end, |it| it.offset);
        HistoryPage {
            prev: (first > floor).then_some(first),
            next: (last < head).then_some(last),
            epoch,
            head,
            events: self.events,
        }
    }
}

impl Visible {
    /// Up to `end`, inclusive.
    fn backwards(self, end: Offset, budget: Budget) -> Option<Stretch> {
        let first = self.floor.max((end + 1).saturating_sub(budget.events));
        let stretch = Stretch { first, last: end, newest_first: true, bytes: budget.bytes };
        (first <= end).then_some(stretch)
    }

    /// From the one after `start`.
    fn forwards(self, start: Offset, budget: Budget) -> Option<Stretch> {
        let start = start + u64::from(mutants::is("page-off-by-one"));
        let (first, last) = (start + 1, self.head.min(start.saturating_add(budget.events)));
        let stretch = Stretch { first, last, newest_first: false, bytes: budget.bytes };
        (first <= last).then_some(stretch)
    }
}
