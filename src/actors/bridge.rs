//! Bridge: takes events from the bus and passes them to the hubs of their rooms.
//!
//! Owns: nothing; the bus outlives it. Started by: `App::build`, on the pumps' thread. Talks to: the hubs.
//! Mailbox: none. Its death costs: at most the run that it had in hand, so the next life makes every room compare itself
//! with the store.
//!
//! In a cluster the bus behind it is Redis, and this is the half that receives.

use std::sync::Arc;

use actix::{Actor, AsyncContext, Context, WrapFuture};
use chat_protocol::Event;

use super::hub::{Hubs, Recheck, Relayed};
use crate::bus::{Bus, Run};
use crate::faults;

/// See the module.
pub struct Bridge {
    bus: Arc<dyn Bus>,
    hubs: Arc<Hubs>,
}

impl Bridge {
    /// A life of the bridge.
    pub fn new(bus: Arc<dyn Bus>, hubs: Arc<Hubs>) -> Self {
        Self { bus, hubs }
    }
}

/// One message per shard; the order within a room is kept.
fn pass(hubs: &Hubs, run: Run) {
    let mut shards: Vec<Vec<Arc<Event>>> = vec![Vec::new(); hubs.all().len()];
    for event in run {
        if let Some(shard) = shards.get_mut(hubs.shard_of(&event.room)) {
            shard.push(event);
        }
    }
    for (hub, events) in hubs.all().iter().zip(shards) {
        if !events.is_empty() {
            let _ = hub.tell(Relayed(events)); // a hub that is down rechecks when it is back
        }
    }
}

impl Actor for Bridge {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        for hub in self.hubs.all() {
            let _ = hub.tell(Recheck);
        }
        let (bus, hubs) = (self.bus.clone(), self.hubs.clone());
        let pump = async move {
            loop {
                let run = bus.next().await;
                faults::panic_if_armed("bridge.run"); // taken from the bus, and handed to nobody
                pass(&hubs, run);
            }
        };
        ctx.spawn(pump.into_actor(self));
    }
}
