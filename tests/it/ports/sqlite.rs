//! The SQLite store as a subject.

use std::path::Path;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chat_protocol::Event;
use chat_server::store::sqlite::{SqliteOptions, SqliteStore};
use tempfile::TempDir;

use super::{FakeClock, HandedOn, LogStore, Subject};

pub struct SqliteSubject {
    directory: TempDir,
    clock: Arc<FakeClock>,
    handed_on: HandedOn,
    store: Arc<SqliteStore>,
}

fn open(directory: &Path, clock: Arc<FakeClock>) -> (Arc<SqliteStore>, HandedOn) {
    let handed_on: HandedOn = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&handed_on);
    let on_commit = Box::new(move |events: &[Arc<Event>]| {
        sink.lock().unwrap().extend_from_slice(events);
    });
    let path = directory.join("chat.db");
    let store = SqliteStore::open(&path, SqliteOptions::default(), clock, on_commit).unwrap();
    (Arc::new(store), handed_on)
}

impl SqliteSubject {
    pub fn start() -> Self {
        let directory = TempDir::new().unwrap();
        let clock = FakeClock::start();
        let (store, handed_on) = open(directory.path(), clock.clone());
        Self { directory, clock, handed_on, store }
    }
}

#[async_trait]
impl Subject for SqliteSubject {
    fn store(&self) -> Arc<dyn LogStore> {
        self.store.clone()
    }

    fn clock(&self) -> &FakeClock {
        &self.clock
    }

    fn handed_on(&self) -> Vec<Arc<Event>> {
        self.handed_on.lock().unwrap().clone()
    }

    async fn restart(&mut self) {
        self.store.close().await;
        (self.store, self.handed_on) = open(self.directory.path(), self.clock.clone());
    }

    async fn crash(&mut self) {
        let copy = TempDir::new().unwrap();
        // The write-ahead log last: what it has more than the database is what a power cut may leave.
        for file in ["chat.db", "chat.db-wal"] {
            std::fs::copy(self.directory.path().join(file), copy.path().join(file)).unwrap();
        }
        (self.store, self.handed_on) = open(copy.path(), self.clock.clone());
        self.directory = copy;
    }
}
