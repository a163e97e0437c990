//! What always holds, what holds at rest, and what must be seen to happen for any of it to mean something.
//!
//! At rest is said of every state in which nobody has anything left to do; so it needs no fairness, and no path through the
//! states but the one that leads there. (The checker's own `eventually` forgets what it knew where two paths meet.)

use chat_protocol::Offset;
use stateright::Property;

use crate::model::Model;
use crate::projection::Projection;
use crate::record::{Event, Message, Says};
use crate::state::{Phase, State};

/// What was acked is an event of the log's fold. P1, P5, P9.
pub const ACKED_IS_LOGGED: &str = "what was acked is in the log";
/// What a reader saw is the beginning of the log's fold. P3, P4, P6.
pub const SEEN_IS_FOLDED: &str = "what anyone saw is a prefix of the fold of the log";
/// No client id is two messages. P2.
pub const NEVER_TWICE: &str = "no client id takes two places as a message";
/// Every Redis and the store have what the log's fold has up to their cursors.
pub const PROJECTIONS_AGREE: &str =
    "every projection agrees with the fold of the log up to its cursor";
/// Readers, tails and history never have two events for a place. P3.
pub const ONE_PLACE_ONE_EVENT: &str = "one place is one event for everybody";
/// With nothing left to do, everything is acked, delivered and persisted. P1, P4, P5.
pub const AT_REST_ALL_IS_DONE: &str = "at rest everything is acked, seen and stored";

/// The properties that make up correctness.
pub const HOLD: [&str; 6] = [
    ACKED_IS_LOGGED,
    SEEN_IS_FOLDED,
    NEVER_TWICE,
    PROJECTIONS_AGREE,
    ONE_PLACE_ONE_EVENT,
    AT_REST_ALL_IS_DONE,
];

/// A repeat is recognised.
pub const REPEAT: &str = "a repeat takes a place and says nothing";
/// A record comes too late for the fold.
pub const OFF_TIME: &str = "a record that comes too late says nothing";
/// A room has something beyond a gap.
pub const GAP: &str = "a room waits for what it missed";
/// Two Redis serve at once and stand at different places.
pub const SPLIT: &str = "two Redis serve at once and differ";
/// A Redis was emptied and built again.
pub const REBUILT: &str = "a Redis that was emptied leads again";
/// Log time has left a bucket behind.
pub const FORGOTTEN: &str = "the fold has forgotten a client id";

/// All of them.
pub fn all() -> Vec<Property<Model>> {
    vec![
        Property::always(ACKED_IS_LOGGED, acked_is_logged),
        Property::always(SEEN_IS_FOLDED, seen_is_folded),
        Property::always(NEVER_TWICE, never_twice),
        Property::always(PROJECTIONS_AGREE, projections_agree),
        Property::always(ONE_PLACE_ONE_EVENT, one_place_one_event),
        Property::always(AT_REST_ALL_IS_DONE, at_rest_all_is_done),
        Property::sometimes(REPEAT, |_: &Model, state: &State| {
            voids(state).any(|says| matches!(says, Says::Void { of: Some(_) }))
        }),
        Property::sometimes(OFF_TIME, |_: &Model, state: &State| {
            voids(state).any(|says| says == Says::Void { of: None })
        }),
        Property::sometimes(GAP, |_: &Model, state: &State| {
            state.readers.iter().any(|it| !it.receiver.early.is_empty())
        }),
        Property::sometimes(SPLIT, |_: &Model, state: &State| {
            let [old, new] = &state.redis;
            let differ = |old: &_, new: &_| old != new;
            state.split && old.as_ref().zip(new.as_ref()).is_some_and(|(old, new)| differ(old, new))
        }),
        Property::sometimes(REBUILT, |model: &Model, state: &State| {
            let wiped = state.left.wipes < model.bounds.faults.wipes;
            let leads = &state.redis[usize::from(state.failed_over)];
            wiped && leads.as_ref().is_some_and(|it| it.projection.cursor() > 0)
        }),
        Property::sometimes(FORGOTTEN, |model: &Model, state: &State| {
            let fold = state.log.fold_of(state.log.len());
            let kept = |it: &Projection| it.remembered(|it| model.bounds.room(it)).count();
            fold.is_some_and(|it| kept(it) < it.known.len())
        }),
    ]
}

