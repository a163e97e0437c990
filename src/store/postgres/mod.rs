//! The store as a PostgreSQL database, and the log at the same time, of one node or of several.
//!
//! | module | holds |
//! | --- | --- |
//! | `database`, `options` | the database: how it is reached, what each session is told |
//! | `found` | whose it is, migrations, the founding of a new log |
//! | `known` | what a bus asks: where rooms belong and how far they reach |
//! | `routes` | which partition of the log a room belongs to |
//! | `hold` | a partition and the connection on which it is appended to |
//! | `write` | for each partition a task that commits, in groups, where this is the log |
//! | `outbox` | where the log is elsewhere: tells it what was changed here |
//! | `project` | a shared log, folded into the same tables |
//! | `read` | a pool of connections, each answer from one snapshot |
//! | `schema` | the tables |
//!
//! It works on threads of its own: a query must not end with the caller that gave up waiting for it, and the threads of
//! actors are not to wait for a database.

mod database;
mod found;
mod hold;
mod known;
mod options;
mod outbox;
mod project;
mod read;
mod routes;
mod schema;
mod write;

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use chat_protocol::{Epoch, ErrorCode, RoomId};
use diesel_async::AsyncPgConnection;
use futures_util::future::BoxFuture;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::sync::{Notify, oneshot, watch};
use tokio::task::JoinHandle;

use crate::clock::Clock;
use crate::domain::record::{Change, Draft, ReadMark};
use crate::store::job::Job;
use crate::store::rules::change::Needs;
use crate::store::{Changed, Committed, Log, OnCommit, StoreError};

pub use database::OpenError;
pub use options::{LogAt, PgOptions};

use database::Database;
use found::Log as Founded;
use hold::{Hold, Lock};
use project::Holds;
use read::Reads;
use routes::{Routes, partition_of};
use write::{Shared, Writer};

/// Threads of a store. They only pass messages between callers and connections: the database does the work.
const THREADS: usize = 2;

/// The store of nodes that share a database.
///
/// Dropping it without [`PgStore::close`] leaves what is queued undone; its callers are told "unavailable".
pub struct PgStore {
    epoch: Arc<Epoch>,
    log: LogAt,
    routes: Routes,
    partitions: i32,
    filled: Arc<Notify>,
    /// How often the log was told what is in the outbox.
    told: watch::Sender<u64>,
    secret: Vec<u8>,
    place: String,
    /// `None` once it is closed.
    running: Mutex<Option<Running>>,
}

/// What closing ends.
struct Running {
    /// By partition; where the log is elsewhere one for all.
    queues: Vec<mpsc::Sender<Job>>,
    /// Read marks: they need no partition, and make no message wait.
    marks: mpsc::Sender<Job>,
    writers: Vec<JoinHandle<()>>,
    database: Arc<Database>,
    holds: Holds,
    outbox: Arc<tokio::sync::Mutex<Hold>>,
    reads: Arc<Reads>,
    threads: Threads,
}

/// A runtime, which an async thread may not simply drop.
struct Threads {
    handle: Handle,
    runtime: Option<Runtime>,
}

impl Threads {
    fn start() -> std::io::Result<Self> {
        let mut threads = Builder::new_multi_thread();
        let runtime = threads.worker_threads(THREADS).thread_name("store").enable_all().build()?;
        Ok(Self { handle: runtime.handle().clone(), runtime: Some(runtime) })
    }
}

impl Deref for Threads {
    type Target = Handle;

