//! What both session shells share: the machine, its wiring to rooms and store, and what waits to leave.
//!
//! A shell is the actor: it owns the socket (`http/upgrade.rs`) or the actix-web-actors context (`http/ws.rs`). It feeds
//! frames in here, lets it [`attend`](Driver::attend) to what the session was told, writes out what [`Driver::outbound`]
//! holds, and ends when [`Driver::closing`] says so.

use std::mem;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;

use bytes::Bytes;
use chat_protocol::object::Occupant;
use chat_protocol::{ClientId, CloseCode, ErrorCode, EventBody, Format};

use super::flow::Flow;
use super::node::{Node, Worker};
use super::reply::Reply;
use super::sessions::Kill;
use super::users::Hold;
use super::workers::ToSession;
use crate::domain::outbound::Outbound;
use crate::domain::room::Ask;
use crate::domain::rpc::{fresh_id, person};
use crate::domain::session::{Admitted, Denied, Effect, Session, SessionKey};
use crate::{faults, metrics};

/// One session without its socket.
pub struct Driver {
    machine: Session,
    outbound: Outbound,
    node: Arc<Node>,
    worker: Rc<Worker>,
    format: Format,
    key: SessionKey,
    /// Of the user, once they are let in.
    hold: Option<Hold>,
    flow: Rc<Flow>,
    /// Bytes that wait to leave, all in all.
    waiting: usize,
    /// How many of them fan-out handed over and counts on.
    delivered: u64,
    /// The machine has done something since it was last asked whether it waits for all to have left.
    stirred: bool,
    closing: Option<CloseCode>,
}

impl Driver {
    /// A session on this thread; `kill` cuts its connection from outside where the actor can't be relied on to hear.
    pub fn new(node: Arc<Node>, format: Format, kill: Option<Kill>) -> Option<Self> {
        let worker = node.worker()?;
        let now = node.clock.monotonic_ms();
        let flow = Rc::new(Flow::new(now));
        let jitter = rand::random_range(0..=node.policy.ping_interval_ms / 2);
        let machine = Session::new(node.policy.clone(), format, now, jitter);
        flow.set_due(machine.due_at());
        let key = worker.sessions.borrow_mut().register(flow.clone(), format, kill);
        node.session_opened();
        Some(Self {
            machine,
            outbound: Outbound::new(format),
            node,
            worker,
            format,
            key,
            hold: None,
            flow,
            waiting: 0,
            delivered: 0,
            stirred: false,
            closing: None,
        })
    }

    /// A frame came.
    pub fn on_frame(&mut self, frame: &[u8]) {
        faults::panic_if_armed("session.frame");
        let now = self.node.clock.monotonic_ms();
        let mut effects = Vec::new();
        self.machine.on_frame(frame, now, &mut effects);
        self.run(effects);
    }

    /// Takes in what the session was told. Whenever its actor is polled: `waker` polls it when there is more.
    pub fn attend(&mut self, waker: &Waker) {
        self.flow.attend(waker);
        while let Some(message) = self.flow.take() {
            self.on_message(message);
        }
    }

