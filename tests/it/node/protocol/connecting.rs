//! The connect command: who is let in, who isn't and how they are told, and when being let in ends.

use rstest::rstest;
use serde_json::json;

use crate::kit::raw::{FIN, Raw, TEXT, frame};
use crate::kit::tokens::{now_ms, sign};
use crate::kit::{Client, Guest, Server, Shell};

const STALE: (u16, &str) = (3502, "no connect command in time");
const INVALID_TOKEN: (u16, &str) = (3500, "invalid token");
const BAD_REQUEST: (u16, &str) = (3501, "bad request");
const EXPIRED: (u16, &str) = (3005, "token expired");

async fn closed(mut client: Client, (code, reason): (u16, &str), what: &str) {
    assert_eq!(client.closed().await, (code, reason.to_owned()), "{what}");
}

fn soon() -> u64 {
    now_ms() / 1000 + 3600
}

#[rstest]
#[tokio::test]
async fn who_connects_is_told_everything_they_must_keep_to(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
) {
    let options = [
        ("CHAT__SESSION__PING_INTERVAL_S", "17"),
        ("CHAT__SESSION__CHANNELS_MAX", "9"),
        ("CHAT__SESSION__FRAME_BYTES_MAX", "2048"),
        ("CHAT__MESSAGE__TEXT_BYTES_MAX", "99"),
    ];
    let server = Server::with(shell, &options).await;
    let guest = server.guest("  Ada ").await;
    let mut clients = Vec::new();
    for _ in 0..2 {
        let mut client = Client::open(&server, &guest).await;
        let welcome = client.call("connect", json!({ "token": guest.token })).await.unwrap();
        let (id, version) = (welcome["client"].clone(), env!("CARGO_PKG_VERSION"));
        let node = welcome["data"]["node"].clone();
        let limits = json!({ "text_bytes_max": 99, "frame_bytes_max": 2048, "channels_max": 9 });
        let user = json!({ "id": guest.id, "name": "Ada", "guest": true });
        let data = json!({ "server": "scalable-chat", "version": version, "node": node,
            "user": user, "limits": limits, "durability": "fsync" });
        let ttl = welcome["ttl"].as_u64().unwrap();
        let days: std::ops::RangeInclusive<u64> = 30 * 86_400 - 60..=30 * 86_400;
        assert!(days.contains(&ttl), "{ttl} s");
        let expected = json!({ "client": id, "version": version, "expires": true, "ttl": ttl,
            "data": data, "subs": { format!("user:{}", guest.id): {} }, "ping": 17, "pong": true });
        assert_eq!(welcome, expected);
        assert!(id.as_str().unwrap().len() == 36 && node.as_str().unwrap().len() == 36);
        clients.push((id, node, client));
    }
    assert_ne!(clients[0].0, clients[1].0, "each connection has its own id");
    assert_eq!(clients[0].1, clients[1].1, "the node has one");
}

