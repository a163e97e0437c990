//! What a bus has received and its receiver has not taken yet: bounded, and honest about what did not fit.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{Mutex, mpsc};

use crate::bus::{Incoming, Passing};

/// What may wait; beyond it, everything is a gap.
const WAITING_MAX: usize = 4096;

/// See the module.
pub struct Inbox {
    sender: mpsc::Sender<Incoming>,
    /// Locked by the one receiver; outlives it, so a restarted one goes on where the last was.
    receiver: Mutex<mpsc::Receiver<Incoming>>,
    /// Something did not fit: the receiver is told of a gap before whatever comes next.
    lost: AtomicBool,
}

impl Default for Inbox {
    fn default() -> Self {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        Self { sender, receiver: Mutex::new(receiver), lost: AtomicBool::new(false) }
    }
}

impl Inbox {
    /// Takes it, or notes that there is a gap. Never blocks.
    pub fn put(&self, incoming: Incoming) {
        if self.sender.try_send(incoming).is_err() {
            self.lost.store(true, Ordering::Release);
        }
    }

    /// Takes it if there is room: nobody misses it.
    pub fn put_passing(&self, it: Passing) {
        let _ = self.sender.try_send(Incoming::Passing(vec![it]));
    }

    /// What comes next. Cancel-safe.
    pub async fn next(&self) -> Incoming {
        let mut receiver = self.receiver.lock().await;
        if self.lost.swap(false, Ordering::AcqRel) {
            return Incoming::Gap;
        }
        match receiver.recv().await {
            Some(incoming) => incoming,
            None => std::future::pending().await, // the sender is ours: never closed
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_does_not_fit_is_a_gap() {
        let inbox = Inbox::default();
        for _ in 0..=WAITING_MAX {
            inbox.put(Incoming::Heads(Vec::new()));
        }
        assert!(matches!(inbox.next().await, Incoming::Gap));
        for _ in 0..WAITING_MAX {
            assert!(matches!(inbox.next().await, Incoming::Heads(_)));
        }
        inbox.put(Incoming::Gap);
        assert!(matches!(inbox.next().await, Incoming::Gap));
    }
}
