//! Hub: which rooms live here; starts them on demand, retires them when idle. One per shard of the rooms.
//!
//! Owns: nothing that matters. The rooms ([`Rooms`]) are the thread's and outlive it.
//! Started by: `App::build`. Talks to: its ChatRooms.
//! Mailbox: asks (bounded by what sessions may have outstanding), runs of events (bounded by the bus).
//! Its death costs: what was in its mailbox. Sends in it are answered `unavailable` by the session's deadline; events in
//! it are read again from the store, since the next life makes every room compare itself with it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use actix::{Actor, AsyncContext, Context, Handler, Message};
use chat_protocol::{ErrorCode, Event, Offset, RoomId};

use super::chat_room::{self, ChatRoom};
use super::links::Links;
use super::reply::Reply;
use super::supervisor::{ActorRef, Exit, Policy, supervise};
use crate::domain::room::{Ask, WAITING_MAX};
use crate::{faults, metrics};

/// How often idle rooms are looked for.
const SWEEP: Duration = Duration::from_secs(5);

/// Something wanted of a room.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Wanted {
    pub room: RoomId,
    pub ask: Ask<Reply>,
}

/// Events of this shard's rooms, in the order of the log.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Relayed(pub Vec<Arc<Event>>);

/// These rooms of this shard reach at least so far.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Heads(pub Vec<(RoomId, Offset)>);

/// `count` attachments of a room at `worker` have ended.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Left {
    pub room: RoomId,
    pub worker: u16,
    pub count: u32,
}

/// What a worker has of a room that starts.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Present {
    pub room: RoomId,
    pub worker: u16,
    pub count: u32,
    pub delivered: Option<Offset>,
}

/// Events may have been lost on the way here: compare with the store.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Recheck;

/// A room is ready for asks: it began, or it stayed after all.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Ready(pub RoomId);

/// A room's supervision has ended.
#[derive(Message)]
#[rtype(result = "()")]
struct Ended(RoomId, Exit);

/// Where the rooms live: a room belongs to one shard by its hash.
#[derive(Default)]
pub struct Hubs(OnceLock<Vec<ActorRef<Hub>>>);

impl Hubs {
    /// Makes the shards known, once.
    pub fn announce(&self, shards: Vec<ActorRef<Hub>>) {
        let _ = self.0.set(shards);
    }

    /// All shards.
    pub fn all(&self) -> &[ActorRef<Hub>] {
        self.0.get().map_or(&[], Vec::as_slice)
    }

    /// The number of a room's shard.
    pub fn shard_of(&self, room: &RoomId) -> usize {
        let mut hasher = DefaultHasher::new();
        room.hash(&mut hasher);
        let shards = self.all().len().max(1) as u64;
        usize::try_from(hasher.finish() % shards).unwrap_or(0)
    }

    fn of(&self, room: &RoomId) -> Option<&ActorRef<Hub>> {
        self.all().get(self.shard_of(room))
    }

    /// Asks a room; one whose hub is down refuses at once: nothing was done.
    pub fn ask(&self, room: RoomId, ask: Ask<Reply>) -> Result<(), Ask<Reply>> {
        match self.of(&room) {
            Some(hub) => hub.tell(Wanted { room, ask }).map_err(|wanted| wanted.ask),
            None => Err(ask),
        }
    }

    /// Passes on what a worker says of a room. A hub that is down asks anew when it is back.
    pub fn tell<M: AboutRoom>(&self, message: M)
    where
        Hub: Handler<M>,
    {
        if let Some(hub) = self.of(message.room()) {
            let _ = hub.tell(message);
        }
    }
}

/// A message that belongs to one room.
pub trait AboutRoom: Message<Result = ()> + Send + 'static {
    /// Which.
    fn room(&self) -> &RoomId;
}

impl AboutRoom for Left {
    fn room(&self) -> &RoomId {
        &self.room
    }
}

impl AboutRoom for Present {
    fn room(&self) -> &RoomId {
        &self.room
    }
}

/// A room and who waits for it.
pub struct Slot {
    room: ActorRef<ChatRoom>,
    /// Takes asks; else they wait here: it starts, or may be about to retire.
    ready: bool,
    waiting: Vec<Ask<Reply>>,
    used_at_ms: u64,
}

/// The rooms of a shard.
pub type Rooms = Rc<RefCell<HashMap<RoomId, Slot>>>;

/// See the module.
pub struct Hub {
    rooms: Rooms,
    links: Rc<Links>,
    /// A room without members is retired after this, ms.
    idle_ms: u64,
    now_ms: u64,
}

impl Hub {
    /// A life of a shard's hub.
    pub fn new(rooms: Rooms, links: Rc<Links>, idle_ms: u64) -> Self {
        let now_ms = links.clock.monotonic_ms();
        Self { rooms, links, idle_ms, now_ms }
    }

    fn start_room(&self, room: &RoomId, ctx: &mut Context<Self>) -> Slot {
        let (links, hub, id) = (self.links.clone(), ctx.address(), room.clone());
        let factory =
            move |_: &mut Context<ChatRoom>| ChatRoom::new(id.clone(), links.clone(), hub.clone());
        let (address, life) =
            supervise("chat_room", Policy::default(), self.links.clock.clone(), factory);
        let (hub, id) = (ctx.address(), room.clone());
        // Whatever ends it, the hub of that time hears of it.
        #[expect(clippy::disallowed_methods, reason = "one message per room's end")]
        actix_rt::spawn(async move {
            let exit = life.await.unwrap_or(Exit::TooManyRestarts);
            hub.do_send(Ended(id, exit));
        });
        metrics::ROOMS.inc();
        Slot { room: address, ready: false, waiting: Vec::new(), used_at_ms: self.now_ms }
    }

