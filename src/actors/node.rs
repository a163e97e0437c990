//! The node: what sessions and handlers reach from any thread, and each worker thread's own part.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use chat_protocol::object::{Durability, User};
use chat_protocol::server::{Connected, Limits, Welcome};
use chat_protocol::{Channel, CloseCode, ErrorCode, json};
use tokio::sync::{oneshot, watch};

use super::admission::Admissions;
use super::fan_out::{Budget, CloseSome, FanOut};
use super::hub::Hubs;
use super::presence::{Farewell, Presence};
use super::reply::Reply;
use super::revoker::Latest;
use super::sessions::Sessions;
use super::sink::{Sink, WhenIdle};
use super::store_pump::StorePump;
use super::supervisor::{ActorRef, Exit, Policy, supervise};
use super::workers::Workers;
use crate::clock::Clock;
use crate::domain::record::Draft;
use crate::domain::room::Ask;
use crate::domain::session;
use crate::metrics;
use crate::nodes::Nodes;
use crate::store::{Committed, Store};
use crate::tokens::Tokens;

/// What a node is made of; `App::build` puts it together.
pub struct Node {
    pub name: String,
    pub policy: Arc<session::Policy>,
    pub budget: Budget,
    /// Bytes that may wait for one session before its connection is ended.
    pub session_bytes_max: usize,
    pub frame_bytes_max: usize,
    pub durability: Durability,
    pub clock: Arc<dyn Clock>,
    pub tokens: Arc<Tokens>,
    pub store: Arc<dyn Store>,
    pub nodes: Arc<dyn Nodes>,
    pub presence: ActorRef<Presence>,
    /// What was revoked just now.
    pub latest: Arc<Latest>,
    pub admissions: Arc<Admissions>,
    pub hubs: Arc<Hubs>,
    pub workers: Arc<Workers>,
    pub pump: StorePump,
    pub sink: ActorRef<Sink>,
    pub state: Arc<State>,
}

/// What changes in a node's life.
pub struct State {
    id: u64,
    draining: AtomicBool,
    sessions: AtomicUsize,
    /// The name of a supervised actor that crashed too often: the node can't go on.
    failed: watch::Sender<Option<&'static str>>,
}

impl Default for State {
    fn default() -> Self {
        static NODES: AtomicU64 = AtomicU64::new(0);
        Self {
            id: NODES.fetch_add(1, Ordering::Relaxed),
            draining: AtomicBool::new(false),
            sessions: AtomicUsize::new(0),
            failed: watch::channel(None).0,
        }
    }
}

impl State {
    /// Watches an actor that the node can't do without.
    pub fn escalate(&self, name: &'static str, life: tokio::task::JoinHandle<Exit>) {
        let failed = self.failed.clone();
        actix_rt::spawn(async move {
            if !matches!(life.await, Ok(Exit::Stopped)) {
                failed.send_replace(Some(name));
            }
        });
    }
}

/// A worker thread's own part of a node.
pub struct Worker {
    pub sessions: RefCell<Sessions>,
}

thread_local! {
    /// The workers of this thread, by node: tests run several nodes, and so may an embedding application.
    static WORKERS: RefCell<HashMap<u64, Rc<Worker>>> = RefCell::default();
}

impl Node {
    /// This thread's worker, started with its fan-out when first asked for. `None`: there have been too many.
    pub fn worker(self: &Arc<Self>) -> Option<Rc<Worker>> {
        if let Some(worker) = WORKERS.with_borrow(|workers| workers.get(&self.state.id).cloned()) {
            return Some(worker);
        }
        let number = self.workers.enroll()?;
        let worker = Rc::new(Worker { sessions: RefCell::new(Sessions::new(number)) });
        let (hubs, presence) = (self.hubs.clone(), self.presence.clone());
        let (clock, budget) = (self.clock.clone(), self.budget);
        let here = worker.clone();
        let factory = move |_: &mut actix::Context<FanOut>| {
            let (hubs, presence) = (hubs.clone(), presence.clone());
            FanOut::new(number, here.clone(), hubs, presence, clock.clone(), budget)
        };
        let (fan_out, life) = supervise("fan_out", Policy::default(), self.clock.clone(), factory);
        self.state.escalate("fan_out", life);
        self.workers.announce(number, fan_out);
        WORKERS.with_borrow_mut(|workers| workers.insert(self.state.id, worker.clone()));
        Some(worker)
    }

