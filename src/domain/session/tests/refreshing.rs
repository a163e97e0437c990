//! A fresh token for a connection that lives.

use super::*;

const REFRESH: &str = r#"{"id":2,"refresh":{"token":"fresh"}}"#;

fn fresh(id: &str, name: &str, expires_at: u64) -> Result<Admitted, Denied> {
    let user = User { id: UserId::parse(id).unwrap(), name: name.into(), guest: true };
    Ok(Admitted { user, expires_at, mark: TokenMark::default() })
}

#[test]
fn who_connects_is_told_how_long_their_token_lives_and_never_less_than_a_second() {
    for (unix_ms, ttl) in [(0, 1_000), (EXPIRES_AT - 1_999, 1), (EXPIRES_AT - 1, 1)] {
        let mut bench = Bench::new(policy());
        bench.frame(r#"{"id":1,"connect":{"token":"t"}}"#);
        let reply = bench.reply(|s, e| s.on_authenticated(Ok(admitted()), 0, unix_ms, &welcome, e));
        assert_eq!(
            (&reply["connect"]["expires"], &reply["connect"]["ttl"]),
            (&true.into(), &ttl.into())
        );
    }
}

#[test]
fn a_fresh_token_puts_the_end_off_and_may_bring_another_name() {
    let mut bench = Bench::live();
    assert_eq!(bench.frame(REFRESH), ["refresh fresh #1"]);
    let reply = bench.reply(|s, e| s.on_refreshed(1, fresh("u", "V", 90_000), 10_000, 60_000, e));
    assert_eq!(reply, serde_json::json!({ "id": 2, "refresh": { "expires": true, "ttl": 30 } }));
    assert_eq!(bench.session.user().unwrap().name, "V");
    let end = 10_000 + 30_000 + 5_000;
    assert_eq!(bench.tick(end - 1), ["ping"]);
    assert_eq!(bench.tick(end), ["close 3005"]);
}

#[test]
fn a_token_of_another_user_or_of_nobody_closes_for_good() {
    for result in [fresh("w", "U", 90_000), Err(Denied::Invalid)] {
        let mut bench = Bench::live();
        bench.frame(REFRESH);
        assert_eq!(bench.does(|s, e| s.on_refreshed(1, result, 0, 0, e)), ["close 3500"]);
    }
}

#[test]
fn one_that_has_expired_closes_so_that_the_client_comes_back_with_another() {
    let mut bench = Bench::live();
    bench.frame(REFRESH);
    assert_eq!(bench.does(|s, e| s.on_refreshed(1, Err(Denied::Expired), 0, 0, e)), ["close 3005"]);
}

#[test]
fn one_that_can_t_be_looked_at_now_may_be_sent_again() {
    let mut bench = Bench::live();
    bench.frame(REFRESH);
    let answer = bench.does(|s, e| s.on_refreshed(1, Err(Denied::Unavailable), 0, 0, e));
    assert_eq!(answer, ["2 error 100 temporary"]);
    bench.frame(REFRESH);
    assert_eq!(bench.tick(3_999), [""; 0]);
    assert_eq!(bench.tick(4_000), ["2 error 400 temporary"], "nobody answered");
    let late = bench.does(|s, e| s.on_refreshed(2, fresh("u", "V", 90_000), 4_000, 0, e));
    assert_eq!((late, bench.session.user().unwrap().name.as_str()), (vec![], "U"));
}