    fn deref(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn closed() -> StoreError {
    StoreError::Unavailable("the store is closed".to_owned())
}

impl PgStore {
    /// Opens the database: brings its tables up to date, and founds the log if there is none. Several nodes may do so at the
    /// same time.
    ///
    /// `on_commit` is handed the events of each group that this node commits, in the order of the log as far as one room is
    /// concerned, before any of the group is answered; while it blocks, no other group is handed on. If it panics, its group
    /// is answered [`StoreError::Unavailable`], though it is in the log.
    ///
    /// # Errors
    /// [`OpenError`], whose text says what to do.
    pub async fn open(
        options: PgOptions,
        clock: Arc<dyn Clock>,
        on_commit: OnCommit,
    ) -> Result<Self, OpenError> {
        let database = Arc::new(Database::at(&options.url)?);
        let place = database.place().to_owned();
        let threads = Threads::start().map_err(|error| database.other(&error))?;
        let (preparing, now_ms) = (Arc::clone(&database), clock.now_ms());
        let (at, partitions) = (options.log, options.partitions);
        let log = threads.spawn(async move { preparing.prepare(at, partitions, now_ms).await });
        let log = log.await.map_err(|error| database.other(&error))??;
        let epoch = Arc::new(log.epoch);

        let reads = {
            let _context = threads.enter(); // the pool starts a task of its own
            Arc::new(Reads::start(Arc::clone(&database), options.readers))
        };
        let filled = Arc::new(Notify::new());
        let shared = Arc::new(Shared {
            epoch: Arc::clone(&epoch),
            log: at,
            partitions: log.partitions,
            clock,
            on_commit: tokio::sync::Mutex::new(on_commit),
            filled: Arc::clone(&filled),
        });
        let locks = match at {
            LogAt::Here => (0..log.partitions).map(Lock::Partition).collect(),
            LogAt::Elsewhere => vec![Lock::Directory],
        };
        let (mut queues, mut writers) = (Vec::new(), Vec::new());
        for (p, lock) in (0..).zip(locks) {
            let (queue, jobs) = mpsc::channel(options.queue_ops_max.max(1));
            let (shared, hold) = (Arc::clone(&shared), Hold::new(Arc::clone(&database), lock));
            queues.push(queue);
            writers.push(threads.spawn(Writer { shared, p, hold }.run(jobs)));
        }
        let (marks, jobs) = mpsc::channel(options.queue_ops_max.max(1));
        let hold = Hold::new(Arc::clone(&database), Lock::Nothing);
        writers.push(threads.spawn(Writer { shared, p: 0, hold }.run(jobs)));
        let outbox = Hold::new(Arc::clone(&database), Lock::Nothing);
        let outbox = Arc::new(tokio::sync::Mutex::new(outbox));
        let holds = Holds::default();
        let running = Running { queues, marks, writers, database, holds, outbox, reads, threads };
        let running = Mutex::new(Some(running));
        let Founded { partitions, secret, .. } = log;
        let (routes, told) = (Routes::default(), watch::Sender::new(0));
        Ok(Self { epoch, log: at, routes, partitions, filled, told, secret, place, running })
    }

    /// How many partitions rooms are spread over.
    pub fn partitions(&self) -> u32 {
        self.partitions.cast_unsigned()
    }

    /// Where the database is, without user and password.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// What guests' tokens are signed with, the same for all nodes of this database.
    pub fn secret(&self) -> &[u8] {
        &self.secret
    }

    /// Commits what is queued and hands on its events. Afterwards everything is answered [`StoreError::Unavailable`]. A
    /// second call does nothing.
    pub async fn close(&self) {
        let Some(running) = self.take() else { return };
        let Running { queues, marks, mut writers, threads, .. } = running;
        drop((queues, marks));
        for writer in &mut writers {
            if writer.await.is_err() {
                tracing::error!("a writer of the store had panicked");
            }
        }
        drop(threads); // last: what writes works on them
    }

    /// Reads from one snapshot, on a connection of the pool.
    async fn read<T, Q>(&self, query: Q) -> Result<T, StoreError>
    where
        T: Send + 'static,
        Q: for<'c> FnOnce(&'c mut AsyncPgConnection) -> BoxFuture<'c, Result<T, StoreError>>
            + Send
            + 'static,
    {
        let reads = self.with(|running| Arc::clone(&running.reads))?;
        reads.read(query).await
    }

    /// The partitions of those of `rooms` that exist.
    async fn find_partitions<'a>(
        &self,
        rooms: impl Iterator<Item = &'a RoomId>,
    ) -> Result<HashMap<RoomId, i32>, StoreError> {
        let reads = self.with(|running| Arc::clone(&running.reads))?;
        self.routes.find(&reads, rooms).await
    }

