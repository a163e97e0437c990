//! Appending: what has to be asked is asked, the rest goes to Kafka in one go, and its answers come back in order.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chat_protocol::object::Durability;
use tokio::time::{Instant, timeout_at};

use super::look_up::{LookUps, Which};
use super::plan::Plan;
use super::{KafkaProducer, Known, SetUpError};
use crate::clock::Clock;
use crate::domain::record::Draft;
use crate::journal::{Committed, Journal, JournalError};
use crate::store::Partitions;

/// Half a second less than every reply may take. The producer itself tries longer: what is `unavailable` may still land.
const ANSWER_WITHIN: Duration = Duration::from_millis(3500);

/// Appends to a Kafka topic.
pub struct KafkaJournal {
    producer: Arc<KafkaProducer>,
    look_ups: LookUps,
    clock: Arc<dyn Clock>,
}

impl KafkaJournal {
    /// A journal over `producer`, which whoever implements `known` may need, too.
    pub fn new(
        producer: Arc<KafkaProducer>,
        partitions: Arc<dyn Partitions>,
        known: Arc<dyn Known>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { producer, look_ups: LookUps::new(partitions, known), clock }
    }

    /// As [`KafkaProducer::ready`].
    ///
    /// # Errors
    /// [`SetUpError::Clock`], [`SetUpError::NotReady`].
    pub async fn ready(&self) -> Result<(), SetUpError> {
        self.producer.ready().await
    }

    /// As [`KafkaProducer::close`].
    pub async fn close(&self, within: Duration) {
        self.producer.close(within).await;
    }
}

#[async_trait]
impl Journal for KafkaJournal {
    fn durability(&self) -> Durability {
        self.producer.topic().durability
    }

    async fn append(&self, drafts: Vec<Draft>) -> Vec<Result<Committed, JournalError>> {
        self.append_as(drafts, Which::Old).await
    }
}

impl KafkaJournal {
    /// As [`Journal::append`], for what was in the log before and may be there again: whatever the age of its id, it is
    /// looked up first.
    ///
    /// # Errors
    /// As [`Journal::append`].
    pub async fn append_again(&self, draft: Draft) -> Result<Committed, JournalError> {
        let unanswered = || Err(JournalError::Unavailable("it was not answered".to_owned()));
        self.append_as(vec![draft], Which::All).await.pop().unwrap_or_else(unanswered)
    }

    async fn append_as(
        &self,
        drafts: Vec<Draft>,
        which: Which,
    ) -> Vec<Result<Committed, JournalError>> {
        let deadline = Instant::now() + ANSWER_WITHIN;
        // What decides whether an id is recent enough for the fold is the same moment that the fold goes by.
        let at = self.clock.now_ms();
        let known = self.look_ups.of(&drafts, which, at).await;
        let (plan, records) = Plan::make(drafts, &known, at);
        let batch = self.producer.send(records, at);
        let _ = timeout_at(deadline, batch.whole()).await; // what came until then is answered
        plan.answers(&batch.answers(), |code| self.producer.why(code))
    }
}
