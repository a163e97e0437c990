//! Several nodes on one PostgreSQL, which is log and store. Redis carries events between them, or the database itself.

use std::sync::{Arc, OnceLock};

use chat_protocol::object::Durability;

use super::StartError;
use super::parts::{Parts, bus_thread};
use crate::bus::Bus;
use crate::bus::postgres::PgBus;
use crate::bus::redis::{Redis, RedisBus, RedisConfig, RedisNodes};
use crate::clock::Clock;
use crate::config::Config;
use crate::journal::direct::DirectJournal;
use crate::nodes::Nodes;
use crate::nodes::local::LocalNodes;
use crate::store::History;
use crate::store::postgres::{PgOptions, PgStore};

/// Connects to the database.
///
/// # Errors
/// [`StartError`].
pub async fn parts(config: &Config, clock: Arc<dyn Clock>) -> Result<Parts, StartError> {
    // Before anything is connected to: a typo is told at once.
    let redis = match config.redis.url.as_str() {
        "" => None,
        url => Some(RedisConfig::parse(url)?),
    };
    // The bus needs the store, to compare with; the store hands on to the bus.
    let bus: Arc<OnceLock<Arc<dyn Bus>>> = Arc::default();
    let relay = bus.clone();
    let on_commit = Box::new(move |run: &[_]| {
        if let Some(bus) = relay.get() {
            bus.relay(run);
        }
    });
    let options =
        PgOptions { readers: config.postgres.connections, ..PgOptions::new(&config.postgres.url) };
    let store = Arc::new(PgStore::open(options, clock, on_commit).await?);
    let threads = bus_thread()?;
    let (started, nodes): (Arc<dyn Bus>, Arc<dyn Nodes>) = match redis {
        None => {
            let url = config.postgres.url.clone();
            let bus = PgBus::start(url, store.clone(), threads.handle());
            (Arc::new(bus), Arc::<LocalNodes>::default())
        }
        Some(at) => {
            let _context = threads.enter();
            let redis = Redis::start(at, store.epoch(), store.clone());
            let nodes = RedisNodes::new(redis.clone(), config.presence.believed_for());
            (Arc::new(RedisBus::start(redis, store.clone())), Arc::new(nodes))
        }
    };
    let _ = bus.set(started.clone()); // set once
    let place = store.place().to_owned();
    let (closing, secret) = (store.clone(), store.secret().to_vec());
    Ok(Parts {
        journal: Arc::new(DirectJournal::new(store.clone(), Durability::Database)),
        store,
        bus: started,
        nodes,
        projectors: Vec::new(),
        outbox: None,
        kept: format!("PostgreSQL at {place} (every acknowledged message is committed there)"),
        secret,
        outdated: None,
        closing: Box::new(move || {
            Box::pin(async move {
                closing.close().await;
                threads.shutdown_background();
            })
        }),
    })
}
