//! The writer: the one thread that writes, in groups.
//!
//! What waits becomes one transaction, so one sync of the disk pays for all of it. After the commit the events go to
//! the hook in the order of the log, then every caller gets its answer; before it, nobody gets any.
//!
//! | goes wrong | then |
//! | --- | --- |
//! | a statement | the group is undone and made again, each draft under a savepoint: only the failing one is `Unavailable` |
//! | begin or commit (disk full, I/O error) | all of the group is `Unavailable`; the next group tries a new connection |
//! | a panic | the same |

mod change;
mod group;
mod mark;
mod statements;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use chat_protocol::{Epoch, Event};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;

use super::file::{Access, Claim, Database};
use crate::clock::Clock;
use crate::store::job::Job;
use crate::store::rules::group::Memory;
use crate::store::{OnCommit, StoreError};
use crate::{faults, mutants};

use mark::keep_mark;

pub(in crate::store::sqlite) use group::{Group, PARTITION, read_memory};

/// Drafts and changes in one transaction; a larger job is a group of its own.
const GROUP_MAX: usize = 1024;

pub(in crate::store::sqlite) struct Writer {
    /// Given back when the last write is done, and not before.
    #[expect(dead_code, reason = "held, not used")]
    pub claim: Claim,
    pub database: Arc<Database>,
    pub epoch: Epoch,
    pub clock: Arc<dyn Clock>,
    pub on_commit: OnCommit,
    /// `None` after anything failed on it: the next group opens another.
    pub open: Option<Open>,
}

/// A connection, and what is known to be committed on it.
pub(in crate::store::sqlite) struct Open {
    pub conn: SqliteConnection,
    pub memory: Memory,
}

impl Open {
    pub(in crate::store::sqlite) fn new(mut conn: SqliteConnection) -> QueryResult<Self> {
        let memory = read_memory(&mut conn)?;
        Ok(Self { conn, memory })
    }
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

impl Writer {
    /// Works until all senders are gone and the queue is empty, then moves the write-ahead log into the database.
    pub(in crate::store::sqlite) fn run(mut self, queue: &Receiver<Job>) {
        while let Ok(first) = queue.recv() {
            let mut size = first.size();
            let mut jobs = vec![first];
            while size < GROUP_MAX {
                let Ok(next) = queue.try_recv() else { break };
                size += next.size();
                jobs.push(next);
            }
            let done = catch_unwind(AssertUnwindSafe(|| self.commit(&mut jobs)));
            if done.is_err() {
                tracing::error!("the store's writer panicked; its group is unavailable");
                self.open = None;
                let error = StoreError::Unavailable("the store's writer panicked".to_owned());
                jobs.iter_mut().for_each(|job| job.fail(&error));
            }
            jobs.into_iter().for_each(Job::answer);
        }
        if let Some(Open { mut conn, .. }) = self.open.take()
            && let Err(error) = conn.batch_execute("PRAGMA wal_checkpoint(TRUNCATE)")
        {
            tracing::warn!(err = %error, "the write-ahead log stays; it is read at the next start");
        }
    }

    /// Commits what can be, hands on its events, and leaves an answer in every job.
    fn commit(&mut self, jobs: &mut [Job]) {
        let mut outcome = self.attempt(jobs, Mode::Together);
        if let Err(Failure::Statement(error)) = &outcome {
            tracing::warn!(err = %error, "a statement failed; the group is made again one by one");
            jobs.iter_mut().for_each(Job::reset);
            outcome = self.attempt(jobs, Mode::OneByOne);
        }
        match outcome {
            Ok(events) if events.is_empty() => {}
            Ok(events) => (self.on_commit)(&events),
            Err(Failure::Statement(error) | Failure::Transaction(error)) => {
                tracing::error!(err = %error, jobs = jobs.len(), "a group was not committed");
                jobs.iter_mut().for_each(|job| job.fail(&error));
            }
        }
    }

    /// One transaction. A connection on which it failed is dropped: that undoes whatever is left of it.
    fn attempt(&mut self, jobs: &mut [Job], mode: Mode) -> Result<Vec<Arc<Event>>, Failure> {
        let mut open = match self.open.take() {
            Some(open) => open,
            None => self.reopen().map_err(Failure::Transaction)?,
        };
        let now_ms = self.clock.now_ms();
        let Open { conn, memory } = &mut open;
        conn.batch_execute("BEGIN IMMEDIATE").map_err(transaction)?;
        let mut group = Group::begin(conn, &self.epoch, memory, now_ms);
        for job in jobs {
            run(&mut group, job, mode).map_err(Failure::Statement)?;
        }
        group.flush().map_err(|error| Failure::Statement(error.into()))?;
        let scratch = group.scratch;
        if mutants::is("show-early") {
            (self.on_commit)(&scratch.clone().into_events());
        }
        faults::panic_if_armed("store.commit"); // all is written, and nothing is there
        conn.batch_execute("COMMIT").map_err(transaction)?;
        let events = memory.advance(scratch);
        self.open = Some(open);
        Ok(events)
    }

    fn reopen(&self) -> Result<Open, StoreError> {
        let conn = self.database.connect(Access::Write);
        let conn = conn.map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(Open::new(conn)?)
    }
}

fn transaction(error: diesel::result::Error) -> Failure {
    Failure::Transaction(error.into())
}

fn run(group: &mut Group<'_>, job: &mut Job, mode: Mode) -> Result<(), StoreError> {
    match job {
        Job::Commit { drafts, answers, .. } => {
            for draft in drafts {
                answers.push(guarded(group, mode, |group| group.resolve(draft))?);
            }
        }
        Job::Change { change, answer, .. } => {
            *answer = Some(guarded(group, mode, |group| change::run(group, change))?);
        }
        Job::Mark { mark, answer, .. } => {
            *answer = Some(guarded(group, mode, |group| {
                keep_mark(group.conn, mark)?;
                Ok(())
            })?);
        }
    }
    Ok(())
}

/// Does one piece of work. What fails it ends the group, or is its answer once the work is undone.
fn guarded<T>(
    group: &mut Group<'_>,
    mode: Mode,
    work: impl FnOnce(&mut Group<'_>) -> Result<T, StoreError>,
) -> Result<Result<T, StoreError>, StoreError> {
    if mode == Mode::Together {
        return match work(group) {
            Err(error @ StoreError::Unavailable(_)) => Err(error),
            answer => Ok(answer),
        };
    }
    let before = group.scratch.clone();
    group.conn.batch_execute("SAVEPOINT piece")?;
    let answer = work(group);
    if let Err(error @ StoreError::Unavailable(_)) = &answer {
        // It fails if SQLite has undone the whole transaction by itself, as for a full disk: then the group ends so.
        group.conn.batch_execute("ROLLBACK TO piece").map_err(|_| error.clone())?;
        group.scratch = before;
    }
    group.conn.batch_execute("RELEASE piece")?;
    Ok(answer)
}
