//! A group within its transaction: drafts resolved against the log and what the group did before them.

use chat_protocol::{Epoch, ErrorCode, Offset, RoomId};
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error};

use super::super::schema::{events, log_part, room_top, rooms};
use super::statements::{MoveLog, MoveRoom};
use crate::domain::fold::Partition;
use crate::domain::record::Draft;
use crate::store::rules::group::{Head, Memory, NewRow, Placing, Scratch, answer_repeat};
use crate::store::{Committed, StoreError};

/// The embedded log has one partition.
pub(in crate::store::sqlite) const PARTITION: i64 = 0;

/// What is committed.
pub(in crate::store::sqlite) fn read_memory(conn: &mut SqliteConnection) -> QueryResult<Memory> {
    let (next, time): (i64, i64) =
        log_part::table.find(PARTITION).select((log_part::next, log_part::time)).first(conn)?;
    Ok(Memory::new(Partition { next: next.cast_unsigned(), time: time.cast_unsigned() }))
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store::sqlite) enum Put {
    At(Offset),
    /// The log has its id already; nothing was written.
    Repeat,
}

pub(in crate::store::sqlite) struct Group<'a> {
    pub conn: &'a mut SqliteConnection,
    pub epoch: &'a Epoch,
    memory: &'a Memory,
    pub scratch: Scratch,
    pub now_ms: u64,
}

impl<'a> Group<'a> {
    pub(in crate::store::sqlite) fn begin(
        conn: &'a mut SqliteConnection,
        epoch: &'a Epoch,
        memory: &'a Memory,
        now_ms: u64,
    ) -> Self {
        Self { conn, epoch, memory, scratch: Scratch::begin(memory, now_ms), now_ms }
    }

    /// Where `room` stands within this group; `None`: there is no such room.
    pub(in crate::store::sqlite) fn head(
        &mut self,
        room: &RoomId,
    ) -> Result<Option<Head>, StoreError> {
        if let Some(head) = self.scratch.head(self.memory, room) {
            return Ok(Some(head));
        }
        let row: Option<(i64, i64, i64, i64)> = rooms::table
            .inner_join(room_top::table)
            .filter(rooms::id.eq(room.as_str()))
            .select((rooms::no, room_top::offset, room_top::log_offset, room_top::messages))
            .first(self.conn)
            .optional()?;
        Ok(row.map(Head::read))
    }

    /// Gives an event its place in a room that stands at `head`, and writes its row.
    pub(in crate::store::sqlite) fn put(
        &mut self,
        head: Head,
        event: &Placing<'_>,
    ) -> Result<Put, StoreError> {
        let placed = self.scratch.place(head, event)?;
        match insert(self.conn, &placed.row()?) {
            Ok(_) => Ok(Put::At(self.scratch.take(&placed))),
            // SQLite undoes the one statement and goes on with the transaction.
            Err(Error::DatabaseError(DatabaseErrorKind::UniqueViolation, _)) => Ok(Put::Repeat),
            Err(error) => Err(error.into()),
        }
    }

    /// Resolves a draft against the log and what the group did before it.
    pub(in crate::store::sqlite) fn resolve(
        &mut self,
        draft: &Draft,
    ) -> Result<Committed, StoreError> {
        let Some(head) = self.head(&draft.room)? else {
            return Err(StoreError::Refused(ErrorCode::RoomNotFound));
        };
        match self.put(head, &draft.into())? {
            Put::At(_) => Ok(Committed { id: draft.id, repeat: false }),
            Put::Repeat => {
                let (kind, body) = self.first(draft)?;
                answer_repeat(draft, (kind, &body))
            }
        }
    }

    /// Kind and body of the event that has the draft's id.
    fn first(&mut self, draft: &Draft) -> QueryResult<(i16, Vec<u8>)> {
        events::table
            .filter(events::id.eq(&draft.id.as_bytes()[..]))
            .select((events::kind, events::body))
            .first(self.conn)
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

fn insert(conn: &mut SqliteConnection, row: &NewRow<'_>) -> QueryResult<usize> {
    diesel::insert_into(events::table)
        .values((
            events::room_no.eq(row.room_no),
            events::offset.eq(row.offset),
            events::log_offset.eq(row.log_offset),
            events::kind.eq(row.kind),
            events::id.eq(row.id),
            events::author.eq(row.author),
            events::author_name.eq(row.author_name),
            events::client_id.eq(row.client_id),
            events::body.eq(&*row.body),
            events::time.eq(row.time),
            events::ordinal.eq(row.ordinal),
        ))
        .execute(conn)
}
