//! How far a member has read.

use diesel::sql_types::{BigInt, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::domain::record::ReadMark;
use crate::store::StoreError;

const KEEP: &str = "INSERT INTO read_marks AS kept (room_no, user_id, \"offset\") \
     SELECT no, $1, $2 FROM rooms WHERE id = $3 \
     ON CONFLICT (room_no, user_id) DO UPDATE SET \"offset\" = excluded.\"offset\" \
     WHERE excluded.\"offset\" > kept.\"offset\"";

/// Never moves one back.
pub(super) async fn keep_mark(
    conn: &mut AsyncPgConnection,
    mark: &ReadMark,
) -> Result<(), StoreError> {
    diesel::sql_query(KEEP)
        .bind::<Text, _>(mark.user.as_str())
        .bind::<BigInt, _>(mark.offset.cast_signed())
        .bind::<Text, _>(mark.room.as_str())
        .execute(conn)
        .await?;
    Ok(())
}
