//! What authors were told, against what is in the log.

use std::collections::HashMap;

use super::log::Logs;
use super::{MessageKey, told, told_id};
use crate::history::{Answer, Event, History, Message};
use crate::intern::{Interner, Symbol};
use crate::verdict::{Property, Verdict};

/// What is known of one text sent under one key: a client id sent again with other text is another
/// send as far as a refusal goes.
#[derive(Default)]
struct Fate {
    /// Some attempt was acked, or may have landed.
    may_be_present: bool,
}

type Fates = HashMap<(MessageKey, u64), Fate>;

pub(super) fn check(history: &History, logs: &Logs<'_>, verdict: &mut Verdict) {
    let fates = check_acks(history, logs, verdict);
    for (key, event) in &logs.messages {
        let Some(message) = event.message else { continue };
        check_origin(*key, event, message, &fates, &history.names, verdict);
    }
}

/// Every ack is kept; returns what may be in the log at all.
fn check_acks(history: &History, logs: &Logs<'_>, verdict: &mut Verdict) -> Fates {
    let names = &history.names;
    let mut fates = Fates::with_capacity(history.attempts.len());
    let mut ids: HashMap<MessageKey, Symbol> = HashMap::new();
    for attempt in &history.attempts {
        let key = (attempt.room, attempt.author, attempt.client_id);
        let fate = fates.entry((key, attempt.text_hash)).or_default();
        fate.may_be_present |= attempt.answer != Answer::Refused;
        verdict.counts.attempts += 1;
        match attempt.answer {
            Answer::Refused => verdict.counts.refused += 1,
            Answer::Unavailable => verdict.counts.unavailable += 1,
            Answer::Unanswered => verdict.counts.unanswered += 1,
            Answer::Acked { id, durability } => {
                let level = names.name(durability).to_owned();
                *verdict.counts.acked.entry(level).or_default() += 1;
                let before = *ids.entry(key).or_insert(id);
                if before != id {
                    verdict.add(Property::AckedChanged, || {
                        let (a, b) = (names.name(before), names.name(id));
                        format!("{} was acked as {a}, and again as {b}", told(key, names))
                    });
                }
                check_ack(key, id, attempt.text_hash, logs, names, verdict);
            }
        }
    }
    fates
}

fn check_ack(
    key: MessageKey,
    id: Symbol,
    text_hash: u64,
    logs: &Logs<'_>,
    names: &Interner,
    verdict: &mut Verdict,
) {
    let Some(event) = logs.messages.get(&key) else {
        return verdict.add(Property::AckedMissing, || {
            format!("{} was acked as {} and is not in history", told(key, names), names.name(id))
        });
    };
    if event.id != Some(id) {
        verdict.add(Property::AckedChanged, || {
            let (acked, kept) = (names.name(id), told_id(event.id, names));
            let message = told(key, names);
            format!("{message} was acked as {acked}, history at {} says {kept}", event.offset)
        });
    }
    if event.message.is_some_and(|message| message.text_hash != text_hash) {
        verdict.add(Property::AckedChanged, || {
            format!("{} has another text in history at {}", told(key, names), event.offset)
        });
    }
}

/// Every message in the log was sent by its author, and not refused.
fn check_origin(
    key: MessageKey,
    event: &Event,
    message: Message,
    fates: &Fates,
    names: &Interner,
    verdict: &mut Verdict,
) {
    let at = event.offset;
    match fates.get(&(key, message.text_hash)) {
        None => verdict.add(Property::Unsent, || {
            format!("{} is in history at {at} with a text that nobody sent", told(key, names))
        }),
        Some(fate) if !fate.may_be_present => verdict.add(Property::RefusedPresent, || {
            format!("{} was refused and is in history at {at}", told(key, names))
        }),
        Some(_) => {}
    }
}
