//! FanOut: one per worker thread; hands what rooms say to the sessions of its thread.
//!
//! Owns: nothing. The sessions and their rooms are the thread's ([`Worker`]) and outlive it.
//! Started by: the worker's first session ([`super::node::Worker`]). Talks to: its sessions; the hubs (who has left); presence (who has come and gone).
//! Mailbox: one message per publication and worker, bounded by what the rooms have in hand.
//! Its death costs: what was in its mailbox. The next life tells every member 2500, and they resume.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, AsyncContext, Context, Handler, Message};
use bytes::Bytes;
use chat_protocol::comings::Comings;
use chat_protocol::publication::Batch;
use chat_protocol::{CloseCode, Format, RoomId, UserId};

use super::hub::{Hubs, Left, Present};
use super::node::Worker;
use super::presence::{Moved, Presence};
use super::supervisor::ActorRef;
use super::workers::ToSession;
use crate::clock::Clock;
use crate::domain::revocation::{Revocation, Revoked};
use crate::domain::session::{Attached, SessionKey, Ticket};
use crate::{faults, metrics, mutants};

/// How often sessions are looked at from outside.
const LOOK_MS: u64 = 200;

/// When a session has had enough.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Bytes that may wait for one session before it loses its place in the room that adds to them.
    pub place_bytes_max: u64,
    /// How long nothing may leave while something waits, before the connection is ended.
    pub stall_ms_max: u64,
}

/// To a session that a room has taken up.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Attach {
    pub session: SessionKey,
    pub ticket: Ticket,
    pub room: RoomId,
    pub attached: Attached,
}

/// To every session in a room here.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Deliver {
    pub room: RoomId,
    pub batch: Arc<Batch>,
}

/// To every session in a room here, without a place: whoever has much to read is left out.
#[derive(Message)]
#[rtype(result = "()")]
pub struct PassOn {
    pub room: RoomId,
    pub batch: Arc<Batch>,
    /// The same one by one, to those who have asked for that.
    pub comings: Option<Arc<Comings>>,
}

/// To sessions of one user. One that doesn't keep up is closed: nobody could tell it what it has missed.
#[derive(Message)]
#[rtype(result = "()")]
pub struct TellUser {
    pub sessions: Vec<SessionKey>,
    pub batch: Arc<Batch>,
}

/// Sessions that an order means end.
#[derive(Message)]
#[rtype(result = "()")]
pub struct End {
    pub orders: Arc<Vec<Revocation>>,
}

/// Nothing more of this room to this user.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Expel {
    pub room: RoomId,
    pub user: UserId,
    pub code: CloseCode,
}

/// Everyone in this room has lost their place.
#[derive(Message)]
#[rtype(result = "()")]
pub struct LoseRoom(pub RoomId);

/// To single sessions.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Tell(pub Vec<(SessionKey, ToSession)>);

/// A room that starts asks who is here and what they have been handed.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Recount(pub RoomId);

/// Every `stride`-th session from `first` on is closed: drain, spread over time.
#[derive(Message)]
#[rtype(result = "()")]
pub struct CloseSome {
    pub code: CloseCode,
    pub first: usize,
    pub stride: usize,
}

/// See the module.
pub struct FanOut {
    worker: u16,
    here: Rc<Worker>,
    hubs: Arc<Hubs>,
    presence: ActorRef<Presence>,
    clock: Arc<dyn Clock>,
    budget: Budget,
}

impl FanOut {
    /// A life of the fan-out of `worker`.
    pub fn new(
        worker: u16,
        here: Rc<Worker>,
        hubs: Arc<Hubs>,
        presence: ActorRef<Presence>,
        clock: Arc<dyn Clock>,
        budget: Budget,
    ) -> Self {
        Self { worker, here, hubs, presence, clock, budget }
    }

