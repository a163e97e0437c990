//! Guests, their tokens, and who they are.

use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{assert_problem, assert_refused};
use crate::kit::tokens::now_ms;
use crate::kit::{Client, Guest, Server, Shell};

const DAY_MS: u64 = 24 * 3600 * 1000;

#[tokio::test]
async fn a_guest_is_made_with_a_token_that_is_good_for_30_days() {
    let server = Server::start(Shell::Lean).await;
    let answer = server
        .ask(Method::POST, "/api/guests", |it| it.json(&json!({ "name": " Zoë ", "x": 1 })))
        .await;
    assert_eq!(answer.status, 201);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("cache-control"), "no-store");
    let body = answer.body;
    let keys: Vec<_> = body.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["expires_at", "token", "user"]);
    let ahead = body["expires_at"].as_u64().unwrap() - now_ms();
    assert!((30 * DAY_MS - 60_000..=30 * DAY_MS).contains(&ahead), "{ahead} ms ahead");
    let id = body["user"]["id"].as_str().unwrap();
    assert_eq!(uuid::Uuid::try_parse(id).unwrap().get_version_num(), 7);
    assert_eq!(body["user"], json!({ "id": id, "name": "Zoë", "guest": true }));
    let other = server.guest("Zoë").await;
    assert_ne!(other.id, id, "names need not be unique");
    for body in [
        json!({}),
        json!({ "name": null }),
        json!({ "name": 7 }),
        json!({ "name": "" }),
        json!({ "name": " \u{a0}" }),
        json!({ "name": "a\nb" }),
        json!({ "name": "é".repeat(65) }),
        json!([]),
        Value::Null,
    ] {
        let answer = server.ask(Method::POST, "/api/guests", |it| it.json(&body)).await;
        assert_problem(&answer, 107, &body.to_string());
    }
    server.guest(&"é".repeat(64)).await;
}

#[tokio::test]
async fn a_valid_token_is_good_for_a_fresh_one() {
    let options = [("CHAT__TOKEN__LIFETIME_DAYS", "2")];
    let server = Server::with(Shell::Lean, &options).await;
    let guest = server.guest("Ada").await;
    let soon = server.token(&guest.id, now_ms() / 1000 + 60);
    let old = Guest { token: soon, ..guest.clone() };
    let (status, body) = server.post("/api/tokens/refresh", Some(&old), &json!({})).await;
    assert_eq!(status, 200);
    let ahead = body["expires_at"].as_u64().unwrap() - now_ms();
    assert!((2 * DAY_MS - 60_000..=2 * DAY_MS).contains(&ahead), "{ahead} ms ahead");
    assert_eq!(body["user"], json!({ "id": guest.id, "name": "Ada", "guest": true }));
    let token = body["token"].as_str().unwrap().to_owned();
    let fresh = Guest { token, ..guest.clone() };
    Client::connect(&server, &fresh).await;
    Client::connect(&server, &old).await; // which stays good as well
    let expired = Guest { token: server.token(&guest.id, 1), ..guest };
    let refused = server.post("/api/tokens/refresh", Some(&expired), &json!({})).await;
    assert_refused(&refused, 109, "an expired one is good for nothing");
}

#[tokio::test]
async fn one_is_told_who_one_is_and_may_take_another_name() {
    let server = Server::start(Shell::Lean).await;
    let guest = server.guest("Ada").await;
    let user = |name: &str| json!({ "id": guest.id, "name": name, "guest": true });
    assert_eq!(server.get("/api/me", &guest).await, (200, user("Ada")));
    let renamed = server.patch("/api/me", &guest, &json!({ "name": " Zoë " })).await;
    assert_eq!(renamed, (200, user("Zoë")));
    for body in [json!({}), json!({ "name": "" }), json!({ "name": "x".repeat(65) }), json!("x")] {
        let refused = server.patch("/api/me", &guest, &body).await;
        assert_refused(&refused, 107, &body.to_string());
    }
    assert_eq!(server.get("/api/me", &guest).await, (200, user("Zoë")), "nothing came of those");
}

#[tokio::test]
async fn guests_of_one_address_are_limited_with_429() {
    let options = [
        ("CHAT__LIMITS__ENABLED", "true"),
        ("CHAT__LIMITS__GUESTS_BURST", "2"),
        ("CHAT__LIMITS__GUESTS_PER_S", "0"),
    ];
    let server = Server::with(Shell::Lean, &options).await;
    let guest = server.guest("Ada").await;
    for _ in 0..3 {
        let bad = server.post("/api/guests", None, &json!({ "name": "" })).await;
        assert_refused(&bad, 107, "who isn't made isn't counted");
    }
    server.guest("Bob").await;
    let answer =
        server.ask(Method::POST, "/api/guests", |it| it.json(&json!({ "name": "Eve" }))).await;
    assert_problem(&answer, 111, "one too many");
    assert_eq!(answer.body["temporary"], true);
    assert_eq!(server.get("/api/me", &guest).await.0, 200, "only guests are counted");
}

#[tokio::test]
async fn an_address_may_make_60_guests_at_once_unless_configured() {
    let server = Server::with(Shell::Lean, &[("CHAT__LIMITS__ENABLED", "true")]).await;
    let begun = Instant::now();
    let mut made = 0.0;
    loop {
        match server.post("/api/guests", None, &json!({ "name": "Ada" })).await.0 {
            201 => made += 1.0,
            status => break assert_eq!(status, 429),
        }
    }
    let most = 60.0 + begun.elapsed().as_secs_f64();
    assert!((60.0..=most).contains(&made), "{made} of 60, and one a second: {most}");
}
