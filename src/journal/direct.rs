//! The journal where the store is the log: appending is committing.

use std::sync::Arc;

use async_trait::async_trait;
use chat_protocol::object::Durability;

use super::{Committed, Journal, JournalError};
use crate::domain::record::Draft;
use crate::store::Log;

/// Appends to a store's own log.
pub struct DirectJournal {
    log: Arc<dyn Log>,
    durability: Durability,
}

impl DirectJournal {
    /// A journal over `log`, whose commits are worth `durability`.
    pub fn new(log: Arc<dyn Log>, durability: Durability) -> Self {
        Self { log, durability }
    }
}

#[async_trait]
impl Journal for DirectJournal {
    fn durability(&self) -> Durability {
        self.durability
    }

    async fn append(&self, drafts: Vec<Draft>) -> Vec<Result<Committed, JournalError>> {
        self.log.commit(drafts).await
    }
}
