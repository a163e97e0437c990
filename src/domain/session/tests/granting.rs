//! Subscriptions that came with a token, and end with it.

use super::*;

fn grant(user: &str, channel: &str, expires_at: u64) -> Grant {
    let (user, channel) = (UserId::parse(user).unwrap(), channel.to_owned());
    Grant { user, channel, expires_at, mark: TokenMark::default() }
}

fn granted(
    ticket: Ticket,
    granted: Result<Grant, Denied>,
    now: u64,
) -> impl FnOnce(&mut Session, &mut Vec<Effect>) {
    move |session, effects| session.on_granted(ticket, granted, now, now, effects)
}

const SUBSCRIBE: &str = r#"{"id":2,"subscribe":{"channel":"room:general","token":"t"}}"#;

/// Subscribed at 0 with a token that is good until 10 000 ms; its end is at 15 000.
fn subscribed() -> Bench {
    let mut bench = Bench::live();
    assert_eq!(bench.frame(SUBSCRIBE), ["check t #1"]);
    let good = Ok(grant("u", "room:general", 10_000));
    assert_eq!(bench.does(granted(1, good, 0)), ["subscribe general #1"]);
    let effects = bench.effects(|s, e| s.on_attached(1, fresh(7), e));
    let [Effect::Reply(reply)] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!(read(reply)["subscribe"]["ttl"], 10);
    assert_eq!(read(reply)["subscribe"]["expires"], true);
    bench
}

fn refresh(bench: &mut Bench, id: u32, now: u64) -> Vec<String> {
    let body = r#""sub_refresh":{"channel":"room:general","token":"f"}"#;
    bench.now = now;
    bench.frame(&format!(r#"{{"id":{id},{body}}}"#))
}

#[test]
fn a_token_that_is_not_for_it_refuses_the_subscribe_and_the_room_is_not_asked() {
    for (answer, code) in [
        (Ok(grant("other", "room:general", 10_000)), "2 error 103"),
        (Ok(grant("u", "room:other", 10_000)), "2 error 103"),
        (Ok(grant("u", "general", 10_000)), "2 error 103"),
        (Err(Denied::Invalid), "2 error 103"),
        (Err(Denied::Expired), "2 error 109"),
        (Err(Denied::Unavailable), "2 error 100 temporary"),
    ] {
        let mut bench = Bench::live();
        bench.frame(SUBSCRIBE);
        assert_eq!(bench.does(granted(1, answer, 0)), [code]);
        assert_eq!(bench.subscribe(3, "room:general"), ["subscribe general #2"]);
    }
}

#[test]
fn a_subscription_ends_with_its_token_after_a_while_and_without_one_it_lasts() {
    let mut bench = subscribed();
    assert_eq!(bench.tick(14_999)[..0], [""; 0]);
    assert_eq!(bench.tick(15_000), ["unsubscribe 2501", "detach general #1"]);
    let gone = |s: &mut Session, e: &mut Vec<Effect>| s.on_detached(1, CloseCode::Unsubscribed, e);
    assert_eq!(bench.does(gone), [""; 0], "it was said");
    assert_eq!(refresh(&mut bench, 4, 15_000), ["4 error 103"]);
    let mut bench = Bench::subscribed();
    assert_eq!(refresh(&mut bench, 4, 0), ["4 error 108"], "there is nothing to renew");
}

#[test]
fn a_fresh_token_puts_the_end_off_and_another_changes_nothing() {
    let mut bench = subscribed();
    assert_eq!(refresh(&mut bench, 3, 9_000), ["check f #2"]);
    let good = Ok(grant("u", "room:general", 40_000));
    assert_eq!(bench.does(granted(2, good, 9_000)), ["3 sub_refresh"]);
    for (id, ticket) in [(4, 3), (5, 4)] {
        assert_eq!(refresh(&mut bench, id, 9_000), [format!("check f #{ticket}")]);
        let other = Ok(grant("u", "room:other", 90_000));
        assert_eq!(bench.does(granted(ticket, other, 9_000)), [format!("{id} error 103")]);
    }
    let empty = r#"{"id":6,"sub_refresh":{"channel":"room:general"}}"#;
    assert_eq!(bench.frame(empty), ["6 error 101"]);
    assert!(!bench.tick(44_999).iter().any(|it| it.contains("2501")));
}

#[test]
fn a_token_that_comes_too_late_ends_the_subscription_so_that_a_better_one_is_asked_for() {
    let mut bench = subscribed();
    refresh(&mut bench, 3, 9_000);
    let late = granted(2, Err(Denied::Expired), 9_000);
    assert_eq!(bench.does(late), ["unsubscribe 2501", "detach general #1", "3 error 109"]);
}

#[test]
fn who_unsubscribes_while_the_token_is_looked_at_leaves_nothing_behind() {
    let mut bench = Bench::live();
    bench.frame(SUBSCRIBE);
    assert_eq!(bench.unsubscribe(3), ["2 error 400 temporary", "3 unsubscribe"]);
    assert_eq!(bench.does(granted(1, Ok(grant("u", "room:general", 9)), 0)), [""; 0]);
    assert_eq!(bench.frame(SUBSCRIBE), ["check t #2"]);
    assert_eq!(bench.tick(4_000), ["2 error 400 temporary"], "nobody has looked at it in time");
}
