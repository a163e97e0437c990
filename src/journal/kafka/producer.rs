//! The node's way into the log: one idempotent producer, made anew when it has broken.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread;
use std::time::Duration;

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::OwnedHeaders;
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer, ProducerContext, ThreadedProducer};
use rdkafka::{ClientConfig, ClientContext};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::batch::{Batch, Delivery, Ticket};
use super::trouble::{OncePerMinute, Trouble};
use super::{KafkaOptions, SetUpError, Topic};
use crate::clock::Clock;
use crate::domain::fold::LogOffset;
use crate::journal::JournalError;

/// How long the first record may take: producer id, metadata, connections, an election perhaps.
const READY_WITHIN: Duration = Duration::from_secs(15);
/// How long an answer about the end of the log may take.
const END_WITHIN: Duration = Duration::from_secs(2);
/// A producer that breaks at once, for want of a right perhaps, is not replaced more often than that.
const REPLACED_EVERY_MS: u64 = 1000;

/// A record to be written.
pub(super) struct Outgoing {
    pub(super) partition: u32,
    /// A room's id, in the log.
    pub(super) key: Vec<u8>,
    pub(super) value: Vec<u8>,
    pub(super) headers: Option<OwnedHeaders>,
}

/// See the module. Shared by the journal and whoever must know how far the log reaches.
pub struct KafkaProducer {
    config: ClientConfig,
    topic: Topic,
    clock: Arc<dyn Clock>,
    living: RwLock<Living>,
}

struct Living {
    /// `None` once it was closed.
    producer: Option<ThreadedProducer<Reports>>,
    since_ms: u64,
}

