//! What a Kafka client complains of: kept for whoever must say why, and logged, but not as often as it is said.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::clock::Clock;

const MINUTE_MS: u64 = 60_000;
/// The facility under which the client logs that a connection was lost.
const LOST: &str = "FAIL";

/// Lets something happen once a minute.
pub(super) struct OncePerMinute {
    clock: Arc<dyn Clock>,
    /// When it may happen again, monotonic ms.
    next: AtomicU64,
}

impl OncePerMinute {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, next: AtomicU64::new(0) }
    }

    /// Is it time again? If so, it isn't for the next minute.
    pub(super) fn is_due(&self) -> bool {
        let (now, next) = (self.clock.monotonic_ms(), self.next.load(Ordering::Relaxed));
        let taken = || {
            let (relaxed, after) = (Ordering::Relaxed, now + MINUTE_MS);
            self.next.compare_exchange(next, after, relaxed, relaxed).is_ok()
        };
        now >= next && taken()
    }
}

/// The last complaint of a client. A client retries for ever by itself, and complains each time.
pub(super) struct Trouble {
    last: Mutex<Option<(RDKafkaErrorCode, String)>>,
    to_log: OncePerMinute,
}

impl Trouble {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { last: Mutex::new(None), to_log: OncePerMinute::new(clock) }
    }

    /// The last complaint that has a cause in it, if there was any.
    pub(super) fn last(&self) -> Option<(RDKafkaErrorCode, String)> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn keep(&self, code: RDKafkaErrorCode, why: &str) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = Some((code, why.to_owned()));
    }
}

impl ClientContext for Trouble {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        tracing::debug!(?level, facility, text, "kafka client");
        // What comes as an error, too, says more there.
        if facility == LOST && self.last().is_none() {
            self.keep(RDKafkaErrorCode::BrokerTransportFailure, text);
        }
    }

    fn error(&self, err: KafkaError, why: &str) {
        if self.to_log.is_due() {
            tracing::warn!(%err, why, "kafka client in trouble, tries on");
        }
        let Some(code) = err.rdkafka_error_code() else { return };
        // It says only that all of them had what was told before.
        if code != RDKafkaErrorCode::AllBrokersDown {
            self.keep(code, why);
        }
    }
}

impl ConsumerContext for Trouble {}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;

    use super::*;

    struct Hands(AtomicU64);

    impl Clock for Hands {
        fn now_ms(&self) -> u64 {
            self.0.load(Ordering::Relaxed)
        }

        fn monotonic_ms(&self) -> u64 {
            self.now_ms()
        }
    }

    #[test]
    fn once_per_minute_is_at_once_and_then_a_minute_later() {
        let hands = Arc::new(Hands(AtomicU64::new(5)));
        let it = OncePerMinute::new(hands.clone());
        assert!(it.is_due() && !it.is_due());
        hands.0.store(5 + MINUTE_MS - 1, Ordering::Relaxed);
        assert!(!it.is_due());
        hands.0.store(5 + MINUTE_MS, Ordering::Relaxed);
        assert!(it.is_due() && !it.is_due());
    }

    #[test]
    fn a_lost_connection_is_a_cause_until_something_says_more() {
        let trouble = Trouble::new(Arc::new(Hands(AtomicU64::new(0))));
        trouble.log(RDKafkaLogLevel::Info, "CONNECTED", "hello");
        assert_eq!(trouble.last(), None);
        trouble.log(RDKafkaLogLevel::Info, LOST, "closed by peer");
        let lost = (RDKafkaErrorCode::BrokerTransportFailure, "closed by peer".to_owned());
        assert_eq!(trouble.last(), Some(lost));
        trouble.error(KafkaError::Global(RDKafkaErrorCode::Authentication), "wrong password");
        trouble.log(RDKafkaLogLevel::Info, LOST, "closed by peer");
        let refused = (RDKafkaErrorCode::Authentication, "wrong password".to_owned());
        assert_eq!(trouble.last(), Some(refused));
    }

    #[test]
    fn a_cause_is_remembered_and_a_summary_is_not() {
        let trouble = Trouble::new(Arc::new(Hands(AtomicU64::new(0))));
        trouble.error(KafkaError::Global(RDKafkaErrorCode::BrokerTransportFailure), "refused");
        trouble.error(KafkaError::Global(RDKafkaErrorCode::AllBrokersDown), "3/3 are down");
        let refused = (RDKafkaErrorCode::BrokerTransportFailure, "refused".to_owned());
        assert_eq!(trouble.last(), Some(refused));
    }
}
