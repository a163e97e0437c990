//! Dead letters: what was in the log and could not be read is copied to a topic of its own before the database's
//! projection passes it, so that nothing is gone that somebody meant to say.
//!
//! A letter may be copied more than once, after a crash above all: it is told by its place in the log, which the copy
//! carries, and shown once.

mod copy;
mod passing;
mod shelf;

use std::sync::Arc;
use std::time::Duration;

use rdkafka::error::RDKafkaErrorCode;
use tokio::time::timeout;

use super::batch::Delivery;
use super::producer::Outgoing;
use super::{KafkaOptions, KafkaProducer, SetUpError, Topic};
use crate::clock::Clock;
use crate::domain::dead_letter::{LetterPlace, Unreadable};
use crate::journal::JournalError;

pub(super) use copy::headers;
pub use passing::Passing;
pub use shelf::{Shelf, ShelfError};

/// How long the brokers may take: the partition's history waits meanwhile, and longer where they don't answer.
const KEEP_WITHIN: Duration = Duration::from_secs(5);

/// Writes letters to their topic.
pub struct DeadLetters {
    producer: KafkaProducer,
    clock: Arc<dyn Clock>,
}

/// A record that can't be read, where it stood, and when the log took it, ms since the Unix epoch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Letter<'a> {
    pub(super) place: LetterPlace,
    pub(super) timestamp: u64,
    pub(super) unreadable: &'a Unreadable,
}

impl DeadLetters {
    /// Finds the topic that `options` name, or makes it, and connects.
    ///
    /// # Errors
    /// As [`Topic::ensure`] and [`KafkaProducer::start`].
    pub async fn start(options: &KafkaOptions, clock: Arc<dyn Clock>) -> Result<Self, SetUpError> {
        let topic = Topic::ensure(options, None, clock.clone()).await?;
        Ok(Self { producer: KafkaProducer::start(options, topic, clock.clone())?, clock })
    }

    /// Returns when the brokers have them all. One that is longer than the topic takes is kept without its value.
    ///
    /// # Errors
    /// [`JournalError::Unavailable`]: some may be there, the same again is safe.
    pub(super) async fn keep(&self, letters: &[Letter<'_>]) -> Result<(), JournalError> {
        let too_long = self.write(letters, copy::whole).await?;
        let too_long: Vec<_> =
            too_long.into_iter().filter_map(|at| letters.get(at).copied()).collect();
        match self.write(&too_long, copy::without_value).await?.is_empty() {
            true => Ok(()),
            false => Err(self.unavailable("a letter's key and headers alone are too long")),
        }
    }

    /// Which of them were too long.
    async fn write(
        &self,
        letters: &[Letter<'_>],
        copy: impl Fn(&Letter<'_>) -> Outgoing,
    ) -> Result<Vec<usize>, JournalError> {
        let batch = self.producer.send(letters.iter().map(copy).collect(), self.clock.now_ms());
        let _ = timeout(KEEP_WITHIN, batch.whole()).await; // what came until then is looked at
        let mut too_long = Vec::new();
        for (at, answer) in batch.answers().into_iter().enumerate() {
            match answer {
                // Its time says nothing here.
                Some(Delivery::Taken | Delivery::OffTime { .. } | Delivery::Vague) => {}
                Some(
                    Delivery::TooLarge | Delivery::Failed(RDKafkaErrorCode::MessageSizeTooLarge),
                ) => too_long.push(at),
                Some(Delivery::Failed(code)) => {
                    return Err(self.unavailable(&self.producer.why(code)));
                }
                None => return Err(self.unavailable("no answer from kafka in time")),
            }
        }
        Ok(too_long)
    }

    fn unavailable(&self, why: &str) -> JournalError {
        let topic = &self.producer.topic().name;
        JournalError::Unavailable(format!("the dead letters' topic {topic}: {why}"))
    }

    /// As [`KafkaProducer::close`].
    pub async fn close(&self, within: Duration) {
        self.producer.close(within).await;
    }
}
