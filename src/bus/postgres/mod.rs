//! PgBus: several nodes on one PostgreSQL, without Redis. What a node commits it hands to its own rooms at once; the
//! others are told by `NOTIFY` how far a room reaches, and read the rest from the store.
//!
//! For a handful of nodes: every message costs one read on each other node that has members of its room.

mod inbox;
mod link;
mod notice;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use chat_protocol::{Event, Offset, RoomId, UserId};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use self::inbox::Inbox;
use super::{Bus, Heads, Incoming, Passing};

/// Groups whose notice may wait; one that finds no room is found by the next comparison of heads.
const NOTICES_MAX: usize = 1024;

/// What a node tells the others.
enum Telling {
    Heads(Vec<(RoomId, Offset)>),
    Passing(Passing),
}

/// What the bus and its link to the database share.
struct Shared {
    inbox: Inbox,
    watched: Mutex<HashSet<RoomId>>,
    users: Mutex<HashSet<UserId>>,
}

impl Shared {
    fn watched(&self) -> std::sync::MutexGuard<'_, HashSet<RoomId>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells of those rooms that are watched here.
    fn tell_heads(&self, mut heads: Vec<(RoomId, Offset)>) {
        let watched = self.watched();
        heads.retain(|(room, _)| watched.contains(room));
        drop(watched);
        if !heads.is_empty() {
            self.inbox.put(Incoming::Heads(heads));
        }
    }
}

impl Shared {
    fn users(&self) -> std::sync::MutexGuard<'_, HashSet<UserId>> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Passes it to its room or user, if that is watched here.
    fn tell_passing(&self, it: Passing) {
        let is_watched = match &it {
            Passing::InRoom(it) => self.watched().contains(&it.room),
            Passing::ToUser(it) => self.users().contains(&it.user),
        };
        if is_watched {
            self.inbox.put_passing(it);
        }
    }
}

/// See the module.
pub struct PgBus {
    shared: Arc<Shared>,
    notices: mpsc::Sender<Telling>,
}

impl PgBus {
    /// A bus over the database at `url`, which connects by itself on `threads`, again and again. `heads` is what the
    /// database says.
    pub fn start(url: String, heads: Arc<dyn Heads>, threads: &Handle) -> Self {
        let shared = Arc::new(Shared {
            inbox: Inbox::default(),
            watched: Mutex::default(),
            users: Mutex::default(),
        });
        let (notices, queue) = mpsc::channel(NOTICES_MAX);
        let link = link::Link { url, heads, shared: shared.clone(), node: notice::draw_node() };
        threads.spawn(link.keep(queue));
        Self { shared, notices }
    }
}

#[async_trait]
impl Bus for PgBus {
    fn relay(&self, run: &[Arc<Event>]) {
        let heads = run.iter().map(|event| (event.room.clone(), event.offset)).collect();
        let _ = self.notices.try_send(Telling::Heads(heads)); // the others compare heads anyway
        let watched = self.shared.watched();
        let here: Vec<_> = run.iter().filter(|e| watched.contains(&e.room)).cloned().collect();
        drop(watched);
        if !here.is_empty() {
            self.shared.inbox.put(Incoming::Events(here));
        }
    }

    fn pass_on(&self, it: Passing) {
        let _ = self.notices.try_send(Telling::Passing(it.clone()));
        self.shared.tell_passing(it);
    }

    async fn next(&self) -> Incoming {
        self.shared.inbox.next().await
    }

    async fn watch(&self, room: &RoomId) {
        self.shared.watched().insert(room.clone());
    }

    fn unwatch(&self, room: &RoomId) {
        self.shared.watched().remove(room);
    }

    async fn watch_user(&self, user: &UserId) {
        self.shared.users().insert(user.clone());
    }

    fn unwatch_user(&self, user: &UserId) {
        self.shared.users().remove(user);
    }
}
