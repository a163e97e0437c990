//! The store as one SQLite file in the data directory, and the log at the same time.
//!
//! | module | holds |
//! | --- | --- |
//! | `file`, `options` | the file: claimed, checked, migrated; pragmas |
//! | `found` | what a new database begins with |
//! | `write` | the one thread that writes, in groups |
//! | `read` | a pool of connections, each answer from one snapshot |
//! | `schema` | the tables |

mod file;
mod found;
mod options;
mod read;
mod schema;
mod write;

use std::path::Path;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use async_trait::async_trait;
use chat_protocol::Epoch;
use diesel::SqliteConnection;
use tokio::runtime::Runtime;
use tokio::sync::{Semaphore, oneshot};

use crate::clock::Clock;
use crate::domain::record::Draft;
use crate::store::job::Job;
use crate::store::{Committed, Log, OnCommit, StoreError};

pub use file::OpenError;
pub use options::SqliteOptions;

/// Read marks that may wait for the writer: they must not fill the queue that messages go through.
const MARKS_MAX: usize = 256;

/// The embedded store.
///
/// Dropping it without [`SqliteStore::close`] lets the writer finish what is queued, unseen.
pub struct SqliteStore {
    epoch: Arc<Epoch>,
    marks: Semaphore,
    /// `None` once it is closed.
    running: Mutex<Option<Running>>,
}

/// What closing ends.
struct Running {
    queue: SyncSender<Job>,
    writer: JoinHandle<()>,
    reads: read::Reads,
    /// What `reads` runs on.
    runtime: Runtime,
}

fn closed() -> StoreError {
    StoreError::Unavailable("the store is closed".to_owned())
}

impl SqliteStore {
    /// Opens the database at `path`, and makes it if there is none in its directory. Blocks while it migrates.
    ///
    /// `on_commit` is handed the events of each committed group in the order of the log, on the writer's thread,
    /// before any of the group is answered; while it blocks, writing waits. If it panics, its group is answered
    /// [`StoreError::Unavailable`], though it is in the log.
    ///
    /// # Errors
    /// [`OpenError`], whose text says what to do.
    pub fn open(
        path: &Path,
        options: SqliteOptions,
        clock: Arc<dyn Clock>,
        on_commit: OnCommit,
    ) -> Result<Self, OpenError> {
        let (readers, queue_ops_max) = (options.readers, options.queue_ops_max);
        let (database, claim) = file::Database::claim(path, options)?;
        let database = Arc::new(database);
        let mut conn = database.open()?;
        let epoch = found::found(&mut conn, clock.now_ms()).map_err(|e| database.error(e))?;
        let open = write::Open::new(conn).map_err(|e| database.error(e))?;
        let (reads, runtime) =
            read::Reads::start(Arc::clone(&database), readers).map_err(|e| database.error(e))?;
        let (queue, jobs) = sync_channel(queue_ops_max);
        let writer = write::Writer {
            claim,
            database: Arc::clone(&database),
            epoch: epoch.clone(),
            clock,
            on_commit,
            open: Some(open),
        };
        let writer = thread::Builder::new()
            .name("store-write".to_owned())
            .spawn(move || writer.run(&jobs))
            .map_err(|e| database.error(e))?;
        let running = Mutex::new(Some(Running { queue, writer, reads, runtime }));
        Ok(Self { epoch: Arc::new(epoch), marks: Semaphore::new(MARKS_MAX), running })
    }

    /// Commits what is queued, hands on its events, moves the write-ahead log into the database and gives the file
    /// back. Afterwards everything is answered [`StoreError::Unavailable`]. A second call does nothing.
    pub async fn close(&self) {
        let Some(running) = self.take() else { return };
        let (closed, done) = oneshot::channel::<()>();
        let closing = thread::Builder::new().name("store-close".to_owned()).spawn(move || {
            let Running { queue, writer, reads, runtime } = running;
            drop((runtime, reads)); // first: the last connection to close tidies up the file
            drop(queue);
            if writer.join().is_err() {
                tracing::error!("the store's writer had panicked");
            }
            drop(closed);
        });
        if closing.is_ok() {
            let _ = done.await; // ends when the sender is dropped
        }
    }

    /// Reads from one snapshot, on a connection of the pool.
    async fn read<T, Q>(&self, query: Q) -> Result<T, StoreError>
    where
        T: Send + 'static,
        Q: FnOnce(&mut SqliteConnection) -> Result<T, StoreError> + Send + 'static,
    {
        let reading = self.with(|running| running.reads.start_query(query))?;
        reading.await.unwrap_or_else(|_| Err(closed()))
    }

    fn take(&self) -> Option<Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Queues a job, or says at once why not.
    fn queue(&self, job: Job) -> Result<(), StoreError> {
        self.with(|running| match running.queue.try_send(job) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(_)) => {
                Err(StoreError::Unavailable("the store's writer queue is full".to_owned()))
            }
            Err(TrySendError::Disconnected(_)) => Err(closed()),
        })?
    }

    fn with<T>(&self, work: impl FnOnce(&Running) -> T) -> Result<T, StoreError> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.as_ref().map(work).ok_or_else(closed)
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        if let Some(running) = self.take() {
            running.runtime.shutdown_background(); // dropping it would block, which an async thread may not
        }
    }
}

#[async_trait]
impl Log for SqliteStore {
    async fn commit(&self, drafts: Vec<Draft>) -> Vec<Result<Committed, StoreError>> {
        if drafts.is_empty() {
            return Vec::new();
        }
        let count = drafts.len();
        let (job, answers) = Job::commit(drafts);
        match self.queue(job) {
            Ok(()) => answers.await.unwrap_or_else(|_| vec![Err(closed()); count]),
            Err(error) => vec![Err(error); count],
        }
    }
}

#[cfg(test)]
mod tests;
