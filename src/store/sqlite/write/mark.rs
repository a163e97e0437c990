//! How far a member has read.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use crate::domain::record::ReadMark;

const KEEP: &str = "INSERT INTO read_marks (room_no, user_id, \"offset\") \
     SELECT no, ?, ? FROM rooms WHERE id = ? \
     ON CONFLICT (room_no, user_id) DO UPDATE SET \"offset\" = excluded.\"offset\" \
     WHERE excluded.\"offset\" > read_marks.\"offset\"";

/// Never moves one back.
pub(super) fn keep_mark(conn: &mut SqliteConnection, mark: &ReadMark) -> QueryResult<usize> {
    diesel::sql_query(KEEP)
        .bind::<Text, _>(mark.user.as_str())
        .bind::<BigInt, _>(mark.offset.cast_signed())
        .bind::<Text, _>(mark.room.as_str())
        .execute(conn)
}
