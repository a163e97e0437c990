//! A partition of the log, and the connection on which it is appended to.

use std::sync::Arc;

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};

use super::database::{Access, Database};
use crate::store::StoreError;

const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";

/// What a transaction holds from its beginning on.
#[derive(Clone, Copy, Debug)]
pub(super) enum Lock {
    /// A partition: no other appends to it, or folds it.
    Partition(i32),
    /// The directory: no other changes it where the log is elsewhere.
    Directory,
    Nothing,
}

pub(super) struct Hold {
    database: Arc<Database>,
    lock: Lock,
    /// `None` after anything failed on it: the next transaction opens another.
    conn: Option<AsyncPgConnection>,
}

impl Hold {
    pub(super) fn new(database: Arc<Database>, lock: Lock) -> Self {
        Self { database, lock, conn: None }
    }

    /// Makes sure of a connection.
    pub(super) async fn connect(&mut self) -> Result<(), StoreError> {
        if self.conn.is_none() {
            self.conn = Some(self.open().await?);
        }
        Ok(())
    }

    /// Begins a transaction that holds what this is for until its end. A connection that has died since the last one is
    /// replaced. Dropping it undoes the transaction.
    pub(super) async fn lock(&mut self) -> Result<AsyncPgConnection, StoreError> {
        // One round trip. What is read afterwards is read with the lock held, in a snapshot of its own.
        let lock = match self.lock {
            Lock::Partition(p) => format!("{BEGIN}; SELECT FROM log_part WHERE p = {p} FOR UPDATE"),
            Lock::Directory => format!("{BEGIN}; SELECT FROM log_meta FOR UPDATE"),
            Lock::Nothing => BEGIN.to_owned(),
        };
        if let Some(mut conn) = self.conn.take() {
            match conn.batch_execute(&lock).await {
                Ok(()) => return Ok(conn),
                // It lives, so this was the server's answer.
                Err(error) if conn.batch_execute("ROLLBACK").await.is_ok() => {
                    self.conn = Some(conn);
                    return Err(error.into());
                }
                Err(_) => {}
            }
        }
        let mut conn = self.open().await?;
        conn.batch_execute(&lock).await?;
        Ok(conn)
    }

    /// Commits it. After an error it is unknown whether it was.
    pub(super) async fn commit(&mut self, mut conn: AsyncPgConnection) -> Result<(), StoreError> {
        conn.batch_execute("COMMIT").await?;
        self.conn = Some(conn);
        Ok(())
    }

    async fn open(&self) -> Result<AsyncPgConnection, StoreError> {
        let opened = self.database.connect(Access::Write).await;
        opened.map_err(|error| StoreError::Unavailable(error.to_string()))
    }
}