    /// Wakes who wants to be woken, ends who is stuck, tells rooms who has left, and presence who has moved.
    fn look(&mut self) {
        let now_ms = self.clock.monotonic_ms();
        let mut sessions = self.here.sessions.borrow_mut();
        let mut stuck = Vec::new();
        for (slot, entry) in &sessions.entries {
            if entry.flow.stalled_ms(now_ms) > self.budget.stall_ms_max {
                stuck.extend(u32::try_from(slot).ok().and_then(|slot| sessions.key_of(slot)));
            } else if entry.flow.is_due(now_ms) {
                entry.flow.set_due(now_ms + 1000); // until the session sets its own
                entry.flow.hand(ToSession::Tick, 0);
            }
        }
        for key in stuck {
            metrics::SLOW_SESSIONS.inc();
            sessions.evict(key);
        }
        for (room, count) in sessions.left.drain() {
            self.hubs.tell(Left { room, worker: self.worker, count });
        }
        if !sessions.moves.is_empty() {
            let moves = std::mem::take(&mut sessions.moves);
            if let Err(Moved(moves)) = self.presence.tell(Moved(moves)) {
                sessions.moves = moves; // it is coming back
            }
        }
    }
}

impl Actor for FanOut {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        // An earlier life may have died with deliveries in its mailbox: nobody here can be sure of their place.
        self.here.sessions.borrow_mut().lose_all();
        ctx.run_interval(Duration::from_millis(LOOK_MS), |this, _| this.look());
    }
}

impl Handler<Attach> for FanOut {
    type Result = ();

    fn handle(&mut self, it: Attach, _: &mut Self::Context) {
        let mut sessions = self.here.sessions.borrow_mut();
        if !sessions.attach(it.session, it.ticket, &it.room) {
            return;
        }
        if let Some(here) = sessions.rooms.get_mut(&it.room) {
            here.delivered = here.delivered.max(it.attached.top);
        }
        if let Some(entry) = sessions.get(it.session) {
            let attached = Box::new(it.attached);
            entry.flow.hand(ToSession::Attached { ticket: it.ticket, attached }, 0);
        }
    }
}

impl Handler<Deliver> for FanOut {
    type Result = ();

    fn handle(&mut self, it: Deliver, _: &mut Self::Context) {
        let mut sessions = self.here.sessions.borrow_mut();
        let sessions = &mut *sessions;
        let Some(here) = sessions.rooms.get_mut(&it.room) else { return };
        if it.batch.last() <= here.delivered {
            return; // a room that started anew repeats what this worker has already
        }
        if it.batch.first() <= here.delivered {
            // Partly had, partly new: bytes can't be cut, but whoever resumes gets exactly what is missing.
            return sessions.lose_room(&it.room);
        }
        here.delivered = it.batch.last();
        let mut slow = Vec::new();
        for slot in here.members.keys() {
            let Some(entry) = sessions.entries.get(*slot as usize) else { continue };
            let payload = it.batch.payload(entry.format);
            let owed = entry.flow.owed() + payload.len() as u64;
            if owed > self.budget.place_bytes_max && !mutants::is("never-slow") {
                slow.push(*slot);
            } else {
                entry.flow.hand(ToSession::Deliver(payload.clone()), payload.len());
            }
            faults::panic_if_armed("fan_out.deliver"); // some have it, some don't
        }
        metrics::DELIVERIES.inc_by((it.batch.len() * (here.members.len() - slow.len())) as u64);
        for slot in slow {
            metrics::SLOW_ROOMS.inc();
            if !mutants::is("drop-on-full") {
                sessions.lose(&it.room, slot, CloseCode::LostPlace);
            }
        }
    }
}

impl Handler<PassOn> for FanOut {
    type Result = ();

    fn handle(&mut self, it: PassOn, _: &mut Self::Context) {
        let sessions = self.here.sessions.borrow();
        let Some(here) = sessions.rooms.get(&it.room) else { return };
        let hand = |slot: u32, payload: &dyn Fn(Format) -> Bytes| {
            let Some(entry) = sessions.entries.get(slot as usize) else { return };
            let payload = payload(entry.format);
            if entry.flow.owed() + payload.len() as u64 <= self.budget.place_bytes_max {
                let cost = payload.len();
                entry.flow.hand(ToSession::Deliver(payload), cost);
            }
        };
        for slot in here.members.keys() {
            hand(*slot, &|format| it.batch.payload(format).clone());
        }
        if let Some(comings) = &it.comings {
            for slot in &here.watchers {
                hand(*slot, &|format| comings.payload(format).clone());
            }
        }
    }
}

impl Handler<TellUser> for FanOut {
    type Result = ();

