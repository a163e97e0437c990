//! What a set-up gives: the ports' adapters that belong together. What differs between set-ups ends here.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

use super::StartError;
use crate::bus::Bus;
use crate::journal::Journal;
use crate::journal::reader::LogReader;
use crate::nodes::Nodes;
use crate::store::projection::Projection;
use crate::store::{Outbox, Store};

/// See the module.
pub struct Parts {
    pub store: Arc<dyn Store>,
    pub journal: Arc<dyn Journal>,
    pub bus: Arc<dyn Bus>,
    pub nodes: Arc<dyn Nodes>,
    /// What keeps projections up with a shared log; empty where the store is the log.
    pub projectors: Vec<Following>,
    /// What the log has still to be told, where the store isn't the log.
    pub outbox: Option<Arc<dyn Outbox>>,
    /// Where messages are kept, in words for who starts the node.
    pub kept: String,
    /// What tokens are signed with; the same on every node.
    pub secret: Vec<u8>,
    /// Tells when this node can no longer read what others write: it has to end.
    pub outdated: Option<Outdated>,
    pub closing: Closing,
}

/// A projection and the reader that it follows the log with, under its actor's name.
#[derive(Clone)]
pub struct Following {
    pub actor: &'static str,
    pub reader: Arc<dyn LogReader>,
    pub projection: Arc<dyn Projection>,
}

/// The version that records are written in by now.
pub type Outdated = oneshot::Receiver<i32>;

/// Lets go of everything in good order, once nobody uses it any more.
pub type Closing = Box<dyn FnOnce() -> Pin<Box<dyn Future<Output = ()>>>>;

/// Where a bus works: the threads of actors are not to wait for sockets.
///
/// # Errors
/// [`StartError::Internal`].
pub fn bus_thread() -> Result<Runtime, StartError> {
    let mut thread = Builder::new_multi_thread();
    let built = thread.worker_threads(1).thread_name("bus").enable_all().build();
    built.map_err(|_| StartError::Internal("a bus needs a thread"))
}