    fn on_message(&mut self, message: ToSession) {
        let mut effects = Vec::new();
        match message {
            ToSession::Deliver(payload) => {
                self.delivered += payload.len() as u64;
                return self.queue(payload); // the machine has no part in it
            }
            ToSession::Attached { ticket, attached } => {
                self.machine.on_attached(ticket, *attached, &mut effects);
            }
            ToSession::Page { ticket, page } => self.machine.on_page(ticket, *page, &mut effects),
            ToSession::Refused { ticket, code } => {
                self.machine.on_refused(ticket, code, &mut effects);
            }
            ToSession::Detached { ticket, code } => {
                self.machine.on_detached(ticket, code, &mut effects);
            }
            ToSession::Answer { ticket, answer } => {
                self.machine.on_answer(ticket, answer, &mut effects);
            }
            ToSession::Authenticated(arrival) => {
                let (result, hold) = *arrival;
                let node = self.node.clone();
                let client = fresh_id();
                let welcome = |user: &_, ttl_s| node.welcome(user, ttl_s, client.clone());
                let (now, unix_ms) = (node.clock.monotonic_ms(), node.clock.now_ms());
                let result = self.unless_void(result);
                self.machine.on_authenticated(result, now, unix_ms, &welcome, &mut effects);
                if let Some(user) = self.machine.user() {
                    let occupant = Arc::new(Occupant { client, user: person(user) });
                    let mut sessions = self.worker.sessions.borrow_mut();
                    if let Some(entry) = sessions.get(self.key) {
                        entry.occupant = Some(occupant);
                    }
                    drop(sessions);
                    self.hold = hold;
                    if let Some(hold) = &mut self.hold {
                        hold.join(self.key);
                    }
                }
            }
            ToSession::Refreshed { ticket, result } => {
                let (now, unix_ms) = (self.node.clock.monotonic_ms(), self.node.clock.now_ms());
                let result = self.unless_void(*result);
                self.machine.on_refreshed(ticket, result, now, unix_ms, &mut effects);
            }
            ToSession::Granted { ticket, result } => {
                let (now, unix_ms) = (self.node.clock.monotonic_ms(), self.node.clock.now_ms());
                self.machine.on_granted(ticket, *result, now, unix_ms, &mut effects);
            }
            ToSession::Tick => {
                self.machine.on_tick(self.node.clock.monotonic_ms(), &mut effects);
            }
            ToSession::Close(code) => self.machine.close(code, &mut effects),
        }
        self.run(effects);
    }

    /// Holds a token against the latest orders: the store may have been asked before one was given. Of one that is good
    /// the session keeps what it may be revoked by.
    fn unless_void(&self, result: Result<Admitted, Denied>) -> Result<Admitted, Denied> {
        let admitted = result?;
        if self.node.latest.void(&admitted.user.id, &admitted.mark) {
            return Err(Denied::Invalid);
        }
        if let Some(entry) = self.worker.sessions.borrow_mut().get(self.key) {
            entry.mark = admitted.mark.clone();
        }
        Ok(admitted)
    }

    /// `bytes` have left the session.
    pub fn wrote(&mut self, bytes: usize) {
        self.waiting = self.waiting.saturating_sub(bytes);
        let counted = self.delivered.min(bytes as u64);
        self.delivered -= counted;
        self.flow.leave(counted);
    }

    /// Everything has left the session.
    pub fn drained(&mut self) {
        self.waiting = 0;
        self.flow.leave(mem::take(&mut self.delivered));
        if mem::take(&mut self.stirred) && self.machine.wants_drained() {
            let mut effects = Vec::new();
            let now = self.node.clock.monotonic_ms();
            self.machine.on_drained(now, &mut effects);
            self.run(effects);
        }
    }

    /// What waits to leave.
    pub fn outbound(&mut self) -> &mut Outbound {
        &mut self.outbound
    }

    /// Ends the session from the shell's side.
    pub fn close(&mut self, code: CloseCode) {
        let mut effects = Vec::new();
        self.machine.close(code, &mut effects);
        self.run(effects);
    }

    /// Why it must end, once it must.
    pub fn closing(&self) -> Option<CloseCode> {
        self.closing
    }

    fn queue(&mut self, payload: Bytes) {
        if self.closing.is_some() {
            return;
        }
        self.waiting += payload.len() + self.format.separator().len();
        self.outbound.push(payload);
        if self.waiting > self.node.session_bytes_max {
            metrics::SLOW_SESSIONS.inc();
            self.close(CloseCode::Slow);
        }
    }

