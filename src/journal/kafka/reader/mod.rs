//! Reading the log: one consumer per projection and node, on a thread of its own.
//!
//! The group decides which partitions are this node's, and nothing else: no offset is committed, and none is consumed
//! until its projection has said from where. Each open partition has a queue of its own in the client, bounded in count
//! and bytes, which its stream reads from wherever it runs: one that is slow stops the fetching of its own partition
//! only, and the thread keeps the membership alive meanwhile.

mod group;
mod stream;
mod thread;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::Thread;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

use self::stream::{KafkaStream, Place};
use super::{KafkaOptions, SetUpError, Topic};
use crate::clock::Clock;
use crate::domain::fold::LogOffset;
use crate::journal::reader::{LogError, LogReader, LogStream};

/// Reads a topic for one projection.
pub struct KafkaReader {
    line: Line,
    assigned: watch::Receiver<BTreeSet<u32>>,
    /// Its thread has ended.
    ended: watch::Receiver<bool>,
}

/// What the thread is asked for.
enum Ask {
    Open {
        partition: u32,
        from: LogOffset,
        answer: oneshot::Sender<Result<Arc<Place>, LogError>>,
    },
    /// The stream is gone.
    Close {
        partition: u32,
        place: Arc<Place>,
    },
    /// Where a partition begins and ends.
    Extent {
        partition: u32,
        answer: oneshot::Sender<Result<(LogOffset, LogOffset), LogError>>,
    },
    End,
}

/// The way to the thread.
#[derive(Clone)]
struct Line {
    asks: Sender<Ask>,
    thread: Thread,
}

impl Line {
    /// Asks, and wakes the thread. Whoever waits for an answer hears of a thread that is gone.
    fn ask(&self, ask: Ask) {
        let _ = self.asks.send(ask);
        self.thread.unpark();
    }
}

fn ended() -> LogError {
    LogError::Unavailable("the reader has ended".to_owned())
}

impl KafkaReader {
    /// Joins the group of the projection called `projection`. It goes on trying by itself until brokers are there.
    ///
    /// # Errors
    /// [`SetUpError::Property`], [`SetUpError::Configuration`].
    pub fn start(
        options: &KafkaOptions,
        topic: &Topic,
        projection: &str,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SetUpError> {
        let config = options.consumer(projection)?;
        let (asks, asked) = channel();
        let (tell, assigned) = watch::channel(BTreeSet::new());
        let (alive, ended) = watch::channel(false);
        let group = group::Group::new(topic.name.clone(), tell, clock);
        let thread = thread::start(config, group, asked, alive)?;
        Ok(Self { line: Line { asks, thread }, assigned, ended })
    }

    /// Ends its streams and leaves the group, so that others take over at once.
    pub async fn close(&self, within: Duration) {
        self.line.ask(Ask::End);
        let mut ended = self.ended.clone();
        if timeout(within, ended.wait_for(|ended| *ended)).await.is_err() {
            tracing::warn!("a reader did not end in time, it goes on ending by itself");
        }
    }
}

impl Drop for KafkaReader {
    fn drop(&mut self) {
        self.line.ask(Ask::End);
    }
}

#[async_trait]
impl LogReader for KafkaReader {
    fn assigned(&self) -> watch::Receiver<BTreeSet<u32>> {
        self.assigned.clone()
    }

    async fn open(&self, partition: u32, from: LogOffset) -> Result<Box<dyn LogStream>, LogError> {
        let (answer, opened) = oneshot::channel();
        self.line.ask(Ask::Open { partition, from, answer });
        let place = opened.await.map_err(|_| ended())??;
        Ok(Box::new(KafkaStream::new(place, partition, from, self.line.clone())))
    }
}
