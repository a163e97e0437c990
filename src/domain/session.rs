//! What one connection is allowed and about to do: the whole client protocol as a pure machine.
//!
//! Input: frames, answers, ticks of the clock. Output: [`Effect`]s, which a shell carries out. Two shells share it
//! (see `http/upgrade.rs` and `http/ws.rs`), so what it does is the same in both.

mod asks;
mod effect;
mod grants;
mod refresh;
mod subscriptions;

use std::sync::Arc;

use chat_protocol::client::{Command, Malformed, Request};
use chat_protocol::object::User;
use chat_protocol::server::{CommandResult, Connected, Reply};
use chat_protocol::{CloseCode, ErrorCode, Format, RoomId};

use super::rate_limit::{Bucket, Rate};
pub use effect::{Admitted, Attached, Denied, Effect, Grant, Page};

/// What every session of a node keeps to.
#[derive(Clone, Debug)]
pub struct Policy {
    pub ping_interval_ms: u64,
    pub pong_timeout_ms: u64,
    /// From the upgrade to the connect command.
    pub connect_timeout_ms: u64,
    /// From the end of a token to that of its session, unless a fresh one comes.
    pub expired_close_delay_ms: u64,
    /// Every reply leaves within this: SDKs give up at 5 s.
    pub reply_timeout_ms: u64,
    pub channels_max: usize,
    /// Commands that may be unanswered at a time.
    pub outstanding_max: usize,
    pub text_bytes_max: usize,
    /// Is every channel that is no room's and no user's an open one?
    pub open_channels: bool,
    /// Bytes of commands that may be held while a token is checked.
    pub held_bytes_max: usize,
    /// Commands per session; `None` when limits are off.
    pub commands: Option<Rate>,
}

/// Names one session on one node, and no later one in the same slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SessionKey {
    pub worker: u16,
    pub slot: u32,
    pub serial: u32,
}

/// Names one wait for an answer, within one session.
pub type Ticket = u32;

#[derive(Debug)]
enum Phase {
    /// Nobody has said who they are; stale at the deadline.
    New { deadline: u64 },
    /// The token is being looked at; what came after it waits.
    Authenticating { id: u32, held: Vec<Vec<u8>>, held_bytes: usize, deadline: u64 },
    Live {
        user: Arc<User>,
        /// When the session ends, unless a fresh token comes.
        expiry: u64,
    },
    /// Connect was refused: the client closes, or is stale at the deadline.
    Refused { deadline: u64 },
    /// The connection is closing: nothing more is done.
    Over,
}

#[derive(Debug)]
struct Pending {
    ticket: Ticket,
    id: u32,
    /// A publish: its reply has no data.
    bare: bool,
    deadline: u64,
}

/// The machine.
#[derive(Debug)]
pub struct Session {
    policy: Arc<Policy>,
    /// How the client's frames are read: the one thing that the session knows of its format.
    format: Format,
    phase: Phase,
    subscriptions: Vec<subscriptions::Subscription>,
    pending: Vec<Pending>,
    /// Boxed: an idle session has none.
    questions: Option<Box<asks::Questions>>,
    /// The name that the user asked for last, until that is answered. Boxed: few sessions ever do.
    renaming: Option<Box<(Ticket, String)>>,
    /// Where the user was last said to be writing, and until when that needn't be repeated. Boxed for the same reason.
    typing: Option<Box<(RoomId, u64)>>,
    tickets: Ticket,
    bucket: Bucket,
    ping_due: u64,
    /// 0: no ping is unanswered.
    pong_due: u64,
}

/// Makes the result of a connect, given the user and the seconds that their token is good for, if they have one: only the node knows what
/// to say of itself.
pub type Welcome<'a> = &'a dyn Fn(&User, Option<u32>) -> Connected;

