//! A good history with one record dropped, doubled, swapped or shifted, at every place in turn:
//! none of them may pass.

use chat_checker::{Answer, History, Live, Symbol, check};

use crate::world::{Size, recorded};

const SIZE: Size = Size { rooms: 2, readers: 3, turns: 60 };

/// Applies `mutate` at every index below `len` of a fresh copy; it says whether it applied there.
#[track_caller]
fn every_one_is_caught(len: fn(&History) -> usize, mutate: impl Fn(&mut History, usize) -> bool) {
    let mut applied = 0;
    for seed in 0..4 {
        let good = recorded(seed, &SIZE);
        assert!(check(&good).is_clean());
        for at in 0..len(&good) {
            let mut bad = good.clone();
            if mutate(&mut bad, at) {
                applied += 1;
                assert!(!check(&bad).is_clean(), "seed {seed}: passed with record {at} mutated");
            }
        }
    }
    assert!(applied > 100, "the mutation hardly applied: {applied}");
}

fn live(history: &History) -> usize {
    history.live.len()
}

fn logged(history: &History) -> usize {
    history.logs[0].events.len()
}

fn reading(live: &Live) -> (Symbol, Symbol) {
    match *live {
        Live::Subscribed { reader, room, .. }
        | Live::Received { reader, room, .. }
        | Live::Settled { reader, room }
        | Live::Revoked { reader, room, .. }
        | Live::Counted { reader, room, .. } => (reader, room),
    }
}

fn is_received(live: &Live) -> bool {
    matches!(live, Live::Received { .. })
}

/// Whether the history without this event could honestly have happened: the reader lost its
/// connection just before it, and it resumed from an earlier place, or had seen the event before;
/// or it was removed.
fn is_honest_without(history: &History, at: usize) -> bool {
    let Live::Received { event, .. } = &history.live[at] else { return false };
    let same = |record: &&Live| {
        reading(record) == reading(&history.live[at]) && !matches!(record, Live::Counted { .. })
    };
    let subscription = match history.live[at + 1..].iter().find(same) {
        Some(Live::Subscribed { subscription, .. }) => subscription,
        // Removed while it was catching up.
        Some(Live::Revoked { .. }) => return true,
        _ => return false,
    };
    subscription.at.offset < event.offset
        || history.live[..at].iter().filter(same).any(|record| match record {
            Live::Received { event: earlier, .. } => earlier.offset >= event.offset,
            Live::Subscribed { subscription, .. } => subscription.at.offset >= event.offset,
            _ => false,
        })
}

#[test]
fn a_dropped_live_event() {
    every_one_is_caught(live, |history, at| {
        is_received(&history.live[at]) && !is_honest_without(history, at) && {
            history.live.remove(at);
            true
        }
    });
}

#[test]
fn a_doubled_live_event() {
    every_one_is_caught(live, |history, at| {
        let record = history.live[at];
        is_received(&record) && {
            history.live.insert(at, record);
            true
        }
    });
}

#[test]
fn a_live_event_swapped_with_the_reader_s_next() {
    every_one_is_caught(live, |history, at| {
        let record = history.live[at];
        let next = history.live[at + 1..].iter().position(|r| reading(r) == reading(&record));
        let Some(next) = next.map(|next| at + 1 + next) else { return false };
        is_received(&record) && is_received(&history.live[next]) && {
            history.live.swap(at, next);
            true
        }
    });
}

#[test]
fn a_live_event_shifted_by_one_place() {
    every_one_is_caught(live, |history, at| match &mut history.live[at] {
        Live::Received { event, .. } => {
            event.offset += 1;
            true
        }
        _ => false,
    });
}

