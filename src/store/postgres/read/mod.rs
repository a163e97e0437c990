//! Reading: a pool of connections, each answer from one snapshot.

mod directory;
mod history;
pub(super) mod lookup;
mod stretch;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bb8::ErrorSink;
use diesel::ConnectionError;
use diesel_async::pooled_connection::bb8::{Pool, PooledConnection, RunError};
use diesel_async::pooled_connection::{
    AsyncDieselConnectionManager, ManagerConfig, PoolError, RecyclingMethod,
};
use diesel_async::{AnsiTransactionManager, AsyncPgConnection, TransactionManager};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::database::{Access, CONNECT_TIMEOUT, Database};
use crate::store::StoreError;

/// For one answer, the wait for a connection included.
const READ_TIMEOUT: Duration = Duration::from_millis(2_500);
const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

pub(super) struct Reads {
    pool: Pool<AsyncPgConnection>,
    /// Why the last attempt to connect failed: the pool itself says only that it took too long.
    refusal: Refusal,
    handle: Handle,
}

impl Reads {
    /// Makes the pool on the runtime that this is called on; connections are opened when they are needed.
    pub(super) fn start(database: Arc<Database>, readers: u32) -> Self {
        let mut config = ManagerConfig::<AsyncPgConnection>::default();
        config.recycling_method = RecyclingMethod::Fast; // beginning a transaction says whether it lives
        config.custom_setup = Box::new(move |_| {
            let database = Arc::clone(&database);
            async move { database.connect(Access::Read).await.map_err(ConnectionError::from) }
                .boxed()
        });
        let refusal = Refusal::default();
        let pool = Pool::builder()
            .max_size(readers.max(1))
            .connection_timeout(CONNECT_TIMEOUT)
            .error_sink(refusal.boxed_clone())
            .build_unchecked(AsyncDieselConnectionManager::new_with_config("", config));
        Self { pool, refusal, handle: Handle::current() }
    }

    /// Runs `query` in a transaction on the store's own threads: all that it reads is one snapshot. A caller that gives up
    /// only stops waiting.
    pub(super) async fn read<T, Q>(&self, query: Q) -> Result<T, StoreError>
    where
        T: Send + 'static,
        Q: for<'c> FnOnce(&'c mut AsyncPgConnection) -> BoxFuture<'c, Result<T, StoreError>>
            + Send
            + 'static,
    {
        self.read_within(READ_TIMEOUT, query).await
    }

    /// The same for what may take longer.
    pub(super) async fn read_within<T, Q>(&self, limit: Duration, query: Q) -> Result<T, StoreError>
    where
        T: Send + 'static,
        Q: for<'c> FnOnce(&'c mut AsyncPgConnection) -> BoxFuture<'c, Result<T, StoreError>>
            + Send
            + 'static,
    {
        let (pool, refusal) = (self.pool.clone(), self.refusal.clone());
        let reading = self.handle.spawn(async move {
            let reading = async {
                let mut conn = begin(&pool, &refusal).await?;
                let answer = query(&mut conn).await;
                // Left open after a failure: the pool throws such a connection away.
                if !matches!(answer, Err(StoreError::Unavailable(_))) {
                    AnsiTransactionManager::commit_transaction(&mut *conn).await?;
                }
                answer
            };
            let late = |_| StoreError::Unavailable("the database doesn't answer".to_owned());
            timeout(limit, reading).await.map_err(late)?
        });
        let ended =
            |_| StoreError::Unavailable("a query panicked, or the store was closed".to_owned());
        reading.await.map_err(ended)?
    }
}

/// A connection in a transaction that has just begun.
async fn begin(
    pool: &Pool<AsyncPgConnection>,
    refusal: &Refusal,
) -> Result<PooledConnection<'static, AsyncPgConnection>, StoreError> {
    loop {
        let mut conn = pool.get_owned().await.map_err(|error| refusal.of(error))?;
        match AnsiTransactionManager::begin_transaction_sql(&mut *conn, SNAPSHOT).await {
            Ok(()) => return Ok(conn),
            // It died while it waited for its turn. The next may live; a new one tells why not.
            Err(_) => {
                AnsiTransactionManager::transaction_manager_status_mut(&mut *conn).set_in_error();
            }
        }
    }
}

#[derive(Clone, Debug, Default)]
struct Refusal(Arc<Mutex<Option<String>>>);

impl Refusal {
    fn of(&self, error: RunError) -> StoreError {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let reason = match error {
            RunError::User(error) => error.to_string(),
            RunError::TimedOut => last.unwrap_or_else(|| "all connections are busy".to_owned()),
        };
        StoreError::Unavailable(format!("no connection to read with: {reason}"))
    }
}

impl ErrorSink<PoolError> for Refusal {
    fn sink(&self, error: PoolError) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
    }

    fn boxed_clone(&self) -> Box<dyn ErrorSink<PoolError>> {
        Box::new(self.clone())
    }
}
