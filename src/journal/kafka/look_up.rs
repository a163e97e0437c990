//! What a group of drafts needs to know before it is produced: its rooms' partitions, and what is older than the fold's
//! memory of ids.

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::hash::Hash;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use chat_protocol::{ErrorCode, MessageId, RoomId};
use futures_util::{StreamExt, stream};
use tokio::time::timeout;

use super::{Found, Known};
use crate::domain::fold::BUCKET_MS;
use crate::domain::record::Draft;
use crate::journal::JournalError;
use crate::mutants;
use crate::store::Partitions;

/// How far the time in a client id may be from now: the fold knows ids for at least W of log time, of which clocks that
/// differ and a retry that arrives late take the rest.
const RECENT_MS_MAX: u64 = BUCKET_MS / 4;
/// Look-ups of one kind at a time.
const AT_ONCE: usize = 32;
/// A look-up holds up its whole group, so it doesn't get the whole time that an answer has.
const LOOK_UP_WITHIN: Duration = Duration::from_secs(1);
/// Rooms whose partitions are remembered; when there are more, all are forgotten and asked for again.
const ROOMS_MAX: usize = 262_144;

/// See the module.
pub(super) struct LookUps {
    partitions: Arc<dyn Partitions>,
    known: Arc<dyn Known>,
    /// A room's partition never changes.
    rooms: RwLock<HashMap<RoomId, u32>>,
}

/// Which ids are looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    /// Those that the fold may have forgotten.
    Old,
    All,
}

/// What was found out for a group.
#[derive(Default)]
pub(super) struct LookedUp {
    pub(super) partitions: HashMap<RoomId, Result<u32, JournalError>>,
    /// Of the ids that had to be looked up.
    pub(super) known: HashMap<MessageId, Result<Option<Found>, JournalError>>,
}

impl LookUps {
    pub(super) fn new(partitions: Arc<dyn Partitions>, known: Arc<dyn Known>) -> Self {
        Self { partitions, known, rooms: RwLock::default() }
    }

    /// Finds out what `drafts`, checked at `at`, need. Bounded in time.
    pub(super) async fn of(&self, drafts: &[Draft], which: Which, at: u64) -> LookedUp {
        let rooms: HashSet<RoomId> = drafts.iter().map(|it| it.room.clone()).collect();
        let old = drafts.iter().filter(|it| which == Which::All || !is_recent(it.id, at));
        let old: HashMap<MessageId, RoomId> = old.map(|it| (it.id, it.room.clone())).collect();
        let partitions = all(rooms, |room| async move {
            let partition = self.partition_of(&room).await;
            (room, partition)
        });
        let known =
            all(old, |(id, room)| async move { (id, in_time(self.known.find(&room, id)).await) });
        let (partitions, known) = tokio::join!(partitions, known);
        LookedUp { partitions, known }
    }

    async fn partition_of(&self, room: &RoomId) -> Result<u32, JournalError> {
        let remembered =
            self.rooms.read().unwrap_or_else(PoisonError::into_inner).get(room).copied();
        if let Some(partition) = remembered {
            return Ok(partition);
        }
        let asked = in_time(self.partitions.partition_of(room)).await?;
        let partition = asked.ok_or(JournalError::Refused(ErrorCode::RoomNotFound))?;
        let mut rooms = self.rooms.write().unwrap_or_else(PoisonError::into_inner);
        if rooms.len() >= ROOMS_MAX {
            rooms.clear();
        }
        rooms.insert(room.clone(), partition);
        Ok(partition)
    }
}

/// Would the fold itself know a repeat of this, whenever its first came? Only a client id that tells its time can say so.
fn is_recent(id: MessageId, now_ms: u64) -> bool {
    id.time_ms().abs_diff(now_ms) <= RECENT_MS_MAX || mutants::is("no-look-up")
}

/// Asks about each of `asked`, some at a time.
async fn all<T, K, V, F>(asked: impl IntoIterator<Item = T>, ask: impl Fn(T) -> F) -> HashMap<K, V>
where
    K: Eq + Hash,
    F: Future<Output = (K, V)>,
{
    stream::iter(asked).map(ask).buffer_unordered(AT_ONCE).collect().await
}

async fn in_time<T>(
    asked: impl Future<Output = Result<T, JournalError>>,
) -> Result<T, JournalError> {
    let too_late = |_| Err(JournalError::Unavailable("a look-up took too long".to_owned()));
    timeout(LOOK_UP_WITHIN, asked).await.unwrap_or_else(too_late)
}

#[cfg(test)]
mod tests {
    use chat_protocol::{ClientId, UserId};

    use super::*;

    const NOW_MS: u64 = 1_764_000_000_000;

    fn id(client_id: &str) -> MessageId {
        let (room, author) = (RoomId::general(), UserId::parse("ann").unwrap());
        MessageId::of(&room, &author, &ClientId::parse(client_id).unwrap())
    }

    fn v7(ms: u64) -> MessageId {
        id(&uuid::Builder::from_unix_timestamp_millis(ms, &[7; 10]).into_uuid().to_string())
    }

    #[test]
    fn only_an_id_that_tells_a_recent_time_needs_no_look_up() {
        for ms in [NOW_MS - RECENT_MS_MAX, NOW_MS, NOW_MS + RECENT_MS_MAX] {
            assert!(is_recent(v7(ms), NOW_MS), "{ms}");
        }
        for ms in [0, NOW_MS - RECENT_MS_MAX - 1, NOW_MS + RECENT_MS_MAX + 1] {
            assert!(!is_recent(v7(ms), NOW_MS), "{ms}");
        }
        let v4 = "3f333df6-90a4-4fda-8dd3-9485d27cee36";
        for client_id in ["1", "0", v4] {
            assert!(!is_recent(id(client_id), NOW_MS), "{client_id}");
        }
    }
}