impl Session {
    /// A connection that has just been upgraded. `jitter_ms` spreads the first pings of sessions that began
    /// together: below half the ping interval.
    pub fn new(policy: Arc<Policy>, format: Format, now: u64, jitter_ms: u64) -> Self {
        let rate = policy.commands.unwrap_or(Rate { per_second: 0, burst: 0 });
        Self {
            format,
            phase: Phase::New { deadline: now + policy.connect_timeout_ms },
            subscriptions: Vec::new(),
            pending: Vec::new(),
            questions: None,
            renaming: None,
            typing: None,
            tickets: 0,
            bucket: Bucket::full(rate, now),
            ping_due: now + policy.ping_interval_ms / 2 + jitter_ms,
            pong_due: 0,
            policy,
        }
    }

    /// The user, once known.
    pub fn user(&self) -> Option<&Arc<User>> {
        match &self.phase {
            Phase::Live { user, .. } => Some(user),
            _ => None,
        }
    }

    /// The rooms that the session is in, or on its way into.
    pub fn rooms(&self) -> impl Iterator<Item = RoomId> {
        self.subscriptions.iter().map(|subscription| subscription.room.clone())
    }

    /// A frame came.
    pub fn on_frame(&mut self, frame: &[u8], now: u64, effects: &mut Vec<Effect>) {
        match &mut self.phase {
            Phase::Over => return,
            Phase::Authenticating { held, held_bytes, .. } => {
                // Each costs its own bookkeeping too, so that empty frames can't pile up for nothing.
                *held_bytes += frame.len() + size_of::<Vec<u8>>();
                if *held_bytes > self.policy.held_bytes_max {
                    return self.close(CloseCode::BadRequest, effects);
                }
                return held.push(frame.to_owned());
            }
            Phase::Refused { .. } => return self.close(CloseCode::BadRequest, effects),
            Phase::New { .. } | Phase::Live { .. } => {}
        }
        let mut commands = self.format.commands(frame);
        while let Some(command) = commands.next() {
            match command {
                Ok(command) => self.on_command(command, now, effects),
                Err(Malformed) => self.close(CloseCode::BadRequest, effects),
            }
            if let Phase::Authenticating { held, held_bytes, .. } = &mut self.phase {
                // What the client pipelined behind connect waits as it came, so that nothing borrows the frame.
                let rest = commands.rest();
                if !rest.is_empty() {
                    *held_bytes += rest.len();
                    held.push(rest.to_owned());
                }
                return;
            }
            if matches!(self.phase, Phase::Over) {
                return;
            }
        }
    }

    fn on_command(&mut self, command: Command<'_>, now: u64, effects: &mut Vec<Effect>) {
        let id = command.id;
        if let Request::Pong = command.request {
            // A pong that answers nothing is a client that doesn't keep to the protocol.
            return if self.pong_due == 0 {
                self.close(CloseCode::BadRequest, effects)
            } else {
                self.pong_due = 0;
            };
        }
        match (&self.phase, command.request) {
            (Phase::New { deadline }, Request::Connect(it)) => {
                let (token, deadline) = (it.token.into_owned(), *deadline);
                self.phase =
                    Phase::Authenticating { id, held: Vec::new(), held_bytes: 0, deadline };
                effects.push(Effect::Authenticate { token });
            }
            (Phase::Live { user, .. }, request) if !matches!(request, Request::Connect(_)) => {
                let user = user.clone();
                if self.policy.commands.is_some_and(|rate| !self.bucket.take(rate, now)) {
                    if id != 0 {
                        effects.push(refusal(id, ErrorCode::TooManyRequests));
                    }
                    return;
                }
                if let Err(code) = self.on_request(&user, id, request, now, effects)
                    && id != 0
                {
                    effects.push(refusal(id, code));
                }
            }
            // Anything before connect, and a second connect.
            _ => self.close(CloseCode::BadRequest, effects),
        }
    }

