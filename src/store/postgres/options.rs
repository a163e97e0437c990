//! How the database is used.

use std::fmt;

/// Where the log is. A database keeps to what it was founded for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogAt {
    /// The database is the log.
    #[default]
    Here,
    /// It is folded into the database, which tells it of changes through the outbox.
    Elsewhere,
}

/// What an operator may choose.
#[derive(Clone)]
pub struct PgOptions {
    /// `postgres://user:password@host:port/database`; more hosts may be named, of which one takes writes.
    pub url: String,
    pub log: LogAt,
    /// Partitions of a log that is founded now: how many groups can be committed at the same time, over all nodes. A log
    /// keeps the number that it began with.
    pub partitions: i32,
    /// Connections that read at the same time; each partition that is written to has one besides.
    pub readers: u32,
    /// Operations that wait for a partition; one more is answered unavailable.
    pub queue_ops_max: usize,
}

impl PgOptions {
    /// The defaults for the database at `url`.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), log: LogAt::Here, partitions: 8, readers: 4, queue_ops_max: 1024 }
    }
}

impl fmt::Debug for PgOptions {
    /// Without the URL, which holds a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PgOptions")
            .field("log", &self.log)
            .field("partitions", &self.partitions)
            .field("readers", &self.readers)
            .field("queue_ops_max", &self.queue_ops_max)
            .finish_non_exhaustive()
    }
}
