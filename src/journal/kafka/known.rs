//! What the log has under an id, as the store tells that folds it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chat_protocol::{ErrorCode, MessageId, RoomId};
use tokio::time::{Instant, sleep};

use super::{Found, KafkaProducer, Known};
use crate::clock::Clock;
use crate::domain::fold::BUCKET_MS;
use crate::journal::JournalError;
use crate::mutants;
use crate::store::Partitions;
use crate::store::projection::LookUp;

/// How far behind, in log time, a store's "no" still counts: what it has not folded is so young that the fold itself knows
/// it again.
const BEHIND_MS_MAX: u64 = BUCKET_MS / 2;
/// How long a store that is behind is waited for: most often it is a few records.
const WAIT_MAX: Duration = Duration::from_millis(800);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// See the module.
pub struct StoreKnown<S> {
    store: Arc<S>,
    producer: Arc<KafkaProducer>,
    clock: Arc<dyn Clock>,
}

impl<S> StoreKnown<S> {
    /// Asks `store`, and `producer` how far the log reaches.
    pub fn new(store: Arc<S>, producer: Arc<KafkaProducer>, clock: Arc<dyn Clock>) -> Self {
        Self { store, producer, clock }
    }
}

#[async_trait]
impl<S: LookUp + Partitions> Known for StoreKnown<S> {
    async fn find(&self, room: &RoomId, id: MessageId) -> Result<Option<Found>, JournalError> {
        let partition = self.store.partition_of(room).await?;
        let partition = partition.ok_or(JournalError::Refused(ErrorCode::RoomNotFound))?;
        // Before the store is asked: what comes later is nobody's first.
        let end = self.producer.end_of(partition).await?;
        let late = Instant::now() + WAIT_MAX;
        loop {
            let looked_up = self.store.look_up(partition, room, id).await?;
            if let Some(body) = looked_up.body {
                return Ok(Some(Found { body: Some(body) }));
            }
            let stands = looked_up.partition;
            let is_near = stands.time + BEHIND_MS_MAX >= self.clock.now_ms();
            if stands.next >= end || is_near || mutants::is("lagging-look-up") {
                return Ok(None);
            }
            if Instant::now() >= late {
                let why = "the store is behind the log, so it can't tell whether it has a client id that \
                           doesn't tell its time";
                return Err(JournalError::Unavailable(why.to_owned()));
            }
            sleep(LOOK_EVERY).await;
        }
    }
}
