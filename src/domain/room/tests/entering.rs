//! Where a subscription begins, and what must wait.

use super::*;

/// A general room that has its newest `count` events at hand, up to 1000.
fn with_tail(count: u64) -> Bench {
    let mut bench = Bench::started(RoomKind::General, 1_000 - count);
    bench.events(voids(1_001 - count..=1_000));
    bench
}

#[test]
fn the_general_room_needs_no_membership() {
    let mut bench = Bench::started(RoomKind::General, 3);
    assert_eq!(bench.ask(subscribe(1, "u")), ["attach 1 top 3 since None []"]);
    assert_eq!(bench.ask(publish("p", "u")), ["append p"]);
}

#[test]
fn asks_wait_for_the_start_in_their_order() {
    let mut bench = Bench::new();
    assert_eq!(bench.ask(subscribe(1, "u")), [""; 0]);
    assert_eq!(bench.ask(publish("p", "u")), [""; 0]);
    let expected = ["attach 1 top 3 since None []", "append p"];
    assert_eq!(bench.start(RoomKind::General, 3, None), expected);
}

#[test]
fn a_failed_start_refuses_all_that_wait_and_may_be_tried_again() {
    let mut bench = Bench::new();
    bench.ask(subscribe(1, "u"));
    bench.ask(go_on(2, "u", 1));
    bench.ask(publish("p", "u"));
    let fail = |code| move |r: &mut Room<_>, e: &mut Vec<_>| r.on_start_failed(code, e);
    let expected = ["refuse 1 401", "refuse 2 401", "answer p 401"];
    assert_eq!(bench.does(fail(ErrorCode::RoomNotFound)), expected);
    bench.ask(subscribe(3, "u"));
    let started = bench.start(RoomKind::General, 3, None);
    assert_eq!(started, ["attach 3 top 3 since None []"]);
}

#[test]
fn what_may_wait_is_bounded() {
    let mut bench = Bench::new();
    for _ in 0..WAITING_MAX {
        assert_eq!(bench.ask(subscribe(1, "u")), [""; 0]);
    }
    assert_eq!(bench.ask(subscribe(2, "u")), ["refuse 2 400"]);
    let mut bench = Bench::started(RoomKind::Private, 3);
    for n in 0..WAITING_MAX {
        bench.ask(subscribe(1, &format!("u{}", n % 7)));
    }
    assert_eq!(bench.ask(publish("p", "v")), ["answer p 400"]);
    let mut bench = Bench::started(RoomKind::General, 3);
    for _ in 0..WAITING_MAX {
        bench.ask(go_on(1, "u", 5));
    }
    assert_eq!(bench.ask(go_on(2, "u", 5)), ["refuse 2 400"]);
}

#[test]
fn a_short_absence_is_served_from_memory_and_a_long_one_from_the_store() {
    let mut bench = with_tail(10);
    for (offset, effect) in [
        (1_000, "attach 1 top 1000 since Some(1000) []"),
        (998, "attach 1 top 1000 since Some(998) [999, 1000]"),
        (989, "page 1 after 989"),
        (0, "page 1 after 0"),
    ] {
        assert_eq!(bench.ask(resume(1, "u", offset)), [effect]);
        assert_eq!(bench.ask(go_on(1, "u", offset)), [effect]);
    }
    let all = &bench.effects(|room, e| room.on_ask(resume(1, "u", 990), e))[0];
    assert!(matches!(all, Effect::Attach { attached, .. } if attached.missed.len() == 10));
}

#[test]
fn memory_holds_only_the_newest_events() {
    let kept = TAIL_EVENTS_MAX as u64;
    let mut bench = with_tail(500);
    let at_hand = bench.effects(|room, e| room.on_ask(resume(1, "u", 1_000 - kept), e));
    assert!(matches!(&at_hand[0], Effect::Attach { .. }), "{at_hand:?}");
    let after = 1_000 - kept - 1;
    assert_eq!(bench.ask(resume(1, "u", after)), [format!("page 1 after {after}")]);
}

