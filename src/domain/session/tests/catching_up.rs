//! Long absences: page by page, one in flight.

use super::*;

/// A session with its first page, up to offset 4, on its way out.
fn catching_up() -> Bench {
    let mut bench = Bench::live();
    bench.subscribe(2, "room:general");
    let reply = bench.reply(|s, e| s.on_page(1, page(2, 4), e));
    assert_eq!(reply["subscribe"]["offset"], 2);
    assert_eq!(reply["subscribe"]["recovered"], true);
    assert_eq!(reply["subscribe"]["publications"].as_array().unwrap().len(), 2);
    bench
}

#[test]
fn the_next_page_is_asked_for_only_when_the_last_has_left() {
    let mut bench = catching_up();
    assert!(bench.session.wants_drained());
    assert_eq!(bench.does(|s, e| s.on_drained(0, e)), ["continue general #1 4"]);
    assert!(!bench.session.wants_drained());
    assert_eq!(bench.does(|s, e| s.on_drained(0, e)), [""; 0], "one page in flight");
    assert_eq!(bench.does(|s, e| s.on_page(1, page(4, 6), e)), ["push [5, 6]"]);
    assert_eq!(bench.does(|s, e| s.on_drained(0, e)), ["continue general #1 6"]);
    assert_eq!(bench.does(|s, e| s.on_attached(1, recovered(6, 8), e)), ["push [7, 8]"]);
    assert!(!bench.session.wants_drained(), "it is live");
    assert_eq!(bench.does(|s, e| s.on_drained(0, e)), [""; 0]);
}

#[test]
fn an_empty_page_goes_on_from_where_it_was() {
    let mut bench = catching_up();
    bench.does(|s, e| s.on_drained(0, e));
    bench.does(|s, e| s.on_page(1, page(4, 4), e));
    assert_eq!(bench.does(|s, e| s.on_drained(0, e)), ["continue general #1 4"]);
}

#[test]
fn who_is_refused_on_the_way_is_told_whether_to_come_back() {
    for (code, push) in [
        (ErrorCode::NotAMember, "unsubscribe 2100"),
        (ErrorCode::PermissionDenied, "unsubscribe 2100"),
        (ErrorCode::Unavailable, "unsubscribe 2500"),
        (ErrorCode::Internal, "unsubscribe 2500"),
    ] {
        let mut bench = catching_up();
        bench.does(|s, e| s.on_drained(0, e));
        assert_eq!(bench.does(|s, e| s.on_refused(1, code, e)), [push], "{code:?}");
        assert_eq!(bench.session.rooms().count(), 0);
    }
}

#[test]
fn a_page_for_who_has_left_or_is_live_says_nothing() {
    let mut leaving = catching_up();
    leaving.unsubscribe(3);
    assert_eq!(leaving.does(|s, e| s.on_page(1, page(4, 6), e)), [""; 0]);
    assert_eq!(leaving.does(|s, e| s.on_drained(0, e)), [""; 0]);
    let mut live = Bench::subscribed();
    assert_eq!(live.does(|s, e| s.on_page(1, page(7, 8), e)), [""; 0]);
    assert_eq!(live.does(|s, e| s.on_refused(1, ErrorCode::Internal, e)), [""; 0]);
}

// The room crashed with the question in its mailbox: the session heard nothing more, and was never told.
#[test]
fn who_waits_for_a_page_that_never_comes_is_told_to_come_back() {
    let mut bench = catching_up();
    bench.does(|s, e| s.on_drained(0, e));
    let timeout = Bench::live().session.policy.reply_timeout_ms;
    assert!(bench.session.due_at() <= timeout);
    assert_eq!(bench.tick(timeout - 1), [""; 0]);
    assert_eq!(bench.tick(timeout), ["unsubscribe 2500", "detach general #1"]);
    assert_eq!(bench.session.rooms().count(), 0);
    assert_eq!(bench.does(|s, e| s.on_page(1, page(4, 6), e)), [""; 0], "too late");
}
