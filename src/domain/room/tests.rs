//! What a room promises, by topic. Effects are compared in short: see [`told`].

mod any_order;
mod entering;
mod membership;
mod order;

use chat_protocol::event::Removal;
use chat_protocol::object::Person;
use chat_protocol::{ClientId, EventBody, RoomId};

use super::*;

fn room_id() -> RoomId {
    RoomId::parse("r").unwrap()
}

fn epoch() -> Epoch {
    Epoch::parse("0.a").unwrap()
}

fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

fn person(name: &str) -> Person {
    Person { id: user(name), name: name.to_owned() }
}

fn event(offset: Offset, body: EventBody) -> Event {
    Event { room: room_id(), offset, time: 1, id: None, user: None, body }
}

fn void(offset: Offset) -> Event {
    event(offset, EventBody::Void { of: None })
}

fn joined(offset: Offset, name: &str) -> Event {
    event(offset, EventBody::MemberJoined(person(name)))
}

fn removed(offset: Offset, name: &str, reason: Removal) -> Event {
    event(offset, EventBody::MemberRemoved { member: person(name), reason })
}

fn shared(events: impl IntoIterator<Item = Event>) -> Vec<Arc<Event>> {
    events.into_iter().map(Arc::new).collect()
}

fn voids(offsets: impl IntoIterator<Item = Offset>) -> Vec<Arc<Event>> {
    shared(offsets.into_iter().map(void))
}

fn offsets(publications: &[Publication]) -> Vec<Offset> {
    publications.iter().map(|publication| publication.offset).collect()
}

/// Sessions are called by their slots, publishes by the text that they are answered with.
fn told(effects: &[Effect<&str>]) -> Vec<String> {
    let short = |effect: &Effect<&str>| match effect {
        Effect::AskMembership(user) => format!("membership {user}?"),
        Effect::Attach { session, attached: Attached { top, since, missed, .. }, .. } => {
            format!("attach {} top {top} since {since:?} {:?}", session.slot, offsets(missed))
        }
        Effect::ReadPage { session, after, .. } => format!("page {} after {after}", session.slot),
        Effect::Refuse { session, code, .. } => format!("refuse {} {}", session.slot, code.code()),
        Effect::Answer { reply, code } => format!("answer {reply} {}", code.code()),
        Effect::PassOn { reply, .. } => format!("pass on {reply}"),
        Effect::Append { reply, .. } => format!("append {reply}"),
        Effect::Deliver(publications) => format!("deliver {:?}", offsets(publications)),
        Effect::Expel { user, code } => format!("expel {user} {}", code.code()),
        Effect::Repair { after } => format!("repair after {after}"),
    };
    effects.iter().map(short).collect()
}

fn key(slot: u32) -> SessionKey {
    SessionKey { worker: 0, slot, serial: 0 }
}

fn subscribe(slot: u32, name: &str) -> Ask<&'static str> {
    Ask::Subscribe { session: key(slot), ticket: 1, user: user(name), since: None }
}

fn resume(slot: u32, name: &str, offset: Offset) -> Ask<&'static str> {
    let since = Some(Since { epoch: Some(epoch()), offset });
    Ask::Subscribe { session: key(slot), ticket: 1, user: user(name), since }
}

fn go_on(slot: u32, name: &str, after: Offset) -> Ask<&'static str> {
    Ask::Continue { session: key(slot), ticket: 1, user: user(name), after }
}

fn publish(reply: &'static str, name: &str) -> Ask<&'static str> {
    let client_id = ClientId::parse("c").unwrap();
    Ask::Publish { reply, draft: Draft::message(room_id(), person(name), client_id, "x".into()) }
}

/// A room with its actor's hands.
struct Bench(Room<&'static str>);

impl Bench {
    fn new() -> Self {
        Self(Room::new(epoch(), Follows::Log))
    }

    /// A room that hears of the log by projections, which stand at `head`; members have been handed up to `delivered`.
    fn following(head: Offset, delivered: Option<Offset>) -> Self {
        let mut bench = Self(Room::new(epoch(), Follows::Projections));
        let kind = RoomKind::Public;
        assert_eq!(bench.does(|room, e| room.on_start(kind, head, delivered, e)), [""; 0]);
        bench
    }

    /// A room that stands at `head`.
    fn started(kind: RoomKind, head: Offset) -> Self {
        let mut bench = Self::new();
        assert_eq!(bench.does(|room, e| room.on_start(kind, head, None, e)), [""; 0]);
        bench
    }

    fn effects(
        &mut self,
        act: impl FnOnce(&mut Room<&'static str>, &mut Vec<Effect<&'static str>>),
    ) -> Vec<Effect<&'static str>> {
        let mut effects = Vec::new();
        act(&mut self.0, &mut effects);
        effects
    }

    fn does(
        &mut self,
        act: impl FnOnce(&mut Room<&'static str>, &mut Vec<Effect<&'static str>>),
    ) -> Vec<String> {
        told(&self.effects(act))
    }

    fn start(&mut self, kind: RoomKind, head: Offset, delivered: Option<Offset>) -> Vec<String> {
        self.does(|room, effects| room.on_start(kind, head, delivered, effects))
    }

    fn events(&mut self, events: Vec<Arc<Event>>) -> Vec<String> {
        self.does(|room, effects| room.on_events(events, effects))
    }

    fn repair(&mut self, offsets: impl IntoIterator<Item = Offset>) -> Vec<String> {
        let events = offsets.into_iter().map(void).collect();
        self.does(|room, effects| room.on_repair(events, effects))
    }

    fn ask(&mut self, ask: Ask<&'static str>) -> Vec<String> {
        self.does(|room, effects| room.on_ask(ask, effects))
    }

    /// The store says since when `name` is a member.
    fn member(&mut self, name: &str, joined: Option<Offset>, as_of: Offset) -> Vec<String> {
        self.does(|room, effects| room.on_membership(&user(name), Ok((joined, as_of)), effects))
    }
}
