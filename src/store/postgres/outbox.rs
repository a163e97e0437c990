//! The outbox: a row for each change that the log, which is elsewhere, has still to be told of.
//!
//! Rows are held while the log is being told: another node passes over them, and over the room's later ones, since only a
//! room's oldest row is ever taken. A node that dies lets go of them.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chat_protocol::RoomId;
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::FutureExt;
use tokio::time::timeout;

use super::hold::Hold;
use super::schema::{outbox, rooms};
use super::{PgStore, closed};
use crate::domain::log_record::{Content, Record};
use crate::domain::record::Draft;
use crate::journal::Journal;
use crate::store::rules::rows;
use crate::store::{Outbox, StoreError};

/// The oldest of each room that nobody else is at.
const OLDEST: &str = "SELECT mine.room_no, mine.version, mine.value, rooms.id AS room FROM outbox mine \
     JOIN rooms ON rooms.no = mine.room_no \
     WHERE NOT EXISTS (SELECT FROM outbox older \
     WHERE older.room_no = mine.room_no AND older.version < mine.version) \
     LIMIT 256 FOR UPDATE OF mine SKIP LOCKED";
/// For the log's answers and the database's.
const WITHIN: Duration = Duration::from_secs(5);
/// How long whoever made a change waits for the log.
const TOLD_WITHIN: Duration = Duration::from_secs(2);
const LOOK_EVERY: Duration = Duration::from_millis(20);

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    room_no: i64,
    #[diesel(sql_type = BigInt)]
    version: i64,
    #[diesel(sql_type = Binary)]
    value: Vec<u8>,
    #[diesel(sql_type = Text)]
    room: String,
}

impl Row {
    fn draft(&self) -> Result<Draft, StoreError> {
        let room = rows::room_id(&self.room)?;
        match Record::decode(0, 0, RoomId::as_str(&room).as_bytes(), &self.value).content {
            Content::Draft(checked) => Ok(checked.draft),
            Content::Unreadable(_) | Content::Newer(_) => Err(rows::unreadable("an announcement")),
        }
    }
}

#[async_trait]
impl Outbox for PgStore {
    async fn filled(&self) {
        self.filled.notified().await;
    }

    async fn tell(&self, journal: Arc<dyn Journal>) -> Result<usize, StoreError> {
        // On the store's own threads: an actor that is stopped must not stop a transaction in its middle.
        let telling = self.with(|running| {
            let hold = Arc::clone(&running.outbox);
            running.threads.spawn(async move {
                let told = timeout(WITHIN, tell(&mut *hold.lock().await, &*journal)).await;
                told.unwrap_or_else(|_| Err(StoreError::Unavailable("no answer in time".into())))
            })
        })?;
        let told = telling.await.map_err(|_| closed())?;
        self.told.send_modify(|rounds| *rounds += 1);
        told
    }
}

impl PgStore {
    /// Returns when the log has been told all changes of a room, so that what is said next comes after them; or when that
    /// takes too long: they are made all the same.
    pub(super) async fn wait_until_told(&self, room: &RoomId) {
        let mut rounds = self.told.subscribe();
        let waiting = async {
            while self.has_untold(room).await {
                let _ = timeout(LOOK_EVERY, rounds.changed()).await; // another node may be at it
            }
        };
        if timeout(TOLD_WITHIN, waiting).await.is_err() {
            tracing::warn!(%room, "a change is made, but the log hasn't been told yet");
        }
    }

    async fn has_untold(&self, room: &RoomId) -> bool {
        let room = room.to_string();
        let read = self.read(move |conn| {
            let of_room = outbox::table
                .inner_join(rooms::table.on(rooms::no.eq(outbox::room_no)))
                .filter(rooms::id.eq(room));
            async move { Ok(diesel::select(exists(of_room)).get_result::<bool>(conn).await?) }
                .boxed()
        });
        read.await.unwrap_or(false) // nothing can be found out by waiting
    }
}

async fn tell(hold: &mut Hold, journal: &dyn Journal) -> Result<usize, StoreError> {
    let mut conn = hold.lock().await?;
    let rows: Vec<Row> = diesel::sql_query(OLDEST).load(&mut conn).await?;
    let drafts: Vec<Draft> = rows.iter().map(Row::draft).collect::<Result<_, _>>()?;
    let answers = if drafts.is_empty() { Vec::new() } else { journal.append(drafts).await };
    let (mut told, mut failed) = (0, None);
    for (row, answer) in rows.iter().zip(answers) {
        match answer {
            Ok(_) => {
                remove(&mut conn, row).await?;
                told += 1;
            }
            Err(error) => failed = Some(error),
        }
    }
    hold.commit(conn).await?;
    match failed {
        Some(error) if told == 0 => Err(error),
        _ => Ok(told),
    }
}

async fn remove(conn: &mut AsyncPgConnection, row: &Row) -> QueryResult<usize> {
    diesel::delete(outbox::table.find((row.room_no, row.version))).execute(conn).await
}
