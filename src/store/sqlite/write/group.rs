//! A group of drafts and changes while it is being made: what it has moved so far, in memory until the commit.

use std::collections::HashMap;
use std::sync::Arc;

use chat_protocol::object::Person;
use chat_protocol::{Epoch, ErrorCode, Event, EventBody, MessageId, Offset, RoomId};
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error};

use super::super::rows;
use super::super::schema::{events, log_part, room_top, rooms};
use super::statements::{MoveLog, MoveRoom};
use crate::domain::fold::{Folded, Header, Partition, Top, fold};
use crate::domain::record::Draft;
use crate::store::{Committed, StoreError};

/// The embedded log has one partition.
pub(in crate::store::sqlite) const PARTITION: i64 = 0;
/// Rooms that the writer remembers the heads of; when there are more, it forgets them all and reads them again.
const HEADS_MAX: usize = 65_536;

/// Where a room stands.
#[derive(Clone, Copy, Debug)]
pub(in crate::store::sqlite) struct Head {
    /// The room's number in the database.
    pub no: i64,
    pub top: Top,
    pub messages: u64,
}

/// What is committed, as the writer remembers it.
#[derive(Debug)]
pub(in crate::store::sqlite) struct Memory {
    partition: Partition,
    heads: HashMap<RoomId, Head>,
}

impl Memory {
    pub(in crate::store::sqlite) fn read(conn: &mut SqliteConnection) -> QueryResult<Self> {
        let (next, time): (i64, i64) =
            log_part::table.find(PARTITION).select((log_part::next, log_part::time)).first(conn)?;
        let partition = Partition { next: next.cast_unsigned(), time: time.cast_unsigned() };
        Ok(Self { partition, heads: HashMap::new() })
    }

    /// Takes over what `moved` moved, once it is committed.
    pub(in crate::store::sqlite) fn advance(&mut self, moved: Scratch) -> Vec<Arc<Event>> {
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
pub(in crate::store::sqlite) struct Scratch {
    partition: Partition,
    heads: HashMap<RoomId, Head>,
    /// In commit order.
    events: Vec<Arc<Event>>,
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store::sqlite) enum Placed {
    At(Offset),
    /// The log has its id already; nothing was written.
    Repeat,
}

/// An event on its way to a place.
pub(in crate::store::sqlite) struct Placing<'a> {
    pub author: Option<&'a Person>,
    pub id: MessageId,
    /// As far as the body hasn't one itself.
    pub client_id: Option<&'a str>,
    pub body: &'a EventBody,
}

/// A group within its transaction.
pub(in crate::store::sqlite) struct Group<'a> {
    pub conn: &'a mut SqliteConnection,
    pub epoch: &'a Epoch,
    memory: &'a Memory,
    pub scratch: Scratch,
    /// When the group began, by the clock: log time may be ahead of it.
    pub now_ms: u64,
}

impl<'a> Group<'a> {
    pub(in crate::store::sqlite) fn begin(
        conn: &'a mut SqliteConnection,
        epoch: &'a Epoch,
        memory: &'a Memory,
        now_ms: u64,
    ) -> Self {
        let partition = memory.partition;
        let scratch = Scratch { partition, heads: HashMap::new(), events: Vec::new() };
        Self { conn, epoch, memory, scratch, now_ms }
    }

    /// Where `room` stands within this group; `None`: there is no such room.
    pub(in crate::store::sqlite) fn head(
        &mut self,
        room: &RoomId,
    ) -> Result<Option<Head>, StoreError> {
        if let Some(head) = self.scratch.heads.get(room).or_else(|| self.memory.heads.get(room)) {
            return Ok(Some(*head));
        }
        let row: Option<(i64, i64, i64, i64)> = rooms::table
            .inner_join(room_top::table)
            .filter(rooms::id.eq(room.as_str()))
            .select((rooms::no, room_top::offset, room_top::log_offset, room_top::messages))
            .first(self.conn)
            .optional()?;
        Ok(row.map(|(no, offset, log_offset, messages)| Head {
            no,
            top: Top {
                offset: offset.cast_unsigned(),
                log_offset: (offset > 0).then(|| log_offset.cast_unsigned()),
            },
            messages: messages.cast_unsigned(),
        }))
    }

