//! Presence: who is in this node's rooms, reported to all nodes; and whatever is said in rooms and kept nowhere, told to
//! the sessions here.
//!
//! Owns: the ticks that wait. Who is here ([`Register`]) is the thread's and outlives it.
//! Started by: `App::build`, on the pumps' thread. Talks to: the fan-outs; its pump to the `nodes` port.
//! Mailbox: moves from the fan-outs, five times a second; what the bus brings. Its death costs: a tick.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, Addr, AsyncContext, Context, Handler, Message, WrapFuture};
use chat_protocol::comings::Comings;
use chat_protocol::publication::Batch;
use chat_protocol::{Ephemeral, EphemeralBody, Publication, RoomId};
use futures_util::StreamExt;
use futures_util::stream::iter;
use tokio::sync::oneshot;
use tokio::time::sleep;

use super::fan_out::PassOn;
use super::workers::Workers;
use crate::clock::Clock;
use crate::domain::presence::{Move, Register, Report, Ticks};
use crate::nodes::{Nodes, Reported};
use crate::{faults, metrics};

/// How often it is looked for what is to be reported and told.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Reports under way at a time.
const REPORTS_MAX: usize = 64;

/// Sessions of one thread have come into rooms or gone, in this order.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Moved(pub Vec<Move>);

/// Said in rooms, here or at another node.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Heard(pub Vec<Ephemeral>);

/// The node ends, and everyone goes; asks to be told when that has been reported.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Farewell(pub oneshot::Sender<()>);

/// A report was taken.
#[derive(Message)]
#[rtype(result = "()")]
struct Known {
    room: RoomId,
    /// Sessions of this node then.
    here: usize,
    reported: Reported,
}

/// See the module.
pub struct Presence {
    register: Rc<RefCell<Register>>,
    ticks: Ticks,
    nodes: Arc<dyn Nodes>,
    workers: Arc<Workers>,
    clock: Arc<dyn Clock>,
    /// Who waits for everyone to be gone.
    waiting: Vec<oneshot::Sender<()>>,
}

impl Presence {
    /// A life of it. A room ticks `tick_ms` after it has changed.
    pub fn new(
        register: Rc<RefCell<Register>>,
        nodes: Arc<dyn Nodes>,
        workers: Arc<Workers>,
        clock: Arc<dyn Clock>,
        tick_ms: u64,
    ) -> Self {
        let (ticks, waiting) = (Ticks::new(tick_ms), Vec::new());
        Self { register, ticks, nodes, workers, clock, waiting }
    }

    /// To every session in its room here.
    fn pass_on(&self, it: &Ephemeral) {
        let batch = Arc::new(Batch::new(vec![Publication::ephemeral(it)]));
        let comings = match &it.body {
            EphemeralBody::PresenceTick(tick) => Comings::of(&it.room, tick).map(Arc::new),
            EphemeralBody::Typing { .. } => None,
        };
        for (_, fan_out) in self.workers.all() {
            let (room, batch, comings) = (it.room.clone(), batch.clone(), comings.clone());
            let _ = fan_out.tell(PassOn { room, batch, comings }); // nobody misses it
        }
    }

    fn take(&mut self, it: Ephemeral) {
        match it.body {
            // See Known.
            EphemeralBody::PresenceTick(_) if it.room.is_open() => {}
            EphemeralBody::PresenceTick(tick) => {
                self.ticks.on_change(it.room, tick, self.clock.monotonic_ms());
            }
            EphemeralBody::Typing { .. } => self.pass_on(&it),
        }
    }
}

/// Reports what is due, for ever.
async fn report(
    register: Rc<RefCell<Register>>,
    nodes: Arc<dyn Nodes>,
    clock: Arc<dyn Clock>,
    presence: Addr<Presence>,
) {
    // What an earlier life had under way: it is not known what became of it.
    register.borrow_mut().on_restart();
    loop {
        let due = register.borrow_mut().due(clock.monotonic_ms());
        let reporting = due.into_iter().map(|it| one(&*nodes, it));
        let mut reported = iter(reporting).buffer_unordered(REPORTS_MAX);
        while let Some((report, reported)) = reported.next().await {
            let adds_up = reported.as_ref().map(|it| !it.wants_whole);
            register.borrow_mut().on_reported(&report.room, adds_up, clock.monotonic_ms());
            if let Some(reported) = reported {
                #[expect(clippy::disallowed_methods, reason = "one message per report")]
                presence.do_send(Known { room: report.room, here: report.here, reported });
            }
        }
        sleep(LOOK_EVERY).await;
    }
}

/// One report, and what is known then.
async fn one(nodes: &dyn Nodes, report: Report) -> (Report, Option<Reported>) {
    let reported = nodes.report(&report).await;
    if let Err(err) = &reported {
        metrics::PRESENCE_ERRORS.inc();
        tracing::debug!(room.id = %report.room, %err, "presence not reported");
    }
    (report, reported.ok())
}

impl Actor for Presence {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let (register, nodes, clock) =
            (self.register.clone(), self.nodes.clone(), self.clock.clone());
        ctx.spawn(report(register, nodes, clock, ctx.address()).into_actor(self));
        ctx.run_interval(LOOK_EVERY, |this, _| {
            for tick in this.ticks.due(this.clock.monotonic_ms()) {
                this.pass_on(&tick);
            }
            if this.register.borrow().is_empty() {
                for waiting in this.waiting.drain(..) {
                    let _ = waiting.send(());
                }
            }
        });
    }
}

impl Handler<Moved> for Presence {
    type Result = ();

    fn handle(&mut self, it: Moved, _: &mut Self::Context) {
        let mut register = self.register.borrow_mut();
        it.0.into_iter().for_each(|it| register.on_move(it));
        drop(register);
        faults::panic_if_armed("presence.moved");
    }
}

impl Handler<Heard> for Presence {
    type Result = ();

    fn handle(&mut self, it: Heard, _: &mut Self::Context) {
        it.0.into_iter().for_each(|it| self.take(it));
    }
}

impl Handler<Farewell> for Presence {
    type Result = ();

    fn handle(&mut self, it: Farewell, _: &mut Self::Context) {
        self.register.borrow_mut().on_farewell();
        self.waiting.push(it.0);
    }
}

impl Handler<Known> for Presence {
    type Result = ();

    fn handle(&mut self, it: Known, _: &mut Self::Context) {
        let now_ms = self.clock.monotonic_ms();
        let Known { room, here, reported } = it;
        if room.is_open() {
            return; // what is said in an open channel is what was published there
        }
        match reported.tick {
            Some(tick) => self.ticks.on_change(room, tick, now_ms),
            // A change that was just reported may still be on its way over the bus: it is told first then.
            None => self.ticks.on_count(&room, here > 0, reported.users, now_ms),
        }
    }
}
