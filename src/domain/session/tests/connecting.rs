//! From the upgrade to a known user.

use super::*;

const CONNECT: &str = r#"{"id":1,"connect":{"token":"t"}}"#;

#[test]
fn what_is_pipelined_behind_connect_waits_for_the_token_and_keeps_its_order() {
    let mut bench = Bench::new(policy());
    let frame = format!(
        "{CONNECT}\n{}\n{}",
        r#"{"id":2,"subscribe":{"channel":"room:b"}}"#,
        r#"{"id":3,"subscribe":{"channel":"room:a"}}"#
    );
    assert_eq!(bench.frame(&frame), ["authenticate t"]);
    assert_eq!(bench.subscribe(4, "room:c"), [""; 0]);
    assert!(bench.session.user().is_none());
    let expected = ["1 connect", "subscribe b #1", "subscribe a #2", "subscribe c #3"];
    assert_eq!(bench.authenticated(Ok(admitted())), expected);
    assert_eq!(bench.session.user().unwrap().name, "U");
}

#[test]
fn a_second_connect_closes_whenever_it_comes() {
    assert_eq!(Bench::live().frame(CONNECT), ["close 3501"]);
    let mut bench = Bench::new(policy());
    bench.frame(&format!("{CONNECT}\n{CONNECT}"));
    assert_eq!(bench.authenticated(Ok(admitted())), ["1 connect", "close 3501"]);
}

#[test]
fn anything_before_connect_closes() {
    for frame in [
        r#"{"id":1,"subscribe":{"channel":"room:general"}}"#,
        r#"{"id":1,"rpc":{"method":"user.me"}}"#,
        r#"{"send":{"data":{"method":"user.me"}}}"#,
        "{}",
        "",
        "not json",
    ] {
        let mut bench = Bench::new(policy());
        assert_eq!(bench.frame(frame), ["close 3501"], "{frame}");
        assert_eq!(bench.frame(CONNECT), [""; 0], "it is over: {frame}");
    }
}

#[test]
fn a_refused_connect_is_told_why_and_the_next_command_closes() {
    for (denied, reply) in [
        (Denied::Expired, "1 error 109"),
        (Denied::Missing, "1 error 101"),
        (Denied::Unavailable, "1 error 100 temporary"),
    ] {
        let mut bench = Bench::new(policy());
        bench.frame(CONNECT);
        assert_eq!(bench.authenticated(Err(denied)), [reply]);
        assert_eq!(bench.rpc(2, "user.me"), ["close 3501"]);
    }
}

#[test]
fn a_token_that_is_not_ours_closes_for_good() {
    let mut bench = Bench::new(policy());
    bench.frame(CONNECT);
    assert_eq!(bench.authenticated(Err(Denied::Invalid)), ["close 3500"]);
}

#[test]
fn what_was_held_behind_a_refused_connect_is_not_done() {
    let mut bench = Bench::new(policy());
    bench.frame(CONNECT);
    bench.subscribe(2, "room:general");
    assert_eq!(bench.authenticated(Err(Denied::Expired)), ["1 error 109"]);
}

#[test]
fn silence_is_stale_before_connect_during_it_and_after_its_refusal() {
    let mut silent = Bench::new(policy());
    let mut unchecked = Bench::new(policy());
    unchecked.frame(CONNECT);
    for mut bench in [silent_until(&mut silent), silent_until(&mut unchecked)] {
        assert_eq!(bench.remove(0), "close 3502");
    }
    let mut refused = Bench::new(policy());
    refused.now = 5_000;
    refused.frame(CONNECT);
    refused.authenticated(Err(Denied::Expired));
    assert_eq!(refused.session.due_at(), 15_000);
    assert_eq!(refused.tick(14_999), [""; 0]);
    assert_eq!(refused.tick(15_000), ["close 3502"]);
}

fn silent_until(bench: &mut Bench) -> Vec<String> {
    assert_eq!(bench.session.due_at(), 10_000);
    assert_eq!(bench.tick(9_999), [""; 0]);
    bench.tick(10_000)
}

#[test]
fn held_commands_are_bounded_and_even_empty_frames_count() {
    for frame in [" ".repeat(100), String::new()] {
        let mut bench = Bench::new(policy());
        bench.frame(CONNECT);
        let closed = (0..100).position(|_| bench.frame(&frame) == ["close 3501"]);
        assert!(closed.is_some_and(|at| at > 1), "{frame:?}: {closed:?}");
    }
}

#[test]
fn an_answer_about_a_token_that_nobody_waits_for_says_nothing() {
    assert_eq!(Bench::new(policy()).authenticated(Ok(admitted())), [""; 0]);
    assert_eq!(Bench::live().authenticated(Err(Denied::Invalid)), [""; 0]);
}
