//! Starts the actors of a node, each on its thread, around what the set-up gave.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use actix::Actor;
use actix_rt::{Arbiter, ArbiterHandle};
use tokio::sync::oneshot;

use super::parts::{Following, Parts};
use super::{StartError, or_cores};
use crate::actors::admission::Admissions;
use crate::actors::bridge::Bridge;
use crate::actors::fan_out::Budget;
use crate::actors::hub::{Hub, Hubs, Rooms};
use crate::actors::links::Links;
use crate::actors::node::{Node, State};
use crate::actors::outbox::Outbox;
use crate::actors::presence::Presence;
use crate::actors::projector::Projector;
use crate::actors::revoker::{Done, Latest, Revoker};
use crate::actors::sink::{Inbox, Sink};
use crate::actors::store_pump::StorePump;
use crate::actors::supervisor::{ActorRef, Policy, supervise};
use crate::actors::users::Users;
use crate::actors::workers::Workers;
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::presence::Register;
use crate::domain::resume::Follows;
use crate::domain::rpc::fresh_id;
use crate::domain::session;
use crate::store::Store;
use crate::store::hinted::Hinted;
use crate::tokens::Tokens;

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

/// Starts them all.
///
/// # Errors
/// [`StartError::Internal`].
pub async fn start(
    config: &Config,
    clock: Arc<dyn Clock>,
    parts: &Parts,
    tokens: Arc<Tokens>,
) -> Result<(Arc<Node>, Vec<Arbiter>), StartError> {
    let Parts { journal, bus, nodes, projectors, outbox, .. } = parts;
    let store: Arc<dyn Store> = Arc::new(Hinted::new(parts.store.clone(), bus.clone()));
    let (workers, hubs, state) =
        (Arc::new(Workers::new()), Arc::new(Hubs::default()), Arc::new(State::default()));
    let pumps = Arbiter::new();
    let admissions = Arc::new(Admissions::new(
        store.clone(),
        tokens.clone(),
        clock.clone(),
        config.protocol.anonymous,
    ));
    let users = Arc::new(Users::new(bus.clone(), workers.clone()));
    let pump = StorePump::new(
        store.clone(),
        nodes.clone(),
        bus.clone(),
        workers.clone(),
        (admissions.clone(), users.clone()),
        pumps.handle(),
    );
    let durability = journal.durability();
    let sink = {
        let (journal, workers, clock) = (journal.clone(), workers.clone(), clock.clone());
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
            follows: if projectors.is_empty() { Follows::Log } else { Follows::Projections },
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
    let presence = {
        let (nodes, workers, clock) = (nodes.clone(), workers.clone(), clock.clone());
        let (heartbeat_ms, tick_ms) = (config.presence.heartbeat_s * 1000, config.presence.tick_ms);
        start_on(&pumps.handle(), "presence", state.clone(), clock.clone(), move || {
            let register = Rc::new(RefCell::new(Register::new(heartbeat_ms)));
            move |_: &mut _| {
                let (nodes, workers) = (nodes.clone(), workers.clone());
                Presence::new(register.clone(), nodes, workers, clock.clone(), tick_ms)
            }
        })
        .await?
    };
    {
        let (bus, hubs, presence) = (bus.clone(), hubs.clone(), presence.clone());
        let users = users.clone();
        start_on(&pumps.handle(), "bridge", state.clone(), clock.clone(), move || {
            move |_: &mut _| Bridge::new(bus.clone(), hubs.clone(), presence.clone(), users.clone())
        })
        .await?;
    }
    let latest = Arc::<Latest>::default();
    {
        let (store, workers) = (store.clone(), workers.clone());
        let (latest, clock) = (latest.clone(), clock.clone());
        let admissions = admissions.clone();
        start_on(&pumps.handle(), "revoker", state.clone(), clock.clone(), move || {
            let done = Done::default();
            move |_: &mut _| {
                let (store, workers) = (store.clone(), workers.clone());
                let obeying = (latest.clone(), admissions.clone());
                Revoker::new(store, workers, obeying, clock.clone(), done.clone())
            }
        })
        .await?;
    }
    for Following { actor, reader, projection } in projectors.clone() {
        start_on(&pumps.handle(), actor, state.clone(), clock.clone(), move || {
            move |_: &mut _| Projector::new(reader.clone(), projection.clone())
        })
        .await?;
    }
    if let Some(outbox) = outbox.clone() {
        let journal = journal.clone();
        start_on(&pumps.handle(), "outbox", state.clone(), clock.clone(), move || {
            move |_: &mut _| Outbox::new(outbox.clone(), journal.clone())
        })
        .await?;
    }
    arbiters.push(pumps);
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
        tokens,
        store: store.clone(),
        nodes: nodes.clone(),
        presence,
        latest,
        admissions,
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
        expired_close_delay_ms: s.expired_close_delay_s * 1000,
        reply_timeout_ms: s.reply_timeout_ms,
        channels_max: s.channels_max,
        outstanding_max: s.outstanding_max,
        text_bytes_max: config.message.text_bytes_max,
        open_channels: config.protocol.open_channels,
        held_bytes_max: s.frame_bytes_max * 2,
        commands: l.rate(l.commands_per_s, l.commands_burst),
    }
}
