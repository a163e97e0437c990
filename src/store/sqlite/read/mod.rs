//! Reading: a pool of connections on a runtime of its own.
//!
//! Its own, because a query that runs in the background of an actix thread must not be cancelled there: dropping it
//! panics. Here a caller that gives up only stops waiting; the query ends by itself.

mod directory;
mod history;
pub(super) mod lookup;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel_async::pooled_connection::bb8::Pool;
use diesel_async::pooled_connection::{
    AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod,
};
use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;
use futures_util::FutureExt;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinHandle;

use super::file::{Access, Database};
use crate::store::StoreError;

/// Below the four seconds within which every reply has to leave.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(3);

type Reader = SyncConnectionWrapper<SqliteConnection>;

pub(in crate::store::sqlite) struct Reads {
    pool: Pool<Reader>,
    handle: Handle,
}

impl Reads {
    /// Makes the pool and the runtime that it lives on; connections are opened when they are needed.
    pub(in crate::store::sqlite) fn start(
        database: Arc<Database>,
        readers: u32,
    ) -> std::io::Result<(Self, Runtime)> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("store-read")
            .enable_time()
            .build()?;
        let mut config = ManagerConfig::<Reader>::default();
        config.recycling_method = RecyclingMethod::Fast; // a file doesn't hang up
        let url = database.url().to_owned();
        config.custom_setup = Box::new(move |_| {
            let database = Arc::clone(&database);
            let opening = tokio::task::spawn_blocking(move || database.connect(Access::Read));
            async move {
                let conn =
                    opening.await.map_err(|e| ConnectionError::BadConnection(e.to_string()))?;
                conn.map(SyncConnectionWrapper::new)
            }
            .boxed()
        });
        let _context = runtime.enter(); // the pool starts a task of its own
        let pool = Pool::builder()
            .max_size(readers.max(1))
            .connection_timeout(CONNECTION_TIMEOUT)
            .build_unchecked(AsyncDieselConnectionManager::new_with_config(url, config));
        Ok((Self { pool, handle: runtime.handle().clone() }, runtime))
    }

    /// Starts `query` in a transaction: all that it reads is one snapshot.
    pub(in crate::store::sqlite) fn start_query<T, Q>(
        &self,
        query: Q,
    ) -> JoinHandle<Result<T, StoreError>>
    where
        T: Send + 'static,
        Q: FnOnce(&mut SqliteConnection) -> Result<T, StoreError> + Send + 'static,
    {
        let pool = self.pool.clone();
        self.handle.spawn(async move {
            let mut conn = pool.get().await.map_err(|error| {
                StoreError::Unavailable(format!("no connection to read with: {error}"))
            })?;
            // Caught here: the wrapper would keep a connection whose query panicked, and could never give it back.
            let guarded = move |conn: &mut SqliteConnection| {
                let read = catch_unwind(AssertUnwindSafe(|| conn.transaction(query)));
                let read = read
                    .unwrap_or_else(|_| Err(StoreError::Unavailable("a query panicked".into())));
                if let Err(StoreError::Unavailable(_)) = &read {
                    // What was wrong may be what it has kept of the file, and would be read for ever.
                    let _ = conn.batch_execute("PRAGMA shrink_memory");
                }
                Ok(read)
            };
            conn.spawn_blocking(guarded).await?
        })
    }
}
