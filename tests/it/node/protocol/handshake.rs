//! The way in: the upgrade, and what is turned away before it.

use std::time::Duration;

use rstest::rstest;
use serde_json::json;
use tokio::time::Instant;

use crate::kit::raw::{FIN, PING, PONG, Raw, frame, upgrade};
use crate::kit::{Client, Server, Shell};

#[rstest]
#[tokio::test]
async fn a_handshake_is_accepted_with_the_first_known_subprotocol_and_no_extension(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
) {
    let server = Server::start(shell).await;
    let protocol = "Sec-WebSocket-Protocol";
    let (json, protobuf) = ("centrifuge-json", "centrifuge-protobuf");
    for (changes, subprotocol) in [
        (&[][..], None),
        (&[(protocol, Some("centrifuge-json, centrifuge-protobuf"))], Some(json)),
        (&[(protocol, Some("chat, centrifuge-protobuf"))], Some(protobuf)),
        (&[(protocol, Some("chat, mqtt"))], None),
        (&[("Sec-WebSocket-Extensions", Some("permessage-deflate; client_max_window_bits"))], None),
        (&[("Connection", Some("keep-alive, Upgrade")), ("Upgrade", Some("WebSocket"))], None),
        (&[("Origin", Some("https://elsewhere.example"))], None),
    ] {
        let mut raw = Raw::open(&server).await;
        // What is sent behind the handshake at once is not lost.
        let first = frame(FIN | PING, "at once");
        raw.send([upgrade(changes).into_bytes(), first].concat()).await;
        let head = raw.head().await.unwrap();
        assert_eq!(head.status, 101, "{changes:?}: {head:?}");
        assert_eq!(head.header("Sec-WebSocket-Accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
        assert_eq!(head.header(protocol), subprotocol);
        assert_eq!(head.header("Sec-WebSocket-Extensions"), None);
        assert_eq!(raw.frame().await, Some((PONG, b"at once".to_vec())));
    }
}

#[rstest]
#[tokio::test]
async fn a_bad_handshake_is_answered_with_a_4xx(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
) {
    let server = Server::start(shell).await;
    let plain = "Host: x\r\nContent-Length: 0\r\n\r\n";
    for (what, request) in [
        ("no key", upgrade(&[("Sec-WebSocket-Key", None)])),
        ("no version", upgrade(&[("Sec-WebSocket-Version", None)])),
        ("an unknown version", upgrade(&[("Sec-WebSocket-Version", Some("99"))])),
        ("another upgrade", upgrade(&[("Upgrade", Some("h2c"))])),
        ("no upgrade", upgrade(&[("Upgrade", None)])),
        ("no connection header", upgrade(&[("Connection", None)])),
        ("a plain GET", format!("GET /connection/websocket HTTP/1.1\r\n{plain}")),
        ("a POST", format!("POST /connection/websocket HTTP/1.1\r\n{plain}")),
        ("an upgrade elsewhere", upgrade(&[]).replace("/connection/websocket", "/api/nothing")),
    ] {
        let mut raw = Raw::open(&server).await;
        raw.send(&request).await;
        let head = raw.head().await.unwrap_or_else(|| panic!("{what}: no answer"));
        assert!((400..500).contains(&head.status), "{what}: {}", head.status);
    }
    let log = server.log();
    assert!(!log.contains("ERROR") && !log.contains("WARN"), "strangers write no log: {log}");
}

// Some HTTP clients offer HTTP/2 with every request (`Upgrade: h2c`); whoever won't have it answers as ever.
#[rstest]
#[tokio::test]
async fn an_offer_to_upgrade_a_request_is_ignored(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
) {
    let server = Server::start(shell).await;
    let body = r#"{"name":"Ada"}"#;
    let mut raw = Raw::open(&server).await;
    raw.send(format!(
        "POST /api/guests HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\
         HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    ))
    .await;
    assert_eq!(raw.head().await.unwrap().status, 201);
}

#[rstest]
#[tokio::test]
async fn who_sends_half_a_head_is_closed_after_5_s_and_holds_up_nobody(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
) {
    const HALF_OPEN: usize = 100;
    let server = Server::start(shell).await;
    let mut client = server.client("Ada").await;
    let request = upgrade(&[]);
    let begun = Instant::now();
    let mut waiting = Vec::new();
    for n in 0..HALF_OPEN {
        let mut raw = Raw::open(&server).await;
        raw.send(&request[..n % (request.len() - 1)]).await; // some send nothing at all
        waiting.push(raw);
    }
    for n in 0..20 {
        client.say("general", &format!("m{n}")).await;
    }
    server.client("Bob").await.settle().await;
    assert!(begun.elapsed() < Duration::from_secs(5), "others were held up");
    for raw in &mut waiting {
        raw.ended().await;
    }
    let took = begun.elapsed();
    assert!((4..12).contains(&took.as_secs()), "closed after {took:?}");
    client.settle().await;
}

#[rstest]
#[tokio::test]
async fn a_draining_server_answers_503(#[values(Shell::Lean, Shell::Actors)] shell: Shell) {
    let server = Server::with(shell, &[("CHAT__HTTP__DRAIN_S", "60")]).await;
    let mut client = server.client("Ada").await;
    let _second = server.client("Bob").await; // closed later in the drain, which so goes on
    // New connections are not taken any more; one that is there already may still ask.
    let (mut ready, mut knocking) = (Raw::open(&server).await, Raw::open(&server).await);
    let alive = "GET /health/ready HTTP/1.1\r\nHost: x\r\n\r\n";
    for raw in [&mut ready, &mut knocking] {
        raw.send(alive).await;
        assert_eq!(raw.head().await.unwrap().status, 200);
    }
    server.terminate();
    assert_eq!(client.closed().await, (3001, "shutting down".to_owned()));
    knocking.send(upgrade(&[])).await;
    ready.send(alive).await;
    for (raw, what) in [(&mut ready, "health"), (&mut knocking, "a handshake")] {
        raw.skip("ready\n");
        assert_eq!(raw.head().await.expect(what).status, 503, "{what}");
    }
}

#[rstest]
#[tokio::test]
async fn an_address_that_connects_too_often_is_answered_429(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
) {
    let server = Server::with(
        shell,
        &[
            ("CHAT__LIMITS__ENABLED", "true"),
            ("CHAT__LIMITS__CONNECTS_BURST", "3"),
            ("CHAT__LIMITS__CONNECTS_PER_S", "0"),
        ],
    )
    .await;
    let guest = server.guest("Ada").await;
    let mut taken = Vec::new();
    for _ in 0..3 {
        taken.push(Client::connect(&server, &guest).await);
    }
    for _ in 0..2 {
        let mut raw = Raw::open(&server).await;
        raw.send(upgrade(&[])).await;
        assert_eq!(raw.head().await.unwrap().status, 429);
    }
    for client in &mut taken {
        assert_eq!(client.rpc("user.me", json!({})).await.unwrap()["name"], "Ada");
    }
    server.guest("Bob").await; // REST has limits of its own
}

#[rstest]
#[tokio::test]
async fn an_address_may_connect_200_times_at_once_unless_configured(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
) {
    let server = Server::with(shell, &[("CHAT__LIMITS__ENABLED", "true")]).await;
    let begun = Instant::now();
    let (mut taken, mut refused) = (0.0, false);
    while !refused {
        let mut raw = Raw::open(&server).await;
        raw.send(upgrade(&[])).await;
        match raw.head().await.unwrap().status {
            101 => taken += 1.0,
            status => {
                assert_eq!(status, 429);
                refused = true;
            }
        }
    }
    let most = 200.0 + 20.0 * begun.elapsed().as_secs_f64();
    assert!((200.0..=most).contains(&taken), "{taken} of 200, and 20 a second: {most}");
}
