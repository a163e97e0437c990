//! LocalBus: one node, in memory. Loses nothing, repeats nothing; a full bus makes the log wait.

use std::sync::Arc;

use async_trait::async_trait;
use chat_protocol::{Event, RoomId, UserId};
use tokio::sync::{Mutex, mpsc};

use super::{Bus, Incoming, Passing, Run};

/// Runs that may wait; each is what one group commit brought.
const RUNS_MAX: usize = 64;
/// What is kept nowhere and may wait; more is dropped.
const PASSING_MAX: usize = 1024;

/// What waits, on its two ways: what is kept nowhere never holds up the log.
#[derive(Debug)]
struct Waiting {
    runs: mpsc::Receiver<Run>,
    passing: mpsc::Receiver<Passing>,
}

/// See the module.
#[derive(Debug)]
pub struct LocalBus {
    runs: mpsc::Sender<Run>,
    passing: mpsc::Sender<Passing>,
    /// Locked by the one receiver; outlives it, so a restarted one goes on where the last was.
    waiting: Mutex<Waiting>,
}

impl Default for LocalBus {
    fn default() -> Self {
        let (runs, waiting_runs) = mpsc::channel(RUNS_MAX);
        let (passing, waiting_passing) = mpsc::channel(PASSING_MAX);
        let waiting = Waiting { runs: waiting_runs, passing: waiting_passing };
        Self { runs, passing, waiting: Mutex::new(waiting) }
    }
}

#[async_trait]
impl Bus for LocalBus {
    fn relay(&self, run: &[Arc<Event>]) {
        // The receiver lives as long as the bus does, so this fails only where nobody is left to hear.
        let _ = self.runs.blocking_send(run.to_vec());
    }

    fn pass_on(&self, it: Passing) {
        let _ = self.passing.try_send(it);
    }

    async fn next(&self) -> Incoming {
        let mut waiting = self.waiting.lock().await;
        let Waiting { runs, passing } = &mut *waiting;
        tokio::select! { // the senders are ours: never closed
            Some(run) = runs.recv() => Incoming::Events(run),
            Some(it) = passing.recv() => Incoming::Passing(vec![it]),
        }
    }

    async fn watch(&self, _: &RoomId) {} // every room's events come

    fn unwatch(&self, _: &RoomId) {}

    async fn watch_user(&self, _: &UserId) {} // every user's hints come

    fn unwatch_user(&self, _: &UserId) {}
}
