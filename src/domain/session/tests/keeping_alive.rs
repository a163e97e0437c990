//! Pings, pongs, expiry, and when to look again.

use super::*;

#[test]
fn pings_come_after_half_an_interval_and_then_every_interval() {
    let mut bench = Bench::live();
    for due in [12_500, 37_500, 62_500] {
        assert_eq!(bench.session.due_at(), due);
        assert_eq!(bench.tick(due - 1), [""; 0]);
        assert_eq!(bench.tick(due), ["ping"]);
        assert_eq!(bench.session.due_at(), due + 8_000, "the pong is due first");
        assert_eq!(bench.frame("{}"), [""; 0]);
    }
}

#[test]
fn jitter_puts_the_first_ping_off() {
    let mut session = Session::new(Arc::new(policy()), Format::Json, 100, 900);
    let mut effects = Vec::new();
    session.on_frame(br#"{"id":1,"connect":{}}"#, 100, &mut effects);
    session.on_authenticated(Ok(admitted()), 100, 0, &welcome, &mut effects);
    assert_eq!(session.due_at(), 100 + 12_500 + 900);
}

#[test]
fn a_ping_without_a_pong_closes() {
    let mut bench = Bench::live();
    bench.tick(12_500);
    assert_eq!(bench.rpc(2, "user.me"), ["ask #1"], "other commands are no pong");
    bench.does(|s, e| s.on_answer(1, data("{}"), e));
    assert_eq!(bench.tick(20_499), [""; 0]);
    assert_eq!(bench.tick(20_500), ["close 3012"]);
}

#[test]
fn a_pong_that_answers_nothing_closes() {
    assert_eq!(Bench::live().frame("{}"), ["close 3501"]);
    let mut bench = Bench::live();
    bench.tick(12_500);
    assert_eq!(bench.frame("{}\n{}"), ["close 3501"], "the second one answers nothing");
}

#[test]
fn a_token_that_runs_out_closes_after_a_while_for_a_fresh_one() {
    let mut bench = Bench::new(policy());
    bench.frame(r#"{"id":1,"connect":{}}"#);
    let (now, unix_ms) = (bench.now, EXPIRES_AT - 700);
    bench.does(|s, e| s.on_authenticated(Ok(admitted()), now, unix_ms, &welcome, e));
    assert_eq!(bench.session.due_at(), now + 5_700);
    assert_eq!(bench.tick(now + 5_699), [""; 0]);
    assert_eq!(bench.tick(now + 5_700), ["close 3005"]);
    assert_eq!(bench.session.due_at(), u64::MAX, "nothing more to do");
    assert_eq!(bench.tick(now + 5_700), [""; 0]);
}

#[test]
fn it_is_due_at_the_earliest_of_its_deadlines() {
    let mut bench = Bench::live();
    bench.now = 1_000;
    bench.subscribe(2, "room:general");
    assert_eq!(bench.session.due_at(), 5_000);
    bench.now = 500;
    bench.rpc(3, "user.me");
    assert_eq!(bench.session.due_at(), 4_500);
    bench.does(|s, e| s.on_answer(2, data("{}"), e));
    assert_eq!(bench.session.due_at(), 5_000);
    bench.does(|s, e| s.on_attached(1, fresh(1), e));
    assert_eq!(bench.session.due_at(), 12_500);
}

#[test]
fn a_close_from_the_server_is_said_once_and_is_the_last_word() {
    let mut bench = Bench::subscribed();
    bench.rpc(3, "user.me");
    bench.subscribe(4, "room:a");
    let shut = |s: &mut Session, e: &mut Vec<Effect>| s.close(CloseCode::Shutdown, e);
    assert_eq!(bench.does(shut), ["close 3001"]);
    assert_eq!(bench.does(shut), [""; 0]);
    assert_eq!(bench.does(|s, e| s.on_answer(2, data("{}"), e)), [""; 0]);
    assert_eq!(bench.does(|s, e| s.on_attached(3, fresh(1), e)), [""; 0]);
    assert_eq!(bench.does(|s, e| s.on_detached(1, CloseCode::LostPlace, e)), [""; 0]);
    assert_eq!(bench.does(|s, e| s.on_drained(0, e)), [""; 0]);
    assert_eq!(bench.tick(90_000), [""; 0]);
}
