//! How the database is used.

use std::fmt;

/// What an operator may choose.
#[derive(Clone)]
pub struct PgOptions {
    /// `postgres://user:password@host:port/database`; more hosts may be named, of which one takes writes.
    pub url: String,
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
        Self { url: url.into(), partitions: 8, readers: 4, queue_ops_max: 1024 }
    }
}

impl fmt::Debug for PgOptions {
    /// Without the URL, which holds a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PgOptions")
            .field("partitions", &self.partitions)
            .field("readers", &self.readers)
            .field("queue_ops_max", &self.queue_ops_max)
            .finish_non_exhaustive()
    }
}
