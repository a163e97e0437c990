//! One node by itself: a SQLite file is log and store, the bus is memory.

use std::sync::Arc;

use chat_protocol::object::Durability;

use super::StartError;
use super::parts::Parts;
use crate::bus::Bus;
use crate::bus::local::LocalBus;
use crate::clock::Clock;
use crate::config::Config;
use crate::journal::direct::DirectJournal;
use crate::nodes::local::LocalNodes;
use crate::store::sqlite::{SqliteOptions, SqliteStore};
use crate::tokens::load_or_create_secret;

/// Opens the data directory.
///
/// # Errors
/// [`StartError`].
pub fn parts(config: &Config, clock: Arc<dyn Clock>) -> Result<Parts, StartError> {
    let data_dir = &config.store.data_dir;
    std::fs::create_dir_all(data_dir).map_err(|err| StartError::DataDir(data_dir.clone(), err))?;
    let bus = Arc::new(LocalBus::default());
    let options = SqliteOptions {
        readers: config.store.readers,
        cache_bytes: config.store.cache_bytes,
        ..SqliteOptions::default()
    };
    let relay = bus.clone();
    let on_commit = Box::new(move |run: &[_]| relay.relay(run));
    let store = SqliteStore::open(&data_dir.join("chat.db"), options, clock, on_commit)?;
    let store = Arc::new(store);
    let secret = load_or_create_secret(&data_dir.join("secret")).map_err(StartError::Secret)?;
    let absolute = std::fs::canonicalize(data_dir).unwrap_or_else(|_| data_dir.clone());
    let closing = store.clone();
    Ok(Parts {
        journal: Arc::new(DirectJournal::new(store.clone(), Durability::Fsync)),
        store,
        bus,
        nodes: Arc::<LocalNodes>::default(),
        projectors: Vec::new(),
        outbox: None,
        kept: format!("{} (every acknowledged message is on disk there)", absolute.display()),
        secret,
        outdated: None,
        closing: Box::new(move || Box::pin(async move { closing.close().await })),
    })
}
