//! What may happen now: what somebody does sooner or later by themselves, and what may or may not happen to them.

use crate::action::Action;
use crate::model::Model;
use crate::record::{Message, RECENT};
use crate::state::{Phase, State};
use crate::variant::Variant;

/// What is known of a message before it is produced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LookedUp {
    /// Nothing, and there is no need: the fold itself would know a repeat.
    NotNeeded,
    InLog,
    NotInLog,
    /// The store is behind the log, and can't say.
    Unknown,
}

impl Model {
    /// Looks a message up as the journal does before it produces: one with a recent client id not at all.
    pub fn look_up(&self, state: &State, message: Message) -> LookedUp {
        let Some(sending) = state.sendings.get(usize::from(message.0)) else {
            return LookedUp::NotNeeded;
        };
        let age = self.moment(state).saturating_sub(sending.born);
        if sending.phase == Phase::Unsent || age <= RECENT || self.variant == Variant::NoLookUp {
            LookedUp::NotNeeded
        } else if state.store.has(self.bounds.room(message), message) {
            LookedUp::InLog
        } else if state.store.projection.cursor() == state.log.len()
            || self.variant == Variant::LaggingLookUp
        {
            LookedUp::NotInLog
        } else {
            LookedUp::Unknown
        }
    }

    /// What somebody does by themselves. Each changes the state, so where there is none of them the system is at rest.
    pub fn progress(&self, state: &State, actions: &mut Vec<Action>) {
        self.sends(state, actions);
        for (n, _) in first_of_each(&state.flights) {
            actions.push(Action::Land { flight: n });
        }
        self.relaying(state, actions);
        if !state.store.owed.is_empty() {
            actions.push(Action::WriteOwed);
        } else if state.store.projection.cursor() < state.log.len() {
            actions.push(Action::Persist);
        }
        for (reader, it) in state.readers.iter().enumerate() {
            let waiting = 0..it.inbox.len();
            actions.extend(waiting.map(|waiting| Action::Hear { reader, waiting }));
            let view = state.view(it);
            if view.head() > it.receiver.seen {
                actions.push(Action::Compare { reader });
            }
            if it.receiver.repairing && !view.page(it.receiver.pos).is_empty() {
                actions.push(Action::Repair { reader });
            }
            if state.split && it.redis == 0 {
                actions.push(Action::ReaderFollows { reader });
            }
        }
    }

    fn sends(&self, state: &State, actions: &mut Vec<Action>) {
        let phase =
            |message: Message| state.sendings.get(usize::from(message.0)).map(|it| it.phase);
        for message in self.bounds.all() {
            // Messages of one room differ in name only: the first of them is sent first.
            let mut same_room_before = (0..message.0)
                .map(Message)
                .filter(|it| self.bounds.room(*it) == self.bounds.room(message));
            let may = match phase(message) {
                Some(Phase::Unsent) => same_room_before.all(|it| phase(it) != Some(Phase::Unsent)),
                Some(Phase::InDoubt) => self.look_up(state, message) != LookedUp::Unknown,
                _ => false,
            };
            if !may {
                continue;
            }
            if self.variant == Variant::PlaceFromRedis {
                let serving = (0..2).filter(|it| state.serves(*it) && state.redis[*it].is_some());
                actions.extend(serving.map(|redis| Action::Send { message, redis }));
            } else {
                actions.push(Action::Send { message, redis: 0 });
            }
        }
    }

    fn relaying(&self, state: &State, actions: &mut Vec<Action>) {
        for (relay, it) in first_of_each(&state.relays) {
            if state.split && it.redis == 0 {
                actions.push(Action::RelayFollows { relay });
            }
            if it.staged.is_some() {
                actions.push(Action::Promote { relay });
                continue;
            }
            let Some(redis) = &state.redis[it.redis] else {
                actions.push(Action::Stage { relay });
                continue;
            };
            let cursor = redis.projection.cursor();
            if it.position != Some(cursor) {
                actions.push(Action::Attach { relay });
            }
            let runs = self.runs(state, relay);
            actions
                .extend(runs.into_iter().flatten().map(|records| Action::Relay { relay, records }));
        }
    }

    /// How long a run a relay may call the script with: one record, or all there are. One that the fence refuses changes
    /// nothing and is left out; so is one from before the cursor that ends at or before it.
    fn runs(&self, state: &State, relay: usize) -> [Option<usize>; 2] {
        let nothing = [None, None];
        let Some(it) = state.relays.get(relay).filter(|it| it.staged.is_none()) else {
            return nothing;
        };
        let (Some(position), Some(redis)) = (it.position, &state.redis[it.redis]) else {
            return nothing;
        };
        let cursor = redis.projection.cursor();
        if self.variant.has_fence() && position > cursor || position >= state.log.len() {
            return nothing;
        }
        let all = state.log.len() - position;
        let changes = |records: &usize| !self.variant.has_guard() || position + records > cursor;
        [Some(1), Some(all).filter(|all| *all > 1)].map(|it| it.filter(changes))
    }

    /// What may happen to them, as often as the bounds allow.
    pub fn faults(&self, state: &State, actions: &mut Vec<Action>) {
        let left = &state.left;
        if state.now + 1 < self.bounds.moments.len() {
            actions.push(Action::Tick);
        }
        for (flight, it) in first_of_each(&state.flights) {
            if it.awaited && left.replies > 0 {
                actions.push(Action::LandUnheard { flight });
                actions.push(Action::GiveUp { message: it.message });
            }
            if left.records > 0 {
                actions.push(Action::LoseRecord { flight });
            }
        }
        if !state.failed_over && left.failovers > 0 {
            actions.push(Action::FailOver);
            if state.redis[0] != state.redis[1] {
                actions.push(Action::Replicate);
            }
        }
        if left.wipes > 0 {
            let full = (0..2).filter(|it| state.serves(*it) && state.redis[*it].is_some());
            actions.extend(full.map(|redis| Action::Wipe { redis }));
        }
        for (relay, it) in first_of_each(&state.relays) {
            if left.scripts > 0 {
                let runs = self.runs(state, relay).into_iter().flatten();
                actions.extend(runs.map(|records| Action::RelayHalf { relay, records }));
            }
            if left.crashes > 0 && (it.position.is_some() || it.staged.is_some()) {
                actions.push(Action::CrashRelay { relay });
            }
        }
        for (reader, it) in state.readers.iter().enumerate() {
            if left.publications > 0 {
                let waiting = 0..it.inbox.len();
                actions.extend(waiting.map(|waiting| Action::LosePublication { reader, waiting }));
            }
            if left.crashes > 0 {
                actions.push(Action::CrashReader { reader });
            }
        }
        if left.crashes > 0 && !state.store.owed.is_empty() {
            actions.push(Action::CrashPersister);
        }
    }
}

/// With its index; of those that are alike the first will do. They are sorted.
fn first_of_each<T: PartialEq>(all: &[T]) -> impl Iterator<Item = (usize, &T)> {
    let is_first = |(n, it): &(usize, &T)| *n == 0 || all.get(n - 1) != Some(*it);
    all.iter().enumerate().filter(is_first)
}
