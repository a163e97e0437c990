//! Whatever the bus does to the stream.

use proptest::prelude::*;

use super::*;

/// Events after `after`, at most `page` of them, as a store gives them.
fn from_log(top: Offset, after: Offset, page: u64) -> Vec<Event> {
    (after + 1..=top.min(after + page)).map(void).collect()
}

/// Notes what is delivered; says whether a repair is wanted, and from where.
fn note(effects: Vec<Effect<&str>>, delivered: &mut Vec<Offset>) -> Option<Offset> {
    let mut wanted = None;
    for effect in effects {
        match effect {
            Effect::Deliver(publications) => delivered.extend(offsets(&publications)),
            Effect::Repair { after } => {
                assert_eq!(wanted.replace(after), None, "one repair at a time");
            }
            other => panic!("{other:?}"),
        }
    }
    wanted
}

proptest! {
    #[test]
    fn members_see_every_offset_once_and_in_order_whatever_the_bus_does(
        top in 1u64..60,
        came in prop::collection::vec((any::<prop::sample::Index>(), 1usize..4), 0..120),
        started_after in 0usize..20,
        delivered_before in 0u64..60,
        head in 0u64..60,
        page in 1u64..10,
        answers in prop::collection::vec(any::<bool>(), 120),
    ) {
        let (head, mut delivered) = (head.min(top), Vec::new());
        let first = delivered_before.min(head);
        let mut bench = Bench::new();
        let mut wanted = None;
        for (turn, (at, times)) in came.iter().enumerate() {
            if turn == started_after {
                let start = |r: &mut Room<_>, e: &mut Vec<_>| {
                    r.on_start(RoomKind::General, head, Some(first), e);
                };
                wanted = note(bench.effects(start), &mut delivered);
            }
            let offset = at.index(usize::try_from(top).unwrap()) as u64 + 1;
            let events = voids(std::iter::repeat_n(offset, *times));
            let effects = bench.effects(|room, e| room.on_events(events, e));
            wanted = wanted.or(note(effects, &mut delivered));
            // The store answers sooner or later.
            if let Some(after) = wanted.filter(|_| answers[turn]) {
                let events = from_log(top, after, page);
                let effects = bench.effects(|room, e| room.on_repair(events, e));
                wanted = note(effects, &mut delivered);
            }
        }
        if came.len() <= started_after {
            let start = |r: &mut Room<_>, e: &mut Vec<_>| {
                r.on_start(RoomKind::General, head, Some(first), e);
            };
            wanted = note(bench.effects(start), &mut delivered);
        }
        let effects = bench.effects(|room, e| room.on_head(top, e));
        wanted = wanted.or(note(effects, &mut delivered));
        while let Some(after) = wanted {
            let events = from_log(top, after, page);
            wanted = note(bench.effects(|room, e| room.on_repair(events, e)), &mut delivered);
        }
        prop_assert_eq!(delivered, (first + 1..=top).collect::<Vec<_>>());
        prop_assert!(bench.0.is_quiet());
    }
}
