//! What follows from an action.

use std::collections::BTreeSet;

use crate::action::Action;
use crate::enabled::LookedUp;
use crate::model::Model;
use crate::projection::{Departure, Projection};
use crate::receiver::Receiver;
use crate::record::{Event, Flight, Message, Record, Says, ms};
use crate::redis::{Call, Redis};
use crate::state::{Phase, Sending, State};
use crate::variant::Variant;

impl Model {
    /// The state after `action`; `None` if it isn't possible.
    pub fn after(&self, state: &State, action: Action) -> Option<State> {
        let mut next = state.clone();
        let state = &mut next;
        match action {
            Action::Send { message, redis } => self.send(state, message, redis)?,
            Action::Land { flight } => self.land(state, flight, true)?,
            Action::Attach { relay } => {
                let relay = state.relays.get_mut(relay)?;
                relay.position = Some(state.redis[relay.redis].as_ref()?.projection.cursor());
            }
            Action::Relay { relay, records } => self.relay(state, relay, records)?,
            Action::Stage { relay } => {
                let relay = state.relays.get_mut(relay)?;
                (relay.position, relay.staged) = (None, Some(state.store.projection.cursor()));
            }
            Action::Promote { relay } => self.promote(state, relay)?,
            Action::RelayFollows { relay } => {
                // What it goes on from is still what it read at the old one.
                state.relays.get_mut(relay)?.redis = 1;
            }
            Action::Persist => self.persist(state)?,
            Action::WriteOwed => {
                for (room, event) in std::mem::take(&mut state.store.owed) {
                    state.store.write(room, event);
                }
            }
            Action::Hear { reader, waiting } => {
                let event = take(&mut state.readers.get_mut(reader)?.inbox, waiting)?;
                self.hear(state, reader, event)?;
            }
            Action::Compare { reader } => {
                let head = state.view(state.readers.get(reader)?).head();
                state.readers.get_mut(reader)?.receiver.on_head(&self.names, head);
            }
            Action::Repair { reader } => {
                let it = state.readers.get(reader)?;
                let page = state.view(it).page(it.receiver.pos);
                let it = state.readers.get_mut(reader)?;
                let delivered = it.receiver.on_repair(&self.names, &page);
                it.show(&delivered);
            }
            Action::ReaderFollows { reader } => state.readers.get_mut(reader)?.redis = 1,
            fault => self.suffer(state, fault)?,
        }
        state.settle();
        Some(next)
    }

    fn suffer(&self, state: &mut State, fault: Action) -> Option<()> {
        let left = &mut state.left;
        match fault {
            Action::Tick => state.now += 1,
            Action::Replicate => state.redis[1] = state.redis[0].clone(),
            Action::LandUnheard { flight } => {
                left.replies -= 1;
                self.land(state, flight, false)?;
            }
            Action::GiveUp { message } => {
                left.replies -= 1;
                sending(state, message)?.phase = Phase::InDoubt;
                for flight in state.flights.iter_mut().filter(|it| it.message == message) {
                    flight.awaited = false;
                }
            }
            Action::LoseRecord { flight } => {
                left.records -= 1;
                let lost = take(&mut state.flights, flight)?;
                if lost.awaited {
                    sending(state, lost.message)?.phase = Phase::InDoubt;
                }
            }
            Action::FailOver => {
                left.failovers -= 1;
                (state.failed_over, state.split) = (true, true);
            }
            Action::Wipe { redis } => {
                left.wipes -= 1;
                state.redis[redis] = None;
            }
            Action::LosePublication { reader, waiting } => {
                left.publications -= 1;
                take(&mut state.readers.get_mut(reader)?.inbox, waiting)?;
            }
            Action::RelayHalf { relay, records } => {
                left.scripts -= 1;
                self.relay_half(state, relay, records)?;
            }
            Action::CrashRelay { relay } => {
                left.crashes -= 1;
                let relay = state.relays.get_mut(relay)?;
                (relay.position, relay.staged) = (None, None);
            }
            Action::CrashReader { reader } => {
                left.crashes -= 1;
                self.begin_anew(state, reader)?;
            }
            Action::CrashPersister => {
                left.crashes -= 1;
                state.store.owed.clear();
            }
            _ => return None,
        }
        Some(())
    }

    fn send(&self, state: &mut State, message: Message, redis: usize) -> Option<()> {
        let looked_up = self.look_up(state, message);
        let now = self.moment(state);
        let it = sending(state, message)?;
        if it.phase == Phase::Unsent {
            it.born = now;
        }
        if looked_up == LookedUp::InLog {
            it.phase = Phase::Acked;
            return Some(());
        }
        let acked = self.variant == Variant::AckBeforeDurable;
        it.phase = if acked { Phase::Acked } else { Phase::Waiting };
        let mut place = None;
        if self.variant == Variant::PlaceFromRedis {
            let room = self.bounds.room(message);
            let offset = state.redis.get_mut(redis)?.as_mut()?.give_place(room);
            place = Some(offset);
            let says = Says::Message { message, time: ms(now) };
            publish(state, redis, &[(room, Event { offset, says })]);
        }
        state.flights.push(Flight { message, checked: now, place, awaited: !acked });
        Some(())
    }

