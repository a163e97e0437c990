//! Pages of a room's past. Offsets have no hole, so a page is an interval, and its ends are arithmetic.

use std::sync::Arc;

use async_trait::async_trait;
use chat_protocol::client::Anchor;
use chat_protocol::object::HistoryPage;
use chat_protocol::{Epoch, ErrorCode, Event, EventBody, MessageId, Offset, RoomId, UserId};
use diesel::prelude::*;

use super::super::SqliteStore;
use super::super::rows::EventRow;
use super::super::schema::events;
use super::view;
use crate::store::{Head, History, Membership, PageLimit, Range, StoreError};

/// What an event costs as JSON besides its texts: keys, ids, numbers.
const EVENT_BYTES: usize = 256;

#[async_trait]
impl History for SqliteStore {
    fn epoch(&self) -> &Epoch {
        &self.epoch
    }

    async fn head(&self, room: &RoomId) -> Result<Option<Head>, StoreError> {
        let room = room.clone();
        let read = self.read(move |conn| {
            let room = view::room(conn, &room)?;
            let offset = view::position(conn, room.no)?.offset;
            Ok(Head { kind: room.state.kind, offset })
        });
        match read.await {
            Ok(head) => Ok(Some(head)),
            Err(StoreError::Refused(ErrorCode::RoomNotFound)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn membership(&self, room: &RoomId, user: &UserId) -> Result<Membership, StoreError> {
        let (room, user) = (room.clone(), user.clone());
        let read = self.read(move |conn| {
            let room = view::room(conn, &room)?;
            let joined = view::standing(conn, &room, &user)?.map(|it| it.joined);
            let as_of = view::position(conn, room.no)?.offset;
            Ok(Membership { joined, as_of })
        });
        read.await
    }

    async fn page(
        &self,
        room: &RoomId,
        viewer: Option<&UserId>,
        range: Range,
        limit: PageLimit,
    ) -> Result<HistoryPage, StoreError> {
        let (room, viewer) = (room.clone(), viewer.cloned());
        let epoch = Arc::clone(&self.epoch);
        let read = self.read(move |conn| {
            let visible = Visible::to(conn, &room, viewer.as_ref())?;
            let budget = Budget::of(limit);
            let (events, end) = match range {
                Range::Newest => (visible.backwards(conn, visible.head, budget)?, visible.head),
                Range::Before(anchor) => {
                    let end = visible.locate(conn, &anchor)?.saturating_sub(1);
                    let end = end.clamp(visible.floor - 1, visible.head);
                    (visible.backwards(conn, end, budget)?, end)
                }
                Range::After(anchor) => {
                    let start = visible.locate(conn, &anchor)?;
                    let start = start.clamp(visible.floor - 1, visible.head);
                    (visible.forwards(conn, start, budget)?, start)
                }
                Range::Around(anchor) => {
                    let middle = visible.locate(conn, &anchor)?;
                    let middle = middle.clamp(visible.floor, visible.head.max(visible.floor));
                    (visible.around(conn, middle, budget)?, middle)
                }
            };
            Ok(visible.page(events, end, (*epoch).clone()))
        });
        read.await
    }
}

/// The part of a room that a viewer may see: offsets `floor` to `head`; none if `floor` is greater.
struct Visible {
    room: RoomId,
    no: i64,
    floor: Offset,
    head: Offset,
}

/// How much a page, or one side of it, may hold.
#[derive(Clone, Copy)]
struct Budget {
    events: usize,
    bytes: usize,
}

impl Budget {
    fn of(limit: PageLimit) -> Self {
        Self { events: limit.events.max(1), bytes: limit.bytes }
    }
}

/// The event's size as JSON, as far as it depends on what people wrote.
fn estimate(event: &Event) -> usize {
    let text = match &event.body {
        EventBody::MessageCreated { text, .. } => text.len(),
        EventBody::RoomCreated(state) | EventBody::RoomUpdated(state) => {
            state.name.len() + state.topic.len()
        }
        _ => 0,
    };
    EVENT_BYTES + text
}

impl Visible {
    fn to(
        conn: &mut SqliteConnection,
        room: &RoomId,
        viewer: Option<&UserId>,
    ) -> Result<Self, StoreError> {
        let row = view::room(conn, room)?;
        let mut floor = 1;
        if let Some(viewer) = viewer {
            let standing = view::allow(conn, &row, viewer)?;
            if !view::open_to_all(&row) {
                floor = standing.map_or(1, |it| it.joined.max(1));
            }
        }
        let head = view::position(conn, row.no)?.offset;
        Ok(Self { room: room.clone(), no: row.no, floor, head })
    }

    /// The offset that an anchor names.
    fn locate(&self, conn: &mut SqliteConnection, anchor: &Anchor) -> Result<Offset, StoreError> {
        let id = match anchor {
            Anchor::Offset(offset) => return Ok(*offset),
            Anchor::Id(id) => MessageId::parse(id),
        };
        let unknown = StoreError::Refused(ErrorCode::BadRequest);
        let id = id.ok_or(unknown.clone())?;
        let offset: Option<i64> = events::table
            .filter(events::id.eq(&id.as_bytes()[..]))
            .filter(events::room_no.eq(self.no))
            .select(events::offset)
            .first(conn)
            .optional()?;
        let offset = offset.map(i64::cast_unsigned).filter(|it| *it >= self.floor);
        offset.ok_or(unknown)
    }

    /// Up to `end`, inclusive; ascending.
    fn backwards(
        &self,
        conn: &mut SqliteConnection,
        end: Offset,
        budget: Budget,
    ) -> Result<Vec<Event>, StoreError> {
        let rows = events::table
            .filter(events::room_no.eq(self.no))
            .filter(events::offset.le(end.cast_signed()))
            .filter(events::offset.ge(self.floor.cast_signed()))
            .order(events::offset.desc())
            .select(EventRow::as_select());
        let mut page = self.take(rows.load_iter(conn)?, budget)?;
        page.reverse();
        Ok(page)
    }

    /// From the one after `start`, ascending.
    fn forwards(
        &self,
        conn: &mut SqliteConnection,
        start: Offset,
        budget: Budget,
    ) -> Result<Vec<Event>, StoreError> {
        let rows = events::table
            .filter(events::room_no.eq(self.no))
            .filter(events::offset.gt(start.cast_signed()))
            .order(events::offset.asc())
            .select(EventRow::as_select());
        self.take(rows.load_iter(conn)?, budget)
    }

    /// As many on both sides of `middle` as fit; what one side hasn't, the other may have.
    fn around(
        &self,
        conn: &mut SqliteConnection,
        middle: Offset,
        budget: Budget,
    ) -> Result<Vec<Event>, StoreError> {
        let wanted = u64::try_from(budget.events).unwrap_or(u64::MAX);
        let newer = self.head.saturating_sub(middle).min(wanted / 2);
        let older = usize::try_from(wanted - newer).unwrap_or(usize::MAX);
        let mut page =
            self.backwards(conn, middle, Budget { events: older, bytes: budget.bytes / 2 })?;
        let spent: usize = page.iter().map(estimate).sum();
        if page.len() < budget.events && spent < budget.bytes {
            let rest = Budget { events: budget.events - page.len(), bytes: budget.bytes - spent };
            page.extend(self.forwards(conn, middle, rest)?);
        }
        Ok(page)
    }

    /// Reads as long as the budget lasts.
    fn take(
        &self,
        rows: impl Iterator<Item = QueryResult<EventRow>>,
        budget: Budget,
    ) -> Result<Vec<Event>, StoreError> {
        let (mut page, mut bytes) = (Vec::new(), 0);
        for row in rows {
            let event = row?.into_event(self.room.clone())?;
            bytes += estimate(&event);
            if bytes > budget.bytes && !page.is_empty() {
                break;
            }
            page.push(event);
            if page.len() == budget.events {
                break;
            }
        }
        Ok(page)
    }

    /// An empty page lies right after `end`.
    fn page(&self, events: Vec<Event>, end: Offset, epoch: Epoch) -> HistoryPage {
        let first = events.first().map_or(end + 1, |it| it.offset);
        let last = events.last().map_or(end, |it| it.offset);
        HistoryPage {
            prev: (first > self.floor).then_some(first),
            next: (last < self.head).then_some(last),
            epoch,
            head: self.head,
            events,
        }
    }
}
