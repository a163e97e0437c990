//! A group of drafts and changes while it is being made: what it has moved so far, in memory until the commit.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use chat_protocol::object::Person;
use chat_protocol::{ClientId, ErrorCode, Event, EventBody, MessageId, Offset, RoomId};

use super::rows;
use super::view::Position;
use crate::domain::fold::{Folded, Header, Partition, Top, fold};
use crate::domain::record::Draft;
use crate::mutants;
use crate::store::{Committed, StoreError};

/// Rooms that a writer remembers the heads of; when there are more, it forgets them all and reads them again.
const HEADS_MAX: usize = 65_536;

/// Where a room stands.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    /// The room's number in the database.
    pub no: i64,
    pub top: Top,
    pub messages: u64,
}

impl Head {
    /// From a room's number and its row of `room_top`.
    pub fn read((no, offset, log_offset, messages): (i64, i64, i64, i64)) -> Self {
        let (offset, log_offset) = (offset.cast_unsigned(), log_offset.cast_unsigned());
        let top = Top { offset, log_offset: (offset > 0).then_some(log_offset) };
        Self { no, top, messages: messages.cast_unsigned() }
    }

    /// For who looks at the room.
    pub const fn position(&self) -> Position {
        Position { offset: self.top.offset, messages: self.messages }
    }
}

/// What is committed, as a writer remembers it.
#[derive(Debug)]
pub struct Memory {
    pub partition: Partition,
    heads: HashMap<RoomId, Head>,
}

impl Memory {
    /// Remembers no room yet.
    pub fn new(partition: Partition) -> Self {
        Self { partition, heads: HashMap::new() }
    }

    /// What the database says of a room that no group has moved since.
    pub fn learn(&mut self, room: RoomId, head: Head) {
        self.heads.insert(room, head);
    }

    /// Takes over what `moved` moved, once it is committed.
    pub fn advance(&mut self, moved: Scratch) -> Vec<Arc<Event>> {
        if self.heads.len() + moved.heads.len() > HEADS_MAX {
            self.heads.clear();
        }
        self.partition = moved.partition;
        self.heads.extend(moved.heads);
        moved.events
    }
}

/// What a group has moved. Dropping it forgets the group.
#[derive(Clone, Debug)]
pub struct Scratch {
    pub partition: Partition,
    /// Of the rooms that were moved or made.
    pub heads: HashMap<RoomId, Head>,
    /// In commit order.
    events: Vec<Arc<Event>>,
    now_ms: u64,
}

/// An event on its way to a place.
pub struct Placing<'a> {
    pub room: &'a RoomId,
    pub author: Option<&'a Person>,
    pub id: MessageId,
    /// As far as the body hasn't one itself.
    pub client_id: Option<&'a str>,
    pub body: &'a EventBody,
}

impl<'a> From<&'a Draft> for Placing<'a> {
    fn from(Draft { room, author, id, body, change: _ }: &'a Draft) -> Self {
        Self { room, author: author.as_ref(), id: *id, client_id: None, body }
    }
}

/// An event and its place, which is taken once [`Scratch::take`] was told so.
#[derive(Clone, Debug)]
pub struct Placed {
    pub event: Arc<Event>,
    /// Where everything stands with it.
    pub head: Head,
    pub partition: Partition,
    client_id: Option<String>,
}

/// A row of `events` as it is written.
pub struct NewRow<'a> {
    pub room_no: i64,
    pub offset: i64,
    pub log_offset: i64,
    /// The client-id bucket that its id belongs to; none for a void.
    pub bucket: Option<i64>,
    pub kind: i16,
    pub id: Option<&'a [u8]>,
    pub author: Option<&'a str>,
    pub author_name: Option<&'a str>,
    pub client_id: Option<&'a str>,
    pub body: Cow<'a, [u8]>,
    pub time: i64,
    pub ordinal: i64,
}

impl Scratch {
    /// A group that begins at `now_ms`, by the clock; log time may be ahead of it.
    pub fn begin(memory: &Memory, now_ms: u64) -> Self {
        let partition = memory.partition;
        Self { partition, heads: HashMap::new(), events: Vec::new(), now_ms }
    }

