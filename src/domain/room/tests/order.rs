//! Events: in order, once, without a hole.

use super::*;

#[test]
fn events_in_order_are_delivered_once() {
    let mut bench = Bench::started(RoomKind::General, 4);
    assert_eq!(bench.events(voids([5, 6])), ["deliver [5, 6]"]);
    assert_eq!(bench.events(voids([5, 6])), [""; 0], "a repeat is dropped");
    assert_eq!(bench.events(voids([4, 6, 7, 7])), ["deliver [7]"]);
    assert_eq!(bench.0.pos(), 7);
}

#[test]
fn nothing_is_delivered_beyond_a_gap_until_it_is_filled() {
    let mut bench = Bench::started(RoomKind::General, 4);
    assert_eq!(bench.events(voids([7])), ["repair after 4"]);
    assert!(!bench.0.is_quiet());
    assert_eq!(bench.events(voids([8, 9])), [""; 0], "one repair at a time");
    assert_eq!(bench.repair([5, 6]), ["deliver [5, 6, 7, 8, 9]"]);
    assert!(bench.0.is_quiet());
}

#[test]
fn a_gap_that_fills_by_itself_needs_nothing_of_the_late_repair() {
    let mut bench = Bench::started(RoomKind::General, 4);
    bench.events(voids([6]));
    assert_eq!(bench.events(voids([5])), ["deliver [5, 6]"]);
    assert_eq!(bench.repair([5, 6]), [""; 0]);
}

#[test]
fn a_repair_that_brings_too_little_is_asked_for_again() {
    let mut bench = Bench::started(RoomKind::General, 4);
    bench.events(voids([9]));
    assert_eq!(bench.repair([]), ["repair after 4"]);
    assert_eq!(bench.repair([5, 6]), ["deliver [5, 6]", "repair after 6"]);
    assert_eq!(bench.repair([7, 8]), ["deliver [7, 8, 9]"]);
}

#[test]
fn a_head_beyond_the_place_shows_what_the_bus_lost() {
    let mut bench = Bench::started(RoomKind::General, 4);
    assert_eq!(bench.does(|room, e| room.on_head(4, e)), [""; 0]);
    assert_eq!(bench.does(|room, e| room.on_head(6, e)), ["repair after 4"]);
    assert_eq!(bench.repair([5, 6]), ["deliver [5, 6]"]);
}

#[test]
fn events_that_come_before_the_start_are_kept() {
    let mut bench = Bench::new();
    assert_eq!(bench.events(voids([6, 5, 4])), [""; 0]);
    assert_eq!(bench.start(RoomKind::General, 4, None), ["deliver [5, 6]"]);
}

#[test]
fn a_restart_goes_on_from_what_was_delivered() {
    let mut bench = Bench::new();
    assert_eq!(bench.start(RoomKind::General, 9, Some(6)), ["repair after 6"]);
    assert_eq!(bench.repair([7, 8, 9]), ["deliver [7, 8, 9]"]);
    let mut ahead = Bench::new();
    assert_eq!(ahead.start(RoomKind::General, 9, Some(12)), [""; 0]);
    assert_eq!(ahead.0.pos(), 9, "never beyond the log");
}

#[test]
fn what_waits_beyond_a_gap_is_bounded_and_the_rest_is_repaired() {
    let mut bench = Bench::started(RoomKind::General, 0);
    assert_eq!(bench.events(voids(2..=3_000)), ["repair after 0"]);
    let effects = bench.repair([1]);
    let again = bench.0.pos();
    assert!(again > 1 && again < 3_000, "{again}");
    assert_eq!(effects.last().unwrap(), &format!("repair after {again}"));
    bench.repair(again + 1..=3_000);
    assert_eq!(bench.0.pos(), 3_000);
}

#[test]
fn who_is_removed_gets_the_event_of_it_and_nothing_after() {
    for (reason, code) in [(Removal::Left, 2100), (Removal::Removed, 2100), (Removal::Banned, 2101)]
    {
        let mut bench = Bench::started(RoomKind::Private, 4);
        let events = shared([void(5), removed(6, "u", reason), void(7)]);
        let expel = format!("expel u {code}");
        assert_eq!(bench.events(events), ["deliver [5, 6]", expel.as_str(), "deliver [7]"]);
    }
}