impl KafkaProducer {
    /// Starts its thread, and goes on connecting by itself.
    ///
    /// # Errors
    /// [`SetUpError::Property`], [`SetUpError::Configuration`].
    pub fn start(
        options: &KafkaOptions,
        topic: Topic,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SetUpError> {
        let config = options.producer()?;
        let producer = Some(make(&config, &clock)?);
        let living = RwLock::new(Living { producer, since_ms: clock.monotonic_ms() });
        Ok(Self { config, topic, clock, living })
    }

    /// The topic that it writes to.
    pub fn topic(&self) -> &Topic {
        &self.topic
    }

    /// Proves that records can be written, before anyone waits for it: one is, without a room, so that it takes no place.
    /// The first record of a producer takes up to a second, later ones a millisecond or so.
    ///
    /// # Errors
    /// [`SetUpError::Clock`], [`SetUpError::NotReady`].
    pub async fn ready(&self) -> Result<(), SetUpError> {
        let probe = Outgoing { partition: 0, key: Vec::new(), value: Vec::new(), headers: None };
        let batch = self.send(vec![probe], self.clock.now_ms());
        let _ = timeout(READY_WITHIN, batch.whole()).await; // what came is looked at
        match batch.answers().pop().flatten() {
            Some(Delivery::Taken) => Ok(()),
            Some(Delivery::OffTime { by_ms }) => Err(SetUpError::Clock { by_ms }),
            Some(Delivery::Failed(code)) => Err(SetUpError::NotReady(self.why(code))),
            Some(Delivery::Vague | Delivery::TooLarge) => {
                Err(SetUpError::NotReady("it doesn't tell when it took a record".to_owned()))
            }
            None => Err(SetUpError::NotReady(self.why(RDKafkaErrorCode::OperationTimedOut))),
        }
    }

    /// The offset after the last record of a partition, as its leader knows it now.
    ///
    /// # Errors
    /// [`JournalError::Unavailable`], after 2 s at most.
    pub async fn end_of(&self, partition: u32) -> Result<LogOffset, JournalError> {
        let unavailable = |why: String| JournalError::Unavailable(format!("the log's end: {why}"));
        let Some(producer) = self.read().producer.clone() else {
            return Err(unavailable("the journal is closed".to_owned()));
        };
        let topic = self.topic.name.clone();
        // It blocks, and so does dropping what may be the last handle.
        let asked = spawn_blocking(move || {
            producer.client().fetch_watermarks(&topic, partition.cast_signed(), END_WITHIN)
        });
        match asked.await {
            Ok(Ok((_, high))) => Ok(u64::try_from(high).unwrap_or_default()),
            Ok(Err(err)) => Err(unavailable(err.to_string())),
            Err(err) => Err(unavailable(err.to_string())),
        }
    }

    /// Hands over records, those of a partition in their order, and returns at once. What can't be queued is answered
    /// already.
    pub(super) fn send(&self, records: Vec<Outgoing>, at: u64) -> Arc<Batch> {
        let batch = Batch::new(records.len(), at);
        self.replace_if_broken();
        let living = self.read();
        // The client sends what it has of a partition as soon as it can: handed over in one go it becomes one batch or two
        // instead of many.
        let mut records: Vec<_> = records.into_iter().enumerate().collect();
        records.sort_by_key(|(_, record)| record.partition);
        for (index, record) in records {
            let ticket = batch.ticket(index);
            let Some(producer) = living.producer.as_ref() else {
                ticket.answer(Delivery::Failed(RDKafkaErrorCode::PurgeQueue));
                continue;
            };
            let mut outgoing = BaseRecord::with_opaque_to(&self.topic.name, ticket)
                .partition(record.partition.cast_signed())
                .key(&record.key)
                .payload(&record.value);
            outgoing.headers = record.headers;
            if let Err((err, back)) = producer.send(outgoing) {
                back.delivery_opaque.answer(match err.rdkafka_error_code() {
                    Some(RDKafkaErrorCode::MessageSizeTooLarge) => Delivery::TooLarge,
                    code => Delivery::Failed(code.unwrap_or(RDKafkaErrorCode::Fail)),
                });
            }
        }
        batch
    }

    /// What is behind an error: the client's last complaint, if it has one.
    pub(super) fn why(&self, code: RDKafkaErrorCode) -> String {
        let told = self.read().producer.as_ref().and_then(|it| it.context().trouble.last());
        match told {
            Some((_, why)) => format!("{code}; last trouble: {why}"),
            None => code.to_string(),
        }
    }

    /// Writes what is queued and takes no more; what can't be written within `within` is given up.
    pub async fn close(&self, within: Duration) {
        let Some(producer) = self.write().producer.take() else { return };
        let flushed = spawn_blocking(move || {
            if let Err(err) = producer.flush(within) {
                tracing::warn!(%err, "records were given up at the end");
            }
        });
        let _ = flushed.await; // it logs by itself
    }

    /// A producer that can't go on without a gap or a double stops for ever: what it has is in doubt, and another one
    /// goes on.
    fn replace_if_broken(&self) {
        if self.read().broken().is_none() {
            return;
        }
        let (mut living, now_ms) = (self.write(), self.clock.monotonic_ms());
        let Some((code, why)) = living.broken() else { return }; // another thread was quicker
        if now_ms < living.since_ms + REPLACED_EVERY_MS {
            return;
        }
        tracing::error!(%code, why, "the producer has broken, another one goes on");
        living.since_ms = now_ms;
        match make(&self.config, &self.clock) {
            Ok(new) => {
                let old = living.producer.replace(new);
                drop(thread::spawn(move || drop(old))); // it takes half a second
            }
            Err(err) => tracing::error!(%err, "no other producer could be made"),
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Living> {
        self.living.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Living> {
        self.living.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for KafkaProducer {
    /// As a node that is gone: what is on its way is given up.
    fn drop(&mut self) {
        let living = self.living.get_mut().unwrap_or_else(PoisonError::into_inner);
        let producer = living.producer.take();
        // It takes half a second, which nobody's thread has.
        drop(thread::spawn(move || drop(producer)));
    }
}

impl Living {
    fn broken(&self) -> Option<(RDKafkaErrorCode, String)> {
        self.producer.as_ref().and_then(|it| it.client().fatal_error())
    }
}

fn make(
    config: &ClientConfig,
    clock: &Arc<dyn Clock>,
) -> Result<ThreadedProducer<Reports>, KafkaError> {
    let (trouble, off_time) = (Trouble::new(clock.clone()), OncePerMinute::new(clock.clone()));
    config.create_with_context(Reports { trouble, off_time })
}

/// Takes delivery reports, on the producer's thread.
struct Reports {
    trouble: Trouble,
    off_time: OncePerMinute,
}

impl ClientContext for Reports {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        self.trouble.log(level, facility, text);
    }

    fn error(&self, err: KafkaError, why: &str) {
        self.trouble.error(err, why);
    }
}

impl ProducerContext for Reports {
    type DeliveryOpaque = Box<Ticket>;

    fn delivery(&self, report: &DeliveryResult<'_>, ticket: Box<Ticket>) {
        let delivery = Delivery::read(report, ticket.batch.at);
        if let Delivery::OffTime { by_ms } = delivery
            && self.off_time.is_due()
        {
            tracing::error!(by_ms, "clocks differ: what is sent through this node is void");
        }
        ticket.answer(delivery);
    }
}
