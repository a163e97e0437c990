//! Bridge: takes events from the bus and passes them to the hubs of their rooms.
//!
//! Owns: nothing; the bus outlives it. Started by: `App::build`, on the pumps' thread. Talks to: the hubs, presence,
//! the fan-outs.
//! Mailbox: none. Its death costs: at most the run that it had in hand, so the next life makes every room compare itself
//! with the store.
//!
//! In a cluster the bus behind it is Redis, and this is the half that receives.

use std::sync::Arc;

use actix::{Actor, AsyncContext, Context, Handler, Message, WrapFuture};
use chat_protocol::RoomId;

use super::hub::{Heads, Hub, Hubs, Recheck, Relayed};
use super::presence::{Heard, Presence};
use super::supervisor::ActorRef;
use super::users::Users;
use crate::bus::{Bus, Incoming, Passing};
use crate::faults;

/// See the module.
pub struct Bridge {
    bus: Arc<dyn Bus>,
    hubs: Arc<Hubs>,
    presence: ActorRef<Presence>,
    users: Arc<Users>,
}

impl Bridge {
    /// A life of the bridge.
    pub fn new(
        bus: Arc<dyn Bus>,
        hubs: Arc<Hubs>,
        presence: ActorRef<Presence>,
        users: Arc<Users>,
    ) -> Self {
        Self { bus, hubs, presence, users }
    }

    /// Passes on what is kept nowhere. Nobody misses what doesn't arrive.
    fn pass_on(presence: &ActorRef<Presence>, users: &Users, all: Vec<Passing>) {
        let mut heard = Vec::new();
        for it in all {
            match it {
                Passing::InRoom(it) => heard.push(it),
                Passing::ToUser(hint) => users.tell(&hint),
            }
        }
        if !heard.is_empty() {
            let _ = presence.tell(Heard(heard));
        }
    }
}

/// Passes what concerns rooms to their hubs, one message per shard; the order within a room is kept.
fn pass<T, M>(hubs: &Hubs, all: Vec<T>, room: impl Fn(&T) -> &RoomId, message: impl Fn(Vec<T>) -> M)
where
    M: Message<Result = ()> + Send + 'static,
    Hub: Handler<M>,
{
    let mut shards: Vec<Vec<T>> = hubs.all().iter().map(|_| Vec::new()).collect();
    for one in all {
        if let Some(shard) = shards.get_mut(hubs.shard_of(room(&one))) {
            shard.push(one);
        }
    }
    for (hub, its) in hubs.all().iter().zip(shards).filter(|(_, its)| !its.is_empty()) {
        let _ = hub.tell(message(its)); // a hub that is down rechecks when it is back
    }
}

fn recheck(hubs: &Hubs) {
    for hub in hubs.all() {
        let _ = hub.tell(Recheck);
    }
}

impl Actor for Bridge {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        recheck(&self.hubs);
        let (bus, hubs) = (self.bus.clone(), self.hubs.clone());
        let (presence, users) = (self.presence.clone(), self.users.clone());
        let pump = async move {
            loop {
                let incoming = bus.next().await;
                faults::panic_if_armed("bridge.run"); // taken from the bus, and handed to nobody
                match incoming {
                    Incoming::Events(run) => pass(&hubs, run, |event| &event.room, Relayed),
                    Incoming::Heads(heads) => pass(&hubs, heads, |(room, _)| room, Heads),
                    Incoming::Gap => recheck(&hubs),
                    Incoming::Passing(all) => Self::pass_on(&presence, &users, all),
                }
            }
        };
        ctx.spawn(pump.into_actor(self));
    }
}
