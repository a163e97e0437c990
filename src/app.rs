//! The composition root: the only file that names concrete adapters.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix::Actor;
use actix_rt::{Arbiter, ArbiterHandle};
use actix_server::ServerHandle;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::actors::bridge::Bridge;
use crate::actors::fan_out::Budget;
use crate::actors::hub::{Hub, Hubs, Rooms};
use crate::actors::links::Links;
use crate::actors::node::{Node, State};
use crate::actors::sink::{Inbox, Sink};
use crate::actors::store_pump::StorePump;
use crate::actors::supervisor::{ActorRef, Policy, supervise};
use crate::actors::workers::Workers;
use crate::bus::{Bus, local::LocalBus};
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::domain::rpc::fresh_id;
use crate::domain::session;
use crate::http::gate::{Gate, PerAddress};
use crate::http::{Mount, server};
use crate::journal::{Journal, direct::DirectJournal};
use crate::store::History;
use crate::store::sqlite::{OpenError, SqliteOptions, SqliteStore};
use crate::tokens::{Tokens, load_or_create_secret};

/// Why the node could not start, and with which code the process ends (sysexits.h).
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(
        "the data directory {0} can't be made ({1}): grant the right to, or name another with --data-dir"
    )]
    DataDir(PathBuf, std::io::Error),
    #[error(transparent)]
    Store(#[from] OpenError),
    #[error("the secret in the data directory can't be used: {0}")]
    Secret(anyhow::Error),
    #[error("{0} is taken by another program: stop it, or choose another port with --port")]
    PortInUse(String),
    #[error("can't listen on {0}: {1}")]
    Listen(String, std::io::Error),
    #[error("the node could not be put together: {0}")]
    Internal(&'static str),
}

impl StartError {
    /// The process's exit code.
    pub fn exit_code(&self) -> u8 {
        const UNAVAILABLE: u8 = 69;
        const SOFTWARE: u8 = 70;
        const CANT_CREATE: u8 = 73;
        const IO: u8 = 74;
        match self {
            Self::PortInUse(_) | Self::Listen(..) | Self::Store(OpenError::Locked(_)) => {
                UNAVAILABLE
            }
            Self::DataDir(..)
            | Self::Store(OpenError::NoDirectory(_) | OpenError::NotWritable(..)) => CANT_CREATE,
            Self::Store(_) | Self::Secret(_) => IO,
            Self::Internal(_) => SOFTWARE,
        }
    }
}

/// A node that runs.
pub struct App {
    pub address: SocketAddr,
    pub node: Arc<Node>,
    pub mount: Arc<Mount>,
    store: Arc<SqliteStore>,
    server: Option<(ServerHandle, JoinHandle<std::io::Result<()>>)>,
    arbiters: Vec<Arbiter>,
    drain_within: Duration,
}

impl App {
    /// Puts a node together and begins to serve. Needs a running actix `System`.
    ///
    /// # Errors
    /// [`StartError`], whose text says what to do.
    pub async fn build(config: Config) -> Result<Self, StartError> {
        let listener = listen(&config.http.host, config.http.port)?;
        let mut app = Self::without_server(&config).await?;
        app.address = listener
            .local_addr()
            .map_err(|err| StartError::Listen(config.http.host.clone(), err))?;
        let workers = or_cores(config.http.workers);
        let server = server::serve(listener, workers, config.session.shell, app.mount.clone())
            .map_err(|err| StartError::Listen(app.address.to_string(), err))?;
        app.server = Some((server.handle(), actix_rt::spawn(server)));
        Ok(app)
    }

    /// The same without a port of its own: for an application that mounts the chat into its server.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn without_server(config: &Config) -> Result<Self, StartError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
        let data_dir = &config.store.data_dir;
        std::fs::create_dir_all(data_dir)
            .map_err(|err| StartError::DataDir(data_dir.clone(), err))?;
        let bus = Arc::new(LocalBus::default());
        let options = SqliteOptions {
            readers: config.store.readers,
            cache_bytes: config.store.cache_bytes,
            ..SqliteOptions::default()
        };
        let relay = bus.clone();
        let on_commit = Box::new(move |run: &[_]| relay.relay(run));
        let store =
            SqliteStore::open(&data_dir.join("chat.db"), options, clock.clone(), on_commit)?;
        let secret = load_or_create_secret(&data_dir.join("secret")).map_err(StartError::Secret)?;
        let store = Arc::new(store);
        let journal: Arc<dyn Journal> = Arc::new(DirectJournal::new(store.clone()));
        let (node, arbiters) =
            start_actors(config, clock.clone(), store.clone(), journal, bus, &secret).await?;
        let l = &config.limits;
        let gate = Arc::new(Gate {
            connects: PerAddress::new(
                "connects",
                l.rate(l.connects_per_s, l.connects_burst),
                clock.clone(),
            ),
            guests: PerAddress::new("guests", l.rate(l.guests_per_s, l.guests_burst), clock),
        });
        let mount = Arc::new(Mount { node: node.clone(), gate });
        let drain_within = Duration::from_secs(config.http.drain_s);
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        Ok(Self { address, node, mount, store, server: None, arbiters, drain_within })
    }

    /// Not ready; nobody new; everyone away with 3001, spread; every draft answered; the file closed.
    pub async fn drain(self) {
        if let Some((handle, _)) = &self.server {
            handle.pause().await; // no new connections
        }
        self.node.drain(self.drain_within).await;
        if let Some((handle, serving)) = self.server {
            handle.stop(true).await;
            let _ = serving.await; // it was told to end, whatever it says
        }
        self.store.close().await;
        for arbiter in self.arbiters {
            arbiter.stop();
            let _ = arbiter.join(); // a thread that panicked is gone as well
        }
    }
}

