//! The half of the bus that receives: which rooms are watched here, and at which server each of them is.

mod backlog;
mod compare;
mod link;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chat_protocol::{Offset, RoomId, UserId};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::timeout;

use self::backlog::Backlog;
use self::link::Link;
use super::connection::{Layout, Redis, Server};
use super::keys::PartitionKeys;
use crate::bus::{Heads, Incoming};

/// How long a user waits at most until their hints come: they are let in all the same.
const USER_WITHIN: Duration = Duration::from_secs(1);

/// A room that is watched.
#[derive(Default)]
struct Watched {
    /// The names of its partition, once they are known.
    keys: Option<PartitionKeys>,
    /// How far the receiver knows it to reach.
    told: Offset,
}

#[derive(Default)]
struct State {
    rooms: HashMap<RoomId, Watched>,
    users: HashSet<UserId>,
    layout: Layout,
    links: HashMap<Server, Link>,
}

impl State {
    fn link_of(&self, channel: &str) -> Option<&Link> {
        self.links.get(self.layout.server_of(channel)?)
    }
}

/// See the module.
pub struct Receiver {
    redis: Arc<Redis>,
    backlog: Arc<Backlog>,
    state: Mutex<State>,
}

impl Receiver {
    /// Begins to receive. `heads` is who knows for certain how far rooms reach. What is spawned lives in `tasks`.
    pub fn start(redis: Arc<Redis>, heads: Arc<dyn Heads>, tasks: &mut JoinSet<()>) -> Arc<Self> {
        let receiver = Arc::new(Self { redis, backlog: Arc::default(), state: Mutex::default() });
        tasks.spawn(receiver.clone().follow_layout());
        tasks.spawn(compare::keep(receiver.clone(), heads));
        receiver
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What comes next. Cancel-safe.
    pub async fn next(&self) -> Incoming {
        let incoming = self.backlog.next().await;
        let mut state = self.state();
        let mut note = |room, offset| {
            if let Some(watched) = state.rooms.get_mut(room) {
                watched.told = watched.told.max(offset);
            }
        };
        match &incoming {
            Incoming::Events(run) => run.iter().for_each(|event| note(&event.room, event.offset)),
            Incoming::Heads(heads) => heads.iter().for_each(|(room, head)| note(room, *head)),
            Incoming::Gap | Incoming::Passing(_) => {}
        }
        drop(state);
        incoming
    }

    /// Watches a room, and waits until its events come or a gap will be told.
    pub async fn watch(&self, room: &RoomId) {
        self.state().rooms.entry(room.clone()).or_default();
        // One that has no partition yet is asked for again by the comparison.
        let Some(keys) = self.redis.keys_of(room).await else { return };
        if let Some(watching) = self.subscribe(room, keys, Link::watch) {
            let _ = watching.await; // dropped or sent: it has been tried
        }
    }

    /// Has a watched room's channel subscribed by `how`; `None` if that is nobody's wish any more, or there is nobody to.
    fn subscribe<T>(
        &self,
        room: &RoomId,
        keys: PartitionKeys,
        how: impl FnOnce(&Link, String) -> T,
    ) -> Option<T> {
        let mut state = self.state();
        let channel = keys.channel(room);
        state.rooms.get_mut(room)?.keys = Some(keys);
        state.link_of(&channel).map(|link| how(link, channel))
    }

    /// Watches a room no longer.
    pub fn unwatch(&self, room: &RoomId) {
        let mut state = self.state();
        if let Some(Watched { keys: Some(keys), .. }) = state.rooms.remove(room) {
            let channel = keys.channel(room);
            if let Some(link) = state.link_of(&channel) {
                link.unwatch(&channel);
            }
        }
    }

    /// Watches a user, and waits a moment until their hints come.
    pub async fn watch_user(&self, user: &UserId) {
        let channel = self.redis.keys.of_user(user).channel;
        let watching = {
            let mut state = self.state();
            state.users.insert(user.clone());
            state.link_of(&channel).map(|link| link.watch(channel.clone()))
        };
        if let Some(watching) = watching {
            let _ = timeout(USER_WITHIN, watching).await; // dropped or sent: it has been tried
        }
    }

    /// Watches a user no longer.
    pub fn unwatch_user(&self, user: &UserId) {
        let channel = self.redis.keys.of_user(user).channel;
        let mut state = self.state();
        if state.users.remove(user)
            && let Some(link) = state.link_of(&channel)
        {
            link.unwatch(&channel);
        }
    }

    /// Is everything watched received?
    pub fn is_up(&self) -> bool {
        let state = self.state();
        !state.links.is_empty() && state.links.values().all(Link::is_up)
    }

    /// Ends when what every server has published until now has come.
    async fn settle(&self) {
        let settling: Vec<oneshot::Receiver<()>> =
            self.state().links.values().map(Link::settle).collect();
        for settled in settling {
            let _ = settled.await; // a link that is down tells a gap when it is back
        }
    }

    /// Keeps a link to each server, and each room at the right one.
    async fn follow_layout(self: Arc<Self>) {
        let mut layout = self.redis.layout();
        layout.mark_changed();
        while layout.changed().await.is_ok() {
            let found = layout.borrow_and_update().clone();
            if !found.servers.is_empty() {
                self.move_to(found);
            }
        }
    }

    fn move_to(&self, layout: Layout) {
        let mut state = self.state();
        let State { rooms, users, layout: old, links } = &mut *state;
        links.retain(|server, _| layout.servers.contains(server));
        for server in &layout.servers {
            links.entry(server.clone()).or_insert_with(|| {
                Link::start(self.redis.config.clone(), server.clone(), self.backlog.clone())
            });
        }
        let rooms = rooms.iter().filter_map(|(room, it)| Some(it.keys.as_ref()?.channel(room)));
        let users = users.iter().map(|user| self.redis.keys.of_user(user).channel);
        for channel in rooms.chain(users) {
            let (from, to) = (old.server_of(&channel), layout.server_of(&channel));
            if from == to {
                continue;
            }
            if let Some(link) = from.and_then(|server| links.get(server)) {
                link.unwatch(&channel);
            }
            if let Some(link) = to.and_then(|server| links.get(server)) {
                link.adopt(channel);
            }
        }
        *old = layout;
    }
}
