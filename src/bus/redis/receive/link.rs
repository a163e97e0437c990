//! Link: the subscriptions at one server, over a connection that is replaced whenever it fails.
//!
//! What is wanted is written down; a task brings the server to it and sends a heartbeat with every change, or alone. So a
//! connection that leads nowhere is found out by whatever comes first. After each new connection everything wanted is
//! subscribed, and a gap told.

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redis::aio::{MultiplexedConnection, SendError};
use redis::{Pipeline, PushInfo, PushKind, Value};
use tokio::sync::{Notify, oneshot};
use tokio::task::AbortHandle;
use tokio::time::{MissedTickBehavior, interval};

use super::backlog::Backlog;
use crate::backoff::Backoff;
use crate::bus::redis::connection::{
    BACKOFF_GREATEST, BACKOFF_LEAST, BEAT_EVERY, RedisConfig, Result, Server, Unreachable,
};

/// Commands that are sent at once.
const BATCH_MAX: usize = 500;

#[derive(Default)]
struct State {
    /// The channels that should be subscribed, and whether the server has confirmed it.
    wanted: HashMap<String, bool>,
    /// Those of them, or no longer of them, that the server is to be told of.
    changed: HashSet<String>,
    /// Who waits until it has been told; dropping lets them go on.
    waiting: Vec<oneshot::Sender<()>>,
    /// Something may have been lost before these changes.
    gap_before: bool,
    /// There is a connection that changes are told to.
    is_connected: bool,
    /// It has everything that was wanted when it was made.
    is_up: bool,
}

/// What the server is to be told, and what follows.
struct Due {
    /// Channels, and whether they are wanted.
    changes: Vec<(String, bool)>,
    waiting: Vec<oneshot::Sender<()>>,
    gap_before: bool,
}

impl State {
    /// Is the channel that the server speaks of wanted?
    fn wants(&self, about: &[Value]) -> bool {
        matches!(about.first(), Some(Value::BulkString(channel))
            if str::from_utf8(channel).is_ok_and(|channel| self.wanted.contains_key(channel)))
    }

    /// The server has been told.
    fn confirm(&mut self, changes: &[(String, bool)]) {
        for (channel, _) in changes.iter().filter(|(_, is_wanted)| *is_wanted) {
            if let Some(is_confirmed) = self.wanted.get_mut(channel) {
                *is_confirmed = true;
            }
        }
    }

    /// There is no connection any more.
    fn disconnect(&mut self) {
        self.is_connected = false;
        self.is_up = false;
        self.changed.clear();
        self.waiting.clear();
        self.wanted.values_mut().for_each(|is_confirmed| *is_confirmed = false);
    }

    /// There is one, which is to be told of everything.
    fn connect(&mut self) -> Vec<(String, bool)> {
        self.is_connected = true;
        self.wanted.keys().map(|channel| (channel.clone(), true)).collect()
    }

    fn due(&mut self) -> Due {
        let changed = std::mem::take(&mut self.changed).into_iter();
        let wish = |channel: String| {
            let is_wanted = self.wanted.contains_key(&channel);
            (channel, is_wanted)
        };
        Due {
            changes: changed.map(wish).collect(),
            waiting: std::mem::take(&mut self.waiting),
            gap_before: std::mem::take(&mut self.gap_before),
        }
    }
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    woken: Notify,
}

/// See the module. Ends with its value.
pub struct Link {
    shared: Arc<Shared>,
    task: AbortHandle,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Link {
    /// Begins to connect. Needs a tokio runtime.
    pub fn start(config: RedisConfig, server: Server, backlog: Arc<Backlog>) -> Self {
        let shared = Arc::new(Shared::default());
        let keeper = Keeper { config, server, backlog, shared: shared.clone() };
        let task = tokio::spawn(keeper.keep()).abort_handle();
        Self { shared, task }
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.shared.state());
        self.shared.woken.notify_one();
    }