fn or_cores(configured: usize) -> usize {
    match configured {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        n => n,
    }
}

fn listen(host: &str, port: u16) -> Result<TcpListener, StartError> {
    let place = format!("{host}:{port}");
    let bind = || -> std::io::Result<TcpListener> {
        let address = std::net::ToSocketAddrs::to_socket_addrs(&(host, port))?.next();
        let address = address.ok_or(std::io::ErrorKind::AddrNotAvailable)?;
        let socket = socket2::Socket::new(
            socket2::Domain::for_address(address),
            socket2::Type::STREAM,
            None,
        )?;
        socket.set_reuse_address(true)?; // a restart need not wait for old connections to be forgotten
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(4096)?;
        Ok(socket.into())
    };
    bind().map_err(|err| match err.kind() {
        std::io::ErrorKind::AddrInUse => StartError::PortInUse(place),
        _ => StartError::Listen(place, err),
    })
}

/// Starts a supervised actor on another thread.
async fn start_on<A, F>(
    thread: &ArbiterHandle,
    name: &'static str,
    state: Arc<State>,
    clock: Arc<dyn Clock>,
    factory: impl FnOnce() -> F + Send + 'static,
) -> Result<ActorRef<A>, StartError>
where
    A: Actor<Context = actix::Context<A>>,
    F: Fn(&mut actix::Context<A>) -> A + 'static,
{
    let (tell, told) = oneshot::channel();
    thread.spawn_fn(move || {
        let (actor, life) = supervise(name, Policy::default(), clock, factory());
        state.escalate(name, life);
        let _ = tell.send(actor); // the caller waits for it
    });
    told.await.map_err(|_| StartError::Internal("an actor's thread ended at once"))
}

async fn start_actors(
    config: &Config,
    clock: Arc<dyn Clock>,
    store: Arc<SqliteStore>,
    journal: Arc<dyn Journal>,
    bus: Arc<dyn Bus>,
    secret: &[u8],
) -> Result<(Arc<Node>, Vec<Arbiter>), StartError> {
    let (workers, hubs, state) =
        (Arc::new(Workers::new()), Arc::new(Hubs::default()), Arc::new(State::default()));
    let pumps = Arbiter::new();
    let pump = StorePump::new(store.clone(), bus.clone(), workers.clone(), pumps.handle());
    let durability = journal.durability();
    let sink = {
        let (workers, clock) = (workers.clone(), clock.clone());
        start_on(&pumps.handle(), "sink", state.clone(), clock.clone(), move || {
            let inbox = Rc::new(Inbox::default());
            move |_: &mut _| {
                Sink::new(inbox.clone(), journal.clone(), workers.clone(), clock.clone())
            }
        })
        .await?
    };
    let mut arbiters = Vec::new();
    let mut shards = Vec::new();
    let count = match config.room.shards {
        0 => or_cores(0).div_ceil(2),
        n => n,
    };
    for _ in 0..count {
        let arbiter = Arbiter::new();
        let links = Links {
            epoch: store.epoch().clone(),
            durability,
            workers: workers.clone(),
            sink: sink.clone(),
            bus: bus.clone(),
            pump: pump.clone(),
            clock: clock.clone(),
        };
        let idle_ms = config.room.idle_s * 1000;
        let hub = start_on(&arbiter.handle(), "hub", state.clone(), clock.clone(), move || {
            let (rooms, links): (Rooms, _) =
                (Rc::new(RefCell::new(HashMap::new())), Rc::new(links));
            move |_: &mut _| Hub::new(rooms.clone(), links.clone(), idle_ms)
        })
        .await?;
        shards.push(hub);
        arbiters.push(arbiter);
    }
    hubs.announce(shards);
    {
        let hubs = hubs.clone();
        start_on(&pumps.handle(), "bridge", state.clone(), clock.clone(), move || {
            move |_: &mut _| Bridge::new(bus.clone(), hubs.clone())
        })
        .await?;
    }
    arbiters.push(pumps);
    let lifetime_ms = config.token.lifetime_days * 24 * 3600 * 1000;
    let node = Node {
        name: fresh_id(),
        policy: Arc::new(policy(config)),
        budget: Budget {
            place_bytes_max: config.session.place_bytes_max,
            stall_ms_max: config.session.stall_timeout_s * 1000,
        },
        session_bytes_max: config.session.waiting_bytes_max,
        frame_bytes_max: config.session.frame_bytes_max,
        durability,
        clock,
        tokens: Tokens::new(secret, lifetime_ms),
        store,
        hubs,
        workers,
        pump,
        sink,
        state,
    };
    Ok((Arc::new(node), arbiters))
}

fn policy(config: &Config) -> session::Policy {
    let (s, l) = (&config.session, &config.limits);
    session::Policy {
        ping_interval_ms: s.ping_interval_s * 1000,
        pong_timeout_ms: s.pong_timeout_s * 1000,
        connect_timeout_ms: s.connect_timeout_s * 1000,
        reply_timeout_ms: s.reply_timeout_ms,
        channels_max: s.channels_max,
        outstanding_max: s.outstanding_max,
        text_bytes_max: config.message.text_bytes_max,
        held_bytes_max: s.frame_bytes_max * 2,
        commands: l.rate(l.commands_per_s, l.commands_burst),
    }
}
