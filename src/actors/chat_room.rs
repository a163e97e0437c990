//! ChatRoom: one room's shell around [`Room`], which decides everything.
//!
//! Owns: nothing that can't be had again. Place and members come from the workers ([`Recount`]) and the store.
//! Started by: its [`Hub`], on demand; stops itself when idle. Talks to: the fan-outs, the sink, the store pump.
//! Mailbox: only its hub and its own questions write to it. Its death costs: a pause. The next life asks every worker
//! who is here and what they have been handed, and fills the difference from the store.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorContext, Addr, AsyncContext, Context, Handler, Message};
use chat_protocol::publication::Batch;
use chat_protocol::{CloseCode, Ephemeral, ErrorCode, Event, Offset, Publication, RoomId, UserId};

use super::fan_out::{Attach, Deliver, Expel, Recount};
use super::hub::{Hub, Left, Present, Ready, Recheck, Relayed};
use super::links::Links;
use super::reply::Reply;
use super::sink::Append;
use super::workers::ToSession;
use crate::bus::Passing;
use crate::domain::room::{Ask, Effect, Room};
use crate::store::{Head, Membership, StoreError};
use crate::{faults, metrics};

/// A batch is at most about this long in JSON; longer runs go out in several.
const PAYLOAD_BYTES_MAX: usize = 32 * 1024;
/// How long a worker may take to say who is here; one that doesn't is starting anew, and nobody is there.
const PRESENT_WITHIN: Duration = Duration::from_secs(1);
/// Before a failed start or repair is tried again.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// Something wanted, from the hub.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Asked(pub Ask<Reply>);

/// Go if nobody is here.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct RetireIfIdle;

/// The hub has a new life.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Adopt(pub Addr<Hub>);

/// The log has given this place, so whatever lies before it should have come.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Reaches(pub Offset);

/// The store said what this room is.
#[derive(Message)]
#[rtype(result = "()")]
pub struct HeadRead(pub Result<Option<Head>, StoreError>);

/// The store said what a user is here.
#[derive(Message)]
#[rtype(result = "()")]
pub struct MembershipRead(pub UserId, pub Result<Membership, StoreError>);

/// The store gave what was missing.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Repaired(pub Result<Vec<Event>, StoreError>);

/// See the module.
pub struct ChatRoom {
    id: RoomId,
    links: Rc<Links>,
    hub: Addr<Hub>,
    machine: Room<Reply>,
    /// Attachments at each worker, by its number.
    attached: Vec<u32>,
    /// Workers that have not said yet who is here.
    expected: usize,
    /// The least offset that members here have been handed.
    delivered: Option<Offset>,
    head: Option<Head>,
    started: bool,
}

impl ChatRoom {
    /// A life of a room.
    pub(super) fn new(id: RoomId, links: Rc<Links>, hub: Addr<Hub>) -> Self {
        let machine = Room::new(links.epoch.clone(), links.follows);
        Self {
            id,
            links,
            hub,
            machine,
            attached: Vec::new(),
            expected: 0,
            delivered: None,
            head: None,
            started: false,
        }
    }

    fn read_head(&self, ctx: &mut Context<Self>) {
        if !self.links.pump.head(self.id.clone(), ctx.address()) {
            ctx.run_later(RETRY_AFTER, |this, ctx| this.read_head(ctx));
        }
    }

    /// Starts once the store has spoken and every worker too.
    fn start_if_known(&mut self, ctx: &mut Context<Self>) {
        let Some(head) = self.head.as_ref().filter(|_| self.expected == 0 && !self.started) else {
            return;
        };
        self.started = true;
        let (kind, offset, delivered) = (head.kind, head.offset, self.delivered);
        self.act(ctx, |room, effects| room.on_start(kind, offset, delivered, effects));
        self.ready();
    }

    #[expect(clippy::disallowed_methods, reason = "one message per start of a room")]
    fn ready(&self) {
        self.hub.do_send(Ready(self.id.clone()));
    }

