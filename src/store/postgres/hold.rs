//! A partition of the log, and the connection on which it is appended to.

use std::sync::Arc;

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};

use super::database::{Access, Database};
use crate::store::StoreError;

pub(super) struct Hold {
    database: Arc<Database>,
    pub p: i32,
    /// `None` after anything failed on it: the next transaction opens another.
    conn: Option<AsyncPgConnection>,
}

impl Hold {
    pub(super) fn new(database: Arc<Database>, p: i32) -> Self {
        Self { database, p, conn: None }
    }

    /// Makes sure of a connection.
    pub(super) async fn connect(&mut self) -> Result<(), StoreError> {
        if self.conn.is_none() {
            self.conn = Some(self.open().await?);
        }
        Ok(())
    }

    /// Begins a transaction that holds the partition: no other appends to it until its end. A connection that has died since
    /// the last one is replaced. Dropping it undoes the transaction.
    pub(super) async fn lock(&mut self) -> Result<AsyncPgConnection, StoreError> {
        // One round trip. What is read afterwards is read with the lock held, in a snapshot of its own.
        let lock = format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; \
             SELECT FROM log_part WHERE p = {} FOR UPDATE",
            self.p
        );
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