    /// Where `room` stands within this group, as far as `memory` knows.
    pub fn head(&self, memory: &Memory, room: &RoomId) -> Option<Head> {
        self.heads.get(room).or_else(|| memory.heads.get(room)).copied()
    }

    /// A room that the group has made: it stands at its beginning.
    pub fn begin_room(&mut self, room: &RoomId, no: i64) {
        let head = Head { no, top: Top::default(), messages: 0 };
        self.heads.insert(room.clone(), head);
    }

    /// The events of the group, in commit order.
    pub fn into_events(self) -> Vec<Arc<Event>> {
        self.events
    }

    /// Works out the place of an event in a room that stands at `head`. That its id is new has been made sure of, or is
    /// made sure of when the row is written.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the room is ahead of the log.
    pub fn place(&self, head: Head, event: &Placing<'_>) -> Result<Placed, StoreError> {
        let (mut partition, mut top) = (self.partition, head.top);
        // Where the store is the log, a draft is checked and logged at the same moment, in log time.
        let earliest = if mutants::is("time-goes-back") { 0 } else { partition.time };
        let timestamp = self.now_ms.max(earliest);
        let header =
            Header { log_offset: partition.next, timestamp, readable: Some((timestamp, event.id)) };
        // The database knows every id, so the fold needn't.
        let Folded::Event { offset, time, .. } =
            fold(&mut partition, &mut top, header, |_, _| None)
        else {
            return Err(StoreError::Unavailable("a room is ahead of the log".to_owned()));
        };
        let messages = head.messages + u64::from(event.body.is_message());
        let placed = Event {
            room: event.room.clone(),
            offset,
            time,
            id: Some(event.id),
            user: event.author.cloned(),
            body: event.body.clone(),
        };
        let head = Head { no: head.no, top, messages };
        let client_id = event.client_id.map(str::to_owned);
        Ok(Placed { client_id, ..Placed::new(placed, head, partition) })
    }

    /// The row is written: the next event comes after it.
    pub fn take(&mut self, placed: &Placed) -> Offset {
        self.partition = placed.partition;
        match self.heads.get_mut(&placed.event.room) {
            Some(head) => *head = placed.head,
            None => drop(self.heads.insert(placed.event.room.clone(), placed.head)),
        }
        self.events.push(Arc::clone(&placed.event));
        placed.event.offset
    }
}

impl Placed {
    /// An event at its place, and where room and partition stand with it.
    pub fn new(event: Event, head: Head, partition: Partition) -> Self {
        Self { event: Arc::new(event), head, partition, client_id: None }
    }

    /// # Errors
    /// [`StoreError::Unavailable`] if the body can't be encoded.
    pub fn row(&self) -> Result<NewRow<'_>, StoreError> {
        let (kind, body) = rows::encode(&self.event.body)?;
        let client_id = match &self.event.body {
            EventBody::MessageCreated { client_id, .. } => Some(client_id.as_str()),
            EventBody::DataPublished { client, .. } => client.as_ref().map(ClientId::as_str),
            _ => self.client_id.as_deref(),
        };
        let user = self.event.user.as_ref();
        Ok(NewRow {
            room_no: self.head.no,
            offset: self.event.offset.cast_signed(),
            log_offset: (self.partition.next - 1).cast_signed(),
            bucket: self.event.id.map(|_| self.partition.bucket().cast_signed()),
            kind,
            id: self.event.id.as_ref().map(|id| &id.as_bytes()[..]),
            author: user.map(|it| it.id.as_str()),
            author_name: user.map(|it| it.name.as_str()),
            client_id,
            body,
            time: self.event.time.cast_signed(),
            ordinal: self.head.messages.cast_signed(),
        })
    }
}

/// The answer to a draft whose id is in the log already, by kind and body of the event that has it.
///
/// # Errors
/// [`ErrorCode::ClientIdReused`] if that event says something else.
pub fn answer_repeat(draft: &Draft, (kind, body): (i16, &[u8])) -> Result<Committed, StoreError> {
    let said = rows::encode(&draft.body)?;
    if (said.0, said.1.as_ref()) == (kind, body) || mutants::is("ack-refused") {
        Ok(Committed { id: draft.id, repeat: true })
    } else {
        Err(StoreError::Refused(ErrorCode::ClientIdReused))
    }
}