    /// Has a change made by the partition of its room; of users, by that of `general`, where they are counted.
    async fn route_change(&self, change: Change) -> Result<Changed, StoreError> {
        let p = if self.log == LogAt::Elsewhere {
            0
        } else if let Change::CreateRoom { room, .. } | Change::OpenChannel(room) = &change {
            partition_of(room, self.partitions)
        } else {
            let general = RoomId::general();
            let room = Needs::of(&change).room.unwrap_or(&general).clone();
            let found = self.find_partitions(std::iter::once(&room)).await?;
            *found.get(&room).ok_or(StoreError::Refused(ErrorCode::RoomNotFound))?
        };
        let room = Needs::of(&change).room.filter(|_| self.log == LogAt::Elsewhere).cloned();
        let (job, answer) = Job::change(change);
        self.queue(p, job)?;
        let changed = answer.await.unwrap_or_else(|_| Err(closed()))?;
        if let Some(room) = room {
            self.wait_until_told(&room).await;
        }
        Ok(changed)
    }

    fn take(&self) -> Option<Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Queues a job, or says at once why not.
    fn queue(&self, p: i32, job: Job) -> Result<(), StoreError> {
        let queue = self
            .with(|running| usize::try_from(p).ok().and_then(|p| running.queues.get(p)).cloned())?;
        let unknown = || StoreError::Unavailable(format!("the log has no partition {p}"));
        put(&queue.ok_or_else(unknown)?, job)
    }

    /// Has a mark kept that moves on.
    async fn keep_mark(&self, mark: ReadMark) -> Result<(), StoreError> {
        let (job, answer) = Job::mark(mark);
        put(&self.with(|running| running.marks.clone())?, job)?;
        answer.await.unwrap_or_else(|_| Err(closed()))
    }

    fn with<T>(&self, work: impl FnOnce(&Running) -> T) -> Result<T, StoreError> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.as_ref().map(work).ok_or_else(closed)
    }
}

fn put(queue: &mpsc::Sender<Job>, job: Job) -> Result<(), StoreError> {
    match queue.try_send(job) {
        Ok(()) => Ok(()),
        Err(TrySendError::Full(_)) => {
            Err(StoreError::Unavailable("the store's writer queue is full".to_owned()))
        }
        Err(TrySendError::Closed(_)) => Err(closed()),
    }
}

/// Drafts of one call for one partition, and where their answers belong.
#[derive(Default)]
struct Share {
    positions: Vec<usize>,
    drafts: Vec<Draft>,
}

type Answers = Vec<Result<Committed, StoreError>>;

#[async_trait]
impl Log for PgStore {
    async fn commit(&self, drafts: Vec<Draft>) -> Vec<Result<Committed, StoreError>> {
        let count = drafts.len();
        if self.log == LogAt::Elsewhere {
            let elsewhere = StoreError::Unavailable("the log is elsewhere".to_owned());
            return vec![Err(elsewhere); count];
        }
        let partitions = match self.find_partitions(drafts.iter().map(|it| &it.room)).await {
            Ok(partitions) => partitions,
            Err(error) => return vec![Err(error); count],
        };
        let mut answers = vec![Err(StoreError::Refused(ErrorCode::RoomNotFound)); count];
        let mut shares: HashMap<i32, Share> = HashMap::new();
        for (position, draft) in drafts.into_iter().enumerate() {
            if let Some(p) = partitions.get(&draft.room) {
                let share = shares.entry(*p).or_default();
                share.positions.push(position);
                share.drafts.push(draft);
            }
        }
        // All are queued before one is waited for: partitions commit at the same time.
        let mut waiting: Vec<(Vec<usize>, Result<oneshot::Receiver<Answers>, StoreError>)> =
            Vec::new();
        for (p, Share { positions, drafts }) in shares {
            let (job, answers) = Job::commit(drafts);
            waiting.push((positions, self.queue(p, job).map(|()| answers)));
        }
        for (positions, share) in waiting {
            let share = match share {
                Ok(share) => share.await.map_err(|_| closed()),
                Err(error) => Err(error),
            };
            match share {
                Ok(share) => positions.into_iter().zip(share).for_each(|(i, it)| answers[i] = it),
                Err(error) => positions.into_iter().for_each(|i| answers[i] = Err(error.clone())),
            }
        }
        answers
    }
}