    /// The only place where effects become sends.
    fn run(&mut self, effects: Vec<Effect>) {
        self.stirred = true;
        for effect in effects {
            match effect {
                Effect::Reply(reply) => self.queue(self.format.encode(&reply)),
                Effect::Push(publications) => {
                    for publication in publications {
                        self.queue(self.format.push(&publication));
                    }
                }
                Effect::Close(code) => {
                    metrics::CLOSES.with_label_values(&[code.name()]).inc();
                    if matches!(code, CloseCode::Slow | CloseCode::InsufficientState) {
                        self.outbound.clear(); // it wouldn't be read
                    }
                    self.closing = Some(code);
                }
                other => self.reach_out(other),
            }
        }
        self.flow.set_due(self.machine.due_at());
    }

    /// What the session is called, once it is known.
    fn name(&self) -> Option<ClientId> {
        let mut sessions = self.worker.sessions.borrow_mut();
        let occupant = sessions.get(self.key)?.occupant.as_ref()?;
        ClientId::parse(&occupant.client).ok()
    }

    /// Effects that end with a message to this session.
    fn reach_out(&mut self, effect: Effect) {
        let (node, session) = (&self.node, self.key);
        match effect {
            Effect::Authenticate { token } => node.pump.admit(token, session),
            Effect::Refresh { ticket, token } => node.pump.refresh(token, session, ticket),
            Effect::CheckGrant { ticket, token } => node.pump.grant(token, session, ticket),
            Effect::Subscribe { room, ticket, since } => {
                let Some(user) = self.machine.user().map(|user| user.id.clone()) else { return };
                let ask = Ask::Subscribe { session, ticket, user, since };
                if node.hubs.ask(room, ask).is_err() {
                    self.on_message(ToSession::Refused { ticket, code: ErrorCode::Internal });
                }
            }
            Effect::Continue { room, ticket, after } => {
                let Some(user) = self.machine.user().map(|user| user.id.clone()) else { return };
                let ask = Ask::Continue { session, ticket, user, after };
                if node.hubs.ask(room, ask).is_err() {
                    self.on_message(ToSession::Refused { ticket, code: ErrorCode::Internal });
                }
            }
            Effect::TellComings { room, ticket } => {
                self.worker.sessions.borrow_mut().tell_comings(session, ticket, &room);
            }
            Effect::Detach { room, ticket } => {
                self.worker.sessions.borrow_mut().detach(session, ticket, &room);
                let code = CloseCode::Unsubscribed;
                self.on_message(ToSession::Detached { ticket, code });
            }
            Effect::Publish { ticket, mut draft } => {
                if let EventBody::DataPublished { client, .. } = &mut draft.body {
                    *client = self.name();
                }
                let reply = Reply::Session { session, ticket };
                let room = draft.room.clone();
                if node.hubs.ask(room, Ask::Publish { reply, draft }).is_err() {
                    let answer = Err(ErrorCode::Unavailable);
                    self.on_message(ToSession::Answer { ticket, answer });
                }
            }
            Effect::Typing { ticket, room } => {
                let Some(user) = self.machine.user().map(|user| person(user)) else { return };
                let ask = Ask::Typing { reply: Reply::Session { session, ticket }, user };
                if node.hubs.ask(room, ask).is_err() {
                    let answer = Err(ErrorCode::Unavailable);
                    self.on_message(ToSession::Answer { ticket, answer });
                }
            }
            Effect::Ask { ticket, question } => {
                let Some(user) = self.machine.user().map(|user| user.id.clone()) else { return };
                node.pump.ask(user, question, session, ticket);
            }
            Effect::MarkRead(ticket, mark) => node.pump.mark_read(mark, session, ticket),
            Effect::Change { ticket, change } => node.pump.change(change, session, ticket),
            Effect::Reply(_) | Effect::Push(_) | Effect::Close(_) => {}
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // May run while a panic unwinds: the registry could be what panicked.
        if let Ok(mut sessions) = self.worker.sessions.try_borrow_mut() {
            sessions.remove(self.key, self.machine.rooms());
        }
        self.node.session_closed();
    }
}
