//! A room's log by itself: contiguous, ordered in time, nothing twice; and the index that the
//! other checks look things up in.

use std::collections::HashMap;

use super::{MessageKey, told, told_id};
use crate::history::{Event, History, RoomLog};
use crate::intern::{Interner, Symbol};
use crate::verdict::{About, Property, Verdict};

/// One room's log, by offset.
pub(crate) struct Log<'h> {
    pub(crate) epoch: Symbol,
    pub(crate) head: u64,
    events: HashMap<u64, &'h Event>,
    /// The places of its messages, ascending.
    messages: Vec<u64>,
}

impl<'h> Log<'h> {
    pub(crate) fn at(&self, offset: u64) -> Option<&'h Event> {
        self.events.get(&offset).copied()
    }

    /// How many messages lie above `mark`, up to and including `head`.
    pub(crate) fn messages_between(&self, mark: u64, head: u64) -> u64 {
        let up_to = |place| self.messages.partition_point(|at| *at <= place);
        up_to(head).saturating_sub(up_to(mark)) as u64
    }
}

/// All rooms' logs, indexed once.
pub(crate) struct Logs<'h> {
    pub(crate) rooms: HashMap<Symbol, Log<'h>>,
    /// The first of each key, should there be more.
    pub(crate) messages: HashMap<MessageKey, &'h Event>,
}

impl<'h> Logs<'h> {
    pub(crate) fn index(history: &'h History, verdict: &mut Verdict) -> Self {
        let mut logs = Self { rooms: HashMap::new(), messages: HashMap::new() };
        for log in &history.logs {
            verdict.counts.rooms += 1;
            verdict.counts.log_events += log.events.len() as u64;
            check_order(log, &history.names, verdict);
            logs.add(log, &history.names, verdict);
        }
        logs
    }

    fn add(&mut self, log: &'h RoomLog, names: &Interner, verdict: &mut Verdict) {
        let room = names.name(log.room);
        let mut events = HashMap::with_capacity(log.events.len());
        let mut ids = HashMap::with_capacity(log.events.len());
        for event in &log.events {
            events.insert(event.offset, event);
            let first = event.id.and_then(|id| ids.insert(id, event.offset));
            if let Some(first) = first {
                verdict.add(Property::Doubled, about(log.room, event.offset), || {
                    let id = told_id(event.id, names);
                    format!("event {id} is in {room} at {first} and at {}", event.offset)
                });
            }
            let Some(message) = event.message else { continue };
            let key = (log.room, message.author, message.client_id);
            let first = *self.messages.entry(key).or_insert(event);
            if first.offset != event.offset {
                verdict.add(Property::Doubled, About::message(key, Some(event.offset)), || {
                    let (message, at) = (told(key, names), (first.offset, event.offset));
                    format!("{message} is in history at {} and at {}", at.0, at.1)
                });
            }
        }
        let messages = log.events.iter().filter(|event| event.message.is_some());
        let mut messages: Vec<u64> = messages.map(|event| event.offset).collect();
        messages.sort_unstable();
        self.rooms.insert(log.room, Log { epoch: log.epoch, head: log.head, events, messages });
    }
}

fn about(room: Symbol, offset: u64) -> About {
    About { room, reader: None, offset: Some(offset), message: None }
}

/// Offsets 1, 2, 3 … to the head; times that never go back.
fn check_order(log: &RoomLog, names: &Interner, verdict: &mut Verdict) {
    let room = names.name(log.room);
    let (mut last, mut time_ms) = (0, 0);
    for event in &log.events {
        if event.offset != last + 1 {
            verdict.add(Property::LogHole, about(log.room, event.offset), || {
                format!("history of {room} goes from offset {last} to {}", event.offset)
            });
        }
        last = event.offset;
        let Some(now_ms) = event.time_ms else { continue };
        if now_ms < time_ms {
            verdict.add(Property::TimeBack, about(log.room, last), || {
                format!("in {room} the event at {last} has time {now_ms} after {time_ms}")
            });
        }
        time_ms = now_ms;
    }
    if last != log.head {
        verdict.add(Property::LogHole, about(log.room, last + 1), || {
            format!("history of {room} ends at {last}, the server names {} as its head", log.head)
        });
    }
}
