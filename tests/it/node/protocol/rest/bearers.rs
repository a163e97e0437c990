//! Who may ask at all: every path below `/api` but one wants a bearer, and none may be cached.

use reqwest::Method;
use serde_json::json;

use super::assert_problem;
use crate::kit::tokens::{now_ms, sign};
use crate::kit::{Server, Shell};

/// Every route that wants a token, with a body that would do.
fn routes() -> Vec<(Method, &'static str, serde_json::Value)> {
    vec![
        (Method::POST, "/api/tokens/refresh", json!({})),
        (Method::GET, "/api/me", json!({})),
        (Method::PATCH, "/api/me", json!({ "name": "Eve" })),
        (Method::GET, "/api/rooms", json!({})),
        (Method::POST, "/api/rooms", json!({ "name": "Tea", "kind": "public" })),
        (Method::GET, "/api/rooms/general", json!({})),
        (Method::PATCH, "/api/rooms/general", json!({ "name": "Mine" })),
        (Method::GET, "/api/rooms/general/members", json!({})),
        (Method::POST, "/api/rooms/general/members", json!({})),
        (Method::DELETE, "/api/rooms/general/members/me", json!({})),
        (Method::GET, "/api/rooms/general/messages", json!({})),
        (Method::POST, "/api/rooms/general/messages", json!({ "client_id": "c", "text": "hi" })),
    ]
}

#[tokio::test]
async fn who_has_no_good_token_is_answered_401_everywhere() {
    let server = Server::start(Shell::Lean).await;
    let guest = server.guest("Ada").await;
    let soon = now_ms() / 1000 + 3600;
    let foreign = format!("Bearer {}", sign(&[7; 32], &guest.id, soon));
    let unknown = format!("Bearer {}", server.token("nobody", soon));
    let expired = format!("Bearer {}", server.token(&guest.id, now_ms() / 1000 - 1));
    let basic = format!("Basic {}", guest.token);
    for (method, path, body) in routes() {
        for (authorization, code) in [
            (None, 101),
            (Some(""), 101),
            (Some("Bearer"), 101),
            (Some("Bearer "), 101),
            (Some("Bearer hello"), 101),
            (Some(guest.token.as_str()), 101),
            (Some(&basic), 101),
            (Some(&foreign), 101),
            (Some(&unknown), 101),
            (Some(&expired), 109),
        ] {
            let answer = server
                .ask(method.clone(), path, |it| match authorization {
                    Some(value) => it.json(&body).header("authorization", value),
                    None => it.json(&body),
                })
                .await;
            assert_problem(&answer, code, &format!("{method} {path} with {authorization:?}"));
            assert_eq!(answer.header("cache-control"), "no-store", "{method} {path}");
        }
    }
    let query = format!("/api/me?token={0}&access_token={0}", guest.token);
    let answer = server.ask(Method::GET, &query, |it| it).await;
    assert_problem(&answer, 101, "a token has no place in an address");
    let history = server.history("general", &guest).await;
    assert_eq!(
        (history.len(), server.get("/api/rooms", &guest).await.1["items"][1].is_null()),
        (1, true)
    );
}

#[tokio::test]
async fn no_answer_below_api_may_be_cached_and_no_other_way_is_there() {
    let server = Server::start(Shell::Lean).await;
    let guest = server.guest("Ada").await;
    for (method, path, body) in routes() {
        let shape = |it: reqwest::RequestBuilder| it.json(&body).bearer_auth(&guest.token);
        let answer = server.ask(method.clone(), path, shape).await;
        assert!(answer.status < 300 || answer.status == 403, "{method} {path}: {answer:?}");
        assert_eq!(answer.header("cache-control"), "no-store", "{method} {path}");
    }
    // A path or a method that isn't there is a problem like any other, with a token or without.
    for (method, path) in [
        (Method::GET, "/api"),
        (Method::GET, "/api/"),
        (Method::GET, "/api/nothing"),
        (Method::GET, "/api/guests"),
        (Method::PUT, "/api/me"),
        (Method::DELETE, "/api/me"),
        (Method::HEAD, "/api/me"),
        (Method::OPTIONS, "/api/rooms"),
        (Method::DELETE, "/api/rooms/general"),
        (Method::GET, "/api/rooms/general/members/me"),
        (Method::PUT, "/api/rooms/general/messages"),
        (Method::GET, "/api/rooms/general/nothing"),
        (Method::GET, "/api/me/"),
        (Method::GET, "/api//me"),
        (Method::GET, "/api/../api/nothing"),
    ] {
        let answer = server.ask(method.clone(), path, |it| it.bearer_auth(&guest.token)).await;
        if method == Method::HEAD {
            assert_eq!(answer.status, 404);
        } else {
            assert_problem(&answer, 104, &format!("{method} {path}"));
        }
        assert_eq!(answer.header("cache-control"), "no-store", "{method} {path}");
    }
    for path in ["/nothing", "/../secret", "/%2e%2e/secret", "/chat.db", "/connection/nothing"] {
        let answer = server.ask(Method::GET, path, |it| it).await;
        assert_problem(&answer, 104, path);
    }
    for path in ["/health/live", "/health/ready", "/metrics"] {
        assert_eq!(server.ask(Method::GET, path, |it| it).await.status, 200, "{path}: no token");
    }
}
