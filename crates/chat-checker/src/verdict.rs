//! The outcome of a check: what was looked at, and what was found.

use std::collections::BTreeMap;
use std::fmt;

use crate::check::MessageKey;
use crate::intern::Symbol;

/// Stories kept per property: one broken promise often breaks for every event after it, and the
/// first few tell what happened. All of them are counted.
pub const STORIES_MAX: usize = 20;

/// A promise, named by how it is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Property {
    /// A message was acked and is not in its room's history.
    AckedMissing,
    /// It is there, but under another id or with another text than was acked; or two acks of one
    /// message name two ids.
    AckedChanged,
    /// Two messages of one (room, author, client id), or one event id at two places.
    Doubled,
    /// History has a message, or a text, that nobody sent.
    Unsent,
    /// A send whose every attempt was refused is in history.
    RefusedPresent,
    /// History's offsets are not 1, 2, 3 … up to the head that the server names.
    LogHole,
    /// An event's time is before that of the event ahead of it in the same room.
    TimeBack,
    /// A reader's next event skipped a place.
    LiveHole,
    /// A reader was shown a place again, or an earlier one.
    LiveRepeat,
    /// A reader was sent an event of a room that it had not subscribed to.
    LiveUninvited,
    /// The same offset is one event live and another in history.
    LiveDiffers,
    /// A reader saw an event at a place that history doesn't have.
    LivePhantom,
    /// A reader that was waited for never got the room's last events.
    LiveUnfinished,
    /// A resume went on from another place than the one asked for.
    ResumeMoved,
    /// A resume was told `recovered:false` although the history it needs is kept.
    ResumeDenied,
    /// A resume was told `recovered:true`, and the first event after it skipped a place.
    RecoveredHole,
    /// A reader to whom a room was closed saw an event beyond the removal.
    AfterRevoked,
    /// What was told to be unread is not the number of messages above the mark.
    UnreadWrong,
    /// A subscribe reply names another epoch than the room's history.
    EpochChanged,
}

/// What a breach is about, for who wants to look closer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct About {
    pub room: Symbol,
    /// Who saw it, if it was seen.
    pub reader: Option<Symbol>,
    /// The place, if it has one.
    pub offset: Option<u64>,
    /// Author and client id, if it is about one message.
    pub message: Option<(Symbol, Symbol)>,
}

impl About {
    /// Of one message, that of this (room, author, client id), and of one of the places where it is.
    pub(crate) fn message((room, author, client_id): MessageKey, offset: Option<u64>) -> Self {
        Self { room, reader: None, offset, message: Some((author, client_id)) }
    }
}

/// One breach, told with the events concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    pub property: Property,
    pub about: About,
    pub story: String,
}

/// How much was checked: a verdict without violations is worth as much as these are large.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub rooms: u64,
    pub readers: u64,
    pub log_events: u64,
    pub live_events: u64,
    pub attempts: u64,
    pub refused: u64,
    pub unavailable: u64,
    pub unanswered: u64,
    /// Acked attempts by the durability that the ack names.
    pub acked: BTreeMap<String, u64>,
    pub subscriptions: u64,
    pub resumes_recovered: u64,
    pub resumes_restarted: u64,
    pub revocations: u64,
    /// Times that somebody was told how much is unread.
    pub counted: u64,
}

/// What [`crate::check()`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    pub counts: Counts,
    /// The first [`STORIES_MAX`] of each property, in the order in which they were found.
    pub violations: Vec<Violation>,
    /// All of them, by property; a property that was kept is absent.
    pub totals: BTreeMap<Property, u64>,
}

impl Verdict {
    /// Whether every promise was kept.
    pub fn is_clean(&self) -> bool {
        self.totals.is_empty()
    }

    /// How often `property` was broken.
    pub fn total(&self, property: Property) -> u64 {
        self.totals.get(&property).copied().unwrap_or(0)
    }

    /// Counts a breach; the story is only built while there is room for it.
    pub(crate) fn add(&mut self, property: Property, about: About, story: impl FnOnce() -> String) {
        let total = self.totals.entry(property).or_default();
        *total += 1;
        if *total <= STORIES_MAX as u64 {
            self.violations.push(Violation { property, about, story: story() });
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let c = &self.counts;
        let acked: u64 = c.acked.values().sum();
        writeln!(
            f,
            "checked: {} rooms, {} events in history, {} events seen live by {} readers",
            c.rooms, c.log_events, c.live_events, c.readers
        )?;
        writeln!(
            f,
            "sends: {} attempts, {acked} acked {:?}, {} refused, {} unavailable, {} unanswered",
            c.attempts, c.acked, c.refused, c.unavailable, c.unanswered
        )?;
        writeln!(
            f,
            "subscriptions: {}, of which resumed {}, restarted {}; {} removals, {} counts of unread",
            c.subscriptions, c.resumes_recovered, c.resumes_restarted, c.revocations, c.counted
        )?;
        if self.is_clean() {
            return writeln!(f, "verdict: every promise kept");
        }
        writeln!(f, "verdict: BROKEN")?;
        for (property, total) in &self.totals {
            writeln!(f, "  {property:?}: {total}")?;
        }
        for violation in &self.violations {
            writeln!(f, "  [{:?}] {}", violation.property, violation.story)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intern::Interner;

    #[test]
    fn stories_are_capped_and_totals_are_not() {
        let mut verdict = Verdict::default();
        let room = Interner::default().intern("r");
        let about = About { room, reader: None, offset: None, message: None };
        for n in 0..100 {
            verdict.add(Property::LiveHole, about, || format!("hole {n}"));
        }
        assert_eq!(verdict.violations.len(), STORIES_MAX);
        assert_eq!(verdict.total(Property::LiveHole), 100);
        assert!(!verdict.is_clean());
        assert!(verdict.to_string().contains("LiveHole: 100"));
    }
}
