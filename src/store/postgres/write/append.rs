//! What a group appends, in one statement: the events, the heads of their rooms, the partition's. Arrays, so that its text
//! is the same however many there are.

use std::borrow::Cow;
use std::collections::BTreeMap;

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Binary, Integer, Nullable, SmallInt, Text};

use crate::domain::fold::Partition;
use crate::store::StoreError;
use crate::store::rules::group::Placed;

#[derive(Default)]
pub(in crate::store::postgres) struct Append<'a> {
    p: i32,
    next: i64,
    time: i64,
    /// Of the last record, where the log is another's.
    checksum: Option<i64>,
    events: Events<'a>,
    heads: Heads,
}

/// Rows of `events` by column.
#[derive(Default)]
struct Events<'a> {
    room_no: Vec<i64>,
    offset: Vec<i64>,
    log_offset: Vec<i64>,
    bucket: Vec<Option<i64>>,
    time: Vec<i64>,
    ordinal: Vec<i64>,
    kind: Vec<i16>,
    id: Vec<Option<&'a [u8]>>,
    author: Vec<Option<&'a str>>,
    author_name: Vec<Option<&'a str>>,
    client_id: Vec<Option<&'a str>>,
    body: Vec<Cow<'a, [u8]>>,
}

/// Rows of `room_top` by column.
#[derive(Default)]
struct Heads {
    room_no: Vec<i64>,
    offset: Vec<i64>,
    log_offset: Vec<i64>,
    messages: Vec<i64>,
}

impl<'a> Append<'a> {
    /// The partition stands at `partition` with what was `placed`.
    pub(in crate::store::postgres) fn of(
        p: i32,
        partition: Partition,
        checksum: Option<u64>,
        placed: &'a [Placed],
    ) -> Result<Self, StoreError> {
        let (next, time) = (partition.next.cast_signed(), partition.time.cast_signed());
        let checksum = checksum.map(u64::cast_signed);
        let mut append = Self { p, next, time, checksum, ..Self::default() };
        let mut heads = BTreeMap::new();
        for placed in placed {
            append.events.push(placed)?;
            heads.insert(placed.head.no, &placed.head); // the last one counts
        }
        for head in heads.into_values() {
            append.heads.room_no.push(head.no);
            append.heads.offset.push(head.top.offset.cast_signed());
            append.heads.log_offset.push(head.top.log_offset.unwrap_or_default().cast_signed());
            append.heads.messages.push(head.messages.cast_signed());
        }
        Ok(append)
    }
}

impl<'a> Events<'a> {
    fn push(&mut self, placed: &'a Placed) -> Result<(), StoreError> {
        let row = placed.row()?;
        self.room_no.push(row.room_no);
        self.offset.push(row.offset);
        self.log_offset.push(row.log_offset);
        self.bucket.push(row.bucket);
        self.time.push(row.time);
        self.ordinal.push(row.ordinal);
        self.kind.push(row.kind);
        self.id.push(row.id);
        self.author.push(row.author);
        self.author_name.push(row.author_name);
        self.client_id.push(row.client_id);
        self.body.push(row.body);
        Ok(())
    }
}

impl QueryId for Append<'_> {
    type QueryId = Append<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl QueryFragment<Pg> for Append<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let Events { room_no, offset, log_offset, time, ordinal, .. } = &self.events;
        out.push_sql(
            "WITH placed AS (INSERT INTO events (p, room_no, \"offset\", log_offset, time, \
             ordinal, bucket, kind, id, author, author_name, client_id, body) SELECT ",
        );
        out.push_bind_param::<Integer, _>(&self.p)?;
        out.push_sql(", new.* FROM unnest(");
        for column in [room_no, offset, log_offset, time, ordinal] {
            out.push_bind_param::<Array<BigInt>, _>(column)?;
            out.push_sql(", ");
        }
        out.push_bind_param::<Array<Nullable<BigInt>>, _>(&self.events.bucket)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<SmallInt>, _>(&self.events.kind)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Nullable<Binary>>, _>(&self.events.id)?;
        for column in [&self.events.author, &self.events.author_name, &self.events.client_id] {
            out.push_sql(", ");
            out.push_bind_param::<Array<Nullable<Text>>, _>(column)?;
        }
        out.push_sql(", ");
        out.push_bind_param::<Array<Binary>, _>(&self.events.body)?;
        out.push_sql(
            ") AS new), moved AS (UPDATE room_top SET \"offset\" = head.o, log_offset = head.l, \
             messages = head.m FROM unnest(",
        );
        out.push_bind_param::<Array<BigInt>, _>(&self.heads.room_no)?;
        for column in [&self.heads.offset, &self.heads.log_offset, &self.heads.messages] {
            out.push_sql(", ");
            out.push_bind_param::<Array<BigInt>, _>(column)?;
        }
        out.push_sql(
            ") AS head (no, o, l, m) WHERE room_no = head.no) UPDATE log_part SET next = ",
        );
        out.push_bind_param::<BigInt, _>(&self.next)?;
        out.push_sql(", time = ");
        out.push_bind_param::<BigInt, _>(&self.time)?;
        out.push_sql(", checksum = ");
        out.push_bind_param::<Nullable<BigInt>, _>(&self.checksum)?;
        out.push_sql(" WHERE p = ");
        out.push_bind_param::<Integer, _>(&self.p)
    }
}
