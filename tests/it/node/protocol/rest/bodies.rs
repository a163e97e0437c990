//! Bodies that can't be taken: refused as problems, and nothing comes of them.

use reqwest::{Method, RequestBuilder};
use serde_json::json;

use super::assert_problem;
use crate::kit::raw::Raw;
use crate::kit::{Server, Shell};

const BODY_BYTES_MAX: usize = 64 * 1024;

/// Every route with a body, and one that would do.
fn routes() -> Vec<(Method, &'static str, String)> {
    let message = json!({ "client_id": "c", "text": "hi" });
    vec![
        (Method::POST, "/api/guests", json!({ "name": "Eve" }).to_string()),
        (Method::PATCH, "/api/me", json!({ "name": "Eve" }).to_string()),
        (Method::POST, "/api/rooms", json!({ "name": "Eve", "kind": "public" }).to_string()),
        (Method::PATCH, "/api/rooms/{tea}", json!({ "name": "Eve" }).to_string()),
        (Method::POST, "/api/rooms/{tea}/messages", message.to_string()),
    ]
}

/// `good`'s values, without their names.
fn listed(good: &str) -> Vec<u8> {
    let object: serde_json::Map<_, _> = serde_json::from_str(good).unwrap();
    json!(object.values().collect::<Vec<_>>()).to_string().into_bytes()
}

