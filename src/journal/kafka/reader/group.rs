//! What the group gave to this reader, and what is open of it.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientContext, Offset, Statistics, TopicPartitionList};
use tokio::sync::watch;

use super::super::trouble::Trouble;
use super::stream::Place;
use crate::clock::Clock;
use crate::domain::fold::LogOffset;
use crate::journal::reader::LogError;

/// How long brokers may take to tell where a partition begins and ends. The thread waits for it.
const EXTENT_WITHIN: Duration = Duration::from_secs(5);

/// See the module. Changes on the reader's thread only, where the client's callbacks run, too.
pub(super) struct Group {
    topic: String,
    trouble: Trouble,
    assigned: watch::Sender<BTreeSet<u32>>,
    open: Mutex<HashMap<u32, Arc<Place>>>,
}

impl Group {
    pub(super) fn new(
        topic: String,
        assigned: watch::Sender<BTreeSet<u32>>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { topic, trouble: Trouble::new(clock), assigned, open: Mutex::default() }
    }

    pub(super) fn topic(&self) -> &str {
        &self.topic
    }

    /// Begins to consume a partition. A stream that was there before ends.
    pub(super) fn open(
        &self,
        consumer: &Arc<BaseConsumer<Self>>,
        partition: u32,
        from: LogOffset,
    ) -> Result<Arc<Place>, LogError> {
        if !self.assigned.borrow().contains(&partition) {
            return Err(LogError::TakenAway);
        }
        self.close_any(consumer, partition);
        let unavailable = |err: KafkaError| LogError::Unavailable(err.to_string());
        // Before the first fetch, so that no record takes another way.
        let queue = consumer
            .split_partition_queue(&self.topic, partition.cast_signed())
            .ok_or_else(|| LogError::Unavailable("the partition has no queue".to_owned()))?;
        let place = Arc::new(Place::new(queue));
        let mut list = TopicPartitionList::with_capacity(1);
        let offset = Offset::Offset(from.cast_signed());
        list.add_partition_offset(&self.topic, partition.cast_signed(), offset)
            .map_err(unavailable)?;
        consumer.incremental_assign(&list).map_err(unavailable)?;
        self.places().insert(partition, place.clone());
        Ok(place)
    }

    /// The stream that read here is gone.
    pub(super) fn close(&self, consumer: &BaseConsumer<Self>, partition: u32, place: &Arc<Place>) {
        let is_it = self.places().get(&partition).is_some_and(|open| Arc::ptr_eq(open, place));
        if is_it {
            self.close_any(consumer, partition);
        }
    }

    fn close_any(&self, consumer: &BaseConsumer<Self>, partition: u32) {
        let open = self.take(&[partition]);
        if open.count() > 0 {
            give_back(consumer, &open);
        }
    }

    /// Ends the stream of a partition, for who reads it to open it again.
    pub(super) fn interrupt(&self, partition: u32, why: LogError) {
        if let Some(place) = self.places().get(&partition) {
            place.end(why);
        }
    }

    /// Nothing is read any more, and nothing keeps the consumer alive.
    pub(super) fn end(&self) {
        for (_, place) in self.places().drain() {
            place.end(super::ended());
        }
    }

    /// Where a partition begins and ends. Blocks.
    pub(super) fn extent(
        &self,
        consumer: &BaseConsumer<Self>,
        partition: u32,
    ) -> Result<(LogOffset, LogOffset), LogError> {
        let offset = |raw: i64| u64::try_from(raw).unwrap_or_default();
        consumer
            .fetch_watermarks(&self.topic, partition.cast_signed(), EXTENT_WITHIN)
            .map(|(low, high)| (offset(low), offset(high)))
            .map_err(|err| LogError::Unavailable(err.to_string()))
    }

    /// Ends the streams of those of `partitions` that are open, and lists these.
    fn take(&self, partitions: &[u32]) -> TopicPartitionList {
        let mut open = TopicPartitionList::new();
        for partition in partitions {
            if let Some(place) = self.places().remove(partition) {
                place.end(LogError::TakenAway);
                open.add_partition(&self.topic, partition.cast_signed());
            }
        }
        open
    }

    fn places(&self) -> MutexGuard<'_, HashMap<u32, Arc<Place>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn give_back(consumer: &BaseConsumer<Group>, open: &TopicPartitionList) {
    if let Err(err) = consumer.incremental_unassign(open) {
        tracing::warn!(%err, "partitions could not be given back");
    }
}

impl ConsumerContext for Group {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        err: RDKafkaRespErr,
        list: &mut TopicPartitionList,
    ) {
        let elements = list.elements();
        let of_topic = elements.iter().filter(|it| it.topic() == self.topic);
        let partitions: Vec<_> = of_topic.map(|it| it.partition().cast_unsigned()).collect();
        if err == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            // The client waits for an answer before it goes on. What is given is consumed when it is opened.
            if let Err(err) = consumer.incremental_assign(&TopicPartitionList::new()) {
                tracing::warn!(%err, "partitions could not be taken");
            }
            self.assigned.send_modify(|it| it.extend(partitions));
        } else {
            // An answer, too, so it is given when nothing of it was open.
            give_back(consumer, &self.take(&partitions));
            self.assigned.send_modify(|it| it.retain(|one| !partitions.contains(one)));
        }
    }
}

impl ClientContext for Group {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        self.trouble.log(level, facility, text);
    }

    fn error(&self, err: KafkaError, why: &str) {
        // Of a single partition, which its stream is told.
        if !matches!(err, KafkaError::Global(RDKafkaErrorCode::AutoOffsetReset)) {
            self.trouble.error(err, why);
        }
    }

    fn stats(&self, statistics: Statistics) {
        let Some(topic) = statistics.topics.get(&self.topic) else { return };
        let places = self.places();
        for (partition, place) in places.iter() {
            let of_partition = topic.partitions.get(&partition.cast_signed());
            if let Some(end) = of_partition.and_then(|it| u64::try_from(it.hi_offset).ok()) {
                place.reaches(end);
            }
        }
    }
}
