//! Outbox: tells the log what was changed in the directory, where the store is not the log.
//!
//! Owns: nothing; what is to be told lies in the store until the log has it. Started by: `App::build`, on the pumps' thread.
//! Talks to: the store's outbox and the journal. Mailbox: none. Its death costs: time.

use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, AsyncContext, Context, WrapFuture};
use tokio::time::{sleep, timeout};

use crate::backoff::Backoff;
use crate::faults;
use crate::journal::Journal;
use crate::store;

/// How often it is looked for what another node has left behind.
const LOOK_EVERY: Duration = Duration::from_secs(1);
const RETRY_LEAST: Duration = Duration::from_millis(100);
const RETRY_GREATEST: Duration = Duration::from_secs(10);

/// See the module.
pub struct Outbox {
    outbox: Arc<dyn store::Outbox>,
    journal: Arc<dyn Journal>,
}

impl Outbox {
    /// A life of it.
    pub fn new(outbox: Arc<dyn store::Outbox>, journal: Arc<dyn Journal>) -> Self {
        Self { outbox, journal }
    }
}

impl Actor for Outbox {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let pump = empty(self.outbox.clone(), self.journal.clone());
        ctx.spawn(pump.into_actor(self));
    }
}

/// Keeps it empty, for ever.
async fn empty(outbox: Arc<dyn store::Outbox>, journal: Arc<dyn Journal>) {
    let mut backoff = Backoff::new(RETRY_LEAST, RETRY_GREATEST);
    loop {
        let told = outbox.tell(journal.clone()).await;
        faults::panic_if_armed("outbox.told");
        match told {
            Ok(0) => {
                backoff.reset();
                let _ = timeout(LOOK_EVERY, outbox.filled()).await; // in time or not, it is looked again
            }
            Ok(_) => backoff.reset(),
            Err(err) => {
                tracing::warn!(%err, "the log could not be told of changes");
                sleep(backoff.wait()).await;
            }
        }
    }
}
