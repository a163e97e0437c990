//! A group of records on its way: who waits for it is woken once, when the last one was answered.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::{Message, Timestamp};
use rdkafka::producer::DeliveryResult;
use tokio::sync::Notify;

use crate::domain::fold::SKEW_MS_MAX;
use crate::mutants;

/// What Kafka said about a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Delivery {
    /// It is in the log, and in time.
    Taken,
    /// It is in the log, but so far from the moment when it was checked that the fold makes it a void.
    OffTime { by_ms: u64 },
    /// It is in the log somewhere, or was there before: where and when was not said, so neither is known to be in time.
    Vague,
    /// It is longer than what is taken. Nothing has changed.
    TooLarge,
    /// It may or may not be in the log, now or in a while.
    Failed(RDKafkaErrorCode),
}

impl Delivery {
    /// Reads a delivery report on a record that was checked at `at`, ms since the Unix epoch.
    pub(super) fn read(report: &DeliveryResult<'_>, at: u64) -> Self {
        let record = match report {
            Ok(record) => record,
            Err((err, _)) => {
                return Self::Failed(err.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail));
            }
        };
        match record.timestamp() {
            Timestamp::LogAppendTime(ms) if record.offset() >= 0 => Self::taken(ms, at),
            _ => Self::Vague,
        }
    }

    fn taken(timestamp_ms: i64, at: u64) -> Self {
        let by_ms = u64::try_from(timestamp_ms).unwrap_or_default().abs_diff(at);
        let is_in_time = by_ms <= SKEW_MS_MAX || mutants::is("ack-off-time");
        if is_in_time { Self::Taken } else { Self::OffTime { by_ms } }
    }
}

/// See the module.
pub(super) struct Batch {
    /// When its drafts were checked, ms since the Unix epoch.
    pub(super) at: u64,
    answers: Mutex<Vec<Option<Delivery>>>,
    unanswered: AtomicUsize,
    whole: Notify,
}

/// A record's place in its batch; travels through the client and comes back with the report.
pub(super) struct Ticket {
    pub(super) batch: Arc<Batch>,
    index: usize,
}

impl Batch {
    pub(super) fn new(records: usize, at: u64) -> Arc<Self> {
        let answers = Mutex::new(vec![None; records]);
        let whole = Notify::new();
        let batch = Self { at, answers, unanswered: AtomicUsize::new(records), whole };
        if records == 0 {
            batch.whole.notify_one();
        }
        Arc::new(batch)
    }

    pub(super) fn ticket(self: &Arc<Self>, index: usize) -> Box<Ticket> {
        Box::new(Ticket { batch: self.clone(), index })
    }

    /// Returns when all are answered. For one waiter, once.
    pub(super) async fn whole(&self) {
        self.whole.notified().await;
    }

    /// What was answered so far.
    pub(super) fn answers(&self) -> Vec<Option<Delivery>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Ticket {
    /// Answers its record. A ticket is handed in once.
    pub(super) fn answer(self, delivery: Delivery) {
        let Self { batch, index } = self;
        let mut answers = batch.answers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(answer) = answers.get_mut(index) {
            *answer = Some(delivery);
        }
        drop(answers);
        if batch.unanswered.fetch_sub(1, Ordering::AcqRel) == 1 {
            batch.whole.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn a_record_counts_as_taken_as_long_as_the_fold_accepts_it() {
        let at = 1_764_000_000_000_u64;
        for ms in [at - SKEW_MS_MAX, at, at + SKEW_MS_MAX] {
            assert_eq!(Delivery::taken(ms.cast_signed(), at), Delivery::Taken);
        }
        for ms in [at - SKEW_MS_MAX - 1, at + SKEW_MS_MAX + 1] {
            let off = Delivery::OffTime { by_ms: SKEW_MS_MAX + 1 };
            assert_eq!(Delivery::taken(ms.cast_signed(), at), off);
        }
        assert_eq!(Delivery::taken(-1, at), Delivery::OffTime { by_ms: at });
    }

    #[test]
    fn whoever_waits_is_woken_by_the_last_answer() {
        let batch = Batch::new(2, 0);
        batch.ticket(1).answer(Delivery::Taken);
        assert_eq!(batch.whole().now_or_never(), None);
        batch.ticket(0).answer(Delivery::Vague);
        assert_eq!(batch.whole().now_or_never(), Some(()));
        assert_eq!(batch.answers(), [Some(Delivery::Vague), Some(Delivery::Taken)]);
        assert_eq!(Batch::new(0, 0).whole().now_or_never(), Some(()));
    }
}
