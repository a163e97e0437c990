//! The two updates of every group, with fixed texts: Diesel prepares its own updates anew each time, which costs as much
//! as running them.

use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::BigInt;
use diesel::sqlite::Sqlite;

/// A room has moved on.
#[derive(QueryId)]
pub(super) struct MoveRoom {
    pub no: i64,
    pub offset: i64,
    pub log_offset: i64,
    pub messages: i64,
}

impl QueryFragment<Sqlite> for MoveRoom {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql("UPDATE room_top SET \"offset\" = ");
        out.push_bind_param::<BigInt, _>(&self.offset)?;
        out.push_sql(", log_offset = ");
        out.push_bind_param::<BigInt, _>(&self.log_offset)?;
        out.push_sql(", messages = ");
        out.push_bind_param::<BigInt, _>(&self.messages)?;
        out.push_sql(" WHERE room_no = ");
        out.push_bind_param::<BigInt, _>(&self.no)
    }
}

impl RunQueryDsl<SqliteConnection> for MoveRoom {}

/// The log has moved on.
#[derive(QueryId)]
pub(super) struct MoveLog {
    pub p: i64,
    pub next: i64,
    pub time: i64,
}

impl QueryFragment<Sqlite> for MoveLog {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql("UPDATE log_part SET next = ");
        out.push_bind_param::<BigInt, _>(&self.next)?;
        out.push_sql(", time = ");
        out.push_bind_param::<BigInt, _>(&self.time)?;
        out.push_sql(" WHERE p = ");
        out.push_bind_param::<BigInt, _>(&self.p)
    }
}

impl RunQueryDsl<SqliteConnection> for MoveLog {}
