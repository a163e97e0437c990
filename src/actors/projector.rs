//! Projector: keeps one projection up with the shared log. Two of them run on each node: the Persister, whose projection
//! is the database, and the relay half of the RedisBridge, whose projection is Redis.
//!
//! Owns: nothing; the projection's cursor decides where it goes on. Started by: `App::build`, on the pumps' thread.
//! Talks to: the log's reader and the projection. Mailbox: none. Its death costs: time. The next life asks the projection
//! where it stands.
//!
//! One task per partition that is this node's: a slow one holds up no other.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, AsyncContext, Context, WrapFuture};
use tokio::task::{AbortHandle, JoinSet};

use crate::backoff::Backoff;
use crate::domain::fold::LogOffset;
use crate::domain::log_record::Record;
use crate::faults;
use crate::journal::reader::{LogError, LogReader, LogStream};
use crate::metrics;
use crate::store::projection::{Cursor, Projection, ProjectionError};

/// Records in one run at most.
const RUN_MAX: usize = 1000;
const RETRY_LEAST: Duration = Duration::from_millis(100);
const RETRY_GREATEST: Duration = Duration::from_secs(60);

/// See the module.
pub struct Projector {
    reader: Arc<dyn LogReader>,
    projection: Arc<dyn Projection>,
}

impl Projector {
    /// A life of a projector.
    pub fn new(reader: Arc<dyn LogReader>, projection: Arc<dyn Projection>) -> Self {
        Self { reader, projection }
    }
}

impl Actor for Projector {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let pump = project(self.reader.clone(), self.projection.clone());
        ctx.spawn(pump.into_actor(self));
    }
}

/// Follows whatever partitions are this node's, for ever.
async fn project(reader: Arc<dyn LogReader>, projection: Arc<dyn Projection>) {
    let mut assigned = reader.assigned();
    let mut following: HashMap<u32, AbortHandle> = HashMap::new();
    let mut tasks = JoinSet::new();
    loop {
        let wanted = assigned.borrow_and_update().clone();
        following.retain(|partition, task| {
            let stays = wanted.contains(partition) && !task.is_finished();
            if !stays {
                task.abort();
            }
            stays
        });
        for partition in wanted {
            following.entry(partition).or_insert_with(|| {
                let (reader, projection) = (reader.clone(), projection.clone());
                tasks.spawn_local(follow(partition, reader, projection))
            });
        }
        tokio::select! {
            changed = assigned.changed() => if changed.is_err() { return },
            Some(ended) = tasks.join_next() => if let Err(crash) = ended
                && crash.is_panic()
            {
                std::panic::resume_unwind(crash.into_panic()); // the supervisor decides what follows
            },
        }
    }
}

/// Follows one partition until it is taken away.
async fn follow(partition: u32, reader: Arc<dyn LogReader>, projection: Arc<dyn Projection>) {
    let follower = Follower { partition, reader, projection };
    let mut backoff = Backoff::new(RETRY_LEAST, RETRY_GREATEST);
    loop {
        let name = follower.projection.name();
        match follower.attach_and_fold(&mut backoff).await {
            Stop::TakenAway => return,
            Stop::Elsewhere => tracing::info!(projection = name, partition, "attaching again"),
            Stop::Wait(why) => {
                tracing::warn!(projection = name, partition, %why, "projection waits");
            }
            Stop::Operator(why) => {
                tracing::error!(projection = name, partition, %why, "projection stopped");
                let stopped = metrics::PROJECTION_STOPPED.with_label_values(&[name]);
                stopped.inc();
                // Looked at again now and then: it may have been put right.
                tokio::time::sleep(RETRY_GREATEST).await;
                stopped.dec();
                continue;
            }
        }
        tokio::time::sleep(backoff.wait()).await;
    }
}

/// Why a partition is followed no further.
enum Stop {
    TakenAway,
    /// The projection is not where it was: somebody else moved it, or it is new.
    Elsewhere,
    /// Something is away that will come back.
    Wait(String),
    /// Nothing comes right by itself.
    Operator(String),
}

