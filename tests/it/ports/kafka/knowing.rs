//! What a store that folds the log knows of ids: its "no" counts only if it has folded all that there was.

use std::sync::Arc;
use std::sync::Mutex;

use async_trait::async_trait;
use chat_protocol::{MessageId, RoomId};
use chat_server::domain::fold::{BUCKET_MS, Partition};
use chat_server::journal::kafka::{Known, StoreKnown};
use chat_server::journal::{Journal, JournalError};
use chat_server::store::projection::{LookUp, LookedUp};
use chat_server::store::{Partitions, StoreError};

use super::{Written, clock, messages, shared};

/// A store that has folded nothing of what is looked up, and stands where it is told.
struct Folded(Mutex<Partition>);

#[async_trait]
impl LookUp for Folded {
    async fn look_up(&self, _: u32, _: &RoomId, _: MessageId) -> Result<LookedUp, StoreError> {
        Ok(LookedUp { partition: *self.0.lock().unwrap(), body: None })
    }
}

#[async_trait]
impl Partitions for Folded {
    async fn partition_of(&self, _: &RoomId) -> Result<Option<u32>, JournalError> {
        Ok(Some(0))
    }
}

#[tokio::test]
async fn a_store_that_is_behind_the_log_can_t_say_no() {
    let log = Written::start(shared(1)).await;
    let room = log.room("a", 0);
    let drafts = messages(&room, 3);
    let id = drafts[0].id;
    assert!(log.journal.append(drafts).await.iter().all(Result::is_ok));
    let end = log.producer.end_of(0).await.unwrap();
    let now_ms = clock().now_ms();
    let long_ago = now_ms - BUCKET_MS;
    let store = Arc::new(Folded(Mutex::new(Partition { next: end - 1, time: long_ago })));
    let known = StoreKnown::new(store.clone(), log.producer.clone(), clock());
    let answer = known.find(&room, id).await;
    assert!(matches!(answer, Err(JournalError::Unavailable(_))), "one record is not folded yet");
    // What it lacks is so young that the fold itself knows it again.
    *store.0.lock().unwrap() = Partition { next: end - 1, time: now_ms };
    assert!(known.find(&room, id).await.unwrap().is_none());
    // Or it has all of it.
    *store.0.lock().unwrap() = Partition { next: end, time: long_ago };
    assert!(known.find(&room, id).await.unwrap().is_none());
}