fn voids(state: &State) -> impl Iterator<Item = Says> {
    state.log.events().iter().flatten().map(|it| it.says)
}

fn acked_is_logged(model: &Model, state: &State) -> bool {
    let acked = model.bounds.all().zip(&state.sendings).filter(|it| it.1.phase == Phase::Acked);
    acked.into_iter().all(|(message, _)| times(state, message) > 0)
}

fn never_twice(model: &Model, state: &State) -> bool {
    model.bounds.all().all(|message| times(state, message) <= 1)
}

fn times(state: &State, message: Message) -> usize {
    state.log.events().iter().flatten().filter(|event| event.is(message)).count()
}

fn seen_is_folded(_: &Model, state: &State) -> bool {
    state.readers.iter().all(|reader| state.log.room(0).starts_with(&reader.seen))
}

fn projections_agree(model: &Model, state: &State) -> bool {
    let store = &state.store;
    let redis = state.redis.iter().flatten();
    let rows = |room: usize, head: usize| {
        state.log.room(room).get(..head).is_some_and(|folded| folded == store.room(room))
    };
    let tail = |tail: &[Event], room: usize, head: usize| {
        // What a script wrote that died belongs to a place that is not given yet.
        let given = tail.iter().filter(|it| it.offset <= head as Offset);
        given.into_iter().all(|it| state.log.room(room).contains(it))
    };
    stands_right(model, state, &store.projection)
        && rooms(&store.projection).all(|(room, head)| rows(room, head))
        && redis.into_iter().all(|it| {
            stands_right(model, state, &it.projection)
                && rooms(&it.projection)
                    .zip(&it.tails)
                    .all(|((room, head), events)| tail(events, room, head))
        })
}

/// Cursor, log time, places and known ids are those of the fold.
fn stands_right(model: &Model, state: &State, it: &Projection) -> bool {
    let Some(fold) = state.log.fold_of(it.cursor()) else { return false };
    let room_of = |message| model.bounds.room(message);
    it.partition == fold.partition
        && it.tops == fold.tops
        && it.remembered(room_of).eq(fold.remembered(room_of))
}

/// Each room and its head.
fn rooms(projection: &Projection) -> impl Iterator<Item = (usize, usize)> {
    let head = |offset| usize::try_from(offset).unwrap_or(usize::MAX);
    projection.tops.iter().enumerate().map(move |(room, top)| (room, head(top.offset)))
}

fn one_place_one_event(_: &Model, state: &State) -> bool {
    let of_rooms = |rooms: &'_ [Vec<Event>], all: &mut Vec<(usize, Event)>| {
        for (room, events) in rooms.iter().enumerate() {
            all.extend(events.iter().map(|it| (room, *it)));
        }
    };
    let mut all = Vec::new();
    for reader in &state.readers {
        all.extend(reader.seen.iter().map(|it| (0, *it)));
    }
    of_rooms(&state.store.rows, &mut all);
    for redis in state.redis.iter().flatten() {
        of_rooms(&redis.tails, &mut all);
    }
    all.sort_unstable();
    all.windows(2).all(|two| match two {
        [(room, one), (same, other)] if room == same && one.offset == other.offset => one == other,
        _ => true,
    })
}

fn at_rest_all_is_done(model: &Model, state: &State) -> bool {
    let mut left = Vec::new();
    model.progress(state, &mut left);
    if !left.is_empty() {
        return true;
    }
    let leads = &state.redis[usize::from(state.failed_over)];
    let relayed = leads.as_ref().is_some_and(|it| it.projection.cursor() == state.log.len());
    state.sendings.iter().all(|it| it.phase == Phase::Acked)
        && acked_is_logged(model, state)
        && state.store.rows == state.log.events()
        && (model.bounds.relays == 0 || relayed)
        && state.readers.iter().all(|it| it.seen == state.log.room(0))
}
