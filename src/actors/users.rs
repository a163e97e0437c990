//! Whose sessions are on this node, whatever thread they are on: the way of a hint from the bus to all of a user's.
//!
//! A session holds its user from before it is let in until it ends, so that no hint falls between what it asks for then and
//! what it is told of later. Who holds is known by user alone: everything else finds a session by its key.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chat_protocol::publication::Batch;
use chat_protocol::{Hint, Publication, UserId};

use super::fan_out::TellUser;
use super::workers::Workers;
use crate::bus::Bus;
use crate::domain::session::SessionKey;

#[derive(Default)]
struct Here {
    holds: u32,
    sessions: Vec<SessionKey>,
}

/// See the module.
pub struct Users {
    bus: Arc<dyn Bus>,
    workers: Arc<Workers>,
    here: Mutex<HashMap<UserId, Here>>,
}

/// A session's hold of its user; ends with the session.
pub struct Hold {
    users: Arc<Users>,
    user: UserId,
    session: Option<SessionKey>,
}

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Hold").field(&self.user).finish()
    }
}

impl Users {
    /// Nobody is here yet.
    pub fn new(bus: Arc<dyn Bus>, workers: Arc<Workers>) -> Self {
        Self { bus, workers, here: Mutex::default() }
    }

    fn here(&self) -> MutexGuard<'_, HashMap<UserId, Here>> {
        self.here.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A session of `user` is about to be let in. Returns when their hints come to this node, or after a second.
    pub async fn hold(self: &Arc<Self>, user: &UserId) -> Hold {
        self.here().entry(user.clone()).or_default().holds += 1;
        let hold = Hold { users: self.clone(), user: user.clone(), session: None };
        self.bus.watch_user(user).await;
        hold
    }

    /// Tells all sessions of the hint's user here.
    pub fn tell(&self, hint: &Hint) {
        let sessions = self.here().get(&hint.user).map(|here| here.sessions.clone());
        let mut sessions = sessions.unwrap_or_default();
        let batch = Arc::new(Batch::new(vec![Publication::hint(hint)]));
        while let Some(SessionKey { worker, .. }) = sessions.first().copied() {
            let (its, others) = sessions.into_iter().partition(|it| it.worker == worker);
            if let Some(fan_out) = self.workers.get(worker) {
                let _ = fan_out.tell(TellUser { sessions: its, batch: batch.clone() });
            }
            sessions = others;
        }
    }
}

impl Hold {
    /// The session is let in: from now on it is told.
    pub fn join(&mut self, session: SessionKey) {
        let mut here = self.users.here();
        if let Some(here) = here.get_mut(&self.user) {
            here.sessions.push(session);
            self.session = Some(session);
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut users = self.users.here();
        let Some(here) = users.get_mut(&self.user) else { return };
        here.holds = here.holds.saturating_sub(1);
        here.sessions.retain(|it| Some(*it) != self.session);
        if here.holds == 0 {
            users.remove(&self.user);
            // With the lock held, so that whoever holds next watches after this.
            self.users.bus.unwatch_user(&self.user);
        }
    }
}