    /// Lets the machine take something in, and does what follows from it.
    fn act(
        &mut self,
        ctx: &mut Context<Self>,
        act: impl FnOnce(&mut Room<Reply>, &mut Vec<Effect<Reply>>),
    ) {
        let mut effects = Vec::new();
        act(&mut self.machine, &mut effects);
        self.run(effects, ctx);
    }

    /// The only place where effects become sends.
    fn run(&mut self, effects: Vec<Effect<Reply>>, ctx: &mut Context<Self>) {
        for effect in effects {
            match effect {
                Effect::Append { reply, draft } => {
                    if let Err(Append { reply, .. }) = self.links.sink.tell(Append { reply, draft })
                    {
                        self.links.answer(reply, ErrorCode::Unavailable);
                    }
                }
                Effect::PassOn { reply, body } => {
                    let room = self.id.clone();
                    self.links.bus.pass_on(Passing::InRoom(Ephemeral { room, body }));
                    if let Some((session, message)) = reply.done() {
                        self.links.workers.tell(session, message);
                    }
                }
                Effect::Deliver(publications) => self.deliver(publications),
                Effect::Attach { session, ticket, attached } => {
                    let Some(fan_out) = self.links.workers.get(session.worker) else { continue };
                    let room = self.id.clone();
                    if fan_out.tell(Attach { session, ticket, room, attached }).is_ok() {
                        *self.at(session.worker) += 1;
                    }
                }
                Effect::Refuse { session, ticket, code } => {
                    self.links.workers.tell(session, ToSession::Refused { ticket, code });
                }
                Effect::Answer { reply, code } => self.links.answer(reply, code),
                Effect::Expel { user, code } => self.expel(&user, code),
                Effect::AskMembership(user) => {
                    if !self.links.pump.membership(self.id.clone(), user.clone(), ctx.address()) {
                        let busy = Err(StoreError::Unavailable("too many questions".into()));
                        ctx.notify(MembershipRead(user, busy));
                    }
                }
                Effect::ReadPage { session, ticket, user, after } => {
                    let room = self.id.clone();
                    if !self.links.pump.page(room, user, after, session, ticket) {
                        let code = ErrorCode::Unavailable;
                        self.links.workers.tell(session, ToSession::Refused { ticket, code });
                    }
                }
                Effect::Repair { after } => {
                    metrics::REPAIRS.inc();
                    if !self.links.pump.repair(self.id.clone(), after, ctx.address()) {
                        let busy = Err(StoreError::Unavailable("too many questions".into()));
                        ctx.notify(Repaired(busy));
                    }
                }
            }
        }
    }

    fn at(&mut self, worker: u16) -> &mut u32 {
        let at = usize::from(worker);
        if self.attached.len() <= at {
            self.attached.resize(at + 1, 0);
        }
        &mut self.attached[at]
    }

    fn deliver(&self, publications: Vec<Publication>) {
        for batch in Batch::split(publications, PAYLOAD_BYTES_MAX).into_iter().map(Arc::new) {
            for (worker, _) in self.attached.iter().enumerate().filter(|(_, count)| **count > 0) {
                let fan_out = u16::try_from(worker).ok().and_then(|n| self.links.workers.get(n));
                if let Some(fan_out) = fan_out {
                    let (room, batch) = (self.id.clone(), batch.clone());
                    // A fan-out that is down tells its members 2500 when it is back.
                    let _ = fan_out.tell(Deliver { room, batch });
                }
            }
        }
    }

    fn expel(&self, user: &UserId, code: CloseCode) {
        for (_, fan_out) in self.links.workers.all() {
            let (room, user) = (self.id.clone(), user.clone());
            let _ = fan_out.tell(Expel { room, user, code });
        }
    }

    fn is_idle(&self) -> bool {
        self.started && self.machine.is_quiet() && self.attached.iter().all(|count| *count == 0)
    }
}

impl Actor for ChatRoom {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        for (_, fan_out) in self.links.workers.all() {
            if fan_out.tell(Recount(self.id.clone())).is_ok() {
                self.expected += 1;
            }
        }
        ctx.run_later(PRESENT_WITHIN, |this, ctx| {
            this.expected = 0;
            this.start_if_known(ctx);
        });
        self.read_head(ctx);
        self.ready(); // asks may come: they wait in the machine
    }
}

