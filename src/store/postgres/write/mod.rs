//! The writers: for each partition of the log one task, which commits in groups. Different partitions commit at the same
//! time; the same partition of different nodes one after the other, by the lock of its row.
//!
//! What waits becomes one transaction, so one sync of the disk pays for all of it. After the commit the events go to the
//! hook in the order of the log, then every caller gets its answer; before it, nobody gets any.
//!
//! | goes wrong | then |
//! | --- | --- |
//! | a statement | the group is undone and made again, each draft under a savepoint: only the failing one is `Unavailable` |
//! | the lock, the commit, the connection; it takes too long | all of the group is `Unavailable`; the next group connects anew |
//! | a panic | the same |

mod announce;
mod append;
mod change;
mod group;
mod mark;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use chat_protocol::{Epoch, Event};
use diesel_async::SimpleAsyncConnection;
use futures_util::FutureExt;
use tokio::sync::{Mutex, Notify, mpsc};
use tokio::time::timeout;

use super::hold::Hold;
use super::options::LogAt;
use crate::clock::Clock;
use crate::domain::record::Draft;
use crate::store::job::Job;
use crate::store::rules::group::Scratch;
use crate::store::{OnCommit, StoreError};

pub(super) use append::Append;
pub(super) use group::{Group, Site, heads};

/// Drafts in one transaction; a larger job is a group of its own.
const GROUP_MAX: usize = 1024;
/// A change counts as so many: it goes to the server and back a few times, while drafts do so together.
const CHANGE_WEIGHT: usize = 8;
/// For a group, once it is connected.
const GROUP_TIMEOUT: Duration = Duration::from_millis(2_500);

/// What a node's writers share.
pub(super) struct Shared {
    pub epoch: Arc<Epoch>,
    pub log: LogAt,
    pub partitions: i32,
    pub clock: Arc<dyn Clock>,
    /// One group at a time: while it blocks, the others wait without a thread.
    pub on_commit: Mutex<OnCommit>,
    /// Told after each group that may have put something into the outbox.
    pub filled: Arc<Notify>,
}

pub(super) struct Writer {
    pub shared: Arc<Shared>,
    /// Which partition it appends to, where the log is here.
    pub p: i32,
    pub hold: Hold,
}

/// How much is undone when a statement fails.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// The whole group: the normal way, with no statement spent on the exception.
    Together,
    /// The one draft or change.
    OneByOne,
}

/// Why a group was not committed.
enum Failure {
    Statement(StoreError),
    Transaction(StoreError),
}

fn unavailable(reason: impl ToString) -> StoreError {
    StoreError::Unavailable(reason.to_string())
}

impl Writer {
    /// Works until all senders are gone and the queue is empty.
    pub(super) async fn run(mut self, mut queue: mpsc::Receiver<Job>) {
        while let Some(first) = queue.recv().await {
            // Before the group is gathered: what comes meanwhile shares the wait instead of having one of its own.
            let connected = self.hold.connect().await;
            let mut size = weight(&first);
            let mut jobs = vec![first];
            while size < GROUP_MAX {
                let Ok(next) = queue.try_recv() else { break };
                size += weight(&next);
                jobs.push(next);
            }
            jobs.sort_by(|a, b| a.order().cmp(&b.order()));
            let committed = match connected {
                Ok(()) => self.commit_guarded(&mut jobs).await,
                Err(error) => Err(error),
            };
            if let Err(error) = committed {
                tracing::error!(err = %error, partition = self.p, jobs = jobs.len(), "a group was not committed");
                // What came meanwhile has waited as long, and would wait for the same.
                jobs.extend(std::iter::from_fn(|| queue.try_recv().ok()));
                jobs.iter_mut().for_each(|job| job.fail(&error));
            }
            jobs.into_iter().for_each(Job::answer);
        }
    }

    async fn commit_guarded(&mut self, jobs: &mut [Job]) -> Result<(), StoreError> {
        // Whatever connection it was on is gone with it.
        let committing = AssertUnwindSafe(self.commit(jobs)).catch_unwind().await;
        committing.unwrap_or_else(|_| Err(unavailable("a writer of the store panicked")))
    }