    /// Wants a channel. What it returns ends when everything published from now on comes, or a gap is told later.
    pub fn watch(&self, channel: String) -> oneshot::Receiver<()> {
        let (done, waiting) = oneshot::channel();
        self.change(|state| {
            let is_confirmed = *state.wanted.entry(channel.clone()).or_default();
            if state.is_connected && !is_confirmed {
                state.changed.insert(channel);
                state.waiting.push(done);
            }
        });
        waiting
    }

    /// Wants a channel that something may have been published on meanwhile.
    pub fn adopt(&self, channel: String) {
        drop(self.watch(channel));
        self.change(|state| state.gap_before = true);
    }

    /// Wants a channel no longer.
    pub fn unwatch(&self, channel: &str) {
        self.change(|state| {
            if state.wanted.remove(channel).is_some() && state.is_connected {
                state.changed.insert(channel.to_owned());
            }
        });
    }

    /// Ends when everything that the server has published until now has come, or can't come any more.
    pub fn settle(&self) -> oneshot::Receiver<()> {
        let (done, waiting) = oneshot::channel();
        self.change(|state| {
            if state.is_connected {
                state.waiting.push(done);
            }
        });
        waiting
    }

    /// Does everything wanted come?
    pub fn is_up(&self) -> bool {
        self.shared.state().is_up
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Keeper {
    config: RedisConfig,
    server: Server,
    backlog: Arc<Backlog>,
    shared: Arc<Shared>,
}

impl Keeper {
    async fn keep(self) {
        let mut backoff = Backoff::new(BACKOFF_LEAST, BACKOFF_GREATEST);
        loop {
            let Err(err) = self.keep_one(&mut backoff).await;
            self.shared.state().disconnect();
            let wait = backoff.wait();
            let server = &self.server;
            tracing::warn!(%server, %err, wait_ms = wait.as_millis(), "no subscriptions at redis");
            tokio::time::sleep(wait).await;
        }
    }

    /// One connection's life.
    async fn keep_one(&self, backoff: &mut Backoff) -> Result<Infallible> {
        let lost = Arc::new(Notify::new());
        let (backlog, shared, lose) = (self.backlog.clone(), self.shared.clone(), lost.clone());
        let pushed = move |push: PushInfo| -> std::result::Result<(), SendError> {
            match push.kind {
                PushKind::Message | PushKind::SMessage => take(push.data, &backlog),
                PushKind::Disconnection => lose.notify_one(),
                // The channel's slot has gone to another server.
                PushKind::SUnsubscribe if shared.state().wants(&push.data) => lose.notify_one(),
                _ => {}
            }
            Ok(())
        };
        let mut connection = self.config.listen(&self.server, pushed).await?;
        let everything = self.shared.state().connect();
        self.tell(&mut connection, &everything).await?;
        self.shared.state().is_up = true;
        self.backlog.gap();
        backoff.reset();
        let mut beat = interval(BEAT_EVERY);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = lost.notified() => {
                    return Err(Unreachable("the connection has ended".to_owned()));
                }
                () = self.shared.woken.notified() => {}
                _ = beat.tick() => {}
            }
            let due = self.shared.state().due();
            self.tell(&mut connection, &due.changes).await?;
            if due.gap_before {
                self.backlog.gap();
            }
            drop(due.waiting);
        }
    }

    /// Subscribes to channels or not, and waits until the server has confirmed all of it. A heartbeat in any case.
    async fn tell(
        &self,
        connection: &mut MultiplexedConnection,
        changes: &[(String, bool)],
    ) -> Result<()> {
        let (subscribe, unsubscribe) = self.config.subscribe_and_unsubscribe();
        for changes in changes.chunks(BATCH_MAX) {
            let mut batch = Pipeline::new();
            for (channel, is_wanted) in changes {
                batch.cmd(if *is_wanted { subscribe } else { unsubscribe }).arg(channel);
            }
            batch.exec_async(connection).await?;
            self.shared.state().confirm(changes);
        }
        redis::cmd("PING").exec_async(connection).await?;
        Ok(())
    }
}

/// A message is its channel and what was published.
fn take(message: Vec<Value>, backlog: &Backlog) {
    if let Ok([Value::BulkString(channel), Value::BulkString(payload)]) =
        <[Value; 2]>::try_from(message)
    {
        backlog.publication(channel, payload);
    }
}
