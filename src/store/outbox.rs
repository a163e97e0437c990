//! PORT: the outbox, where the store is not the log: what was changed in the directory, and the log has still to be told.
//!
//! What is changed and what is to be told of it are committed together, so neither is ever there without the other. It is
//! told at least once, a room's changes in their order, by whichever node is there; what is told twice becomes a void by
//! its id.

use std::sync::Arc;

use async_trait::async_trait;

use super::StoreError;
use crate::journal::Journal;

/// See the module.
#[async_trait]
pub trait Outbox: Send + Sync + 'static {
    /// Returns when this node has put something into it.
    async fn filled(&self);

    /// Has what comes next appended to the log, the oldest change of each room, some hundred at most, and removes it once
    /// the log has it. Tells how many those were; others may be at the same at the same time.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: whether the log was told is unknown; the same again is safe.
    async fn tell(&self, journal: Arc<dyn Journal>) -> Result<usize, StoreError>;
}
