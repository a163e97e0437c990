//! The generator's hot part: one thread, one epoll loop, thousands of connections.
//!
//! It must cost less per delivery than what it measures. A delivery is compared byte for byte with
//! the one that is expected next in its room (see `room`): one `memcmp` checks place, order and
//! content at once, and nothing is parsed or allocated. Whatever differs takes the slow path and
//! is judged there (see `turn`).

mod pace;
mod room;
mod seat;
mod tally;
mod turn;
mod writer;

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use anyhow::Result;
use mio::{Events, Interest, Poll, Token};

use crate::link::{Joined, Link};
use pace::Pacer;
use room::Room;
use seat::Seat;
pub use tally::{Breaches, Tally};
use turn::Turn;
use writer::Writer;

const EVENTS_PER_TURN: usize = 1024;
const READ_BUFFER_BYTES: usize = 512 * 1024;
/// Longest sleep in the loop, so that deadlines are kept.
const TURN_MAX: Duration = Duration::from_millis(20);

/// How hard the writers push.
#[derive(Clone, Copy, Debug)]
pub struct Pressure {
    /// Publications a second over all writers; `None` sends whenever windows allow.
    pub publications_per_second: Option<f64>,
    /// Sends of one writer that may wait for their ack.
    pub window: usize,
    /// Messages of one room that may be on their way to some member. It bounds what lies in
    /// buffers when the server acks faster than the generator can read.
    pub lag_max: u64,
}

/// All connections of one run.
pub struct Engine {
    poll: Poll,
    started: Instant,
    seats: Vec<Seat>,
    rooms: Vec<Room>,
    /// Seats that write.
    writers: Vec<usize>,
    pressure: Pressure,
    pub tally: Tally,
    buffer: Vec<u8>,
    events: Events,
    /// Rooms in which something may have made room for another send.
    stirred: Vec<usize>,
}

impl Engine {
    /// An engine without connections, for rooms of these ids.
    ///
    /// # Errors
    /// epoll is refused.
    pub fn new(rooms: &[String], pressure: Pressure) -> Result<Self> {
        let lag_max = usize::try_from(pressure.lag_max)?;
        let slots = (lag_max * 2).next_power_of_two();
        Ok(Self {
            poll: Poll::new()?,
            started: Instant::now(),
            seats: Vec::new(),
            rooms: rooms.iter().map(|id| Room::new(id, slots)).collect(),
            writers: Vec::new(),
            pressure,
            tally: Tally::default(),
            buffer: vec![0; READ_BUFFER_BYTES],
            events: Events::with_capacity(EVENTS_PER_TURN),
            stirred: Vec::new(),
        })
    }