    fn handle(&mut self, it: TellUser, _: &mut Self::Context) {
        let mut sessions = self.here.sessions.borrow_mut();
        for key in it.sessions {
            let Some(entry) = sessions.get(key) else { continue };
            let payload = it.batch.payload(entry.format);
            if entry.flow.owed() + payload.len() as u64 > self.budget.place_bytes_max {
                metrics::SLOW_SESSIONS.inc();
                entry.flow.hand(ToSession::Close(CloseCode::InsufficientState), 0);
            } else {
                entry.flow.hand(ToSession::Deliver(payload.clone()), payload.len());
            }
        }
    }
}

impl Handler<Expel> for FanOut {
    type Result = ();

    fn handle(&mut self, it: Expel, _: &mut Self::Context) {
        self.here.sessions.borrow_mut().expel(&it.room, &it.user, it.code);
    }
}

impl Handler<End> for FanOut {
    type Result = ();

    fn handle(&mut self, it: End, _: &mut Self::Context) {
        let sessions = self.here.sessions.borrow();
        for (_, entry) in &sessions.entries {
            let Some(occupant) = &entry.occupant else { continue };
            for order in it.orders.iter().filter(|it| it.ends(&occupant.user.id, &entry.mark)) {
                let code = match order.what {
                    Revoked::Sessions => CloseCode::ForcedNoReconnect,
                    Revoked::Token(_) | Revoked::Tokens => CloseCode::InvalidToken,
                };
                entry.flow.hand(ToSession::Close(code), 0);
            }
        }
    }
}

impl Handler<LoseRoom> for FanOut {
    type Result = ();

    fn handle(&mut self, it: LoseRoom, _: &mut Self::Context) {
        self.here.sessions.borrow_mut().lose_room(&it.0);
    }
}

impl Handler<Tell> for FanOut {
    type Result = ();

    fn handle(&mut self, it: Tell, _: &mut Self::Context) {
        let mut sessions = self.here.sessions.borrow_mut();
        for (key, message) in it.0 {
            if let Some(entry) = sessions.get(key) {
                entry.flow.hand(message, 0);
            }
        }
    }
}

impl Handler<Recount> for FanOut {
    type Result = ();

    fn handle(&mut self, it: Recount, _: &mut Self::Context) {
        let mut sessions = self.here.sessions.borrow_mut();
        sessions.left.remove(&it.0); // counted from here on
        let here = sessions.rooms.get(&it.0);
        self.hubs.tell(Present {
            worker: self.worker,
            count: here.map_or(0, |here| u32::try_from(here.members.len()).unwrap_or(u32::MAX)),
            delivered: here.map(|here| here.delivered),
            room: it.0,
        });
    }
}

impl Handler<CloseSome> for FanOut {
    type Result = ();

