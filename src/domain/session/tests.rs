//! What the session promises, by topic. Effects are compared in short: see [`told`].

mod any_order;
mod catching_up;
mod commands;
mod connecting;
mod granting;
mod keeping_alive;
mod refreshing;
mod subscribing;

use std::sync::Arc;

use chat_protocol::object::User;
use chat_protocol::{Event, EventBody, UserId};
use serde_json::Value;

use super::*;
use crate::domain::question::Answer;
use crate::domain::resume::Since;
use crate::domain::revocation::TokenMark;
use chat_protocol::{Epoch, Offset, Publication};

/// The time of day at which [`Bench`]'s user must have a fresh token.
const EXPIRES_AT: u64 = 1_000_000;

fn policy() -> Policy {
    Policy {
        ping_interval_ms: 25_000,
        pong_timeout_ms: 8_000,
        connect_timeout_ms: 10_000,
        expired_close_delay_ms: 5_000,
        reply_timeout_ms: 4_000,
        channels_max: 3,
        outstanding_max: 2,
        text_bytes_max: 100,
        open_channels: false,
        held_bytes_max: 1_000,
        commands: None,
    }
}

fn general() -> RoomId {
    RoomId::general()
}

fn epoch() -> Epoch {
    Epoch::parse("0.a").unwrap()
}

fn publications(offsets: impl IntoIterator<Item = Offset>) -> Vec<Publication> {
    let void = |offset| Event {
        room: general(),
        offset,
        time: 1,
        id: None,
        user: None,
        body: EventBody::Void { of: None },
    };
    offsets.into_iter().map(|offset| Publication::encode(&void(offset))).collect()
}

fn fresh(top: Offset) -> Attached {
    Attached { epoch: epoch(), top, since: None, was_recovering: false, missed: Vec::new() }
}

fn recovered(since: Offset, top: Offset) -> Attached {
    let missed = publications(since + 1..=top);
    Attached { epoch: epoch(), top, since: Some(since), was_recovering: true, missed }
}

fn page(after: Offset, last: Offset) -> Page {
    Page { epoch: epoch(), after, publications: publications(after + 1..=last) }
}

fn admitted() -> Admitted {
    let user = User { id: UserId::parse("u").unwrap(), name: "U".into(), guest: true };
    Admitted { user, expires_at: EXPIRES_AT, mark: TokenMark::default() }
}

fn welcome(_: &User, ttl_s: Option<u32>) -> Connected {
    Connected {
        client: "c".into(),
        version: "0",
        ttl_s,
        data: "{}".into(),
        subs: Vec::new(),
        ping_s: 25,
    }
}

/// An answer whose data is that.
fn data(json: &str) -> Result<Answer, ErrorCode> {
    Ok(Answer::Data(json.into()))
}

/// What the client reads.
fn read(reply: &Reply) -> Value {
    serde_json::from_slice(&Format::Json.encode(reply)).unwrap()
}

/// A reply or push in short: `2 subscribe`, `3 error 111 temporary`, `ping`, `unsubscribe 2500`.
fn in_short(reply: &Reply) -> String {
    let it = read(reply);
    if let Some(code) = it.pointer("/push/unsubscribe/code") {
        return format!("unsubscribe {code}");
    }
    let Some(id) = it.get("id") else { return "ping".to_owned() };
    match it.get("error") {
        Some(error) if error.get("temporary").is_some() => {
            format!("{id} error {} temporary", error["code"])
        }
        Some(error) => format!("{id} error {}", error["code"]),
        None => {
            let what = it.as_object().unwrap().keys().find(|key| *key != "id");
            format!("{id} {}", what.unwrap())
        }
    }
}

