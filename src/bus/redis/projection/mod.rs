//! RedisProjection: the log folded into Redis, which gives every event its place in the live order, keeps the rooms' tails
//! and publishes, in one step.

mod rebuild;
pub mod relay;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::connection::{Redis, Unreachable};
use super::script::Script;
use crate::domain::fold::LogOffset;
use crate::domain::log_record::{Content, Record};
use crate::store::projection::{Cursor, Projection, ProjectionError, Source};
use relay::Entry;

/// A Redis that was emptied says nothing, so it is looked at this often.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// See the module.
pub struct RedisProjection {
    redis: Arc<Redis>,
    /// What it is built from where Redis has nothing.
    source: Arc<dyn Source>,
    relay: Script,
    promote: Script,
}

impl RedisProjection {
    /// Projects into this Redis.
    pub fn new(redis: Arc<Redis>, source: Arc<dyn Source>) -> Self {
        let (relay, promote) = (Script::new(&relay::source()), Script::new(rebuild::PROMOTE));
        Self { redis, source, relay, promote }
    }

    /// Where the partition stands; `None`: nowhere.
    async fn look(&self, partition: u32) -> Result<Option<Cursor>, Unreachable> {
        let mut connection = self.redis.connection().await?;
        let mut ask = redis::cmd("HGET");
        ask.arg(self.redis.keys.of(partition).top()).arg("");
        let own: Option<String> = ask.query_async(&mut connection).await?;
        let own = own.as_deref().unwrap_or_default();
        let mut words = own.split(':');
        let (next, _time, checksum) = (words.next(), words.next(), words.next());
        Ok(next.zip(checksum).and_then(|(next, checksum)| relay::read_cursor(next, checksum)))
    }

    async fn fold(
        &self,
        partition: u32,
        from: LogOffset,
        entries: &[Entry],
    ) -> Result<Cursor, ProjectionError> {
        let mut connection = self.redis.connection().await.map_err(unavailable)?;
        let (keys, publish) = (self.redis.keys.of(partition), self.redis.config.publish());
        let folding =
            relay::call(&self.relay, &mut connection, &keys, publish, from, entries).await;
        folding.map_err(|err| unavailable(err.into()))?.ok_or(ProjectionError::Elsewhere)
    }
}

fn unavailable(error: Unreachable) -> ProjectionError {
    ProjectionError::Unavailable(error.to_string())
}

#[async_trait]
impl Projection for RedisProjection {
    fn name(&self) -> &'static str {
        "redis"
    }

    fn idle_check(&self) -> Duration {
        LOOK_EVERY
    }

    async fn cursor(&self, partition: u32) -> Result<Cursor, ProjectionError> {
        if let Some(cursor) = self.look(partition).await.map_err(unavailable)? {
            return Ok(cursor);
        }
        rebuild::rebuild(&self.redis, &*self.source, &self.promote, partition).await?;
        let built = self.look(partition).await.map_err(unavailable)?;
        built.ok_or_else(|| ProjectionError::Unavailable("it was emptied again".to_owned()))
    }

    /// One that is longer than a call takes may be left in the middle by an error: the cursor tells.
    async fn apply(&self, partition: u32, run: &[Record]) -> Result<Cursor, ProjectionError> {
        let Some(first) = run.first() else { return self.cursor(partition).await };
        if let Content::Newer(version) = first.content {
            return Err(ProjectionError::Newer(version));
        }
        let newer = run.iter().position(|it| matches!(it.content, Content::Newer(_)));
        let run = &run[..newer.unwrap_or(run.len())];
        let entries: Vec<Entry> = run.iter().map(Entry::of).collect();
        let (mut rest, mut from) = (entries.as_slice(), first.log_offset);
        loop {
            let (now, later) = rest.split_at(relay::how_many(rest));
            let cursor = self.fold(partition, from, now).await?;
            if later.is_empty() {
                return Ok(cursor);
            }
            // From the record after, be there one or a hole in the log.
            from = now.last().map_or(from, |last| last.log_offset + 1);
            rest = later;
        }
    }
}
