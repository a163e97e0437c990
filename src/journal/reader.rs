//! PORT: reading a shared log.
//!
//! A reader belongs to one projection, of which every node has one; the log spreads the partitions over them. That only
//! saves work: where a projection goes on is said by the projection itself, and a partition that two readers hold at once
//! is read twice and folded once, by the projection's fence.

use std::collections::BTreeSet;

use async_trait::async_trait;
use tokio::sync::watch;

use crate::domain::fold::LogOffset;
use crate::domain::log_record::Record;

/// Why a stretch of the log can't be read. What passes by itself (an election, a broker that is away) is waited for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// The partition is no longer this reader's.
    #[error("the partition has gone to another node")]
    TakenAway,
    /// Retention has removed what was asked for.
    #[error("the log begins at {begins_at}")]
    Truncated { begins_at: LogOffset },
    /// The log is shorter than what was folded of it: it lost its end, or is another one.
    #[error("the log ends at {ends_at}")]
    Shorter { ends_at: LogOffset },
    #[error("the log can't be read: {0}")]
    Unavailable(String),
}

/// One projection's reader of a log, on one node.
#[async_trait]
pub trait LogReader: Send + Sync + 'static {
    /// The partitions that are this reader's, as they change.
    fn assigned(&self) -> watch::Receiver<BTreeSet<u32>>;

    /// Begins to read one of them at `from`.
    ///
    /// # Errors
    /// [`LogError`].
    async fn open(&self, partition: u32, from: LogOffset) -> Result<Box<dyn LogStream>, LogError>;
}

/// A partition from some place on. Dropping it ends the reading.
#[async_trait]
pub trait LogStream: Send {
    /// Waits for a record and gives it with those after it that are at hand, `max` at most, without a hole except where
    /// the log has one. Cancel-safe.
    ///
    /// # Errors
    /// [`LogError`].
    async fn next(&mut self, max: usize) -> Result<Vec<Record>, LogError>;

    /// How far the log reaches now, as far as is known: the offset after its last record.
    fn end(&self) -> Option<LogOffset>;
}
