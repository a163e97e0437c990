//! What readers saw, against the log and against where each of them stood.

use std::collections::{HashMap, HashSet};

use super::log::{Log, Logs};
use super::told_id;
use crate::history::{Event, History, Live, Subscription};
use crate::intern::{Interner, Symbol};
use crate::verdict::{Property, Verdict};

/// Where one reader stands in one room.
#[derive(Clone, Copy)]
struct Standing {
    /// The last offset seen, or where the subscription began.
    last: u64,
    /// The furthest that this reader ever stood: nobody may resume beyond what they saw.
    furthest: u64,
}

type Reading = (Symbol, Symbol);

struct Readers<'c, 'h> {
    names: &'c Interner,
    logs: &'c Logs<'h>,
    standings: HashMap<Reading, Standing>,
    verdict: &'c mut Verdict,
}

pub(super) fn check(history: &History, logs: &Logs<'_>, verdict: &mut Verdict) {
    let mut readers = Readers { names: &history.names, logs, standings: HashMap::new(), verdict };
    for record in &history.live {
        match record {
            Live::Subscribed { reader, room, subscription } => {
                readers.subscribed((*reader, *room), subscription);
            }
            Live::Received { reader, room, event } => readers.received((*reader, *room), event),
            Live::Settled { reader, room } => readers.settled((*reader, *room)),
        }
    }
    let seen: HashSet<Symbol> = readers.standings.keys().map(|(reader, _)| *reader).collect();
    verdict.counts.readers = seen.len() as u64;
}

impl Readers<'_, '_> {
    fn who(&self, (reader, room): Reading) -> String {
        format!("reader {} of {}", self.names.name(reader), self.names.name(room))
    }

    fn subscribed(&mut self, reading: Reading, subscription: &Subscription) {
        self.verdict.counts.subscriptions += 1;
        let at = subscription.at;
        let names = self.names;
        let who = self.who(reading);
        let log = self.logs.rooms.get(&reading.1);
        if let Some(log) = log.filter(|log| log.epoch != at.epoch) {
            self.verdict.add(Property::EpochChanged, || {
                let (told, kept) = (names.name(at.epoch), names.name(log.epoch));
                format!("{who} subscribed in epoch {told}, history is of epoch {kept}")
            });
        }
        self.check_resume(reading, subscription, log);
        let furthest = self.standings.get(&reading).map_or(0, |before| before.furthest);
        let furthest = furthest.max(at.offset);
        self.standings.insert(reading, Standing { last: at.offset, furthest });
    }

    fn check_resume(&mut self, reading: Reading, subscription: &Subscription, log: Option<&Log>) {
        let (at, Some(resume)) = (subscription.at, subscription.resume) else { return };
        let who = self.who(reading);
        let asked = resume.asked;
        if let Some(before) = self.standings.get(&reading)
            && asked.offset > before.furthest
        {
            let furthest = before.furthest;
            self.verdict.add(Property::LiveHole, || {
                format!("{who} had seen up to {furthest} and went on from {}", asked.offset)
            });
        }
        if resume.recovered {
            self.verdict.counts.resumes_recovered += 1;
            if at != asked {
                self.verdict.add(Property::ResumeMoved, || {
                    format!("{who} asked to go on from {} and got {}", asked.offset, at.offset)
                });
            }
            return;
        }
        self.verdict.counts.resumes_restarted += 1;
        let kept = |log: &Log| asked.epoch == log.epoch && asked.offset <= log.head;
        if log.is_some_and(kept) {
            self.verdict.add(Property::ResumeDenied, || {
                format!("{who} asked to go on from {}, history has it, and got none", asked.offset)
            });
        }
    }

    fn received(&mut self, reading: Reading, event: &Event) {
        self.verdict.counts.live_events += 1;
        let offset = event.offset;
        let Some(standing) = self.standings.get_mut(&reading) else {
            let who = self.who(reading);
            return self.verdict.add(Property::LiveUninvited, || {
                format!("{who} got the event at {offset} without a subscription")
            });
        };
        let last = standing.last;
        standing.last = last.max(offset);
        standing.furthest = standing.furthest.max(offset);
        if offset != last + 1 {
            let property = if offset > last { Property::LiveHole } else { Property::LiveRepeat };
            let who = self.who(reading);
            self.verdict.add(property, || format!("{who} got {offset} after {last}"));
        }
        self.compare(reading, event);
    }

    /// Live and history agree on what is at the event's place.
    fn compare(&mut self, reading: Reading, event: &Event) {
        let kept = self.logs.rooms.get(&reading.1).and_then(|log| log.at(event.offset));
        if kept == Some(event) {
            return;
        }
        let (who, names, offset) = (self.who(reading), self.names, event.offset);
        let live = told_id(event.id, names);
        match kept {
            None => self.verdict.add(Property::LivePhantom, || {
                format!("{who} saw {live} at {offset}, where history has nothing")
            }),
            Some(kept) => self.verdict.add(Property::LiveDiffers, || {
                let id = told_id(kept.id, names);
                if id == live {
                    return format!("{who} saw {live} at {offset} with other content than history");
                }
                format!("{who} saw {live} at {offset}, where history has {id}")
            }),
        }
    }

    fn settled(&mut self, reading: Reading) {
        let Some(log) = self.logs.rooms.get(&reading.1) else { return };
        let last = self.standings.get(&reading).map_or(0, |standing| standing.last);
        if last < log.head {
            let (who, head) = (self.who(reading), log.head);
            self.verdict.add(Property::LiveUnfinished, || {
                format!("{who} was waited for and stands at {last} of {head}")
            });
        }
    }
}
