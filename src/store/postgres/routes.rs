//! Which partition of the log a room belongs to: fixed when the room is made, so it may be remembered for ever.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError};

use chat_protocol::RoomId;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use futures_util::FutureExt;

use super::read::Reads;
use super::schema::rooms;
use crate::store::StoreError;
use crate::store::rules::rows;

/// Rooms that are remembered; when there are more, all are forgotten and read again.
const ROOMS_MAX: usize = 65_536;

/// The partition of a room that is made now. Another version may choose otherwise: what was chosen is written down.
pub(super) fn partition_of(room: &RoomId, partitions: i32) -> i32 {
    let mut hash = DefaultHasher::new();
    room.hash(&mut hash);
    let partitions = u64::from(partitions.max(1).cast_unsigned());
    i32::try_from(hash.finish() % partitions).unwrap_or_default()
}

/// Where rooms belong, as far as it was asked.
#[derive(Debug, Default)]
pub(super) struct Routes(Mutex<HashMap<RoomId, i32>>);

impl Routes {
    /// The partitions of those of `rooms` that exist.
    pub(super) async fn find<'a>(
        &self,
        reads: &Reads,
        rooms: impl Iterator<Item = &'a RoomId>,
    ) -> Result<HashMap<RoomId, i32>, StoreError> {
        let (mut found, mut unknown) = (HashMap::new(), Vec::new());
        {
            let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            for room in rooms {
                match known.get(room) {
                    Some(p) => drop(found.insert(room.clone(), *p)),
                    None => unknown.push(room.to_string()),
                }
            }
        }
        if unknown.is_empty() {
            return Ok(found);
        }
        let read = reads.read(move |conn| {
            let rows = rooms::table
                .filter(rooms::id.eq_any(unknown))
                .filter(rooms::kind.ne(rows::UNLISTED))
                .select((rooms::id, rooms::partition));
            async move { Ok(rows.load::<(String, i32)>(conn).await?) }.boxed()
        });
        for (id, p) in read.await? {
            found.insert(rows::room_id(&id)?, p);
        }
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() + found.len() > ROOMS_MAX {
            known.clear();
        }
        known.extend(found.iter().map(|(room, p)| (room.clone(), *p)));
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_are_spread_over_all_partitions_and_over_no_other() {
        for partitions in [1, 3, 8] {
            let mut rooms = vec![0; usize::try_from(partitions).unwrap()];
            for i in 0..1000 {
                let room = RoomId::parse(&format!("r{i}")).unwrap();
                rooms[usize::try_from(partition_of(&room, partitions)).unwrap()] += 1;
            }
            assert!(rooms.iter().all(|it| *it > 500 / partitions), "{rooms:?}");
        }
    }
}