    /// What a user whose token, if they have one, is good for `ttl_s` seconds is told when their session `client` begins.
    pub fn welcome(&self, user: &User, ttl_s: Option<u32>, client: String) -> Connected {
        let version = env!("CARGO_PKG_VERSION");
        let welcome = Welcome {
            server: "scalable-chat",
            version,
            node: &self.name,
            user,
            limits: Limits {
                text_bytes_max: self.policy.text_bytes_max,
                frame_bytes_max: self.frame_bytes_max,
                channels_max: self.policy.channels_max,
            },
            durability: self.durability.name(),
        };
        let ping_s = u32::try_from(self.policy.ping_interval_ms / 1000).unwrap_or(u32::MAX);
        let data = json::encode(&welcome).into();
        // What is nobody's in particular is told to nobody.
        let own = (!user.id.is_anonymous()).then(|| Channel::User(user.id.clone()));
        let subs = own.into_iter().collect();
        Connected { client, version, ttl_s, data, subs, ping_s }
    }

    /// Publishes for a REST handler; answered within the time that every reply keeps.
    ///
    /// # Errors
    /// What the room or the journal says; [`ErrorCode::Unavailable`] when nobody says anything in time.
    pub async fn publish(&self, draft: Draft) -> Result<Committed, ErrorCode> {
        let (waiter, answer) = oneshot::channel();
        let ask = Ask::Publish { reply: Reply::Waiter(waiter), draft };
        let room = match &ask {
            Ask::Publish { draft, .. } => draft.room.clone(),
            _ => return Err(ErrorCode::Internal),
        };
        self.hubs.ask(room, ask).map_err(|_| ErrorCode::Unavailable)?;
        let within = Duration::from_millis(self.policy.reply_timeout_ms);
        match tokio::time::timeout(within, answer).await {
            Ok(Ok(result)) => result,
            _ => Err(ErrorCode::Unavailable),
        }
    }

    /// Does the node take new sessions?
    pub fn is_ready(&self) -> bool {
        !self.state.draining.load(Ordering::Relaxed) && self.state.failed.borrow().is_none()
    }

    /// Sessions open now.
    pub fn sessions(&self) -> usize {
        self.state.sessions.load(Ordering::Relaxed)
    }

    pub(super) fn session_opened(&self) {
        self.state.sessions.fetch_add(1, Ordering::Relaxed);
        metrics::SESSIONS.inc();
    }

    pub(super) fn session_closed(&self) {
        self.state.sessions.fetch_sub(1, Ordering::Relaxed);
        metrics::SESSIONS.dec();
    }

    /// Resolves with the name of an actor that can't be brought back.
    pub async fn failed(&self) -> &'static str {
        let mut failed = self.state.failed.subscribe();
        match failed.wait_for(Option::is_some).await.map(|name| *name) {
            Ok(Some(name)) => name,
            _ => std::future::pending().await,
        }
    }

    /// Closes every session with 3001, spread over `within`, and waits until they are gone and every draft is answered,
    /// at most as long again.
    pub async fn drain(&self, within: Duration) {
        /// Groups that the sessions are closed in.
        const STEPS: usize = 20;
        /// What telling the other nodes that everyone has gone may take.
        const REPORTED_WITHIN: Duration = Duration::from_secs(1);
        self.state.draining.store(true, Ordering::Relaxed);
        let step = within / u32::try_from(STEPS).unwrap_or(1);
        for first in 0..STEPS {
            if self.sessions() == 0 {
                break;
            }
            for (_, fan_out) in self.workers.all() {
                let _ = fan_out.tell(CloseSome { code: CloseCode::Shutdown, first, stride: STEPS });
            }
            tokio::time::sleep(step).await;
        }
        let gone = async {
            while self.sessions() > 0 {
                // Those that came in between; closing twice changes nothing.
                for (_, fan_out) in self.workers.all() {
                    let code = CloseCode::Shutdown;
                    let _ = fan_out.tell(CloseSome { code, first: 0, stride: 1 });
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            let (idle, told) = oneshot::channel();
            if self.sink.tell(WhenIdle(idle)).is_ok() {
                let _ = told.await;
            }
        };
        if tokio::time::timeout(within.max(Duration::from_secs(1)), gone).await.is_err() {
            tracing::warn!(sessions = self.sessions(), "drain took too long; the rest is cut");
        }
        // So that others need not wait for this node's heartbeat to fail.
        let (told, reported) = oneshot::channel();
        if self.presence.tell(Farewell(told)).is_ok() {
            let _ = tokio::time::timeout(REPORTED_WITHIN, reported).await;
        }
    }
}
