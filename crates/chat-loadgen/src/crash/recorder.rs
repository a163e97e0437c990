//! From the wire to the checker's records.

use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use chat_checker::{
    Answer, Attempt, Counted, Event, History, Live, Message, Place, Resume, RoomLog, Subscription,
};

use crate::wire;

#[derive(Default)]
pub(super) struct Recorder {
    pub(super) history: History,
    /// How often each error was the answer to a send.
    pub(super) errors: BTreeMap<String, u64>,
    /// Refusals of sends that nothing was wrong with; no check of histories can tell those.
    pub(super) unjust: u64,
}

/// Whose message it is, and which.
pub(super) struct Sent<'s> {
    pub(super) room: &'s str,
    pub(super) author: &'s str,
    pub(super) client_id: &'s str,
    pub(super) text: &'s str,
}

/// What a server said to a send.
pub(super) enum Said<'s> {
    Acked {
        id: &'s str,
        durability: &'s str,
    },
    /// For good, with the error's message.
    Refused(&'s str),
    /// For now.
    Unavailable(&'s str),
    Nothing,
}

impl Recorder {
    pub(super) fn attempt(&mut self, sent: &Sent<'_>, said: &Said<'_>) {
        if let Said::Refused(message) | Said::Unavailable(message) = *said {
            *self.errors.entry(message.to_owned()).or_default() += 1;
        }
        let history = &mut self.history;
        let answer = match *said {
            Said::Acked { id, durability } => {
                Answer::Acked { id: history.name(id), durability: history.name(durability) }
            }
            Said::Refused(_) => Answer::Refused,
            Said::Unavailable(_) => Answer::Unavailable,
            Said::Nothing => Answer::Unanswered,
        };
        let attempt = Attempt {
            room: history.name(sent.room),
            author: history.name(sent.author),
            client_id: history.name(sent.client_id),
            text_hash: hash(sent.text),
            answer,
        };
        history.attempts.push(attempt);
    }

    /// A subscribe reply; `asked` is where the reader wanted to go on from.
    pub(super) fn subscribed(
        &mut self,
        reader: &str,
        room: &str,
        asked: Option<(&str, u64)>,
        reply: &wire::SubscribeReply<'_>,
    ) {
        let history = &mut self.history;
        let at = Place { epoch: history.name(&reply.epoch), offset: reply.offset };
        let resume = asked.map(|(epoch, offset)| {
            let asked = Place { epoch: history.name(epoch), offset };
            Resume { asked, recovered: reply.recovered }
        });
        let (reader, room) = (history.name(reader), history.name(room));
        let subscription = Subscription { at, resume };
        history.live.push(Live::Subscribed { reader, room, subscription });
    }

    pub(super) fn received(
        &mut self,
        reader: &str,
        room: &str,
        offset: u64,
        event: &wire::Event<'_>,
    ) {
        let event = self.event(offset, event);
        let (reader, room) = (self.history.name(reader), self.history.name(room));
        self.history.live.push(Live::Received { reader, room, event });
    }

    pub(super) fn settled(&mut self, reader: &str, room: &str) {
        let (reader, room) = (self.history.name(reader), self.history.name(room));
        self.history.live.push(Live::Settled { reader, room });
    }

    pub(super) fn counted(&mut self, reader: &str, room: &str, counted: Counted) {
        let (reader, room) = (self.history.name(reader), self.history.name(room));
        self.history.live.push(Live::Counted { reader, room, counted });
    }

    pub(super) fn log(&mut self, room: &str, epoch: &str, head: u64, events: Vec<Event>) {
        let (room, epoch) = (self.history.name(room), self.history.name(epoch));
        self.history.logs.push(RoomLog { room, epoch, head, events });
    }

    pub(super) fn event(&mut self, offset: u64, event: &wire::Event<'_>) -> Event {
        let history = &mut self.history;
        let message = match (&event.client_id, &event.text, &event.user) {
            (Some(client_id), Some(text), Some(user)) => Some(Message {
                author: history.name(&user.id),
                client_id: history.name(client_id),
                text_hash: hash(text),
            }),
            _ => None,
        };
        Event {
            offset,
            kind: history.name(&event.kind),
            id: event.id.as_deref().map(|id| history.name(id)),
            time_ms: event.time,
            message,
        }
    }

    /// Does a room's log have all that was acked in it?
    pub(super) fn has_all_acked(&mut self, room: &str, events: &[Event]) -> bool {
        let room = self.history.name(room);
        let there: HashSet<_> = events.iter().filter_map(|event| event.id).collect();
        let mut of_room = self.history.attempts.iter().filter(|attempt| attempt.room == room);
        of_room.all(|attempt| match attempt.answer {
            Answer::Acked { id, .. } => there.contains(&id),
            _ => true,
        })
    }

    /// The heads of these rooms as their logs name them; 0 while a log is not read yet.
    pub(super) fn heads(&self, rooms: &[String]) -> Vec<u64> {
        let History { names, logs, .. } = &self.history;
        let head = |room: &String| logs.iter().find(|log| names.name(log.room) == room);
        rooms.iter().map(|room| head(room).map_or(0, |log| log.head)).collect()
    }

    /// Acks and live events so far.
    pub(super) fn so_far(&self) -> (usize, usize) {
        let acked = |attempt: &&Attempt| matches!(attempt.answer, Answer::Acked { .. });
        let seen = |live: &&Live| matches!(live, Live::Received { .. });
        let History { attempts, live, .. } = &self.history;
        (attempts.iter().filter(acked).count(), live.iter().filter(seen).count())
    }
}

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_the_same_live_and_as_sent() {
        let mut recorder = Recorder::default();
        let sent = Sent { room: "r", author: "u", client_id: "c", text: "a \"b\" 🦀" };
        recorder.attempt(&sent, &Said::Acked { id: "e", durability: "fsync" });
        let line = br#"{"push":{"channel":"room:r","pub":{"data":{"type":"message.created",
            "id":"e","time":5,"user":{"id":"u"},"client_id":"c","text":"a \"b\" \ud83e\udd80"},
            "offset":2}}}"#;
        let push = wire::read_line(line).unwrap().push.unwrap();
        let event = recorder.event(2, &push.publication.unwrap().data);
        let message = event.message.unwrap();
        let attempt = recorder.history.attempts[0];
        assert_eq!(message.text_hash, attempt.text_hash);
        assert_eq!((message.author, message.client_id), (attempt.author, attempt.client_id));
        assert_eq!(recorder.so_far(), (1, 0));
    }

    #[test]
    fn a_void_has_neither_id_nor_time() {
        let mut recorder = Recorder::default();
        let line = br#"{"push":{"channel":"room:r","pub":{"data":{"type":"void","room":"r",
            "offset":3,"of":2},"offset":3}}}"#;
        let push = wire::read_line(line).unwrap().push.unwrap();
        let event = recorder.event(3, &push.publication.unwrap().data);
        assert_eq!((event.id, event.time_ms, event.message), (None, None, None));
    }
}
