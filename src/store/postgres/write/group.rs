//! A group within its transaction: drafts resolved against the log and what the group did before them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chat_protocol::object::RoomState;
use chat_protocol::{Epoch, ErrorCode, Event, MessageId, Offset, RoomId};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::future::try_join3;

use super::super::options::LogAt;
use super::super::routes::partition_of;
use super::super::schema::{events, log_part, room_top, rooms};
use super::append::Append;
use crate::domain::fold::Partition;
use crate::domain::record::Draft;
use crate::store::rules::group::{Head, Memory, Placed, Placing, Scratch, answer_repeat};
use crate::store::rules::rows;
use crate::store::{Committed, StoreError};

/// Who has a message's id.
enum First {
    /// Kind and body of an event in the log.
    InLog(i16, Vec<u8>),
    /// An event of this group.
    Here(Arc<Event>),
}

/// The log that a group belongs to.
#[derive(Clone, Copy)]
pub(in crate::store::postgres) struct Site<'a> {
    pub epoch: &'a Epoch,
    pub log: LogAt,
    pub partitions: i32,
}

/// It holds its partition's lock, or the directory's: what it has read stays true until its end.
pub(in crate::store::postgres) struct Group<'a> {
    pub conn: &'a mut AsyncPgConnection,
    pub site: Site<'a>,
    pub scratch: Scratch,
    p: i32,
    pub(super) now_ms: u64,
    memory: Memory,
    known: HashMap<MessageId, First>,
    /// Placed, but not written yet.
    pending: Vec<Placed>,
}

impl<'a> Group<'a> {
    /// Looks up what the drafts are resolved against, in one round trip.
    pub(in crate::store::postgres) async fn begin(
        conn: &'a mut AsyncPgConnection,
        site: Site<'a>,
        p: i32,
        now_ms: u64,
        drafts: &[&Draft],
    ) -> Result<Self, StoreError> {
        let rooms: HashSet<&RoomId> = drafts.iter().map(|it| &it.room).collect();
        let (partition, heads, known) =
            try_join3(partition(conn, p), heads(conn, rooms), known(conn, drafts)).await?;
        let mut memory = Memory::new(partition);
        for (room, head) in heads {
            memory.learn(room, head);
        }
        let scratch = Scratch::begin(&memory, now_ms);
        Ok(Self { conn, site, scratch, p, now_ms, memory, known, pending: Vec::new() })
    }

    /// Where `room` stands within this group; `None`: there is no such room.
    pub(super) async fn head(&mut self, room: &RoomId) -> Result<Option<Head>, StoreError> {
        if let Some(head) = self.scratch.head(&self.memory, room) {
            return Ok(Some(head));
        }
        for (room, head) in heads(self.conn, HashSet::from([room])).await? {
            self.memory.learn(room, head);
        }
        Ok(self.scratch.head(&self.memory, room))
    }

    /// Resolves a draft against the log and what the group did before it.
    pub(super) fn resolve(&mut self, draft: &Draft) -> Result<Committed, StoreError> {
        let Some(head) = self.scratch.head(&self.memory, &draft.room) else {
            return Err(StoreError::Refused(ErrorCode::RoomNotFound));
        };
        match self.known.get(&draft.id) {
            Some(First::InLog(kind, body)) => return answer_repeat(draft, (*kind, body)),
            Some(First::Here(first)) => {
                let (kind, body) = rows::encode(&first.body)?;
                return answer_repeat(draft, (kind, &body));
            }
            None => {}
        }
        let placed = self.scratch.place(head, &draft.into())?;
        self.known.insert(draft.id, First::Here(Arc::clone(&placed.event)));
        self.scratch.take(&placed);
        self.pending.push(placed);
        Ok(Committed { id: draft.id, repeat: false })
    }

    /// A piece of work was undone in the database: all that was placed before it has been written.
    pub(super) fn undo(&mut self, before: Scratch) {
        self.scratch = before;
        self.pending.clear();
    }

    /// The draft was undone.
    pub(super) fn forget(&mut self, draft: &Draft) {
        self.known.remove(&draft.id);
    }

