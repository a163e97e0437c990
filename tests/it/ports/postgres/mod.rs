//! The PostgreSQL store as a subject: one server for the whole run, a database for each subject. And what is this store's
//! own: several nodes, opening, its writers, the death of the server.

mod faults;
mod nodes;
mod opening;
mod projecting;
mod restored;
mod writers;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};

use async_trait::async_trait;
use chat_protocol::Event;
use chat_server::store::StoreError;
use chat_server::store::postgres::{PgOptions, PgStore};
use chat_services::{Durability, Postgres};

use super::{FakeClock, HandedOn, LogStore, Subject};

/// It is ended with this process.
static SERVER: LazyLock<Postgres> = LazyLock::new(|| Postgres::start(Durability::Quick).unwrap());

/// The URL of a new, empty database.
pub fn database() -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
    SERVER.create_database(&name).unwrap()
}

/// Runs SQL in a database of [`database`], as an operator's tool does.
fn sql(url: &str, sql: &str) -> String {
    let name = url.rsplit('/').next().unwrap();
    SERVER.query(name, sql).unwrap()
}

fn unavailable<T: std::fmt::Debug>(answer: &Result<T, StoreError>, why: &str) -> bool {
    matches!(answer, Err(StoreError::Unavailable(text)) if text.contains(why))
}

/// A node's store in the database at `url`, and what it hands on.
pub async fn open(url: &str, clock: Arc<FakeClock>) -> (Arc<PgStore>, HandedOn) {
    let handed_on: HandedOn = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&handed_on);
    let on_commit = Box::new(move |events: &[Arc<Event>]| {
        sink.lock().unwrap().extend_from_slice(events);
    });
    let store = PgStore::open(PgOptions::new(url), clock, on_commit).await.unwrap();
    (Arc::new(store), handed_on)
}

pub struct PgSubject {
    url: String,
    clock: Arc<FakeClock>,
    handed_on: HandedOn,
    store: Arc<PgStore>,
}

impl PgSubject {
    pub async fn start() -> Self {
        let (url, clock) = (database(), FakeClock::start());
        let (store, handed_on) = open(&url, clock.clone()).await;
        Self { url, clock, handed_on, store }
    }
}

#[async_trait]
impl Subject for PgSubject {
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
        (self.store, self.handed_on) = open(&self.url, self.clock.clone()).await;
    }

    /// The node's. The server's is in `faults`.
    async fn crash(&mut self) {
        (self.store, self.handed_on) = open(&self.url, self.clock.clone()).await; // cuts off the old one
    }
}
