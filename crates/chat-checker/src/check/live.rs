//! What readers saw, against the log and against where each of them stood.

use std::collections::{HashMap, HashSet};

use super::log::{Log, Logs};
use super::told_id;
use crate::history::{Counted, Event, History, Live, Subscription};
use crate::intern::{Interner, Symbol};
use crate::verdict::{About, Property, Verdict};

/// Where one reader stands in one room.
#[derive(Clone, Copy)]
struct Standing {
    /// The last offset seen, or where the subscription began.
    last: u64,
    /// The furthest that this reader ever stood: nobody may resume beyond what they saw.
    furthest: u64,
    /// It was told `recovered:true`, and has seen nothing since.
    just_recovered: bool,
    /// Where the room was closed to it.
    revoked_at: Option<u64>,
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
            Live::Revoked { reader, room, at } => readers.revoked((*reader, *room), *at),
            Live::Counted { reader, room, counted } => readers.counted((*reader, *room), *counted),
        }
    }
    let seen: HashSet<Symbol> = readers.standings.keys().map(|(reader, _)| *reader).collect();
    verdict.counts.readers = seen.len() as u64;
}

fn about((reader, room): Reading, offset: u64) -> About {
    About { room, reader: Some(reader), offset: Some(offset), message: None }
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
            self.verdict.add(Property::EpochChanged, about(reading, at.offset), || {
                let (told, kept) = (names.name(at.epoch), names.name(log.epoch));
                format!("{who} subscribed in epoch {told}, history is of epoch {kept}")
            });
        }
        self.check_resume(reading, subscription, log);
        let furthest = self.standings.get(&reading).map_or(0, |before| before.furthest);
        let furthest = furthest.max(at.offset);
        let just_recovered = subscription.resume.is_some_and(|resume| resume.recovered);
        let standing = Standing { last: at.offset, furthest, just_recovered, revoked_at: None };
        self.standings.insert(reading, standing);
    }

    fn check_resume(&mut self, reading: Reading, subscription: &Subscription, log: Option<&Log>) {
        let (at, Some(resume)) = (subscription.at, subscription.resume) else { return };
        let who = self.who(reading);
        let asked = resume.asked;
        if let Some(before) = self.standings.get(&reading)
            && asked.offset > before.furthest
        {
            let furthest = before.furthest;
            self.verdict.add(Property::LiveHole, about(reading, asked.offset), || {
                format!("{who} had seen up to {furthest} and went on from {}", asked.offset)
            });
        }
        if resume.recovered {
            self.verdict.counts.resumes_recovered += 1;
            if at != asked {
                self.verdict.add(Property::ResumeMoved, about(reading, at.offset), || {
                    format!("{who} asked to go on from {} and got {}", asked.offset, at.offset)
                });
            }
            return;
        }
        self.verdict.counts.resumes_restarted += 1;
        let kept = |log: &Log| asked.epoch == log.epoch && asked.offset <= log.head;
        if log.is_some_and(kept) {
            self.verdict.add(Property::ResumeDenied, about(reading, asked.offset), || {
                format!("{who} asked to go on from {}, history has it, and got none", asked.offset)
            });
        }
    }

    fn received(&mut self, reading: Reading, event: &Event) {
        self.verdict.counts.live_events += 1;
        let offset = event.offset;
        let Some(standing) = self.standings.get_mut(&reading) else {
            let who = self.who(reading);
            return self.verdict.add(Property::LiveUninvited, about(reading, offset), || {
                format!("{who} got the event at {offset} without a subscription")
            });
        };
        let before = *standing;
        let last = before.last;
        standing.last = last.max(offset);
        standing.furthest = standing.furthest.max(offset);
        standing.just_recovered = false;
        if let Some(at) = before.revoked_at {
            self.tell_after_revoked(reading, at, offset);
        } else if offset != last + 1 {
            let who = self.who(reading);
            match (offset > last, before.just_recovered) {
                (true, true) => {
                    self.verdict.add(Property::RecoveredHole, about(reading, offset), || {
                        format!(
                            "{who} was told that it had recovered from {last}, and got {offset}"
                        )
                    })
                }
                (true, false) => {
                    self.verdict.add(Property::LiveHole, about(reading, offset), || {
                        format!("{who} got {offset} after {last}")
                    })
                }
                (false, _) => {
                    self.verdict.add(Property::LiveRepeat, about(reading, offset), || {
                        format!("{who} got {offset} after {last}")
                    })
                }
            }
        }
        self.compare(reading, event);
    }

    fn revoked(&mut self, reading: Reading, at: u64) {
        self.verdict.counts.revocations += 1;
        let Some(standing) = self.standings.get_mut(&reading) else { return };
        standing.revoked_at = Some(at);
        let last = standing.last;
        if last > at {
            self.tell_after_revoked(reading, at, last);
        }
    }

    fn tell_after_revoked(&mut self, reading: Reading, at: u64, saw: u64) {
        let who = self.who(reading);
        self.verdict.add(Property::AfterRevoked, about(reading, saw), || {
            format!("{who} was removed at {at} and saw {saw}")
        });
    }

    fn counted(&mut self, reading: Reading, counted: Counted) {
        self.verdict.counts.counted += 1;
        let Some(log) = self.logs.rooms.get(&reading.1) else { return };
        let Counted { head, mark, unread } = counted;
        let there = log.messages_between(mark, head);
        if mark > head || head > log.head || unread != there {
            let who = self.who(reading);
            self.verdict.add(Property::UnreadWrong, about(reading, mark), || {
                format!(
                    "{who}, who has read up to {mark} of {head}, was told that {unread} are unread; \
                     history has {there} messages there, and reaches to {}",
                    log.head
                )
            });
        }
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
            None => self.verdict.add(Property::LivePhantom, about(reading, offset), || {
                format!("{who} saw {live} at {offset}, where history has nothing")
            }),
            Some(kept) => self.verdict.add(Property::LiveDiffers, about(reading, offset), || {
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
        let standing = self.standings.get(&reading);
        if standing.is_some_and(|standing| standing.revoked_at.is_some()) {
            return; // the rest is not for them
        }
        let last = standing.map_or(0, |standing| standing.last);
        if last < log.head {
            let (who, head) = (self.who(reading), log.head);
            self.verdict.add(Property::LiveUnfinished, about(reading, last + 1), || {
                format!("{who} was waited for and stands at {last} of {head}")
            });
        }
    }
}