#[test]
fn what_cannot_be_recovered_is_said_and_begins_at_the_top() {
    let other = Epoch::parse("1.b").ok();
    for since in [
        Since { epoch: Some(epoch()), offset: 11 },
        Since { epoch: other, offset: 5 },
        Since { epoch: Some(epoch()), offset: u64::MAX },
    ] {
        let mut bench = Bench::started(RoomKind::General, 10);
        let since = Some(since);
        let ask = Ask::Subscribe { session: key(1), ticket: 1, user: user("u"), since };
        let effects = bench.effects(|room, e| room.on_ask(ask, e));
        assert_eq!(told(&effects), ["attach 1 top 10 since None []"]);
        assert!(matches!(&effects[0], Effect::Attach { attached, .. } if attached.was_recovering));
    }
}

#[test]
fn who_is_ahead_of_a_restarted_room_waits_until_it_is_there_again() {
    let mut bench = Bench::new();
    bench.start(RoomKind::General, 9, Some(6));
    assert_eq!(bench.ask(resume(1, "u", 8)), [""; 0]);
    let expected = ["deliver [7, 8, 9]", "attach 1 top 9 since Some(8) [9]"];
    assert_eq!(bench.repair([7, 8, 9]), expected);
}

#[test]
fn who_has_read_ahead_of_the_bus_is_not_sent_again_what_it_has() {
    let mut bench = Bench::started(RoomKind::General, 10);
    assert_eq!(bench.ask(go_on(1, "u", 12)), ["repair after 10"]);
    let expected = ["deliver [11, 12]", "attach 1 top 12 since Some(12) []"];
    assert_eq!(bench.events(voids([11, 12])), expected);
}

// A room that started anew stood behind what another thread had handed out; who came in then missed it or had it twice.
#[test]
fn nobody_comes_in_while_the_room_is_behind_where_it_was() {
    let mut bench = Bench::new();
    let told = bench.does(|room, e| room.on_start(RoomKind::Public, 8, Some(6), e));
    assert_eq!(told, ["repair after 6"]);
    assert_eq!(bench.does(|room, e| room.on_ask(subscribe(1, "ann"), e)), [""; 0]);
    assert_eq!(bench.does(|room, e| room.on_ask(resume(2, "bob", 8), e)), [""; 0]);
    assert_eq!(bench.does(|room, e| room.on_ask(go_on(3, "cat", 7), e)), [""; 0]);
    let told = bench.does(|room, e| room.on_repair(vec![void(7), void(8)], e));
    assert_eq!(
        told,
        [
            "deliver [7, 8]",
            "attach 1 top 8 since None []",
            "attach 2 top 8 since Some(8) []",
            "attach 3 top 8 since Some(7) [8]",
        ]
    );
}

// Found by killing everything under load: projections had come back behind what readers had, who were told to begin anew.
#[test]
fn who_is_ahead_of_the_projections_is_to_try_again_and_has_lost_nothing() {
    let mut bench = Bench::following(10, None);
    assert_eq!(bench.ask(resume(1, "u", 12)), ["refuse 1 400"]);
    assert_eq!(bench.ask(resume(1, "u", Offset::MAX)), ["refuse 1 400"]);
    assert_eq!(
        bench.ask(subscribe(2, "v")),
        ["attach 2 top 10 since None []"],
        "nobody else waits"
    );
    assert_eq!(bench.events(voids([11, 12])), ["deliver [11, 12]"]);
    assert_eq!(bench.ask(resume(1, "u", 12)), ["attach 1 top 12 since Some(12) []"]);
}

#[test]
fn what_was_handed_out_is_not_handed_out_again_when_projections_come_back_behind_it() {
    let mut bench = Bench::following(8, Some(10));
    assert_eq!(bench.events(voids([9, 10, 11])), ["deliver [11]"]);
}