impl Handler<Asked> for ChatRoom {
    type Result = ();

    fn handle(&mut self, it: Asked, ctx: &mut Self::Context) {
        self.act(ctx, |room, effects| {
            room.on_ask(it.0, effects);
            faults::panic_if_armed("chat_room.asked");
        });
    }
}

impl Handler<Relayed> for ChatRoom {
    type Result = ();

    fn handle(&mut self, it: Relayed, ctx: &mut Self::Context) {
        self.act(ctx, |room, effects| {
            room.on_events(it.0, effects);
            faults::panic_if_armed("chat_room.events"); // its place has moved, and nobody was told
        });
    }
}

impl Handler<HeadRead> for ChatRoom {
    type Result = ();

    fn handle(&mut self, it: HeadRead, ctx: &mut Self::Context) {
        match it.0 {
            Ok(Some(head)) if self.started => {
                self.act(ctx, |room, effects| room.on_head(head.offset, effects));
            }
            Ok(Some(head)) => {
                self.head = Some(head);
                self.start_if_known(ctx);
            }
            Ok(None) => {
                let code = ErrorCode::RoomNotFound;
                self.act(ctx, |room, effects| room.on_start_failed(code, effects));
                ctx.stop();
            }
            Err(err) => {
                tracing::warn!(room.id = %self.id, %err, "room can't start yet");
                self.act(ctx, |room, effects| room.on_start_failed(err.code(), effects));
                ctx.run_later(RETRY_AFTER, |this, ctx| this.read_head(ctx));
            }
        }
    }
}

impl Handler<Reaches> for ChatRoom {
    type Result = ();

    fn handle(&mut self, it: Reaches, ctx: &mut Self::Context) {
        if self.started {
            self.act(ctx, |room, effects| room.on_head(it.0, effects));
        }
    }
}

impl Handler<MembershipRead> for ChatRoom {
    type Result = ();

    fn handle(&mut self, it: MembershipRead, ctx: &mut Self::Context) {
        let answer = it.1.map(|m| (m.joined, m.as_of)).map_err(|err| err.code());
        self.act(ctx, |room, effects| room.on_membership(&it.0, answer, effects));
    }
}

impl Handler<Repaired> for ChatRoom {
    type Result = ();

    fn handle(&mut self, it: Repaired, ctx: &mut Self::Context) {
        match it.0 {
            Ok(events) if !events.is_empty() => {
                self.act(ctx, |room, effects| room.on_repair(events, effects));
            }
            other => {
                let err = other.err(); // none: the store is behind what was announced
                tracing::warn!(room.id = %self.id, ?err, "gap can't be filled yet");
                ctx.run_later(RETRY_AFTER, |this, ctx| {
                    this.act(ctx, |room, effects| room.on_repair(Vec::new(), effects));
                });
            }
        }
    }
}

impl Handler<Left> for ChatRoom {
    type Result = ();

    fn handle(&mut self, it: Left, _: &mut Self::Context) {
        let at = self.at(it.worker);
        *at = at.saturating_sub(it.count);
    }
}

impl Handler<Present> for ChatRoom {
    type Result = ();

    fn handle(&mut self, it: Present, ctx: &mut Self::Context) {
        if self.started {
            return;
        }
        *self.at(it.worker) = it.count;
        self.delivered = match (self.delivered, it.delivered) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        self.expected = self.expected.saturating_sub(1);
        self.start_if_known(ctx);
    }
}

impl Handler<Recheck> for ChatRoom {
    type Result = ();

    fn handle(&mut self, _: Recheck, ctx: &mut Self::Context) {
        self.read_head(ctx);
    }
}

impl Handler<Adopt> for ChatRoom {
    type Result = ();

    fn handle(&mut self, it: Adopt, _: &mut Self::Context) {
        self.hub = it.0;
        self.ready();
    }
}

impl Handler<RetireIfIdle> for ChatRoom {
    type Result = ();

    fn handle(&mut self, _: RetireIfIdle, ctx: &mut Self::Context) {
        if self.is_idle() { ctx.stop() } else { self.ready() }
    }
}
