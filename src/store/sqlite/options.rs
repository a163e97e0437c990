//! How the database is opened.

use super::file::Access;

/// What an operator may choose.
#[derive(Clone, Debug)]
pub struct SqliteOptions {
    /// Connections that read at the same time.
    pub readers: u32,
    /// Operations that wait for the writer; one more is answered unavailable.
    pub queue_ops_max: usize,
    /// Pages of the database that the writer keeps in memory.
    pub cache_bytes: usize,
    /// The database may not grow beyond it; `None`: as far as the disk goes.
    pub file_bytes_max: Option<u64>,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self { readers: 4, queue_ops_max: 1024, cache_bytes: 64 << 20, file_bytes_max: None }
    }
}

/// SQLite's own default, written down because limits are counted in it.
pub(super) const PAGE_BYTES: u64 = 4096;
/// A reader's pages: an index's inner nodes and a few rooms.
const READER_CACHE_BYTES: usize = 8 << 20;
/// Pages in the write-ahead log (32 MiB) before they are moved into the database: many, because a page that changes
/// often is then moved once for all its changes. Fewer cost more CPU per message, more gain next to nothing.
const WAL_PAGES: u32 = 8192;
/// How long a connection waits for another's lock; only a checkpoint takes one that is felt.
const BUSY_MS: u32 = 5_000;

impl SqliteOptions {
    /// What each new connection is told.
    pub(super) fn pragmas(&self, access: Access) -> String {
        let (cache_bytes, own) = match access {
            Access::Read => (READER_CACHE_BYTES, "PRAGMA query_only = ON;".to_owned()),
            Access::Write => {
                let pages_max = self.file_bytes_max.map(|bytes| bytes / PAGE_BYTES);
                let pages_max = pages_max.unwrap_or(u64::from(u32::MAX) - 1).max(1);
                let own = format!(
                    "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = {WAL_PAGES}; \
                     PRAGMA max_page_count = {pages_max};"
                );
                (self.cache_bytes, own)
            }
        };
        let cache_kib = cache_bytes / 1024;
        format!(
            "PRAGMA busy_timeout = {BUSY_MS}; PRAGMA page_size = {PAGE_BYTES}; {own} \
             PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA cache_size = -{cache_kib}; \
             PRAGMA temp_store = MEMORY;"
        )
    }
}