    /// Commits what can be, hands on its events, and leaves an answer in every job.
    async fn commit(&mut self, jobs: &mut [Job]) -> Result<(), StoreError> {
        let late = |_| Err(Failure::Transaction(unavailable("the database doesn't answer")));
        let attempts = timeout(GROUP_TIMEOUT, self.attempts(jobs)).await;
        match attempts.unwrap_or_else(late) {
            Ok(_) if self.shared.log == LogAt::Elsewhere => {
                self.shared.filled.notify_one();
                Ok(())
            }
            Ok(events) if events.is_empty() => Ok(()),
            Ok(events) => {
                let on_commit = self.shared.on_commit.lock().await;
                tokio::task::block_in_place(|| on_commit(&events));
                Ok(())
            }
            Err(Failure::Statement(error) | Failure::Transaction(error)) => Err(error),
        }
    }

    async fn attempts(&mut self, jobs: &mut [Job]) -> Result<Vec<Arc<Event>>, Failure> {
        match self.attempt(jobs, Mode::Together).await {
            Err(Failure::Statement(error)) => {
                tracing::warn!(err = %error, partition = self.p, "a statement failed; the group is made again one by one");
                jobs.iter_mut().for_each(Job::reset);
                self.attempt(jobs, Mode::OneByOne).await
            }
            outcome => outcome,
        }
    }

    /// One transaction. A connection on which it failed is dropped: that undoes whatever is left of it.
    async fn attempt(&mut self, jobs: &mut [Job], mode: Mode) -> Result<Vec<Arc<Event>>, Failure> {
        let mut conn = self.hold.lock().await.map_err(Failure::Transaction)?;
        let now_ms = self.shared.clock.now_ms();
        let drafts: Vec<&Draft> = jobs.iter().flat_map(Job::drafts).collect();
        let Shared { epoch, log, partitions, .. } = &*self.shared;
        let site = Site { epoch, log: *log, partitions: *partitions };
        let group = Group::begin(&mut conn, site, self.p, now_ms, &drafts);
        let mut group = group.await.map_err(Failure::Statement)?;
        for job in jobs {
            run(&mut group, job, mode).await.map_err(Failure::Statement)?;
        }
        group.flush().await.map_err(Failure::Statement)?;
        let events = group.into_events();
        self.hold.commit(conn).await.map_err(Failure::Transaction)?;
        Ok(events)
    }
}

fn weight(job: &Job) -> usize {
    match job {
        Job::Commit { drafts, .. } => drafts.len(),
        Job::Change { .. } => CHANGE_WEIGHT,
        Job::Mark { .. } => 1,
    }
}

async fn run(group: &mut Group<'_>, job: &mut Job, mode: Mode) -> Result<(), StoreError> {
    match job {
        Job::Commit { drafts, answers, .. } => {
            for draft in drafts {
                let saved = save(group, mode).await?;
                let answer = group.resolve(draft);
                let answer = finish(group, saved, answer).await?;
                if matches!(answer, Err(StoreError::Unavailable(_))) {
                    group.forget(draft);
                }
                answers.push(answer);
            }
        }
        Job::Change { change, answer, .. } => {
            let saved = save(group, mode).await?;
            let changed = change::run(group, change).await;
            *answer = Some(finish(group, saved, changed).await?);
        }
        Job::Mark { mark, answer, .. } => {
            let saved = save(group, mode).await?;
            let kept = mark::keep_mark(group.conn, mark).await;
            *answer = Some(finish(group, saved, kept).await?);
        }
    }
    Ok(())
}

/// Before a piece of work that may have to be undone alone.
async fn save(group: &mut Group<'_>, mode: Mode) -> Result<Option<Scratch>, StoreError> {
    if mode == Mode::Together {
        return Ok(None);
    }
    group.conn.batch_execute("SAVEPOINT piece").await?;
    Ok(Some(group.scratch.clone()))
}

/// After it. What fails it ends the group, or is its answer once the work is undone.
async fn finish<T>(
    group: &mut Group<'_>,
    saved: Option<Scratch>,
    mut answer: Result<T, StoreError>,
) -> Result<Result<T, StoreError>, StoreError> {
    let Some(saved) = saved else {
        return match answer {
            Err(error @ StoreError::Unavailable(_)) => Err(error),
            answer => Ok(answer),
        };
    };
    if answer.is_ok() {
        answer = group.flush().await.and(answer);
    }
    if matches!(answer, Err(StoreError::Unavailable(_))) {
        group.conn.batch_execute("ROLLBACK TO piece").await?;
        group.undo(saved);
    }
    group.conn.batch_execute("RELEASE piece").await?;
    Ok(answer)
}
