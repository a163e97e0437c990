//! The one query of a page, which Diesel's own language can't say.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Binary, Integer, Nullable, SmallInt, Text};

use crate::store::rules::page::EVENT_BYTES;

const EVENT_BYTES_I32: i32 = EVENT_BYTES as i32;

/// The rows of a stretch, but not those that come after its bytes are spent: they would cross the network for nothing.
/// The reading itself counts again, and decides.
pub(super) struct ReadStretch {
    pub room_no: i64,
    /// Inclusive.
    pub first: i64,
    /// Inclusive.
    pub last: i64,
    pub newest_first: bool,
    pub bytes: i64,
}

impl Query for ReadStretch {
    type SqlType = (
        BigInt,
        SmallInt,
        Nullable<Binary>,
        Nullable<Text>,
        Nullable<Text>,
        Nullable<Text>,
        Binary,
        BigInt,
    );
}

/// Two texts, so the text itself has to name the prepared statement.
impl QueryId for ReadStretch {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl QueryFragment<Pg> for ReadStretch {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let order = if self.newest_first { "DESC" } else { "ASC" };
        out.push_sql(
            "SELECT \"offset\", kind, id, author, author_name, client_id, body, time FROM \
             (SELECT *, sum(bytes) OVER (ORDER BY \"offset\" ",
        );
        out.push_sql(order);
        out.push_sql(") - bytes AS before FROM (SELECT *, octet_length(body) + ");
        out.push_bind_param::<Integer, _>(&EVENT_BYTES_I32)?;
        out.push_sql(" AS bytes FROM events WHERE room_no = ");
        out.push_bind_param::<BigInt, _>(&self.room_no)?;
        out.push_sql(" AND \"offset\" BETWEEN ");
        out.push_bind_param::<BigInt, _>(&self.first)?;
        out.push_sql(" AND ");
        out.push_bind_param::<BigInt, _>(&self.last)?;
        out.push_sql(") AS rows) AS stretch WHERE before <= ");
        out.push_bind_param::<BigInt, _>(&self.bytes)?;
        out.push_sql(" ORDER BY \"offset\" ");
        out.push_sql(order);
        Ok(())
    }
}
