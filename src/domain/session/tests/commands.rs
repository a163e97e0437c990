//! Commands that want an answer, and those that don't.

use super::*;
use chat_protocol::server::History;
use serde_json::json;

#[test]
fn a_bad_command_gets_its_code() {
    let long = format!(r#"{{"id":2,"subscribe":{{"channel":"room:{}"}}}}"#, "x".repeat(251));
    for (frame, reply) in [
        (r#"{"id":2,"subscribe":{"channel":"news"}}"#, "2 error 102"),
        (r#"{"id":2,"subscribe":{"channel":"user:u"}}"#, "2 error 103"),
        (r#"{"id":2,"subscribe":{"channel":""}}"#, "2 error 107"),
        (r#"{"id":2,"subscribe":{"channel":"room:a b"}}"#, "2 error 107"),
        (&long, "2 error 107"),
        (r#"{"id":2,"unsubscribe":{"channel":"news"}}"#, "2 error 102"),
        (r#"{"id":2,"publish":{"channel":"user:u","data":{"text":"x"}}}"#, "2 error 103"),
        (r#"{"id":2,"publish":{"channel":"room:a"}}"#, "2 error 107"),
        (r#"{"id":2,"publish":{"channel":"room:a","data":{"text":" "}}}"#, "2 error 406"),
        (r#"{"id":2,"history":{"channel":"news"}}"#, "2 error 102"),
        (r#"{"id":2,"presence":{"channel":"user:a"}}"#, "2 error 103"),
        (r#"{"id":2,"presence_stats":{"channel":"news"}}"#, "2 error 102"),
        (r#"{"id":2,"refresh":{}}"#, "2 error 101"),
        (r#"{"id":2,"rpc":{"method":"message.sing"}}"#, "2 error 104"),
        (r#"{"id":2,"rpc":{"method":"room.get","data":7}}"#, "2 error 107"),
    ] {
        assert_eq!(Bench::live().frame(frame), [reply], "{frame}");
    }
}

#[test]
fn malformed_text_closes_after_what_came_before_it_was_done() {
    let frame = r#"{"id":2,"rpc":{"method":"user.me"}} {"id":3}"#;
    assert_eq!(Bench::live().frame(frame), ["ask #1", "close 3501"]);
}

#[test]
fn an_answer_becomes_the_reply_that_its_command_expects() {
    let past = History { publications: publications([4]), epoch: epoch(), top: 9 };
    let publication =
        json!({"data": {"type": "void", "room": "general", "offset": 4}, "offset": 4});
    for (command, asked, answer, reply) in [
        (
            r#""rpc":{"method":"user.me"}"#,
            "ask #1",
            data(r#"{"a":1}"#),
            json!({"id": 2, "rpc": {"data": {"a": 1}}}),
        ),
        (
            r#""history":{"channel":"room:a"}"#,
            "ask #1",
            Ok(Answer::History(Box::new(past))),
            json!({"id": 2, "history": {"publications": [publication], "epoch": "0.a", "offset": 9}}),
        ),
        (
            r#""publish":{"channel":"room:a","data":{"text":"x"}}"#,
            "publish #1",
            data(r#"{"a":1}"#),
            json!({"id": 2, "publish": {}}),
        ),
    ] {
        let mut bench = Bench::live();
        assert_eq!(bench.frame(&format!(r#"{{"id":2,{command}}}"#)), [asked]);
        assert_eq!(bench.reply(|s, e| s.on_answer(1, answer, e)), reply);
        assert_eq!(bench.does(|s, e| s.on_answer(1, data("{}"), e)), [""; 0], "once");
    }
}

#[test]
fn a_refusal_is_told_with_its_code() {
    let mut bench = Bench::live();
    bench.rpc(2, "user.me");
    assert_eq!(bench.does(|s, e| s.on_answer(1, Err(ErrorCode::NotAMember), e)), ["2 error 402"]);
}

#[test]
fn too_many_outstanding_commands_are_refused_until_one_is_answered() {
    let mut bench = Bench::live();
    assert_eq!(bench.rpc(2, "user.me"), ["ask #1"]);
    assert_eq!(bench.rpc(3, "user.me"), ["ask #2"]);
    assert_eq!(bench.rpc(4, "user.me"), ["4 error 111 temporary"]);
    bench.does(|s, e| s.on_answer(2, data("{}"), e));
    assert_eq!(bench.rpc(5, "user.me"), ["ask #3"]);
}

#[test]
fn questions_are_asked_a_few_at_a_time_and_the_others_in_their_turn() {
    let mut bench = Bench::live_under(Policy { outstanding_max: 9, ..policy() });
    let asked: Vec<_> = (2..10).flat_map(|id| bench.rpc(id, "user.me")).collect();
    assert_eq!(asked, ["ask #1", "ask #2", "ask #3", "ask #4"]);
    let rename = r#"{"id":10,"rpc":{"method":"user.rename","data":{"name":"New"}}}"#;
    assert_eq!(bench.frame(rename), ["change #9"], "other commands don't wait for them");
    let answer = |bench: &mut Bench, ticket| bench.does(|s, e| s.on_answer(ticket, data("{}"), e));
    assert_eq!(answer(&mut bench, 2), ["3 rpc", "ask #5"]);
    assert_eq!(answer(&mut bench, 9), ["10 rpc"]);
    bench.now = 1_000;
    assert_eq!(bench.rpc(11, "user.me"), [""; 0]);
    let late = bench.tick(4_000);
    assert_eq!(late.iter().filter(|it| it.ends_with("error 400 temporary")).count(), 7);
    assert_eq!(late.last().unwrap(), "ask #10", "of those that still wait");
    assert_eq!(answer(&mut bench, 1), [""; 0], "too late");
    assert_eq!(answer(&mut bench, 10), ["11 rpc"]);
}

#[test]
fn commands_beyond_the_rate_are_refused_as_temporary_until_time_passes() {
    let commands = Some(Rate { per_second: 1, burst: 2 });
    let mut bench = Bench::live_under(Policy { commands, ..policy() });
    assert_eq!(bench.unsubscribe(2), ["2 unsubscribe"]);
    assert_eq!(bench.unsubscribe(3), ["3 unsubscribe"]);
    assert_eq!(bench.unsubscribe(4), ["4 error 111 temporary"]);
    let send = r#"{"send":{"data":{"method":"user.me"}}}"#;
    assert_eq!(bench.frame(send), [""; 0], "what has no id is dropped in silence");
    bench.now = 1_000;
    assert_eq!(bench.unsubscribe(5), ["5 unsubscribe"]);
}

#[test]
fn an_answer_that_does_not_come_is_unavailable_and_comes_too_late_afterwards() {
    let mut bench = Bench::live();
    bench.rpc(2, "user.me");
    assert_eq!(bench.tick(3_999), [""; 0]);
    assert_eq!(bench.tick(4_000), ["2 error 400 temporary"]);
    assert_eq!(bench.does(|s, e| s.on_answer(1, data("{}"), e)), [""; 0]);
}

#[test]
fn a_send_is_done_but_never_gets_a_reply() {
    let send = |data: &str| format!(r#"{{"id":9,"send":{{"data":{data}}}}}"#);
    let mut bench = Bench::live();
    let message = r#"{"method":"message.send","data":{"room":"a","client_id":"c","text":"x"}}"#;
    assert_eq!(bench.frame(&send(message)), ["publish #0"]);
    assert_eq!(bench.does(|s, e| s.on_answer(0, data("{}"), e)), [""; 0]);
    assert_eq!(bench.frame(&send(r#"{"method":"message.sing"}"#)), [""; 0]);
    assert_eq!(bench.frame(&send(r#"{"method":"user.me"}"#)), [""; 0], "a question isn't asked");
    assert_eq!(bench.frame(&send("null")), [""; 0]);
}

#[test]
fn a_new_name_counts_from_its_answer_on() {
    let author = |bench: &mut Bench| {
        let send = r#"{"id":9,"rpc":{"method":"message.send","data":{"room":"general","client_id":"c","text":"x"}}}"#;
        let effects = bench.effects(|s, e| s.on_frame(send.as_bytes(), 0, e));
        let [Effect::Publish { draft, ticket }] = effects.as_slice() else {
            panic!("not one message: {effects:?}")
        };
        bench.does(|s, e| s.on_answer(*ticket, data("{}"), e));
        draft.author.clone().unwrap().name
    };
    let rename = |bench: &mut Bench, meanwhile: &dyn Fn(&mut Bench), answer| {
        let rename = r#"{"id":8,"rpc":{"method":"user.rename","data":{"name":"New"}}}"#;
        let effects = bench.effects(|s, e| s.on_frame(rename.as_bytes(), 0, e));
        let [Effect::Change { ticket, .. }] = effects.as_slice() else {
            panic!("not one change: {effects:?}")
        };
        meanwhile(bench);
        bench.does(|s, e| s.on_answer(*ticket, answer, e));
    };
    let mut bench = Bench::live();
    let old = author(&mut bench);
    let still_old = |bench: &mut Bench| assert_eq!(author(bench), old);
    rename(&mut bench, &still_old, Err(ErrorCode::Unavailable));
    still_old(&mut bench);
    rename(&mut bench, &still_old, data("{}"));
    assert_eq!(author(&mut bench), "New");
}