    /// Folds one event into `room`, which stands at `head`, and writes its row.
    pub(in crate::store::sqlite) fn place(
        &mut self,
        room: &RoomId,
        head: Head,
        event: Placing<'_>,
    ) -> Result<Placed, StoreError> {
        let (mut partition, mut top) = (self.scratch.partition, head.top);
        // Where the store is the log, a draft is checked and logged at the same moment, in log time.
        let timestamp = self.now_ms.max(partition.time);
        let header =
            Header { log_offset: partition.next, timestamp, readable: Some((timestamp, event.id)) };
        // The unique index knows every id, so the fold needn't.
        let Folded::Event { offset, time, .. } =
            fold(&mut partition, &mut top, header, |_, _| None)
        else {
            return Err(StoreError::Unavailable("a room is ahead of the log".to_owned()));
        };
        let messages = head.messages + u64::from(event.body.is_message());
        let (kind, body) = rows::encode(event.body)?;
        let client_id = match event.body {
            EventBody::MessageCreated { client_id, .. } => Some(client_id.as_str()),
            _ => event.client_id,
        };
        let inserted = diesel::insert_into(events::table)
            .values((
                events::room_no.eq(head.no),
                events::offset.eq(offset.cast_signed()),
                events::log_offset.eq(header.log_offset.cast_signed()),
                events::kind.eq(kind),
                events::id.eq(&event.id.as_bytes()[..]),
                events::author.eq(event.author.map(|it| it.id.as_str())),
                events::author_name.eq(event.author.map(|it| it.name.as_str())),
                events::client_id.eq(client_id),
                events::body.eq(&*body),
                events::time.eq(time.cast_signed()),
                events::ordinal.eq(messages.cast_signed()),
            ))
            .execute(self.conn);
        match inserted {
            Ok(_) => {}
            // SQLite undoes the one statement and goes on with the transaction.
            Err(Error::DatabaseError(DatabaseErrorKind::UniqueViolation, _)) => {
                return Ok(Placed::Repeat);
            }
            Err(error) => return Err(error.into()),
        }
        self.scratch.partition = partition;
        self.scratch.heads.insert(room.clone(), Head { no: head.no, top, messages });
        self.scratch.events.push(Arc::new(Event {
            room: room.clone(),
            offset,
            time,
            id: Some(event.id),
            user: event.author.cloned(),
            body: event.body.clone(),
        }));
        Ok(Placed::At(offset))
    }

    /// Resolves a draft against the log and what the group did before it.
    pub(in crate::store::sqlite) fn resolve(
        &mut self,
        draft: &Draft,
    ) -> Result<Committed, StoreError> {
        let Some(head) = self.head(&draft.room)? else {
            return Err(StoreError::Refused(ErrorCode::RoomNotFound));
        };
        let Draft { room, author, id, body } = draft;
        let event = Placing { author: author.as_ref(), id: *id, client_id: None, body };
        let repeat = self.place(room, head, event)? == Placed::Repeat;
        if repeat && !self.is_first(draft)? {
            return Err(StoreError::Refused(ErrorCode::ClientIdReused));
        }
        Ok(Committed { id: *id, repeat })
    }

    /// Does the event that has the draft's id say the same?
    fn is_first(&mut self, draft: &Draft) -> Result<bool, StoreError> {
        let first: (i16, Vec<u8>) = events::table
            .filter(events::id.eq(&draft.id.as_bytes()[..]))
            .select((events::kind, events::body))
            .first(self.conn)?;
        let (kind, body) = rows::encode(&draft.body)?;
        Ok((kind, body.as_ref()) == (first.0, first.1.as_slice()))
    }

    /// Writes the heads that the group moved and the partition's; the last thing before its commit.
    pub(in crate::store::sqlite) fn flush(&mut self) -> QueryResult<()> {
        for head in self.scratch.heads.values() {
            let moved = MoveRoom {
                no: head.no,
                offset: head.top.offset.cast_signed(),
                log_offset: head.top.log_offset.unwrap_or_default().cast_signed(),
                messages: head.messages.cast_signed(),
            };
            moved.execute(self.conn)?;
        }
        let Partition { next, time } = self.scratch.partition;
        if self.scratch.partition != self.memory.partition {
            let (next, time) = (next.cast_signed(), time.cast_signed());
            MoveLog { p: PARTITION, next, time }.execute(self.conn)?;
        }
        Ok(())
    }
}