#[rstest]
#[tokio::test]
async fn each_bad_token_has_its_answer(#[values(Shell::Lean, Shell::Actors)] shell: Shell) {
    let server = Server::start(shell).await;
    let guest = server.guest("Ada").await;
    let part = |n: usize| guest.token.split('.').nth(n).unwrap().to_owned();
    let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";
    for (what, token) in [
        ("another server's", sign(&[7; 32], &guest.id, soon())),
        ("another server's, and expired", sign(&[7; 32], &guest.id, 1)),
        ("an unknown user's", server.token("0192-nobody", soon())),
        ("one for nobody", server.token("", soon())),
        ("one for `me`", server.token("me", soon())),
        ("no token at all", "hello".into()),
        ("dots", "..".into()),
        ("without its end", format!("{}.{}", part(0), part(1))),
        (
            "with a changed end",
            format!("{}.{}.{}", part(0), part(1), part(2).replace(|_| true, "A")),
        ),
        ("without a signature", format!("{none}.{}.", part(1))),
        ("with an algorithm of none", format!("{none}.{}.{}", part(1), part(2))),
        ("a very long one", "x".repeat(60_000)),
        ("with white space", format!(" {}", guest.token)),
        ("with NUL", "\0".into()),
    ] {
        let mut client = Client::open(&server, &guest).await;
        client.command("connect", json!({ "token": token })).await;
        closed(client, INVALID_TOKEN, what).await;
    }
    let expired = server.token(&guest.id, now_ms() / 1000);
    let long_ago = server.token(&guest.id, 0);
    for (body, code) in [
        (json!({}), 101),
        (json!({ "token": "" }), 101),
        (json!({ "name": "js", "version": "1" }), 101),
        (json!({ "token": expired }), 109),
        (json!({ "token": long_ago }), 109),
    ] {
        let mut client = Client::open(&server, &guest).await;
        let refusal = client.call("connect", body.clone()).await.unwrap_err();
        assert_eq!((refusal.code, refusal.temporary), (code, false), "{body}");
        // Nothing may follow: no other command, no second attempt, no pong.
        let good = json!({ "id": 2, "connect": { "token": guest.token } }).to_string();
        let frames = [good.as_str(), r#"{"id":2,"rpc":{"method":"user.me"}}"#, "{}", "?"];
        client.send_text(frames[usize::try_from(code).unwrap() % frames.len()]).await;
        closed(client, BAD_REQUEST, "after a refusal").await;
    }
}

#[rstest]
#[tokio::test]
async fn what_was_sent_along_with_a_bad_token_is_not_done(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
) {
    let server = Server::start(shell).await;
    let guest = server.guest("Ada").await;
    let data = json!({ "room": "general", "client_id": "c", "text": "let me in" });
    let send = json!({ "send": { "data": { "method": "message.send", "data": data } } });
    for token in [String::new(), server.token(&guest.id, 1), "?".into()] {
        let mut client = Client::open(&server, &guest).await;
        let connect = json!({ "id": 1, "connect": { "token": token } });
        client.send_text(format!("{connect}\n{send}")).await;
        client.send_text(send.to_string()).await;
        client.closed().await;
    }
    let mut good = Client::connect(&server, &guest).await;
    good.say("general", "in").await; // after whatever came of the others
    assert_eq!(server.history("general", &guest).await.len(), 2);
}

#[rstest]
#[tokio::test]
async fn nothing_but_connect_may_come_first_and_it_only_once(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
) {
    let server = Server::start(shell).await;
    let guest = server.guest("Ada").await;
    for name in [
        "subscribe",
        "unsubscribe",
        "publish",
        "presence",
        "presence_stats",
        "history",
        "rpc",
        "refresh",
        "sub_refresh",
        "ping",
    ] {
        let mut client = Client::open(&server, &guest).await;
        client.command(name, json!({ "channel": "room:general" })).await;
        closed(client, BAD_REQUEST, name).await;
    }
    for frame in ["{}", r#"{"send":{}}"#] {
        let mut client = Client::open(&server, &guest).await;
        client.send_text(frame).await;
        closed(client, BAD_REQUEST, frame).await;
    }
    let connect = json!({ "id": 1, "connect": { "token": guest.token } }).to_string();
    let mut twice = Client::open(&server, &guest).await;
    twice.send_text(format!("{connect}{connect}")).await;
    closed(twice, BAD_REQUEST, "a second connect in the same frame").await;
    let mut twice = Client::connect(&server, &guest).await;
    twice.send_text(connect).await;
    closed(twice, BAD_REQUEST, "a second connect").await;
}

// Of what follows connect, two frames' worth is kept while the token is looked at.
#[rstest]
#[tokio::test]
async fn what_may_wait_for_the_token_is_bounded(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
) {
    let options =
        [("CHAT__SESSION__FRAME_BYTES_MAX", "1024"), ("CHAT__MESSAGE__TEXT_BYTES_MAX", "99")];
    let server = Server::with(shell, &options).await;
    let guest = server.guest("Ada").await;
    let connect = json!({ "id": 1, "connect": { "token": guest.token } }).to_string();
    let padded = format!(r#"{{"id":2,"rpc":{{"method":"user.me"}}}}{}"#, " ".repeat(800));
    let short = padded.trim();
    for (frames, what) in [(vec![&*padded; 4], "many bytes"), (vec![short; 50], "many frames")] {
        // In one write, so that all of it is there before the token was looked at.
        let mut raw = Raw::upgraded(&server).await;
        let text = |text: &str| frame(FIN | TEXT, text);
        let mut bytes = text(&connect);
        bytes.extend(frames.iter().flat_map(|frame| text(frame)));
        raw.send(bytes).await;
        let closed = raw.closed().await.unwrap();
        assert_eq!((closed.0, closed.1.as_str()), BAD_REQUEST, "{what}");
    }
    let mut client = Client::open(&server, &guest).await;
    client.send_text(connect).await;
    client.send_text(padded).await;
    assert!(client.result(2, "rpc").await.is_ok(), "what fits is kept");
}

#[rstest]
#[tokio::test]
async fn who_does_not_connect_in_time_is_closed_with_3502(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
) {
    let server = Server::with(shell, &[("CHAT__SESSION__CONNECT_TIMEOUT_S", "1")]).await;
    let guest = server.guest("Ada").await;
    let silent = Client::open(&server, &guest).await;
    let mut refused = Client::open(&server, &guest).await;
    assert_eq!(refused.call("connect", json!({})).await.unwrap_err().code, 101);
    let mut good = Client::connect(&server, &guest).await;
    closed(silent, STALE, "who said nothing").await;
    closed(refused, STALE, "who was refused and stays").await;
    good.settle().await;
}

#[rstest]
#[tokio::test]
async fn two_thousand_connects_that_say_nothing_are_ended_and_hold_up_nobody(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
) {
    const SILENT: usize = 2000;
    let server = Server::with(shell, &[("CHAT__SESSION__CONNECT_TIMEOUT_S", "1")]).await;
    let mut witness = server.client("Witness").await;
    let before = server.resident_bytes();
    let mut silent = Vec::new();
    for n in 0..SILENT {
        silent.push(Raw::upgraded(&server).await);
        if n % 100 == 0 {
            witness.say("general", &format!("m{n}")).await;
        }
    }
    for mut raw in silent {
        assert_eq!(raw.closed().await, Some((STALE.0, STALE.1.to_owned())));
    }
    let grown = server.resident_bytes().saturating_sub(before);
    assert!(grown < 64 << 20, "it keeps {} MiB", grown >> 20);
    witness.say("general", "last").await;
}

#[rstest]
#[tokio::test]
async fn a_token_that_runs_out_ends_the_connection_with_3005(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
) {
    let server = Server::with(shell, &[("CHAT__SESSION__EXPIRED_CLOSE_DELAY_S", "1")]).await;
    let guest = server.guest("Ada").await;
    let expires = now_ms() / 1000 + 2;
    let brief = Guest { token: server.token(&guest.id, expires), ..guest.clone() };
    let mut client = Client::connect(&server, &brief).await;
    client.subscribe("general").await;
    let mut other = Client::connect(&server, &guest).await;
    client.say("general", "hello").await;
    closed(client, EXPIRED, "in the middle of it").await;
    assert!(now_ms() >= expires * 1000 + 1000, "not before a fresh one could have come");
    other.settle().await;
}