    /// Gives an event, whose id nobody has, its place.
    pub(in crate::store::postgres) async fn put(
        &mut self,
        event: &Placing<'_>,
    ) -> Result<Offset, StoreError> {
        let head = self.head(event.room).await?;
        let head = head.ok_or(StoreError::Refused(ErrorCode::RoomNotFound))?;
        let placed = self.scratch.place(head, event)?;
        let offset = self.scratch.take(&placed);
        self.pending.push(placed);
        Ok(offset)
    }

    /// Inserts the rows of a room without events and members, whose number it gives. `None`: its id is taken, or its
    /// creator has made one under this client id, perhaps just now, on another node.
    pub(in crate::store::postgres) async fn add_room(
        &mut self,
        room: &RoomId,
        state: &RoomState,
        creator: Option<(&str, &str)>,
    ) -> Result<Option<i64>, StoreError> {
        let no: Option<i64> = diesel::insert_into(rooms::table)
            .values((
                rooms::id.eq(room.as_str()),
                rooms::partition.eq(partition_of(room, self.site.partitions)),
                rooms::name.eq(&state.name),
                rooms::kind.eq(rows::kind_code(state.kind)),
                rooms::topic.eq(&state.topic),
                rooms::creator.eq(creator.map(|(user, _)| user)),
                rooms::client_id.eq(creator.map(|(_, client_id)| client_id)),
                rooms::member_count.eq(0),
                rooms::created_at.eq(self.now_ms.cast_signed()),
            ))
            .on_conflict_do_nothing()
            .returning(rooms::no)
            .get_result(self.conn)
            .await
            .optional()?;
        let Some(no) = no else { return Ok(None) };
        diesel::insert_into(room_top::table)
            .values((
                room_top::room_no.eq(no),
                room_top::offset.eq(0),
                room_top::log_offset.eq(0),
                room_top::messages.eq(0),
            ))
            .execute(self.conn)
            .await?;
        self.scratch.begin_room(room, no);
        Ok(Some(no))
    }

    /// Writes what was placed since the last time; the last thing before the commit.
    pub(in crate::store::postgres) async fn flush(&mut self) -> Result<(), StoreError> {
        let pending = std::mem::take(&mut self.pending);
        if !pending.is_empty() {
            let append = Append::of(self.p, self.scratch.partition, None, &pending)?;
            append.execute(self.conn).await?;
        }
        Ok(())
    }

    /// The events of the group, in commit order.
    pub(super) fn into_events(self) -> Vec<Arc<Event>> {
        self.scratch.into_events()
    }
}

pub(in crate::store::postgres) async fn partition(
    mut conn: &AsyncPgConnection,
    p: i32,
) -> Result<Partition, StoreError> {
    let (next, time): (i64, i64) =
        log_part::table.find(p).select((log_part::next, log_part::time)).first(&mut conn).await?;
    Ok(Partition { next: next.cast_unsigned(), time: time.cast_unsigned() })
}

/// Where those of the rooms stand that have a row.
pub(in crate::store::postgres) async fn heads(
    mut conn: &AsyncPgConnection,
    ids: HashSet<&RoomId>,
) -> Result<HashMap<RoomId, Head>, StoreError> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<&str> = ids.into_iter().map(RoomId::as_str).collect();
    let found: Vec<(String, (i64, i64, i64, i64))> = rooms::table
        .inner_join(room_top::table)
        .filter(rooms::id.eq_any(ids))
        .select((
            rooms::id,
            (rooms::no, room_top::offset, room_top::log_offset, room_top::messages),
        ))
        .load(&mut conn)
        .await?;
    found.into_iter().map(|(id, head)| Ok((rows::room_id(&id)?, Head::read(head)))).collect()
}

async fn known(
    mut conn: &AsyncPgConnection,
    drafts: &[&Draft],
) -> Result<HashMap<MessageId, First>, StoreError> {
    if drafts.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<&[u8]> = drafts.iter().map(|it| &it.id.as_bytes()[..]).collect();
    let found: Vec<(Option<Vec<u8>>, i16, Vec<u8>)> = events::table
        .filter(events::id.eq_any(ids))
        .select((events::id, events::kind, events::body))
        .load(&mut conn)
        .await?;
    let first = |(id, kind, body): (Option<Vec<u8>>, i16, Vec<u8>)| {
        let id = id.and_then(|id| MessageId::from_slice(&id));
        Ok((id.ok_or_else(|| rows::unreadable("an id"))?, First::InLog(kind, body)))
    };
    found.into_iter().map(first).collect()
}
