//! Who may: asked of the store, kept up by events.

use super::*;

#[test]
fn membership_is_asked_once_for_all_who_wait_and_then_remembered() {
    let mut bench = Bench::started(RoomKind::Private, 5);
    assert_eq!(bench.ask(subscribe(1, "u")), ["membership u?"]);
    assert_eq!(bench.ask(publish("p", "u")), [""; 0]);
    assert_eq!(bench.ask(subscribe(2, "v")), ["membership v?"]);
    assert!(!bench.0.is_quiet());
    let expected = ["attach 1 top 5 since None []", "append p"];
    assert_eq!(bench.member("u", Some(2), 5), expected);
    assert_eq!(bench.ask(publish("q", "u")), ["append q"]);
    assert_eq!(bench.member("u", None, 5), [""; 0], "nobody asked");
}

#[test]
fn a_stranger_is_turned_away_from_a_private_room_and_may_ask_again() {
    let mut bench = Bench::started(RoomKind::Private, 5);
    bench.ask(subscribe(1, "u"));
    bench.ask(go_on(2, "u", 3));
    bench.ask(publish("p", "u"));
    let expected = ["refuse 1 103", "refuse 2 103", "answer p 402"];
    assert_eq!(bench.member("u", None, 5), expected);
    assert_eq!(bench.ask(subscribe(3, "u")), ["membership u?"], "a no is not remembered");
}

#[test]
fn anyone_reads_a_public_room_but_only_members_write() {
    let mut bench = Bench::started(RoomKind::Public, 5);
    assert_eq!(bench.ask(subscribe(1, "u")), ["attach 1 top 5 since None []"]);
    assert_eq!(bench.ask(publish("p", "u")), ["membership u?"]);
    assert_eq!(bench.member("u", None, 5), ["answer p 402"]);
}

#[test]
fn a_store_that_fails_refuses_with_its_code_and_is_asked_again() {
    let mut bench = Bench::started(RoomKind::Private, 5);
    bench.ask(subscribe(1, "u"));
    bench.ask(publish("p", "u"));
    let fails = |room: &mut Room<&'static str>, e: &mut Vec<_>| {
        room.on_membership(&user("u"), Err(ErrorCode::Unavailable), e);
    };
    assert_eq!(bench.does(fails), ["refuse 1 400", "answer p 400"]);
    assert_eq!(bench.ask(subscribe(1, "u")), ["membership u?"]);
}

#[test]
fn an_answer_older_than_a_member_event_is_asked_for_again() {
    for change in [joined(6, "u"), removed(6, "u", Removal::Removed)] {
        let mut bench = Bench::started(RoomKind::Private, 5);
        bench.ask(subscribe(1, "u"));
        bench.events(shared([change]));
        assert_eq!(bench.member("u", Some(2), 5), ["membership u?"]);
        assert_eq!(bench.member("u", Some(6), 6), ["attach 1 top 6 since None []"]);
    }
    let mut bench = Bench::started(RoomKind::Private, 5);
    bench.ask(subscribe(1, "u"));
    bench.events(shared([joined(6, "v")]));
    let answered = bench.member("u", Some(2), 5);
    assert_eq!(answered, ["attach 1 top 6 since None []"], "another's change changes nothing");
}

#[test]
fn events_keep_what_is_remembered_true() {
    let mut bench = Bench::started(RoomKind::Private, 5);
    bench.events(shared([joined(6, "u")]));
    assert_eq!(bench.ask(publish("p", "u")), ["append p"], "the event said so");
    bench.events(shared([removed(7, "u", Removal::Left)]));
    assert_eq!(bench.ask(publish("q", "u")), ["membership u?"]);
}

#[test]
fn private_history_begins_at_the_readers_join() {
    let mut bench = Bench::started(RoomKind::Private, 3);
    bench.events(shared([joined(4, "u"), void(5)]));
    assert_eq!(bench.ask(resume(1, "u", 3)), ["attach 1 top 5 since Some(3) [4, 5]"]);
    let effects = bench.effects(|room, e| room.on_ask(resume(1, "u", 2), e));
    assert_eq!(told(&effects), ["attach 1 top 5 since None []"]);
    assert!(matches!(&effects[0], Effect::Attach { attached, .. } if attached.was_recovering));
    let mut direct = Bench::started(RoomKind::Direct, 3);
    direct.ask(resume(1, "u", 0));
    assert_eq!(direct.member("u", Some(1), 3), ["page 1 after 0"], "both read all of it");
}

#[test]
fn who_joined_beyond_the_place_enters_when_the_room_is_there() {
    let mut bench = Bench::started(RoomKind::Private, 5);
    bench.ask(subscribe(1, "u"));
    bench.ask(publish("p", "u"));
    // Removed at 6 and back at 8: the store knows it before the bus has told.
    assert_eq!(bench.member("u", Some(8), 8), ["repair after 5", "append p"]);
    let events = shared([removed(6, "u", Removal::Removed), void(7), joined(8, "u")]);
    let expected =
        ["deliver [6]", "expel u 2100", "deliver [7, 8]", "attach 1 top 8 since None []"];
    assert_eq!(bench.events(events), expected);
}

// The room fell behind while the store was being asked, and the answer let the asker in at once.
#[test]
fn an_answer_that_finds_the_room_behind_waits_for_it() {
    let mut bench = Bench::started(RoomKind::Private, 5);
    assert_eq!(bench.does(|room, e| room.on_ask(subscribe(1, "ann"), e)), ["membership ann?"]);
    assert_eq!(bench.does(|room, e| room.on_events(voids([8]), e)), ["repair after 5"]);
    let ann = user("ann");
    assert_eq!(bench.does(|room, e| room.on_membership(&ann, Ok((Some(2), 5)), e)), [""; 0]);
    let told = bench.does(|room, e| room.on_repair(vec![void(6), void(7)], e));
    assert_eq!(told, ["deliver [6, 7, 8]", "attach 1 top 8 since None []"]);
}
