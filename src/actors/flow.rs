//! What a session owes, seen from outside its actor.
//!
//! A session that is stuck can't tell: in one of the shells its mailbox and timers stand still with its socket. So
//! whoever hands things to sessions counts what it handed over, the session counts what has left, and the difference
//! and its age are judged from outside.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Shared by one session and its worker's fan-out, which live on one thread: atomics only because actor messages
/// must be `Send`; plain loads and stores suffice.
#[derive(Debug, Default)]
pub struct Flow {
    handed: AtomicU64,
    left: AtomicU64,
    moved_at_ms: AtomicU64,
    due_at_ms: AtomicU64,
}

impl Flow {
    /// Fan-out hands over something worth `cost`.
    pub fn hand(&self, cost: usize, now_ms: u64) {
        let (handed, left) = (self.handed.load(Relaxed), self.left.load(Relaxed));
        if handed == left {
            self.moved_at_ms.store(now_ms, Relaxed);
        }
        self.handed.store(handed + cost as u64, Relaxed);
    }

    /// Something worth `cost` has left the session.
    pub fn leave(&self, cost: u64, now_ms: u64) {
        self.left.store(self.left.load(Relaxed) + cost, Relaxed);
        self.moved_at_ms.store(now_ms, Relaxed);
    }

    /// Worth of what was handed over and has not left.
    pub fn owed(&self) -> u64 {
        self.handed.load(Relaxed).saturating_sub(self.left.load(Relaxed))
    }

    /// How long nothing has left although something was owed, ms.
    pub fn stalled_ms(&self, now_ms: u64) -> u64 {
        if self.owed() == 0 { 0 } else { now_ms.saturating_sub(self.moved_at_ms.load(Relaxed)) }
    }

    /// The session wants to be woken then.
    pub fn set_due(&self, at_ms: u64) {
        self.due_at_ms.store(at_ms, Relaxed);
    }

    /// Is it time to wake it?
    pub fn is_due(&self, now_ms: u64) -> bool {
        now_ms >= self.due_at_ms.load(Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_stalls_only_while_something_is_owed_and_nothing_leaves() {
        let flow = Flow::default();
        assert_eq!(flow.stalled_ms(1000), 0);
        flow.hand(10, 1000);
        assert_eq!((flow.owed(), flow.stalled_ms(1500)), (10, 500));
        flow.hand(5, 1600);
        assert_eq!(flow.stalled_ms(1700), 700, "more work doesn't make it younger");
        flow.leave(10, 1800);
        assert_eq!((flow.owed(), flow.stalled_ms(1900)), (5, 100));
        flow.leave(5, 2000);
        assert_eq!(flow.stalled_ms(9000), 0);
    }
}
