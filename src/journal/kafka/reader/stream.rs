//! One open partition, as its projection reads it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use rdkafka::Message;
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use tokio::sync::{Notify, oneshot};

use super::group::Group;
use super::{Ask, Line, ended};
use crate::domain::fold::LogOffset;
use crate::domain::log_record::{Content, Record};
use crate::journal::kafka::dead_letters;
use crate::journal::reader::{LogError, LogStream};

/// Where a stream reads and the reader's thread can end it.
pub(super) struct Place {
    state: Mutex<State>,
    /// Something is there to be read, or it has ended.
    wake: Arc<Notify>,
    /// The offset after the last record, as last heard; 0 until then.
    end: AtomicU64,
}

enum State {
    /// Never outlives the consumer's thread: it keeps the consumer alive, which must be dropped there.
    Reading(PartitionQueue<Group>),
    Ended(LogError),
}

/// What a look at the queue showed.
enum Seen {
    Records(Vec<Record>),
    /// The log has nothing at the offset that is next.
    OutOfRange,
}

impl Place {
    pub(super) fn new(mut queue: PartitionQueue<Group>) -> Self {
        let wake = Arc::new(Notify::new());
        let waker = wake.clone();
        queue.set_nonempty_callback(move || waker.notify_one());
        Self { state: Mutex::new(State::Reading(queue)), wake, end: AtomicU64::new(0) }
    }

    /// Whoever reads here is told why there is no more.
    pub(super) fn end(&self, why: LogError) {
        *self.state() = State::Ended(why);
        self.wake.notify_one();
    }

    /// The partition was heard to reach to `end`.
    pub(super) fn reaches(&self, end: LogOffset) {
        self.end.store(end, Ordering::Relaxed);
    }

    /// What is at hand, `max` records at most. Never waits.
    fn take(&self, max: usize) -> Result<Seen, LogError> {
        let state = self.state();
        let queue = match &*state {
            State::Reading(queue) => queue,
            State::Ended(why) => return Err(why.clone()),
        };
        let mut records = Vec::new();
        while records.len() < max {
            match queue.poll(Duration::ZERO) {
                None => break,
                Some(Ok(message)) => records.push(decode(&message)),
                // It comes once. What was read before it is not given: it is read again by whoever goes on.
                Some(Err(err)) if is_out_of_range(&err) => return Ok(Seen::OutOfRange),
                // The client goes on trying by itself.
                Some(Err(err)) => tracing::debug!(%err, "a partition can't be read for now"),
            }
        }
        Ok(Seen::Records(records))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn decode(message: &impl Message) -> Record {
    // Neither is ever negative where the log stamps its records, which was checked at the start.
    let offset = u64::try_from(message.offset()).unwrap_or_default();
    let timestamp = message.timestamp().to_millis().and_then(|ms| u64::try_from(ms).ok());
    let (key, value) = (message.key().unwrap_or_default(), message.payload().unwrap_or_default());
    let mut record = Record::decode(offset, timestamp.unwrap_or_default(), key, value);
    if let Content::Unreadable(unreadable) = &mut record.content {
        unreadable.headers = dead_letters::headers(message);
    }
    record
}

fn is_out_of_range(err: &KafkaError) -> bool {
    use RDKafkaErrorCode::{AutoOffsetReset, LogTruncation, OffsetOutOfRange};
    let code = err.rdkafka_error_code();
    code.is_some_and(|code| matches!(code, AutoOffsetReset | LogTruncation | OffsetOutOfRange))
}

/// A partition from some place on.
pub(super) struct KafkaStream {
    place: Arc<Place>,
    partition: u32,
    next: LogOffset,
    line: Line,
}

impl KafkaStream {
    pub(super) fn new(place: Arc<Place>, partition: u32, from: LogOffset, line: Line) -> Self {
        Self { place, partition, next: from, line }
    }

    /// Why the log has nothing at `next`.
    async fn out_of_range(&self) -> LogError {
        let (answer, told) = oneshot::channel();
        self.line.ask(Ask::Extent { partition: self.partition, answer });
        match told.await {
            Ok(Ok((begins_at, _))) if self.next < begins_at => LogError::Truncated { begins_at },
            Ok(Ok((_, ends_at))) if self.next > ends_at => LogError::Shorter { ends_at },
            // It was cut off below, and has grown beyond since; what was folded of it tells by its checksum.
            Ok(Ok(_)) => LogError::Unavailable("the log was changed below its end".to_owned()),
            Ok(Err(err)) => err,
            Err(_) => ended(),
        }
    }
}

#[async_trait]
impl LogStream for KafkaStream {
    async fn next(&mut self, max: usize) -> Result<Vec<Record>, LogError> {
        loop {
            match self.place.take(max.max(1))? {
                Seen::Records(records) => {
                    if let Some(last) = records.last() {
                        self.next = last.log_offset + 1;
                        return Ok(records);
                    }
                    self.place.wake.notified().await;
                }
                Seen::OutOfRange => {
                    // Its queue stays silent from now on: the next call, too, is to hear why.
                    self.place.end(LogError::Unavailable("it is to be opened again".to_owned()));
                    let why = self.out_of_range().await;
                    self.place.end(why.clone());
                    return Err(why);
                }
            }
        }
    }

    fn end(&self) -> Option<LogOffset> {
        let end = self.place.end.load(Ordering::Relaxed).max(self.next);
        (end > 0).then_some(end)
    }
}

impl Drop for KafkaStream {
    fn drop(&mut self) {
        let (partition, place) = (self.partition, self.place.clone());
        self.line.ask(Ask::Close { partition, place });
    }
}
