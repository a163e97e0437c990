//! What Redis has to do with ports: a bus, a projection of the log, a tail.

pub mod bus;
mod fences;
mod fold;
mod rebuilt;
mod set_ups;
mod subscriptions;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use async_trait::async_trait;
use chat_protocol::{Epoch, Event, EventBody, Offset, RoomId};
use chat_server::bus::redis::{Redis, RedisBus, RedisConfig};
use chat_server::bus::{Bus, Heads, Incoming};
use chat_server::domain::log_record::Record;
use chat_server::store::projection::{Base, Source};
use chat_server::store::{Partitions, StoreError};
use chat_services::{Durability, Redis as Server};

use super::log_model;
use crate::kit::{eventually, within};

/// A server for whoever doesn't harm it; each has an epoch of its own there.
pub fn shared_server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| Server::start(Durability::Quick).unwrap())
}

/// An epoch that nobody else has.
pub fn new_epoch() -> Epoch {
    static EPOCHS: AtomicU64 = AtomicU64::new(1);
    Epoch::parse(&format!("{}.aaaaaaaa", EPOCHS.fetch_add(1, Ordering::Relaxed))).unwrap()
}

/// Rooms `<n>-…` are in partition n, all others in 0, unless nothing can be found out.
#[derive(Default)]
pub struct ByName {
    pub is_away: AtomicBool,
}

#[async_trait]
impl Partitions for ByName {
    async fn partition_of(&self, room: &RoomId) -> Result<Option<u32>, StoreError> {
        let number = room.as_str().split('-').next().and_then(|n| n.parse().ok());
        match self.is_away.load(Ordering::Relaxed) {
            true => Err(StoreError::Unavailable("away".to_owned())),
            false => Ok(Some(number.unwrap_or(0))),
        }
    }
}

/// Says how far rooms reach; `None`: nobody knows.
#[derive(Default)]
pub struct KnownHeads(pub Mutex<Option<HashMap<RoomId, Offset>>>);

impl KnownHeads {
    /// Knows that there is nothing, and tells no gap.
    pub fn of_nothing() -> Self {
        Self(Mutex::new(Some(HashMap::new())))
    }

    pub fn set(&self, room: &RoomId, offset: Offset) {
        self.0.lock().unwrap().get_or_insert_default().insert(room.clone(), offset);
    }
}

#[async_trait]
impl Heads for KnownHeads {
    async fn heads(&self, rooms: &[RoomId]) -> Result<Vec<(RoomId, Offset)>, StoreError> {
        let known = self.0.lock().unwrap();
        let known = known.as_ref().ok_or(StoreError::Unavailable("nobody knows".into()))?;
        let head = |room: &RoomId| Some((room.clone(), *known.get(room)?));
        Ok(rooms.iter().filter_map(head).collect())
    }
}

/// A projection that never folded anything, or what it was given.
#[derive(Default)]
pub struct Given(pub Base);

#[async_trait]
impl Source for Given {
    async fn base(&self, _: u32) -> Result<Base, StoreError> {
        Ok(self.0.clone())
    }
}

/// This node's Redis at `url`.
pub fn redis(url: &str, epoch: &Epoch) -> Arc<Redis> {
    Redis::start(RedisConfig::parse(url).unwrap(), epoch, Arc::new(ByName::default()))
}

/// A bus that is up.
pub async fn bus(url: &str, epoch: &Epoch, heads: Arc<dyn Heads>) -> RedisBus {
    let bus = RedisBus::start(redis(url, epoch), heads);
    is_up(&bus).await;
    bus
}

/// Waits until what is watched comes.
pub async fn is_up(bus: &RedisBus) {
    eventually("the bus is up", async || bus.is_up().then_some(())).await;
}

/// The first that is wanted of what comes.
pub async fn next<T>(
    bus: &RedisBus,
    what: &str,
    mut wanted: impl FnMut(Incoming) -> Option<T>,
) -> T {
    within(what, async {
        loop {
            if let Some(found) = wanted(bus.next().await) {
                return found;
            }
        }
    })
    .await
}

/// Waits for a gap.
pub async fn next_gap(bus: &RedisBus) {
    next(bus, "a gap", |incoming| matches!(incoming, Incoming::Gap).then_some(())).await;
}

/// Waits for an event of `room`.
pub async fn next_event(bus: &RedisBus, room: &RoomId) -> Arc<Event> {
    let wanted = |incoming| match incoming {
        Incoming::Events(run) => run.into_iter().find(|event| event.room == *room),
        _ => None,
    };
    next(bus, "an event", wanted).await
}

pub fn room(name: &str) -> RoomId {
    RoomId::parse(name).unwrap()
}

pub fn event(room: &RoomId, offset: Offset) -> Arc<Event> {
    let (room, body) = (room.clone(), EventBody::Void { of: None });
    Arc::new(Event { room, offset, time: 1, id: None, user: None, body })
}

/// A message as the log has it, taken as soon as it was checked.
pub fn message(log_offset: u64, at: u64, room: &RoomId, client_id: &str) -> Record {
    log_model::message(log_offset, at, at, room, client_id)
}

/// Runs what blocks beside everything else.
pub async fn blocking<T: Send + 'static>(job: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(job).await.unwrap()
}
