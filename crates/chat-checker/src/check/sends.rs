//! What authors were told, against what is in the log.

use std::collections::HashMap;

use super::log::Logs;
use super::{MessageKey, told, told_id};
use crate::history::{Answer, Attempt, Event, History, Message};
use crate::intern::{Interner, Symbol};
use crate::verdict::{About, Property, Verdict};

/// What is known of one text sent under one key: a client id sent again with other text is another
/// send as far as a refusal goes.
#[derive(Default)]
struct Fate {
    /// Some attempt was acked, or may have landed.
    may_be_present: bool,
}

type Fates = HashMap<(MessageKey, u64), Fate>;

pub(super) fn check(history: &History, logs: &Logs<'_>, verdict: &mut Verdict) {
    let mut sends = Sends { names: &history.names, logs, fates: Fates::new(), verdict };
    let mut ids: HashMap<MessageKey, Symbol> = HashMap::new();
    for attempt in &history.attempts {
        let key = (attempt.room, attempt.author, attempt.client_id);
        sends.count(key, attempt);
        if let Answer::Acked { id, .. } = attempt.answer {
            sends.check_ack(key, id, attempt.text_hash);
            let before = *ids.entry(key).or_insert(id);
            sends.check_same_id(key, before, id);
        }
    }
    for (key, event) in &logs.messages {
        if let Some(message) = event.message {
            sends.check_origin(*key, event, message);
        }
    }
}

struct Sends<'c, 'h> {
    names: &'c Interner,
    logs: &'c Logs<'h>,
    fates: Fates,
    verdict: &'c mut Verdict,
}

impl Sends<'_, '_> {
    fn count(&mut self, key: MessageKey, attempt: &Attempt) {
        let fate = self.fates.entry((key, attempt.text_hash)).or_default();
        fate.may_be_present |= attempt.answer != Answer::Refused;
        let counts = &mut self.verdict.counts;
        counts.attempts += 1;
        match attempt.answer {
            Answer::Refused => counts.refused += 1,
            Answer::Unavailable => counts.unavailable += 1,
            Answer::Unanswered => counts.unanswered += 1,
            Answer::Acked { durability, .. } => {
                let level = self.names.name(durability).to_owned();
                *counts.acked.entry(level).or_default() += 1;
            }
        }
    }

    /// Every ack of one message names the same id.
    fn check_same_id(&mut self, key: MessageKey, before: Symbol, id: Symbol) {
        let names = self.names;
        if before != id {
            self.verdict.add(Property::AckedChanged, About::message(key, None), || {
                let (a, b) = (names.name(before), names.name(id));
                format!("{} was acked as {a}, and again as {b}", told(key, names))
            });
        }
    }

    /// What was acked is kept, as it was acked.
    fn check_ack(&mut self, key: MessageKey, id: Symbol, text_hash: u64) {
        let names = self.names;
        let Some(event) = self.logs.messages.get(&key) else {
            return self.verdict.add(Property::AckedMissing, About::message(key, None), || {
                let (message, id) = (told(key, names), names.name(id));
                format!("{message} was acked as {id} and is not in history")
            });
        };
        let about = About::message(key, Some(event.offset));
        if event.id != Some(id) {
            self.verdict.add(Property::AckedChanged, about, || {
                let (acked, kept) = (names.name(id), told_id(event.id, names));
                let message = told(key, names);
                format!("{message} was acked as {acked}, history at {} says {kept}", event.offset)
            });
        }
        if event.message.is_some_and(|message| message.text_hash != text_hash) {
            self.verdict.add(Property::AckedChanged, about, || {
                format!("{} has another text in history at {}", told(key, names), event.offset)
            });
        }
    }

    /// Every message in the log was sent by its author, and not refused.
    fn check_origin(&mut self, key: MessageKey, event: &Event, message: Message) {
        let (names, at) = (self.names, event.offset);
        let about = About::message(key, Some(at));
        match self.fates.get(&(key, message.text_hash)) {
            None => self.verdict.add(Property::Unsent, about, || {
                format!("{} is in history at {at} with a text that nobody sent", told(key, names))
            }),
            Some(fate) if !fate.may_be_present => {
                self.verdict.add(Property::RefusedPresent, about, || {
                    format!("{} was refused and is in history at {at}", told(key, names))
                });
            }
            Some(_) => {}
        }
    }
}