#[test]
fn live_events_exchanged_under_their_places() {
    every_one_is_caught(live, |history, at| {
        let record = history.live[at];
        let next = history.live[at + 1..].iter().position(|r| reading(r) == reading(&record));
        let Some(next) = next.map(|next| at + 1 + next) else { return false };
        let (Live::Received { event: a, .. }, Live::Received { event: b, .. }) =
            (record, history.live[next])
        else {
            return false;
        };
        for (at, mut event, offset) in [(at, b, a.offset), (next, a, b.offset)] {
            event.offset = offset;
            let Live::Received { event: kept, .. } = &mut history.live[at] else { return false };
            *kept = event;
        }
        true
    });
}

#[test]
fn a_dropped_history_event() {
    every_one_is_caught(logged, |history, at| {
        history.logs[0].events.remove(at);
        true
    });
}

/// The nastier kind: the log closes over the hole, as after a lost transaction.
#[test]
fn a_history_event_dropped_and_the_rest_renumbered() {
    every_one_is_caught(logged, |history, at| {
        let log = &mut history.logs[0];
        log.events.remove(at);
        log.head -= 1;
        for event in &mut log.events[at..] {
            event.offset -= 1;
        }
        true
    });
}

#[test]
fn a_doubled_history_event() {
    every_one_is_caught(logged, |history, at| {
        let log = &mut history.logs[0];
        let event = log.events[at];
        log.events.insert(at, event);
        true
    });
}

/// A repeat that got a place of its own.
#[test]
fn a_history_event_doubled_and_the_rest_renumbered() {
    every_one_is_caught(logged, |history, at| {
        let log = &mut history.logs[0];
        let event = log.events[at];
        log.events.insert(at, event);
        log.head += 1;
        for event in &mut log.events[at + 1..] {
            event.offset += 1;
        }
        true
    });
}

#[test]
fn history_events_swapped() {
    every_one_is_caught(logged, |history, at| {
        let events = &mut history.logs[0].events;
        at + 1 < events.len() && {
            events.swap(at, at + 1);
            true
        }
    });
}

/// Two messages exchanged under their places, as when history is folded in another order.
#[test]
fn history_events_exchanged_under_their_places() {
    every_one_is_caught(logged, |history, at| {
        let events = &mut history.logs[0].events;
        at + 1 < events.len() && {
            let (a, b) = (events[at].offset, events[at + 1].offset);
            events.swap(at, at + 1);
            (events[at].offset, events[at + 1].offset) = (a, b);
            true
        }
    });
}

#[test]
fn history_shifted_from_some_place_on() {
    every_one_is_caught(logged, |history, at| {
        let log = &mut history.logs[0];
        log.head += 1;
        for event in &mut log.events[at..] {
            event.offset += 1;
        }
        true
    });
}

#[test]
fn an_ack_moved_to_a_message_that_was_lost() {
    every_one_is_caught(
        |history| history.attempts.len(),
        |history, at| {
            let lost = history.name("client-lost");
            let attempt = &mut history.attempts[at];
            attempt.client_id = lost;
            matches!(attempt.answer, Answer::Acked { .. })
        },
    );
}

#[test]
fn an_event_after_a_removal() {
    every_one_is_caught(live, |history, at| {
        let Live::Revoked { reader, room, at: place } = history.live[at] else { return false };
        let next = history.logs.iter().find(|log| log.room == room);
        let next = next.and_then(|log| log.events.iter().find(|event| event.offset == place + 1));
        let Some(event) = next.copied() else { return false };
        history.live.insert(at + 1, Live::Received { reader, room, event });
        true
    });
}

#[test]
fn a_removal_shifted_to_an_earlier_place() {
    every_one_is_caught(live, |history, at| match &mut history.live[at] {
        Live::Revoked { at: place, .. } => {
            *place -= 1;
            true
        }
        _ => false,
    });
}

#[test]
fn a_count_of_unread_that_is_one_too_many_or_too_few() {
    for (more, less) in [(1, 0), (0, 1)] {
        every_one_is_caught(live, |history, at| match &mut history.live[at] {
            Live::Counted { counted, .. } if counted.unread >= less => {
                counted.unread = counted.unread + more - less;
                true
            }
            _ => false,
        });
    }
}
