//! What a run counts.

use hdrhistogram::Histogram;
use serde::Serialize;

/// Latencies are kept to one percent.
const DIGITS: u8 = 2;
const LATENCY_MAX_NS: u64 = 60_000_000_000;

/// Counters since the run began, and latencies since measuring began.
pub struct Tally {
    /// Messages that reached a member.
    pub deliveries: u64,
    /// Acked sends since measuring began.
    pub acked: u64,
    /// Acked sends since the run began.
    pub acked_ever: u64,
    /// Sends answered with an error.
    pub failed: u64,
    /// Reads that returned bytes: deliveries per read show how the server coalesces.
    pub reads: u64,
    pub bytes_read: u64,
    /// Turns in which a due send found every window full.
    pub held_back: u64,
    /// Lines without a place: presence, hints, pings.
    pub asides: u64,
    pub breaches: Breaches,
    /// Whether latencies count yet.
    pub measuring: bool,
    /// Publish to ack, nanoseconds.
    pub ack_ns: Histogram<u64>,
    /// Publish to each member.
    pub receive_ns: Histogram<u64>,
    /// Publish to the last member.
    pub last_ns: Histogram<u64>,
}

/// What must not happen; a run with any of these is not a measurement.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Breaches {
    /// A member's next event skipped places.
    pub holes: u64,
    /// A member was shown a place again.
    pub repeats: u64,
    /// Two members saw different content at one place.
    pub differing: u64,
    /// Places that a member never got, though it was waited for.
    pub lost: u64,
    /// Acked messages that no member saw.
    pub acked_unseen: u64,
    /// Sends that were never answered, though it was waited for.
    pub unanswered: u64,
    /// Subscriptions that the server ended.
    pub unsubscribed: u64,
    /// Connections that ended.
    pub closed: u64,
    /// Lines that could not be understood.
    pub unreadable: u64,
}

impl Breaches {
    pub fn none(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for Tally {
    fn default() -> Self {
        let latencies = || {
            Histogram::new_with_max(LATENCY_MAX_NS, DIGITS).expect("the bounds are valid constants")
        };
        Self {
            deliveries: 0,
            acked: 0,
            acked_ever: 0,
            failed: 0,
            reads: 0,
            bytes_read: 0,
            held_back: 0,
            asides: 0,
            breaches: Breaches::default(),
            measuring: false,
            ack_ns: latencies(),
            receive_ns: latencies(),
            last_ns: latencies(),
        }
    }
}

impl Tally {
    #[inline]
    pub(super) fn received(&mut self, sent_ns: u64, now_ns: u64, by_all: bool) {
        self.deliveries += 1;
        if self.measuring {
            let took = now_ns.saturating_sub(sent_ns);
            self.receive_ns.saturating_record(took);
            if by_all {
                self.last_ns.saturating_record(took);
            }
        }
    }

    pub(super) fn answered(&mut self, sent_ns: u64, now_ns: u64) {
        self.acked += 1;
        self.acked_ever += 1;
        if self.measuring {
            self.ack_ns.saturating_record(now_ns.saturating_sub(sent_ns));
        }
    }

    /// Begins the measured interval: rates and latencies start at nothing.
    pub fn begin(&mut self) {
        self.measuring = true;
        (self.deliveries, self.acked, self.reads, self.bytes_read) = (0, 0, 0, 0);
        self.held_back = 0;
    }
}
