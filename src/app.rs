//! The composition root: `app` alone names concrete adapters, a set-up a file.

mod actors;
mod cluster;
mod database;
pub mod dead_letters;
mod embedded;
mod error;
mod listen;
mod parts;
mod tokens;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_rt::Arbiter;
use actix_server::ServerHandle;
use tokio::task::JoinHandle;

use crate::actors::node::Node;
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::http::gate::{Gate, PerAddress};
use crate::http::{Mount, server};
use parts::{Closing, Outdated, Parts};

pub use error::StartError;

/// A node that runs.
pub struct App {
    pub address: SocketAddr,
    pub node: Arc<Node>,
    pub mount: Arc<Mount>,
    /// Where messages are kept, in words.
    pub kept: String,
    outdated: Option<Outdated>,
    closing: Closing,
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
        let listener = listen::listen(&config.http.host, config.http.port)?;
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
        let keys = tokens::keys(config)?; // before anything is founded
        let parts = if !config.kafka.brokers.is_empty() {
            cluster::parts(config, clock.clone()).await?
        } else if !config.postgres.url.is_empty() {
            database::parts(config, clock.clone()).await?
        } else {
            embedded::parts(config, clock.clone())?
        };
        let api_key = tokens::api_key(config)?;
        let tokens = Arc::new(tokens::tokens(config, &parts.secret, keys)?);
        let (node, arbiters) = actors::start(config, clock.clone(), &parts, tokens).await?;
        let Parts { kept, outdated, closing, .. } = parts;
        let l = &config.limits;
        let gate = Arc::new(Gate {
            connects: PerAddress::new(
                "connects",
                l.rate(l.connects_per_s, l.connects_burst),
                clock.clone(),
            ),
            guests: PerAddress::new("guests", l.rate(l.guests_per_s, l.guests_burst), clock),
        });
        let mount = Arc::new(Mount { node: node.clone(), gate, api_key });
        let drain_within = Duration::from_secs(config.http.drain_s);
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        Ok(Self {
            address,
            node,
            mount,
            kept,
            outdated,
            closing,
            server: None,
            arbiters,
            drain_within,
        })
    }

    /// Returns the version of the log's records when this node can't read it any more, and so has to be drained.
    pub async fn outdated(&mut self) -> i32 {
        if let Some(outdated) = self.outdated.take()
            && let Ok(version) = outdated.await
        {
            return version;
        }
        std::future::pending().await
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
        for arbiter in self.arbiters {
            arbiter.stop();
            let _ = arbiter.join(); // a thread that panicked is gone as well
        }
        (self.closing)().await;
    }
}

fn or_cores(configured: usize) -> usize {
    match configured {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        n => n,
    }
}