    fn handle(&mut self, it: CloseSome, _: &mut Self::Context) {
        let sessions = self.here.sessions.borrow();
        for (_, entry) in sessions.entries.iter().skip(it.first).step_by(it.stride.max(1)) {
            entry.flow.hand(ToSession::Close(it.code), 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actors::flow::Flow;
    use crate::actors::sessions::Sessions;
    use crate::actors::supervisor::{Policy, supervise};
    use crate::actors::workers::Workers;
    use crate::clock::SystemClock;
    use crate::domain::presence::Register;
    use crate::nodes::local::LocalNodes;
    use actix::Addr;
    use chat_protocol::{Epoch, Event, EventBody, Offset, Publication};
    use std::cell::RefCell;

    fn batch(offsets: impl Iterator<Item = Offset>) -> Arc<Batch> {
        let event = |offset| Event {
            room: RoomId::general(),
            offset,
            time: 1,
            id: None,
            user: None,
            body: EventBody::Void { of: None },
        };
        let publications = offsets.map(|offset| Publication::encode(&event(offset)));
        Arc::new(Batch::new(publications.collect()))
    }

    /// Of a thread whose sessions lose their places beyond 1000 bytes.
    fn fan_out(here: Rc<Worker>) -> FanOut {
        let clock = Arc::new(SystemClock::start());
        let budget = Budget { place_bytes_max: 1000, stall_ms_max: 1000 };
        let (presence, _) = supervise("presence", Policy::default(), clock.clone(), |_| {
            let register = Rc::new(RefCell::new(Register::new(1000)));
            let (nodes, workers) = (Arc::<LocalNodes>::default(), Arc::new(Workers::new()));
            Presence::new(register, nodes, workers, Arc::new(SystemClock::start()), 1000)
        });
        FanOut::new(0, here, Arc::new(Hubs::default()), presence, clock, budget)
    }

    /// Everything that a session has been told.
    fn told(flow: &Flow) -> Vec<String> {
        let told = std::iter::from_fn(|| flow.take()).map(|it| match it {
            ToSession::Deliver(payload) => {
                let pushes = payload.split(|byte| *byte == b'\n');
                let offsets = pushes.map(|push| {
                    let push: serde_json::Value = serde_json::from_slice(push).unwrap();
                    push["push"]["pub"]["offset"].to_string()
                });
                offsets.collect::<Vec<_>>().join(" ")
            }
            ToSession::Detached { code, .. } => code.name().to_owned(),
            _ => "attached".to_owned(),
        });
        told.collect()
    }

    #[actix_rt::test]
    async fn who_has_no_room_for_a_hint_is_closed_and_others_are_told() {
        let here = Rc::new(Worker { sessions: RefCell::new(Sessions::new(0)) });
        let [slow, quick] = [(); 2].map(|()| Rc::new(Flow::new(0)));
        let register =
            |flow: &Rc<Flow>| here.sessions.borrow_mut().register(flow.clone(), Format::Json, None);
        let sessions = vec![register(&slow), register(&quick)];
        slow.hand(ToSession::Tick, 950);
        let fan_out = fan_out(here.clone()).start();
        fan_out.send(TellUser { sessions, batch: batch(1..=1) }).await.unwrap();
        assert!(matches!(slow.take(), Some(ToSession::Tick)));
        assert!(matches!(slow.take(), Some(ToSession::Close(CloseCode::InsufficientState))));
        assert!(matches!(quick.take(), Some(ToSession::Deliver(_))));
        assert!(slow.take().is_none() && quick.take().is_none());
    }

    /// A thread with one session, whose flow it is, in `general` from offset 7 on, and who may be owed 1000 bytes.
    async fn one_session() -> (Addr<FanOut>, Rc<Flow>) {
        let flow = Rc::new(Flow::new(0));
        let here = Rc::new(Worker { sessions: RefCell::new(Sessions::new(0)) });
        let session = here.sessions.borrow_mut().register(flow.clone(), Format::Json, None);
        let fan_out = fan_out(here).start();
        let room = RoomId::general();
        let attached = Attached {
            epoch: Epoch::parse("0.a").unwrap(),
            top: 6,
            since: None,
            was_recovering: false,
            missed: Vec::new(),
        };
        fan_out.send(Attach { session, ticket: 1, room, attached }).await.unwrap();
        (fan_out, flow)
    }

    async fn deliver(fan_out: &Addr<FanOut>, offsets: impl Iterator<Item = Offset>) {
        let (room, batch) = (RoomId::general(), batch(offsets));
        fan_out.send(Deliver { room, batch }).await.unwrap();
    }

    // A room that started anew repeats from the least that any thread had; the payload can't be cut.
    #[actix_rt::test]
    async fn what_a_thread_had_partly_is_never_handed_out_twice() {
        let (fan_out, flow) = one_session().await;
        // New, had already, had partly, and for nobody: the place is lost.
        for offsets in [7..=8, 7..=8, 7..=12, 13..=13] {
            deliver(&fan_out, offsets).await;
        }
        assert_eq!(told(&flow), ["attached", "7 8", "lost_place"]);
    }

    #[actix_rt::test]
    async fn who_is_owed_too_much_loses_the_place_and_is_left_no_hole() {
        let (fan_out, flow) = one_session().await;
        for offset in 7..100 {
            deliver(&fan_out, offset..=offset).await;
        }
        let told = told(&flow);
        let delivered = told.len() - 2;
        assert!(delivered > 0 && delivered < 20, "{told:?}");
        let offsets: Vec<_> = (7..).take(delivered).map(|offset| offset.to_string()).collect();
        assert_eq!(told[1..=delivered], offsets);
        assert_eq!(told[delivered + 1], "lost_place");
    }
}
