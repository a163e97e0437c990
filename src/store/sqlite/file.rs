//! The database file: claimed by one process, opened with the same pragmas by all its connections.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::migration::{Migration, MigrationSource};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel::sqlite::Sqlite;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::SqliteOptions;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
/// "chat", as the first migration sets it.
const APPLICATION_ID: i64 = 0x6368_6174;
/// Held open and locked beside the database: what two processes would do to each other, SQLite alone can't prevent.
const LOCK_FILE: &str = "lock";

/// Why a store could not be opened, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("there is no directory {0}: create it, or name another data directory")]
    NoDirectory(PathBuf),
    #[error("{0} can't be written ({1}): grant the right to, or name another data directory")]
    NotWritable(PathBuf, std::io::Error),
    #[error("the disk that holds {0} is full: free some space and start again")]
    DiskFull(PathBuf),
    #[error("{0} is not a database of this program: move it away, or name another data directory")]
    NotADatabase(PathBuf),
    #[error("{0} was written by a newer version (it has migration {1}): start that version")]
    Newer(PathBuf, String),
    #[error("another process uses {0}: stop it, or name another data directory")]
    Locked(PathBuf),
    #[error("{0} can't be opened: {1}")]
    Other(PathBuf, String),
}

/// Who opens a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Write,
    Read,
}

/// The file, and how to connect to it.
#[derive(Debug)]
pub(super) struct Database {
    path: PathBuf,
    url: String,
    options: SqliteOptions,
}

/// The claim to a data directory: given back when it is dropped.
#[derive(Debug)]
pub(super) struct Claim {
    _lock: File,
}

impl Database {
    /// Claims the directory and makes sure of a file that can be written.
    pub(super) fn claim(path: &Path, options: SqliteOptions) -> Result<(Self, Claim), OpenError> {
        let other = |reason: &str| OpenError::Other(path.to_owned(), reason.to_owned());
        // Absolute, so that SQLite can't take a name like "file:x" for a URI.
        let path = std::path::absolute(path).map_err(|error| other(&error.to_string()))?;
        let url = path.to_str().ok_or_else(|| other("its name is not UTF-8"))?.to_owned();
        let directory = path.parent().ok_or_else(|| other("it is no file"))?;
        if !directory.is_dir() {
            return Err(OpenError::NoDirectory(directory.to_owned()));
        }
        let lock = writable(&directory.join(LOCK_FILE))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(OpenError::Locked(directory.to_owned())),
            Err(TryLockError::Error(error)) => return Err(other(&error.to_string())),
        }
        writable(&path)?;
        Ok((Self { path, url, options }, Claim { _lock: lock }))
    }

    /// For errors and logs.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// The first connection: refuses a foreign file before it writes to it, then migrates.
    pub(super) fn open(&self) -> Result<SqliteConnection, OpenError> {
        let mut conn = SqliteConnection::establish(&self.url).map_err(|e| self.error(e))?;
        self.check_owner(&mut conn)?;
        let mut conn = self.connect(Access::Write).map_err(|e| self.error(e))?;
        let mode: String =
            sql::<Text>("PRAGMA journal_mode").get_result(&mut conn).map_err(|e| self.error(e))?;
        if mode != "wal" {
            let reason = "its file system can't share memory between connections (WAL)";
            return Err(OpenError::Other(self.path.clone(), reason.to_owned()));
        }
        self.migrate(&mut conn)?;
        Ok(conn)
    }

    /// Another connection.
    pub(super) fn connect(&self, access: Access) -> ConnectionResult<SqliteConnection> {
        let mut conn = SqliteConnection::establish(&self.url)?;
        conn.batch_execute(&self.options.pragmas(access))
            .map_err(ConnectionError::CouldntSetupConfiguration)?;
        Ok(conn)
    }

    fn check_owner(&self, conn: &mut SqliteConnection) -> Result<(), OpenError> {
        let owner: i64 = sql::<BigInt>("SELECT application_id FROM pragma_application_id")
            .get_result(conn)
            .map_err(|e| self.error(e))?;
        // The list of migrations is made before the first of them: a crash may have come between.
        let tables: i64 = sql::<BigInt>(
            "SELECT count(*) FROM sqlite_master WHERE tbl_name <> '__diesel_schema_migrations'",
        )
        .get_result(conn)
        .map_err(|e| self.error(e))?;
        if owner == APPLICATION_ID || (owner == 0 && tables == 0) {
            Ok(())
        } else {
            Err(OpenError::NotADatabase(self.path.clone()))
        }
    }

    fn migrate(&self, conn: &mut SqliteConnection) -> Result<(), OpenError> {
        let known: Vec<Box<dyn Migration<Sqlite>>> =
            MIGRATIONS.migrations().map_err(|e| self.error(e))?;
        let applied = conn.applied_migrations().map_err(|e| self.error(e))?;
        let newer = applied.iter().find(|it| !known.iter().any(|m| m.name().version() == **it));
        if let Some(version) = newer {
            return Err(OpenError::Newer(self.path.clone(), version.to_string()));
        }
        conn.run_pending_migrations(MIGRATIONS).map_err(|e| self.error(e))?;
        Ok(())
    }

    /// SQLite's errors reach us as text only; these texts are fixed in its source.
    pub(super) fn error(&self, error: impl std::fmt::Display) -> OpenError {
        let (path, text) = (self.path.clone(), error.to_string());
        if text.contains("database or disk is full") {
            OpenError::DiskFull(path)
        } else if text.contains("file is not a database") {
            OpenError::NotADatabase(path)
        } else if text.contains("readonly database") || text.contains("unable to open") {
            OpenError::NotWritable(path, std::io::Error::other(text))
        } else {
            OpenError::Other(path, text)
        }
    }
}

/// Opens `path` for writing, private to this user if it is new.
fn writable(path: &Path) -> Result<File, OpenError> {
    let mut open = OpenOptions::new();
    open.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut open, 0o600);
    open.open(path).map_err(|error| match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => OpenError::DiskFull(path.to_owned()),
        _ => OpenError::NotWritable(path.to_owned(), error),
    })
}
