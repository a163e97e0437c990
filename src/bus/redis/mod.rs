//! RedisBus: rooms' events between nodes, over Redis.
//!
//! | module | does |
//! | --- | --- |
//! | `connection` | one Redis, one that sentinels name, or a cluster: connections that are replaced when they fail |
//! | `keys`, `payload` | what things are called there, and what is said of an event |
//! | `receive` | subscriptions, what waits, what may have been lost |
//! | `outbox` | where the store is the log: what this node has committed goes out to the others |
//! | `projection` | where Kafka is the log: folds it into places, tails and publications, all in one script |
//! | `presence` | who is in which room, as every node reports it |
//! | `heads`, `tail` | how far that has come, and what it still has of a room |
//!
//! Nothing here is for ever. What Redis forgets is built again, and what it doesn't deliver is found missing.

pub mod connection;
mod heads;
pub mod keys;
mod outbox;
mod payload;
mod presence;
pub mod projection;
mod receive;
pub mod script;
mod tail;

use std::sync::Arc;

use async_trait::async_trait;
use chat_protocol::{Event, RoomId, UserId};
use tokio::task::JoinSet;

pub use connection::{BadUrl, Redis, RedisConfig};
pub use heads::RedisHeads;
pub use presence::RedisNodes;
pub use projection::RedisProjection;
pub use tail::RedisTail;

use self::connection::Unreachable;
use self::outbox::Outbox;
use self::receive::Receiver;
use super::{Bus, Heads, Incoming, Passing};
use crate::store::StoreError;

impl From<Unreachable> for StoreError {
    fn from(error: Unreachable) -> Self {
        Self::Unavailable(error.to_string())
    }
}

/// See the module.
pub struct RedisBus {
    receiver: Arc<Receiver>,
    outbox: Arc<Outbox>,
    /// What receives and publishes; ends with this.
    _tasks: JoinSet<()>,
}

impl RedisBus {
    /// A bus over this Redis. `heads` is who knows for certain how far rooms reach: whichever folds the log first. Needs a
    /// tokio runtime, which then does the work.
    pub fn start(redis: Arc<Redis>, heads: Arc<dyn Heads>) -> Self {
        let mut tasks = JoinSet::new();
        let receiver = Receiver::start(redis.clone(), heads, &mut tasks);
        let outbox = Arc::<Outbox>::default();
        tasks.spawn(outbox.clone().keep_empty(redis));
        Self { receiver, outbox, _tasks: tasks }
    }

    /// Does everything watched come, as far as can be seen from here?
    pub fn is_up(&self) -> bool {
        self.receiver.is_up()
    }
}

#[async_trait]
impl Bus for RedisBus {
    /// For where the store is the log. Never waits: what is too much is dropped, and found missing by who misses it.
    fn relay(&self, run: &[Arc<Event>]) {
        self.outbox.put(run);
    }

    fn pass_on(&self, it: Passing) {
        self.outbox.put_passing(it);
    }

    async fn next(&self) -> Incoming {
        self.receiver.next().await
    }

    async fn watch(&self, room: &RoomId) {
        self.receiver.watch(room).await;
    }

    fn unwatch(&self, room: &RoomId) {
        self.receiver.unwatch(room);
    }

    async fn watch_user(&self, user: &UserId) {
        self.receiver.watch_user(user).await;
    }

    fn unwatch_user(&self, user: &UserId) {
        self.receiver.unwatch_user(user);
    }
}
