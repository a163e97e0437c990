//! Revoker: has every node obey what was revoked, whichever node was told.
//!
//! Owns: nothing that matters; the orders are in the store, which is looked at twice a second. Started by: `App::build`, on
//! the pumps' thread. Talks to: the store, the fan-outs. Mailbox: none. Its death costs: a moment.
//!
//! A session can be let in by what the store said before an order, and appear after the order was carried out. So the
//! latest orders are kept at hand ([`Latest`]), and whoever comes in is held against them once more.

use std::cell::RefCell;
use std::collections::HashSet;
use std::rc::Rc;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use actix::{Actor, AsyncContext, Context, WrapFuture};
use chat_protocol::UserId;
use tokio::time::sleep;

use super::admission::Admissions;
use super::fan_out::End;
use super::workers::Workers;
use crate::clock::Clock;
use crate::domain::revocation::{Revocation, TokenMark};
use crate::faults;
use crate::store::Store;

/// How often the store is looked at: an order is obeyed everywhere within a second.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Orders of this age are still looked for, ms: clocks of nodes differ, and commits take their time.
const LOOK_BACK_MS: u64 = 60_000;

/// The orders of the last minute.
#[derive(Default)]
pub struct Latest(RwLock<Vec<Revocation>>);

impl Latest {
    /// Is such a token of `user` revoked?
    pub fn void(&self, user: &UserId, mark: &TokenMark) -> bool {
        let latest = self.0.read().unwrap_or_else(PoisonError::into_inner);
        latest.iter().any(|it| it.user == *user && it.voids(mark))
    }

    fn set(&self, latest: Vec<Revocation>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = latest;
    }
}

/// The numbers of orders that were carried out, as far as they are still looked for. The thread's: it outlives a crash. An
/// order that was there before the node is as good as carried out, since nobody had come in yet.
pub type Done = Rc<RefCell<Option<HashSet<u64>>>>;

/// See the module.
#[derive(Clone)]
pub struct Revoker {
    store: Arc<dyn Store>,
    workers: Arc<Workers>,
    latest: Arc<Latest>,
    admissions: Arc<Admissions>,
    clock: Arc<dyn Clock>,
    done: Done,
}

impl Revoker {
    /// A life of it.
    pub fn new(
        store: Arc<dyn Store>,
        workers: Arc<Workers>,
        (latest, admissions): (Arc<Latest>, Arc<Admissions>),
        clock: Arc<dyn Clock>,
        done: Done,
    ) -> Self {
        Self { store, workers, latest, admissions, clock, done }
    }
}

impl Actor for Revoker {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.spawn(self.clone().run().into_actor(self));
    }
}

impl Revoker {
    /// Looks for orders, for ever.
    async fn run(self) {
        loop {
            let since = self.clock.now_ms().saturating_sub(LOOK_BACK_MS);
            match self.store.revocations_since(since).await {
                Ok(orders) => self.obey(orders),
                Err(err) => tracing::debug!(%err, "orders can't be looked for"),
            }
            sleep(LOOK_EVERY).await;
        }
    }

    fn obey(&self, orders: Vec<(u64, Revocation)>) {
        self.latest.set(orders.iter().map(|(_, order)| order.clone()).collect());
        orders.iter().for_each(|(_, order)| self.admissions.forget(&order.user));
        faults::panic_if_armed("revoker.orders");
        let numbers: HashSet<u64> = orders.iter().map(|(number, _)| *number).collect();
        let mut done = self.done.borrow_mut();
        let Some(known) = &*done else {
            *done = Some(numbers);
            return;
        };
        let new = orders.into_iter().filter(|(number, _)| !known.contains(number));
        let new: Vec<Revocation> = new.map(|(_, order)| order).collect();
        // A thread whose fan-out is down is told with the next look, and those that were told already once more.
        if new.is_empty() || self.tell(new) {
            *done = Some(numbers);
        }
    }

    fn tell(&self, orders: Vec<Revocation>) -> bool {
        let orders = Arc::new(orders);
        let mut all = true;
        for (_, fan_out) in self.workers.all() {
            all &= fan_out.tell(End { orders: orders.clone() }).is_ok();
        }
        all
    }
}