/// Effects in short; tickets follow a `#`.
fn told(effects: &[Effect]) -> Vec<String> {
    let short = |effect: &Effect| match effect {
        Effect::Reply(reply) => in_short(reply),
        Effect::Push(them) => {
            format!("push {:?}", them.iter().map(|it| it.offset).collect::<Vec<_>>())
        }
        Effect::Close(code) => format!("close {}", code.code()),
        Effect::Authenticate { token } => format!("authenticate {token}"),
        Effect::Refresh { ticket, token } => format!("refresh {token} #{ticket}"),
        Effect::CheckGrant { ticket, token } => format!("check {token} #{ticket}"),
        Effect::TellComings { room, ticket } => format!("tell comings {room} #{ticket}"),
        Effect::Subscribe { room, ticket, .. } => format!("subscribe {room} #{ticket}"),
        Effect::Continue { room, ticket, after } => format!("continue {room} #{ticket} {after}"),
        Effect::Detach { room, ticket } => format!("detach {room} #{ticket}"),
        Effect::Publish { ticket, .. } => format!("publish #{ticket}"),
        Effect::Typing { ticket, room } => format!("typing {room} #{ticket}"),
        Effect::Ask { ticket, .. } => format!("ask #{ticket}"),
        Effect::MarkRead(ticket, _) => format!("mark #{ticket}"),
        Effect::Change { ticket, .. } => format!("change #{ticket}"),
    };
    effects.iter().map(short).collect()
}

/// A session with its shell's hands.
struct Bench {
    session: Session,
    now: u64,
}

impl Bench {
    fn new(policy: Policy) -> Self {
        Self { session: Session::new(Arc::new(policy), Format::Json, 0, 0), now: 0 }
    }

    /// A session whose user is in.
    fn live_under(policy: Policy) -> Self {
        let mut bench = Self::new(policy);
        bench.frame(r#"{"id":1,"connect":{"token":"t"}}"#);
        assert_eq!(bench.authenticated(Ok(admitted())), ["1 connect"]);
        bench
    }

    fn live() -> Self {
        Self::live_under(policy())
    }

    /// A live session in the general room, under ticket 1.
    fn subscribed() -> Self {
        let mut bench = Self::live();
        bench.subscribe(2, "room:general");
        assert_eq!(bench.does(|s, e| s.on_attached(1, fresh(7), e)), ["2 subscribe"]);
        bench
    }

    fn effects(&mut self, act: impl FnOnce(&mut Session, &mut Vec<Effect>)) -> Vec<Effect> {
        let mut effects = Vec::new();
        act(&mut self.session, &mut effects);
        effects
    }

    fn does(&mut self, act: impl FnOnce(&mut Session, &mut Vec<Effect>)) -> Vec<String> {
        told(&self.effects(act))
    }

    fn frame(&mut self, frame: &str) -> Vec<String> {
        let now = self.now;
        self.does(|session, effects| session.on_frame(frame.as_bytes(), now, effects))
    }

    fn subscribe(&mut self, id: u32, channel: &str) -> Vec<String> {
        self.frame(&format!(r#"{{"id":{id},"subscribe":{{"channel":"{channel}"}}}}"#))
    }

    fn unsubscribe(&mut self, id: u32) -> Vec<String> {
        self.frame(&format!(r#"{{"id":{id},"unsubscribe":{{"channel":"room:general"}}}}"#))
    }

    fn rpc(&mut self, id: u32, method: &str) -> Vec<String> {
        self.frame(&format!(r#"{{"id":{id},"rpc":{{"method":"{method}"}}}}"#))
    }

    fn authenticated(&mut self, result: Result<Admitted, Denied>) -> Vec<String> {
        let now = self.now;
        self.does(|session, effects| session.on_authenticated(result, now, 0, &welcome, effects))
    }

    /// The clock jumps to `now`.
    fn tick(&mut self, now: u64) -> Vec<String> {
        self.now = now;
        self.does(|session, effects| session.on_tick(now, effects))
    }

    /// What one reply says, in full.
    fn reply(&mut self, act: impl FnOnce(&mut Session, &mut Vec<Effect>)) -> Value {
        match self.effects(act).as_slice() {
            [Effect::Reply(reply)] => read(reply),
            other => panic!("not one reply: {other:?}"),
        }
    }
}
