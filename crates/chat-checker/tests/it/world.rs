//! A chat that keeps every promise, and the history its clients would record: rooms, authors who
//! retry, readers who come late, lose their connection and resume at random old places.

use chat_checker::{
    Answer, Attempt, Counted, Event, History, Live, Message, Place, Resume, RoomLog, Subscription,
    Symbol,
};
use fastrand::Rng;

pub struct World {
    rng: Rng,
    pub history: History,
    epoch: Symbol,
    time_ms: u64,
    serial: u32,
}

/// Sizes of the world; small ones let a test try a mutation at every single record.
pub struct Size {
    pub rooms: usize,
    pub readers: usize,
    pub turns: usize,
}

/// A finished, correct history.
pub fn recorded(seed: u64, size: &Size) -> History {
    let mut history = History::default();
    let epoch = history.name("1.Ab3dEf7h");
    let rng = Rng::with_seed(seed);
    let mut world = World { rng, history, epoch, time_ms: 1_764_000_000_000, serial: 0 };
    for n in 0..size.rooms {
        world.open_room(n);
    }
    let mut places = vec![None; size.rooms * size.readers];
    for _ in 0..size.turns {
        let room = world.rng.usize(..size.rooms);
        world.someone_sends(room);
        for reader in 0..size.readers {
            world.someone_reads(room, reader, &mut places[room * size.readers + reader]);
        }
    }
    for room in 0..size.rooms {
        for reader in 0..size.readers {
            world.settle(room, reader, places[room * size.readers + reader]);
        }
    }
    world.history
}

impl World {
    fn open_room(&mut self, n: usize) {
        let room = self.history.name(&format!("room-{n}"));
        let epoch = self.epoch;
        self.history.logs.push(RoomLog { room, epoch, head: 0, events: Vec::new() });
        self.append(n, "room.created", None);
    }

    fn append(&mut self, room: usize, kind: &str, message: Option<Message>) -> Symbol {
        self.serial += 1;
        self.time_ms += self.rng.u64(..3);
        let id = self.history.name(&format!("event-{}", self.serial));
        let kind = self.history.name(kind);
        let time_ms = Some(self.time_ms);
        let log = &mut self.history.logs[room];
        log.head += 1;
        let offset = log.head;
        log.events.push(Event { offset, kind, id: Some(id), time_ms, message });
        id
    }

    /// One send with a fate of its own: acked, refused, or lost and tried again.
    fn someone_sends(&mut self, room: usize) {
        let author = self.rng.u32(..4);
        let author = self.history.name(&format!("author-{author}"));
        let client_id = self.history.name(&format!("client-{}-{}", room, self.serial));
        let text_hash = self.rng.u64(..);
        let durability = self.history.name("fsync");
        let log_room = self.history.logs[room].room;
        let attempt = |answer| Attempt { room: log_room, author, client_id, text_hash, answer };
        let fate = self.rng.u32(..10);
        if fate == 0 {
            self.history.attempts.push(attempt(Answer::Refused));
            return;
        }
        if fate == 1 {
            // Lost before it reached the log: nothing is there, and that is honest.
            self.history.attempts.push(attempt(Answer::Unavailable));
        }
        let message = Message { author, client_id, text_hash };
        let id = self.append(room, "message.created", Some(message));
        if fate == 2 {
            self.history.attempts.push(attempt(Answer::Unanswered));
        }
        self.history.attempts.push(attempt(Answer::Acked { id, durability }));
        if fate == 3 {
            self.history.attempts.push(attempt(Answer::Acked { id, durability }));
        }
    }

    /// A reader subscribes, reads on, or loses its connection and resumes.
    fn someone_reads(&mut self, room: usize, reader: usize, place: &mut Option<u64>) {
        let log = &self.history.logs[room];
        let (at, head) = (log.room, log.head);
        let epoch = self.epoch;
        let reader = self.history.name(&format!("reader-{reader}"));
        let Some(last) = place else {
            let subscription = Subscription { at: Place { epoch, offset: head }, resume: None };
            self.history.live.push(Live::Subscribed { reader, room: at, subscription });
            *place = Some(head);
            return;
        };
        if self.rng.u32(..6) == 0 {
            let asked = Place { epoch, offset: self.rng.u64(1..=*last) };
            let resume = Some(Resume { asked, recovered: true });
            let subscription = Subscription { at: asked, resume };
            self.history.live.push(Live::Subscribed { reader, room: at, subscription });
            *last = asked.offset;
        }
        let upto = self.rng.u64(*last..=head);
        self.read(room, reader, last, upto);
        match self.rng.u32(..5) {
            0 => {
                self.history.live.push(Live::Revoked { reader, room: at, at: *last });
                *place = None;
            }
            1 => self.count(room, reader),
            _ => {}
        }
    }

    /// A reader asks how much they have left to read.
    fn count(&mut self, room: usize, reader: Symbol) {
        let log = &self.history.logs[room];
        let (at, head) = (log.room, log.head);
        let mark = self.rng.u64(0..=head);
        let above = log.events.iter().filter(|event| event.offset > mark);
        let unread = above.filter(|event| event.message.is_some()).count() as u64;
        let counted = Counted { head, mark, unread };
        self.history.live.push(Live::Counted { reader, room: at, counted });
    }

    fn read(&mut self, room: usize, reader: Symbol, last: &mut u64, upto: u64) {
        while *last < upto {
            let log = &self.history.logs[room];
            let event = log.events[usize::try_from(*last).unwrap()];
            self.history.live.push(Live::Received { reader, room: log.room, event });
            *last += 1;
        }
    }

    fn settle(&mut self, room: usize, reader: usize, place: Option<u64>) {
        let Some(mut last) = place else { return };
        let reader = self.history.name(&format!("reader-{reader}"));
        let log = &self.history.logs[room];
        let (at, head) = (log.room, log.head);
        self.read(room, reader, &mut last, head);
        self.history.live.push(Live::Settled { reader, room: at });
    }
}
