//! LocalBus: one node, in memory. Loses nothing, repeats nothing; a full bus makes the log wait.

use std::sync::Arc;

use async_trait::async_trait;
use chat_protocol::{Event, RoomId};
use tokio::sync::{Mutex, mpsc};

use super::{Bus, Incoming, Run};

/// Runs that may wait; each is what one group commit brought.
const RUNS_MAX: usize = 64;

/// See the module.
#[derive(Debug)]
pub struct LocalBus {
    sender: mpsc::Sender<Run>,
    /// Locked by the one receiver; outlives it, so a restarted one goes on where the last was.
    receiver: Mutex<mpsc::Receiver<Run>>,
}

impl Default for LocalBus {
    fn default() -> Self {
        let (sender, receiver) = mpsc::channel(RUNS_MAX);
        Self { sender, receiver: Mutex::new(receiver) }
    }
}

#[async_trait]
impl Bus for LocalBus {
    fn relay(&self, run: &[Arc<Event>]) {
        // The receiver lives as long as the bus does, so this fails only where nobody is left to hear.
        let _ = self.sender.blocking_send(run.to_vec());
    }

    async fn next(&self) -> Incoming {
        match self.receiver.lock().await.recv().await {
            Some(run) => Incoming::Events(run),
            None => std::future::pending().await, // the sender is ours: never closed
        }
    }

    async fn watch(&self, _: &RoomId) {} // every room's events come

    fn unwatch(&self, _: &RoomId) {}
}
