//! The letters that were kept, for an operator to look through.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};
use tokio::task::spawn_blocking;
use tokio::time::Instant;

use super::super::trouble::Trouble;
use super::super::{KafkaOptions, SetUpError};
use super::copy;
use crate::clock::Clock;
use crate::domain::dead_letter::{DeadLetter, LetterPlace};

/// How long the brokers may say nothing.
const SILENCE: Duration = Duration::from_secs(15);

/// Why letters can't be read.
#[derive(Debug, thiserror::Error)]
pub enum ShelfError {
    #[error(transparent)]
    SetUp(#[from] SetUpError),
    #[error("there is no topic {0}: a node makes it when it starts")]
    NoTopic(String),
    #[error("the topic {0} can't be read: {1}")]
    Unavailable(String, String),
}

/// The letters' topic, to be read from its beginning.
pub struct Shelf {
    options: KafkaOptions,
    clock: Arc<dyn Clock>,
}

impl Shelf {
    /// Of the topic that `options` name.
    pub const fn new(options: KafkaOptions, clock: Arc<dyn Clock>) -> Self {
        Self { options, clock }
    }

    /// The newest of them, `limit` at most, as they were found, each once.
    ///
    /// # Errors
    /// [`ShelfError`].
    pub async fn newest(&self, limit: usize) -> Result<Vec<DeadLetter>, ShelfError> {
        let mut newest = VecDeque::new();
        let newest = self.read(move |letter| {
            match letter {
                Some(letter) => newest.push_back(letter),
                None => return Some(std::mem::take(&mut newest)),
            }
            if newest.len() > limit {
                newest.pop_front();
            }
            None
        });
        Ok(newest.await?.unwrap_or_default().into())
    }

    /// The one that stood there.
    ///
    /// # Errors
    /// [`ShelfError`].
    pub async fn find(&self, place: LetterPlace) -> Result<Option<DeadLetter>, ShelfError> {
        self.read(move |letter| letter.filter(|it| it.place == place)).await
    }

    /// Shows `look` each letter once, then `None`, until it has what it wants.
    async fn read<T: Send + 'static>(
        &self,
        look: impl FnMut(Option<DeadLetter>) -> Option<T> + Send + 'static,
    ) -> Result<Option<T>, ShelfError> {
        let (options, clock) = (self.options.clone(), self.clock.clone());
        let topic = options.topic.clone();
        let reading = spawn_blocking(move || read(&options, clock, look)).await;
        reading.unwrap_or_else(|err| Err(ShelfError::Unavailable(topic, err.to_string())))
    }
}

fn read<T>(
    options: &KafkaOptions,
    clock: Arc<dyn Clock>,
    mut look: impl FnMut(Option<DeadLetter>) -> Option<T>,
) -> Result<Option<T>, ShelfError> {
    let topic = &options.topic;
    let unavailable = |err: &dyn ToString| ShelfError::Unavailable(topic.clone(), err.to_string());
    let mut config = options.consumer("dead-letters")?;
    config.set("enable.partition.eof", "true").set("auto.offset.reset", "earliest");
    let consumer: BaseConsumer<Trouble> =
        config.create_with_context(Trouble::new(clock)).map_err(SetUpError::from)?;
    let metadata =
        consumer.fetch_metadata(Some(topic), SILENCE).map_err(|err| unavailable(&err))?;
    let partitions = metadata.topics().first().map(|it| it.partitions().len()).unwrap_or_default();
    if partitions == 0 {
        return Err(ShelfError::NoTopic(topic.clone()));
    }
    // Nobody's group: it is read from the beginning by whoever asks.
    let mut all = TopicPartitionList::with_capacity(partitions);
    for partition in (0..).take(partitions) {
        all.add_partition_offset(topic, partition, Offset::Beginning)
            .map_err(|err| unavailable(&err))?;
    }
    consumer.assign(&all).map_err(|err| unavailable(&err))?;
    let (mut seen, mut at_end, mut heard) = (HashSet::new(), HashSet::new(), Instant::now());
    while at_end.len() < partitions {
        match consumer.poll(Duration::from_millis(100)) {
            None if heard.elapsed() < SILENCE => continue,
            None => return Err(unavailable(&"the brokers say nothing")),
            Some(Ok(record)) => {
                let letter = copy::read(&record).filter(|it| seen.insert(it.place));
                if let Some(wanted) = letter.and_then(|it| look(Some(it))) {
                    return Ok(Some(wanted));
                }
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                at_end.insert(partition);
            }
            // The client goes on trying by itself, and is waited for as long as it may be silent.
            Some(Err(err)) if is_passing(&err) && heard.elapsed() < SILENCE => continue,
            Some(Err(err)) => return Err(unavailable(&err)),
        }
        heard = Instant::now();
    }
    Ok(look(None))
}

fn is_passing(err: &KafkaError) -> bool {
    use RDKafkaErrorCode::{AllBrokersDown, BrokerTransportFailure};
    err.rdkafka_error_code()
        .is_some_and(|code| matches!(code, AllBrokersDown | BrokerTransportFailure))
}