    /// Asks rooms that nobody has asked for long whether they may go.
    fn sweep(&mut self) {
        self.now_ms = self.links.clock.monotonic_ms();
        for slot in self.rooms.borrow_mut().values_mut() {
            if slot.ready && self.now_ms.saturating_sub(slot.used_at_ms) >= self.idle_ms {
                slot.used_at_ms = self.now_ms;
                slot.ready = slot.room.tell(chat_room::RetireIfIdle).is_err();
            }
        }
    }

    fn pass<M>(&self, room: &RoomId, message: M)
    where
        M: Message<Result = ()> + Send + 'static,
        ChatRoom: Handler<M>,
    {
        if let Some(slot) = self.rooms.borrow().get(room) {
            let _ = slot.room.tell(message); // one that is down asks for it when it starts
        }
    }
}

impl Actor for Hub {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        for slot in self.rooms.borrow().values() {
            let _ = slot.room.tell(chat_room::Adopt(ctx.address()));
            let _ = slot.room.tell(Recheck);
        }
        ctx.run_interval(SWEEP, |this, _| this.sweep());
    }
}

impl Handler<Wanted> for Hub {
    type Result = ();

    fn handle(&mut self, it: Wanted, ctx: &mut Self::Context) {
        faults::panic_if_armed("hub.asked");
        let rooms = self.rooms.clone();
        let mut rooms = rooms.borrow_mut();
        let slot = match rooms.get_mut(&it.room) {
            Some(slot) => slot,
            None => {
                let slot = self.start_room(&it.room, ctx);
                rooms.entry(it.room.clone()).or_insert(slot)
            }
        };
        slot.used_at_ms = self.now_ms;
        let ask = if slot.ready {
            match slot.room.tell(chat_room::Asked(it.ask)) {
                Ok(()) => return,
                Err(asked) => asked.0, // it crashed and is coming back
            }
        } else {
            it.ask
        };
        slot.ready = false;
        if slot.waiting.len() < WAITING_MAX {
            slot.waiting.push(ask);
        } else {
            drop(rooms);
            self.links.refuse(ask, ErrorCode::Unavailable);
        }
    }
}

impl Handler<Relayed> for Hub {
    type Result = ();

    fn handle(&mut self, it: Relayed, _: &mut Self::Context) {
        faults::panic_if_armed("hub.events");
        let rooms = self.rooms.borrow();
        // Runs of one room go to it as one message; the order within a room is kept.
        let mut by_room: HashMap<&RoomId, Vec<Arc<Event>>> = HashMap::new();
        for event in &it.0 {
            if rooms.contains_key(&event.room) {
                by_room.entry(&event.room).or_default().push(event.clone());
            }
        }
        for (room, events) in by_room {
            if let Some(slot) = rooms.get(room) {
                let _ = slot.room.tell(Relayed(events));
            }
        }
    }
}

impl Handler<Heads> for Hub {
    type Result = ();

    fn handle(&mut self, it: Heads, _: &mut Self::Context) {
        for (room, offset) in it.0 {
            self.pass(&room, chat_room::Reaches(offset));
        }
    }
}

impl Handler<Left> for Hub {
    type Result = ();

    fn handle(&mut self, it: Left, _: &mut Self::Context) {
        self.pass(&it.room.clone(), it);
    }
}

impl Handler<Present> for Hub {
    type Result = ();

    fn handle(&mut self, it: Present, _: &mut Self::Context) {
        self.pass(&it.room.clone(), it);
    }
}

impl Handler<Recheck> for Hub {
    type Result = ();

    fn handle(&mut self, _: Recheck, _: &mut Self::Context) {
        for slot in self.rooms.borrow().values() {
            let _ = slot.room.tell(Recheck);
        }
    }
}

impl Handler<Ready> for Hub {
    type Result = ();

    fn handle(&mut self, it: Ready, _: &mut Self::Context) {
        let mut rooms = self.rooms.borrow_mut();
        let Some(slot) = rooms.get_mut(&it.0) else { return };
        slot.ready = true;
        let waiting = std::mem::take(&mut slot.waiting);
        let mut asks = waiting.into_iter();
        while let Some(ask) = asks.next() {
            if let Err(asked) = slot.room.tell(chat_room::Asked(ask)) {
                slot.ready = false;
                slot.waiting = std::iter::once(asked.0).chain(asks).collect();
                return;
            }
        }
    }
}

impl Handler<Ended> for Hub {
    type Result = ();

    fn handle(&mut self, it: Ended, ctx: &mut Self::Context) {
        let Some(slot) = self.rooms.borrow_mut().remove(&it.0) else { return };
        metrics::ROOMS.dec();
        self.links.bus.unwatch(&it.0);
        if it.1 == Exit::TooManyRestarts {
            // Its members resume, which starts the room anew; if that fails again, so be it: other rooms go on.
            tracing::error!(room.id = %it.0, "room crashed too often and was given up");
            self.links.lose_members(&it.0);
            for ask in slot.waiting {
                self.links.refuse(ask, ErrorCode::Internal);
            }
        } else if !slot.waiting.is_empty() {
            // Asked for while it was leaving: the next one takes them.
            let mut next = self.start_room(&it.0, ctx);
            next.waiting = slot.waiting;
            self.rooms.borrow_mut().insert(it.0, next);
        }
    }
}