impl From<ProjectionError> for Stop {
    fn from(error: ProjectionError) -> Self {
        match error {
            ProjectionError::Elsewhere => Self::Elsewhere,
            ProjectionError::Unavailable(why) => Self::Wait(why),
            ProjectionError::Newer(_) => Self::Operator(error.to_string()),
        }
    }
}

impl From<LogError> for Stop {
    fn from(error: LogError) -> Self {
        match error {
            LogError::TakenAway => Self::TakenAway,
            LogError::Unavailable(why) => Self::Wait(why),
            LogError::Truncated { .. } | LogError::Shorter { .. } => {
                Self::Operator(error.to_string())
            }
        }
    }
}

struct Follower {
    partition: u32,
    reader: Arc<dyn LogReader>,
    projection: Arc<dyn Projection>,
}

impl Follower {
    async fn attach_and_fold(&self, backoff: &mut Backoff) -> Stop {
        match self.try_attach_and_fold(backoff).await {
            Ok(never) => match never {},
            Err(stop) => stop,
        }
    }

    async fn try_attach_and_fold(
        &self,
        backoff: &mut Backoff,
    ) -> Result<std::convert::Infallible, Stop> {
        let mut cursor = self.projection.cursor(self.partition).await?;
        let (mut stream, mut run) = self.attach(cursor).await?;
        loop {
            if !run.is_empty() {
                faults::panic_if_armed("projector.run");
                cursor = self.projection.apply(self.partition, &run).await?;
                backoff.reset();
                self.count(run.len(), cursor.next, &*stream);
                if run.last().is_some_and(|last| last.log_offset >= cursor.next) {
                    return Err(Stop::Elsewhere); // it stopped in front of one: asked again, it says why
                }
            }
            let idle = self.projection.idle_check();
            run = match tokio::time::timeout(idle, stream.next(RUN_MAX)).await {
                Ok(run) => run?,
                Err(_) if self.projection.cursor(self.partition).await? == cursor => Vec::new(),
                Err(_) => return Err(Stop::Elsewhere), // emptied, rolled back, or moved on
            };
        }
    }

    /// Opens the log at the cursor. The record before it must be the one that was folded: else this is another log.
    async fn attach(&self, cursor: Cursor) -> Result<(Box<dyn LogStream>, Vec<Record>), Stop> {
        let Some(checksum) = cursor.checksum.filter(|_| cursor.next > 0) else {
            return Ok((self.reader.open(self.partition, cursor.next).await?, Vec::new()));
        };
        let last = cursor.next - 1;
        let opened = async {
            let mut stream = self.reader.open(self.partition, last).await?;
            let run = stream.next(RUN_MAX).await?;
            Ok((stream, run))
        };
        match opened.await {
            // Retention has taken what was folded, and no more.
            Err(LogError::Truncated { begins_at }) if begins_at == cursor.next => {
                Ok((self.reader.open(self.partition, cursor.next).await?, Vec::new()))
            }
            Err(error) => Err(error.into()),
            Ok((stream, mut run)) => match run.first() {
                Some(first) if first.log_offset == last && first.checksum == checksum => {
                    run.remove(0);
                    Ok((stream, run))
                }
                _ => Err(Stop::Operator(format!(
                    "this is another log: its record {last} is not the one that was folded"
                ))),
            },
        }
    }

    fn count(&self, records: usize, next: LogOffset, stream: &dyn LogStream) {
        let name = self.projection.name();
        metrics::PROJECTED.with_label_values(&[name]).inc_by(records as u64);
        let lag = stream.end().map_or(0, |end| end.saturating_sub(next));
        metrics::PROJECTION_LAG
            .with_label_values(&[name, &self.partition.to_string()])
            .set(i64::try_from(lag).unwrap_or(i64::MAX));
    }
}

#[cfg(test)]
mod tests;