    fn land(&self, state: &mut State, flight: usize, heard: bool) -> Option<()> {
        let Flight { message, checked, place, awaited } = take(&mut state.flights, flight)?;
        let timestamp = self.moment(state);
        let record = Record { message, checked, timestamp, place };
        state.log.push(self.bounds.room(message), record, self.departure());
        if awaited {
            let in_time = timestamp.abs_diff(checked) <= 1 || self.variant == Variant::AckOffTime;
            let acked = heard && in_time;
            sending(state, message)?.phase = if acked { Phase::Acked } else { Phase::InDoubt };
        }
        Some(())
    }

    fn call<'a>(&self, state: &'a State) -> Call<'a> {
        let own_clock = self.variant == Variant::ForgetsByOwnClock;
        Call {
            log: &state.log.records,
            tail: self.bounds.tail,
            fenced: self.variant.has_fence(),
            departure: Departure {
                no_guard: !self.variant.has_guard(),
                own_clock_ms: own_clock.then(|| ms(self.moment(state))),
                ..self.departure()
            },
        }
    }

    fn relay(&self, state: &mut State, relay: usize, records: usize) -> Option<()> {
        let it = state.relays.get(relay)?;
        let (from, at) = (it.position?, it.redis);
        let mut redis = state.redis[at].clone()?;
        let run = from..from + records;
        let published = redis.apply(run, self.call(state), |it| self.bounds.room(it))?;
        let cursor = redis.projection.cursor();
        state.redis[at] = Some(redis);
        state.relays.get_mut(relay)?.position = Some(cursor);
        publish(state, at, &published);
        Some(())
    }

    fn relay_half(&self, state: &mut State, relay: usize, records: usize) -> Option<()> {
        let it = state.relays.get(relay)?;
        let (from, at) = (it.position?, it.redis);
        let mut redis = state.redis[at].clone()?;
        let run = from..from + records;
        redis.apply_half(run, self.call(state), |it| self.bounds.room(it));
        state.redis[at] = Some(redis);
        Some(())
    }

    fn promote(&self, state: &mut State, relay: usize) -> Option<()> {
        let it = state.relays.get_mut(relay)?;
        let (at, cursor) = (it.redis, it.staged.take()?);
        if state.redis[at].is_none() {
            let base = state.log.fold_of(cursor)?.base();
            let known = match self.variant {
                Variant::RebuildWithoutIds => Vec::new(),
                _ => base.known,
            };
            state.redis[at] = Some(Redis::built(Projection { known, ..base }));
        }
        Some(())
    }

    /// One transaction: the row and where the store stands.
    fn persist(&self, state: &mut State) -> Option<()> {
        let at = state.store.projection.cursor();
        let record = *state.log.records.get(at)?;
        let room = self.bounds.room(record.message);
        let folded = state.store.projection.fold(at, room, &record, self.departure());
        let placed = |offset| {
            let (message, time) = (record.message, ms(record.checked));
            Event { offset, says: Says::Message { message, time } }
        };
        let event = record.place.map(placed).or(folded)?;
        match self.variant {
            Variant::CursorBeforeRows => state.store.owed.push((room, event)),
            _ => state.store.write(room, event),
        }
        Some(())
    }

    /// How every fold of this variant departs from the rule.
    pub fn departure(&self) -> Departure {
        let accepts_off_time = self.variant == Variant::AcceptsOffTime;
        Departure { accepts_off_time, ..Departure::default() }
    }

    /// What was on its way to the node is gone; the room reads how far it reaches, and is told what the reader has.
    fn begin_anew(&self, state: &mut State, reader: usize) -> Option<()> {
        let it = state.readers.get(reader)?;
        let (head, last) = (state.view(it).head(), it.last());
        let it = state.readers.get_mut(reader)?;
        it.inbox.clear();
        it.receiver = Receiver::start(&self.names, head, last);
        Some(())
    }

    fn hear(&self, state: &mut State, reader: usize, event: Event) -> Option<()> {
        let it = state.readers.get_mut(reader)?;
        if self.variant == Variant::SkipsGaps {
            if event.offset > it.receiver.pos {
                (it.receiver.pos, it.receiver.seen) = (event.offset, event.offset);
                it.show(&[event]);
            }
        } else {
            let delivered = it.receiver.on_events(&self.names, &[event]);
            it.show(&delivered);
        }
        Some(())
    }
}

/// To every reader of the room whose node listens to this Redis.
fn publish(state: &mut State, redis: usize, published: &[(usize, Event)]) {
    let here: BTreeSet<Event> =
        published.iter().filter(|(room, _)| *room == 0).map(|(_, event)| *event).collect();
    for reader in state.readers.iter_mut().filter(|it| it.redis == redis) {
        reader.inbox.extend(&here);
    }
}

fn sending(state: &mut State, message: Message) -> Option<&mut Sending> {
    state.sendings.get_mut(usize::from(message.0))
}

fn take<T>(all: &mut Vec<T>, at: usize) -> Option<T> {
    (at < all.len()).then(|| all.remove(at))
}
