//! Compares how far rooms reach with what has come: a publication may be lost, and if it was the last one, nothing that
//! comes later shows it.

use std::sync::Arc;
use std::time::Duration;

use chat_protocol::{Offset, RoomId};
use rand::random_range;

use super::{Link, Receiver, Watched};
use crate::bus::Heads;
use crate::store::StoreError;

/// How often, about: not all nodes at the same time.
const COMPARE_EVERY: Duration = Duration::from_secs(2);
/// How often while publications don't come: then this is how rooms go on.
const COMPARE_EVERY_WITHOUT: Duration = Duration::from_millis(500);

/// Compares for as long as the task lives.
pub async fn keep(receiver: Arc<Receiver>, heads: Arc<dyn Heads>) {
    loop {
        let every = if receiver.is_up() { COMPARE_EVERY } else { COMPARE_EVERY_WITHOUT };
        tokio::time::sleep(every.mul_f64(random_range(0.75..1.25))).await;
        receiver.place_rest().await;
        match receiver.compare(&*heads).await {
            Ok(behind) if !behind.is_empty() => receiver.backlog.heads(behind),
            Ok(_) => {}
            // Nobody knows, and nothing comes: each room has to look for itself.
            Err(_) if !receiver.is_up() => receiver.backlog.gap(),
            Err(err) => tracing::debug!(%err, "rooms not compared"),
        }
    }
}

impl Receiver {
    /// The rooms that reach further than the receiver knows.
    async fn compare(&self, heads: &dyn Heads) -> Result<Vec<(RoomId, Offset)>, StoreError> {
        let watched: Vec<RoomId> = self.state().rooms.keys().cloned().collect();
        if watched.is_empty() {
            return Ok(Vec::new());
        }
        let mut found = heads.heads(&watched).await?;
        // What was published before that is on its way here, and not lost.
        self.settle().await;
        let state = self.state();
        let is_behind = |watched: &Watched, head| watched.told < head;
        found.retain(|(room, head)| state.rooms.get(room).is_some_and(|it| is_behind(it, *head)));
        Ok(found)
    }

    /// Asks again for the partitions of rooms that had none.
    async fn place_rest(&self) {
        let placeless =
            |(room, watched): (&RoomId, &Watched)| watched.keys.is_none().then(|| room.clone());
        let rest: Vec<RoomId> = self.state().rooms.iter().filter_map(placeless).collect();
        for room in rest {
            if let Some(keys) = self.redis.keys_of(&room).await {
                self.subscribe(&room, keys, Link::adopt);
            }
        }
    }
}