    /// Takes over a connection that has joined `rooms`; a writer writes to the first of them.
    ///
    /// # Errors
    /// The socket can't be registered.
    pub fn seat(
        &mut self,
        link: Link,
        joined: &[Joined],
        rooms: &[usize],
        writes: bool,
    ) -> Result<()> {
        let (socket, unread, last_id) = link.into_parts()?;
        let mut socket = mio::net::TcpStream::from_std(socket);
        let at = self.seats.len();
        let both = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut socket, Token(at), both)?;
        let mut seat = Seat::new(socket, unread);
        for (room, joined) in rooms.iter().zip(joined) {
            seat.member.subscribe(*room, joined.offset);
            self.rooms[*room].enter(joined.offset);
        }
        if writes {
            self.writers.push(at);
            self.rooms[rooms[0]].writers.push(at);
            seat.member.writer = Some(Writer::new(rooms[0], last_id, self.pressure.window));
        }
        self.seats.push(seat);
        Ok(())
    }

    /// Sends and receives for a while.
    ///
    /// # Errors
    /// epoll fails. What the server does wrong is counted in the tally.
    pub fn load(&mut self, pacer: &mut Pacer, lasting: Duration) -> Result<()> {
        let until = Instant::now() + lasting;
        while Instant::now() < until {
            self.send(pacer);
            self.turn(pacer.until_due(Instant::now()))?;
        }
        Ok(())
    }

    /// A pacer for this engine's pressure, starting now; every room may send.
    pub fn pacer(&mut self) -> Pacer {
        self.stirred = (0..self.rooms.len()).collect();
        Pacer::new(self.pressure.publications_per_second, Instant::now())
    }

    /// Receives for a while, until `done`; sends nothing but pongs.
    ///
    /// # Errors
    /// epoll fails.
    pub fn listen(&mut self, within: Duration, done: impl Fn(&Self) -> bool) -> Result<()> {
        let until = Instant::now() + within;
        while Instant::now() < until && !done(self) {
            self.turn(Some(TURN_MAX))?;
        }
        Ok(())
    }

    /// Whether everything that was sent is answered and has reached everyone.
    pub fn is_quiet(&self) -> bool {
        let answered = |seat: &Seat| seat.member.writer.as_ref().is_none_or(Writer::is_idle);
        self.rooms.iter().all(|room| room.in_flight() == 0)
            && self.writers.iter().all(|at| answered(&self.seats[*at]))
    }

    /// Counts what never reached somebody, once all is quiet or has been given up.
    pub fn count_missing(&mut self) {
        for seat in &self.seats {
            let waiting = seat.member.writer.as_ref().map_or(0, Writer::waiting);
            self.tally.breaches.unanswered += waiting as u64;
            for (room, next) in seat.member.places() {
                self.tally.breaches.lost += self.rooms[room].head + 1 - next;
            }
        }
        let published: u64 = self.rooms.iter().map(|room| room.published).sum();
        self.tally.breaches.acked_unseen = self.tally.acked_ever.saturating_sub(published);
    }

    /// One turn of the loop: wait, then read and answer wherever something is.
    fn turn(&mut self, wait: Option<Duration>) -> Result<()> {
        match self.poll.poll(&mut self.events, Some(wait.unwrap_or(TURN_MAX).min(TURN_MAX))) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            other => other?,
        }
        let Self { seats, rooms, tally, buffer, events, stirred, started, .. } = self;
        for event in &*events {
            let now_ns = nanos(started.elapsed());
            let mut turn =
                Turn { rooms: &mut *rooms, tally: &mut *tally, stirred: &mut *stirred, now_ns };
            seats[event.token().0].serve(buffer, &mut turn);
        }
        Ok(())
    }

    /// Sends what pace, windows and lag allow.
    fn send(&mut self, pacer: &mut Pacer) {
        if pacer.is_paced() {
            while let Some(due) = pacer.due(Instant::now()) {
                let stamp = nanos(due.saturating_duration_since(self.started));
                let first = usize::try_from(pacer.taken()).unwrap_or(0);
                let order = (0..self.writers.len()).map(|n| (first + n) % self.writers.len());
                let Some(free) = order.map(|n| self.writers[n]).find(|at| self.may_write(*at))
                else {
                    self.tally.held_back += 1;
                    return;
                };
                pacer.take();
                self.write(free, stamp);
                self.flush(free);
            }
            return;
        }
        while let Some(room) = self.stirred.pop() {
            for turn in 0..self.rooms[room].writers.len() {
                let at = self.rooms[room].writers[turn];
                while self.may_write(at) {
                    self.write(at, nanos(self.started.elapsed()));
                }
                self.flush(at);
            }
        }
    }

    fn may_write(&self, at: usize) -> bool {
        let writer = self.seats[at].member.writer.as_ref();
        writer.is_some_and(|writer| {
            writer.has_window() && self.rooms[writer.room].in_flight() < self.pressure.lag_max
        })
    }

    fn write(&mut self, at: usize, stamp_ns: u64) {
        let member = &mut self.seats[at].member;
        if let Some(writer) = &mut member.writer {
            let room = &mut self.rooms[writer.room];
            room.sent += 1;
            writer.put_send(&room.id, stamp_ns, &mut member.unsent);
        }
    }

    fn flush(&mut self, at: usize) {
        // A failed write is the end of the connection, which epoll reports as well.
        drop(self.seats[at].flush());
    }
}

fn nanos(since: Duration) -> u64 {
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
