use std::collections::HashMap;

use chat_protocol::{ClientId, RoomId, UserId};
use proptest::prelude::*;

use super::*;

fn id(n: u8) -> MessageId {
    let text = n.to_string();
    MessageId::of(
        &RoomId::general(),
        &UserId::parse("u").unwrap(),
        &ClientId::parse(&text).unwrap(),
    )
}

/// A projection of one partition with one room: what a store or a relay keeps.
#[derive(Clone, Default, PartialEq, Debug)]
struct Projection {
    partition: Partition,
    top: Top,
    ids: HashMap<MessageId, (u64, Offset)>,
}

impl Projection {
    fn apply(&mut self, header: Header) -> Folded {
        let ids = &self.ids;
        let folded = fold(&mut self.partition, &mut self.top, header, |partition, id| {
            let (bucket, offset) = ids.get(id)?;
            (bucket + 1 >= partition.bucket()).then_some(*offset)
        });
        if let (Folded::Event { offset, bucket, .. }, Some((_, id))) = (folded, header.readable) {
            self.ids.insert(id, (bucket, offset));
        }
        folded
    }
}

fn record(k: LogOffset, at: u64, n: u8) -> Header {
    Header { log_offset: k, timestamp: at, readable: Some((at, id(n))) }
}

#[test]
fn a_repeat_inside_the_window_takes_a_place_but_says_nothing() {
    let mut p = Projection::default();
    assert!(matches!(p.apply(record(0, 1000, 1)), Folded::Event { offset: 1, .. }));
    assert_eq!(p.apply(record(1, 2000, 1)), Folded::Void { offset: 2, time: 1000, of: Some(1) });
    assert_eq!(p.partition.time, 1000, "a void never renews the window");
}

#[test]
fn the_window_is_counted_in_log_time() {
    let mut p = Projection::default();
    p.apply(record(0, 0, 1));
    assert!(matches!(p.apply(record(1, 2 * BUCKET_MS - 1, 1)), Folded::Void { of: Some(1), .. }));
    assert!(matches!(p.apply(record(2, 2 * BUCKET_MS, 1)), Folded::Event { offset: 3, .. }));
}

#[test]
fn a_record_out_of_its_time_is_void_and_does_not_move_the_clock() {
    let mut p = Projection::default();
    let late = Header {
        log_offset: 0,
        timestamp: 10 * BUCKET_MS,
        readable: Some((10 * BUCKET_MS - SKEW_MS_MAX - 1, id(1))),
    };
    assert_eq!(p.apply(late), Folded::Void { offset: 1, time: 0, of: None });
    assert!(matches!(p.apply(record(1, 5, 1)), Folded::Event { offset: 2, time: 5, .. }));
}

#[test]
fn a_record_counts_as_long_as_it_is_in_its_time() {
    let mut p = Projection::default();
    for (k, timestamp) in [SKEW_MS_MAX, 2 * SKEW_MS_MAX, 3 * SKEW_MS_MAX].into_iter().enumerate() {
        let (k, n) = (k as u64, k as u8);
        let header = Header { log_offset: k, timestamp, readable: Some((2 * SKEW_MS_MAX, id(n))) };
        assert!(matches!(p.apply(header), Folded::Event { .. }), "{timestamp}");
    }
}

#[test]
fn an_unreadable_record_is_void() {
    let mut p = Projection::default();
    let poison = Header { log_offset: 0, timestamp: 9, readable: None };
    assert_eq!(p.apply(poison), Folded::Void { offset: 1, time: 0, of: None });
}

#[test]
fn shown_time_never_goes_back() {
    let mut p = Projection::default();
    p.apply(record(0, 5000, 1));
    assert!(matches!(p.apply(record(1, 4000, 2)), Folded::Event { time: 5000, .. }));
}

proptest! {
    #[test]
    fn folding_again_from_anywhere_gives_the_same_places(
        steps in prop::collection::vec((0u64..BUCKET_MS, 0u8..6, any::<bool>()), 1..60),
        cut in any::<prop::sample::Index>(),
        again in any::<prop::sample::Index>(),
    ) {
        let mut at = 0;
        let log: Vec<Header> = steps.iter().enumerate().map(|(k, (dt, n, readable))| {
            at += dt;
            let header = record(k as u64, at, *n);
            if *readable { header } else { Header { readable: None, ..header } }
        }).collect();
        let mut once = Projection::default();
        for header in &log {
            once.apply(*header);
        }
        // Stopped at `cut`, then fed again from some earlier record: at least once is exactly once.
        let mut twice = Projection::default();
        let cut = cut.index(log.len());
        for header in &log[..cut] {
            twice.apply(*header);
        }
        for header in &log[again.index(cut + 1)..] {
            twice.apply(*header);
        }
        prop_assert_eq!(&once, &twice);
        prop_assert_eq!(once.top.offset, log.len() as u64);
    }
}
