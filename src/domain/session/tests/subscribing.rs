//! Subscriptions that are taken up at once, refused, left.

use super::*;
use serde_json::json;

#[test]
fn a_subscription_is_taken_once() {
    let mut bench = Bench::live();
    assert_eq!(bench.subscribe(2, "room:general"), ["subscribe general #1"]);
    assert_eq!(bench.subscribe(3, "room:general"), ["3 error 105"], "while it is asked for");
    bench.does(|s, e| s.on_attached(1, fresh(1), e));
    assert_eq!(bench.subscribe(4, "room:general"), ["4 error 105"], "while it is live");
}

#[test]
fn a_session_has_only_so_many_channels() {
    let mut bench = Bench::live();
    for (id, channel) in [(2, "room:a"), (3, "room:b"), (4, "room:c")] {
        bench.subscribe(id, channel);
    }
    assert_eq!(bench.subscribe(5, "room:d"), ["5 error 106"]);
    bench.does(|s, e| s.on_refused(2, ErrorCode::RoomNotFound, e));
    assert_eq!(bench.subscribe(6, "room:d"), ["subscribe d #4"]);
    let rooms: Vec<_> = bench.session.rooms().map(|room| room.to_string()).collect();
    assert_eq!(rooms, ["a", "c", "d"]);
}

#[test]
fn the_reply_says_where_the_subscription_stands() {
    let base = json!({"recoverable": true, "positioned": true, "epoch": "0.a"});
    let lost = Attached { was_recovering: true, ..fresh(9) };
    for (attached, more) in [
        (fresh(7), json!({"offset": 7})),
        (fresh(0), json!({})),
        (recovered(7, 7), json!({"offset": 7, "was_recovering": true, "recovered": true})),
        (lost, json!({"offset": 9, "was_recovering": true})),
    ] {
        let mut expected = base.clone();
        expected.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let mut bench = Bench::live();
        bench.subscribe(2, "room:general");
        let reply = bench.reply(|s, e| s.on_attached(1, attached, e));
        assert_eq!(reply, json!({"id": 2, "subscribe": expected}));
    }
}

#[test]
fn a_recovered_reply_counts_from_what_the_client_has_and_brings_what_it_missed() {
    let mut bench = Bench::live();
    bench.subscribe(2, "room:general");
    let reply = bench.reply(|s, e| s.on_attached(1, recovered(7, 9), e));
    assert_eq!(reply["subscribe"]["offset"], 7);
    let missed = reply["subscribe"]["publications"].as_array().unwrap();
    assert_eq!(missed.iter().map(|it| &it["offset"]).collect::<Vec<_>>(), [8, 9]);
}

#[test]
fn what_the_client_has_is_passed_to_the_room() {
    let since = |epoch: Option<Epoch>, offset| Some(Since { epoch, offset });
    for (fields, expected) in [
        (r#""recoverable":true"#, None),
        (r#""recover":true"#, since(None, 0)),
        (r#""recover":true,"offset":5,"epoch":"0.a""#, since(Some(epoch()), 5)),
        (r#""offset":5,"epoch":"0.a""#, None),
    ] {
        let frame = format!(r#"{{"id":2,"subscribe":{{"channel":"room:a",{fields}}}}}"#);
        let effects = Bench::live().effects(|s, e| s.on_frame(frame.as_bytes(), 0, e));
        let [Effect::Subscribe { since, .. }] = effects.as_slice() else { panic!("{effects:?}") };
        assert_eq!(*since, expected, "{fields}");
    }
}

#[test]
fn a_refused_subscribe_may_be_tried_again() {
    let mut bench = Bench::live();
    bench.subscribe(2, "room:general");
    let refuse = |s: &mut Session, e: &mut Vec<Effect>| {
        s.on_refused(1, ErrorCode::PermissionDenied, e);
    };
    assert_eq!(bench.does(refuse), ["2 error 103"]);
    assert_eq!(bench.subscribe(3, "room:general"), ["subscribe general #2"]);
}

#[test]
fn a_subscribe_that_is_never_answered_is_unavailable_and_is_taken_back() {
    let mut bench = Bench::live();
    bench.subscribe(2, "room:general");
    assert_eq!(bench.tick(3_999), [""; 0]);
    assert_eq!(bench.tick(4_000), ["2 error 400 temporary", "detach general #1"]);
    assert_eq!(bench.does(|s, e| s.on_attached(1, fresh(1), e)), [""; 0], "too late");
    assert_eq!(bench.subscribe(3, "room:general"), ["subscribe general #2"]);
}

#[test]
fn an_unsubscribe_is_answered_only_when_the_last_delivery_is_behind() {
    let mut bench = Bench::subscribed();
    assert_eq!(bench.unsubscribe(3), ["detach general #1"]);
    let gone = |s: &mut Session, e: &mut Vec<Effect>| s.on_detached(1, CloseCode::Removed, e);
    assert_eq!(bench.does(gone), ["3 unsubscribe"]);
    assert_eq!(bench.does(gone), [""; 0], "once");
    assert_eq!(bench.unsubscribe(4), ["4 unsubscribe"], "from nothing: nothing to do");
}

#[test]
fn who_is_leaving_may_come_back_under_a_new_ticket() {
    let mut bench = Bench::subscribed();
    bench.unsubscribe(3);
    assert_eq!(bench.subscribe(4, "room:general"), ["subscribe general #2"]);
    let gone = |s: &mut Session, e: &mut Vec<Effect>| s.on_detached(1, CloseCode::Unsubscribed, e);
    assert_eq!(bench.does(gone), ["3 unsubscribe"]);
    assert_eq!(bench.does(|s, e| s.on_attached(2, fresh(7), e)), ["4 subscribe"]);
}

#[test]
fn a_subscribe_that_is_overtaken_by_its_unsubscribe_still_gets_a_reply() {
    let mut bench = Bench::live();
    bench.subscribe(2, "room:general");
    assert_eq!(bench.unsubscribe(3), ["2 error 400 temporary", "detach general #1"]);
    assert_eq!(bench.does(|s, e| s.on_attached(1, fresh(1), e)), [""; 0]);
    let gone = |s: &mut Session, e: &mut Vec<Effect>| s.on_detached(1, CloseCode::Unsubscribed, e);
    assert_eq!(bench.does(gone), ["3 unsubscribe"]);
}

#[test]
fn the_end_of_a_subscription_is_pushed_with_its_code() {
    for (code, push) in
        [(CloseCode::Removed, "unsubscribe 2100"), (CloseCode::LostPlace, "unsubscribe 2500")]
    {
        let mut bench = Bench::subscribed();
        assert_eq!(bench.does(|s, e| s.on_detached(1, code, e)), [push]);
        assert_eq!(bench.subscribe(3, "room:general"), ["subscribe general #2"]);
    }
    let mut bench = Bench::live();
    bench.subscribe(2, "room:general");
    let lost = |s: &mut Session, e: &mut Vec<Effect>| s.on_detached(1, CloseCode::LostPlace, e);
    assert_eq!(bench.does(lost), ["2 error 400 temporary"], "on the way in it is the reply");
}