/// `good` with something else for its text.
fn with_text(good: &str, value: &[u8]) -> Vec<u8> {
    let text = [r#""Eve""#, r#""hi""#].into_iter().find(|text| good.contains(text)).unwrap();
    let (before, behind) = good.split_once(text).unwrap();
    [before.as_bytes(), value, behind.as_bytes()].concat()
}

fn nested(depth: usize) -> String {
    format!("{}{}", "[".repeat(depth), "]".repeat(depth))
}

#[tokio::test]
async fn a_query_that_is_none_is_refused() {
    let server = Server::start(Shell::Lean).await;
    let guest = server.guest("Ada").await;
    for path in ["/api/rooms", "/api/rooms/general/members", "/api/rooms/general/messages"] {
        for query in [
            "limit=99999999999999999999",
            "limit=-1",
            "limit=1e3",
            "limit=all",
            "limit=",
            "limit=1&limit=2",
            "limit=%ff",
            "limit=%00",
        ] {
            let target = format!("{path}?{query}");
            let answer = server.ask(Method::GET, &target, |it| it.bearer_auth(&guest.token)).await;
            assert_problem(&answer, 107, &target);
        }
    }
    for query in ["cursor=%ff", "cursor=%00", "cursor=?", &format!("cursor={}", "x".repeat(8000))] {
        let target = format!("/api/rooms?{query}");
        let answer = server.ask(Method::GET, &target, |it| it.bearer_auth(&guest.token)).await;
        assert_problem(&answer, 107, &target);
    }
    assert_eq!(server.get("/api/me", &guest).await.0, 200);
}

#[tokio::test]
async fn a_malformed_or_overlong_body_is_refused_and_changes_nothing() {
    let server = Server::start(Shell::Lean).await;
    let mut socket = server.client("Ada").await;
    let tea = socket.make_room("public", &[]).await;
    let before = server.history(&tea, &socket.guest).await;
    let json_with = |it: RequestBuilder, body: Vec<u8>| {
        it.bearer_auth(&socket.guest.token).header("content-type", "application/json").body(body)
    };
    for (method, path, good) in routes() {
        let path = path.replace("{tea}", &tea);
        let (cut, _) = good.split_at(good.len() - 1);
        let padded = |bytes: usize| format!("{good}{}", " ".repeat(bytes - good.len()));
        let deep = format!("{{\"x\":{}", "[".repeat(30_000));
        for (what, body) in [
            ("nothing", Vec::new()),
            ("an object that doesn't end", cut.into()),
            ("two objects", format!("{good}{good}").into()),
            ("a list", b"[]".to_vec()),
            ("a list of what it has", listed(&good)),
            ("null", b"null".to_vec()),
            ("no JSON", b"name=Eve".to_vec()),
            (
                "a raw control character",
                good.replace("Eve", "E\u{1}ve").replace("hi", "\u{1}").into_bytes(),
            ),
            ("bytes", b"\xff\xfe{}".to_vec()),
            ("a text that is not UTF-8", with_text(&good, b"\"E\xffve\"")),
            ("a text with NUL", with_text(&good, br#""E\u0000ve""#)),
            ("half a surrogate pair", with_text(&good, br#""\ud800""#)),
            ("a huge number for a text", with_text(&good, b"1e400")),
            ("a list for a text", with_text(&good, nested(10_000).as_bytes())),
            ("depth", deep.into()),
            ("one byte too many", padded(BODY_BYTES_MAX + 1).into()),
            ("a megabyte", padded(1 << 20).into()),
        ] {
            let answer = server.ask(method.clone(), &path, |it| json_with(it, body)).await;
            assert_problem(&answer, 107, &format!("{method} {path}: {what}"));
            assert_eq!(answer.header("cache-control"), "no-store");
        }
        let text = with_text(&good, format!("\"{}\"", "x".repeat(20_000)).as_bytes());
        let overlong = if path.ends_with("/messages") { 407 } else { 107 };
        let answer = server.ask(method.clone(), &path, |it| json_with(it, text)).await;
        assert_problem(&answer, overlong, &format!("{method} {path}: an overlong text"));
        let plain = |it: RequestBuilder| it.bearer_auth(&socket.guest.token).body(good.clone());
        let answer = server.ask(method.clone(), &path, plain).await;
        assert_problem(&answer, 107, &format!("{method} {path}: not said to be JSON"));
    }
    assert_eq!(server.get("/api/me", &socket.guest).await.1["name"], "Ada");
    let (_, members) = server.get("/api/rooms/general/members", &socket.guest).await;
    assert_eq!(members["count"], 1, "no guest was made");
    let (_, rooms) = server.get("/api/rooms", &socket.guest).await;
    assert_eq!(rooms["items"].as_array().unwrap().len(), 2, "no room either");
    assert_eq!(server.history(&tea, &socket.guest).await, before);
    for (method, path, good) in routes() {
        let path = path.replace("{tea}", &tea);
        let full = format!("{good}{}", " ".repeat(BODY_BYTES_MAX - good.len()));
        let answer = server.ask(method, &path, |it| json_with(it, full.into())).await;
        assert!([200, 201].contains(&answer.status), "{path} with as much as may be: {answer:?}");
    }
}

// Length unknown, so that only reading tells.
#[tokio::test]
async fn a_body_in_chunks_is_bounded_too() {
    let server = Server::start(Shell::Lean).await;
    let head = "POST /api/guests HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
                Transfer-Encoding: chunked\r\n\r\n";
    let mut small = Raw::open(&server).await;
    small.send(format!("{head}7\r\n{{\"name\"\r\n7\r\n:\"Eve\"}}\r\n0\r\n\r\n")).await;
    assert_eq!(small.head().await.unwrap().status, 201);
    let mut large = Raw::open(&server).await;
    large.send(head).await;
    let before = server.resident_bytes();
    let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
    for _ in 0..500 {
        if !large.send(&chunk).await {
            break;
        }
    }
    let grown = server.resident_bytes().saturating_sub(before);
    assert!(grown < 16 << 20, "it keeps {} MiB", grown >> 20);
    assert_eq!(large.head().await.map(|head| head.status), Some(400));
}

#[tokio::test]
async fn what_is_no_http_ends_the_connection_and_nothing_else() {
    let server = Server::start(Shell::Lean).await;
    let guest = server.guest("Ada").await;
    for (what, bytes) in [
        ("noise", vec![0x16, 3, 1, 0, 0xFF, 0, 0]),
        ("no version", b"GET /api/me\r\n\r\n".to_vec()),
        ("a header without a name", b"GET /api/me HTTP/1.1\r\n: x\r\n\r\n".to_vec()),
        (
            "a length that is none",
            b"POST /api/guests HTTP/1.1\r\nContent-Length: x\r\n\r\n".to_vec(),
        ),
        (
            "two lengths",
            b"POST /api/guests HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"
                .to_vec(),
        ),
        ("a head that never ends", [&b"GET / HTTP/1.1\r\nX: "[..], &[b'x'; 200_000][..]].concat()),
    ] {
        let mut raw = Raw::open(&server).await;
        raw.send(bytes).await;
        if let Some(head) = raw.head().await {
            assert!((400..500).contains(&head.status), "{what}: {head:?}");
            raw.ended().await;
        }
    }
    assert_eq!(server.get("/api/me", &guest).await.0, 200);
}
