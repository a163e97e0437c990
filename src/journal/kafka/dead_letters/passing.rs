//! A projection that passes no record that can't be read before a copy of it is safe.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use super::{DeadLetters, Letter};
use crate::domain::dead_letter::LetterPlace;
use crate::domain::fold::LogOffset;
use crate::domain::log_record::{Content, Record};
use crate::faults;
use crate::metrics;
use crate::store::projection::{Cursor, Projection, ProjectionError};

/// Copies first, then has the run folded. While the copy can't be written the projection says that it can't be reached:
/// its partition waits and is tried again, as when the database itself is away, and what is live goes on.
pub struct Passing {
    projection: Arc<dyn Projection>,
    letters: Arc<DeadLetters>,
    /// Of each partition what was copied and not passed yet, by offset and checksum: a database that is away doesn't have
    /// the same copied each time that it is tried again.
    copied: Mutex<HashMap<u32, HashMap<LogOffset, u64>>>,
}

impl Passing {
    /// Wraps the one projection of the log that letters are copied for.
    pub fn new(projection: Arc<dyn Projection>, letters: Arc<DeadLetters>) -> Self {
        Self { projection, letters, copied: Mutex::default() }
    }

    fn copied(&self) -> MutexGuard<'_, HashMap<u32, HashMap<LogOffset, u64>>> {
        self.copied.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn copy(&self, partition: u32, run: &[Record]) -> Result<(), ProjectionError> {
        let letters = self.to_copy(partition, run);
        if letters.is_empty() {
            return Ok(());
        }
        let to_keep: Vec<_> = letters.iter().map(|(_, letter)| *letter).collect();
        let kept = self.letters.keep(&to_keep).await;
        kept.map_err(|err| ProjectionError::Unavailable(err.to_string()))?;
        let mut copied = self.copied();
        let copied = copied.entry(partition).or_default();
        for (checksum, Letter { place, unreadable, .. }) in letters {
            copied.insert(place.log_offset, checksum);
            let reason = unreadable.reason.name();
            metrics::DEAD_LETTERS.with_label_values(&[reason]).inc();
            tracing::warn!(%place, reason, "a record can't be read, it was kept as a dead letter");
        }
        faults::panic_if_armed("dead_letters.kept");
        Ok(())
    }

    /// What has to be copied before this run is passed, with its checksum. Nothing is judged that comes after a record of
    /// a newer version: the projection stops there.
    fn to_copy<'a>(&self, partition: u32, run: &'a [Record]) -> Vec<(u64, Letter<'a>)> {
        let copied = self.copied();
        let copied = copied.get(&partition);
        let is_copied = |record: &Record| {
            copied.and_then(|it| it.get(&record.log_offset)) == Some(&record.checksum)
        };
        let readable = run.iter().take_while(|it| !matches!(it.content, Content::Newer(_)));
        let letter = |record: &'a Record| match &record.content {
            Content::Unreadable(unreadable) if !unreadable.is_probe() && !is_copied(record) => {
                let place = LetterPlace { partition, log_offset: record.log_offset };
                let timestamp = record.timestamp;
                Some((record.checksum, Letter { place, timestamp, unreadable }))
            }
            _ => None,
        };
        readable.filter_map(letter).collect()
    }
}

#[async_trait]
impl Projection for Passing {
    fn name(&self) -> &'static str {
        self.projection.name()
    }

    fn idle_check(&self) -> Duration {
        self.projection.idle_check()
    }

    async fn cursor(&self, partition: u32) -> Result<Cursor, ProjectionError> {
        self.projection.cursor(partition).await
    }

    async fn apply(&self, partition: u32, run: &[Record]) -> Result<Cursor, ProjectionError> {
        self.copy(partition, run).await?;
        let cursor = self.projection.apply(partition, run).await?;
        self.copied().remove(&partition);
        Ok(cursor)
    }
}