    /// The token was looked at; `unix_ms` is the time of day, which tokens expire by.
    pub fn on_authenticated(
        &mut self,
        result: Result<Admitted, Denied>,
        now: u64,
        unix_ms: u64,
        welcome: Welcome<'_>,
        effects: &mut Vec<Effect>,
    ) {
        let Phase::Authenticating { id, held, .. } = &mut self.phase else { return };
        let (id, held) = (*id, std::mem::take(held));
        match result {
            Ok(Admitted { user, expires_at, .. }) => {
                let has_token = !user.id.is_anonymous();
                let ttl_s = has_token.then(|| refresh::ttl_s(expires_at, unix_ms));
                let connected = Box::new(welcome(&user, ttl_s));
                effects.push(done(id, CommandResult::Connect(connected)));
                let expiry = refresh::expiry(&self.policy, expires_at, now, unix_ms);
                self.phase = Phase::Live { user: Arc::new(user), expiry };
                for frame in held {
                    self.on_frame(&frame, now, effects);
                }
            }
            Err(Denied::Invalid) => self.close(CloseCode::InvalidToken, effects),
            Err(denied) => {
                let code = match denied {
                    Denied::Expired => ErrorCode::TokenExpired,
                    Denied::Unavailable => ErrorCode::Internal,
                    Denied::Missing | Denied::Invalid => ErrorCode::Unauthorized,
                };
                effects.push(refusal(id, code));
                // Unusable, but not closed: the SDK closes it; whatever else comes is 3501, silence is stale.
                self.phase = Phase::Refused { deadline: now + self.policy.connect_timeout_ms };
            }
        }
    }

    /// The clock moved: pings, deadlines, expiry.
    pub fn on_tick(&mut self, now: u64, effects: &mut Vec<Effect>) {
        match &self.phase {
            Phase::Over => return,
            Phase::New { deadline }
            | Phase::Authenticating { deadline, .. }
            | Phase::Refused { deadline } => {
                if now >= *deadline {
                    self.close(CloseCode::Stale, effects);
                }
                return;
            }
            Phase::Live { expiry, .. } if now >= *expiry => {
                return self.close(CloseCode::Expired, effects);
            }
            Phase::Live { .. } => {}
        }
        if self.pong_due != 0 && now >= self.pong_due {
            return self.close(CloseCode::NoPong, effects);
        }
        if now >= self.ping_due {
            self.ping_due = now + self.policy.ping_interval_ms;
            self.pong_due = now + self.policy.pong_timeout_ms;
            effects.push(Effect::Reply(Reply::Ping));
        }
        self.expire_asks(now, effects);
    }

    /// When [`Self::on_tick`] has something to do next, if nothing else happens.
    pub fn due_at(&self) -> u64 {
        match &self.phase {
            Phase::Over => u64::MAX,
            Phase::New { deadline }
            | Phase::Authenticating { deadline, .. }
            | Phase::Refused { deadline } => *deadline,
            Phase::Live { expiry, .. } => {
                let pong = if self.pong_due == 0 { u64::MAX } else { self.pong_due };
                let asks = self.pending.iter().map(|p| p.deadline).min().unwrap_or(u64::MAX);
                self.ping_due.min(pong).min(asks).min(self.subscribe_deadline()).min(*expiry)
            }
        }
    }

    /// Ends the session from the server's side.
    pub fn close(&mut self, code: CloseCode, effects: &mut Vec<Effect>) {
        if !matches!(self.phase, Phase::Over) {
            self.phase = Phase::Over;
            self.pending = Vec::new();
            self.questions = None;
            effects.push(Effect::Close(code));
        }
    }

    fn next_ticket(&mut self) -> Ticket {
        self.tickets = self.tickets.wrapping_add(1);
        self.tickets
    }
}

fn done(id: u32, result: CommandResult) -> Effect {
    Effect::Reply(Reply::Result { id, result })
}

fn refusal(id: u32, code: ErrorCode) -> Effect {
    Effect::Reply(Reply::Error { id, code })
}

#[cfg(test)]
mod tests;
