//! Sessions and tokens that somebody ends.

use reqwest::Method;
use rstest::rstest;
use serde_json::{Value, json};

use crate::kit::{Client, Guest, Server, Shell};

fn key(server: &Server) -> String {
    std::fs::read_to_string(server.data_dir().join("api-key")).unwrap()
}

/// Orders something as one of the operator's servers.
async fn order(server: &Server, path: &str, key: &str, body: Value) -> u16 {
    server.ask(Method::POST, path, |it| it.header("X-API-Key", key).json(&body)).await.status
}

/// What a token is worth: to connect, and to ask.
async fn worth(server: &Server, guest: &Guest) -> (bool, u16) {
    let connects = Client::try_connect(server.address, guest).await.is_some();
    (connects, server.get("/api/me", guest).await.0)
}

#[rstest]
#[tokio::test]
async fn who_is_disconnected_may_come_back_and_whose_tokens_are_revoked_may_not(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
) {
    let server = Server::start(shell).await;
    let key = key(&server);
    let (mut ada, mut bob) = (server.client("Ada").await, server.client("Bob").await);
    let mut second = Client::connect(&server, &ada.guest.clone()).await;
    let guest = ada.guest.clone();
    assert_eq!(order(&server, "/api/disconnect", &key, json!({ "user": guest.id })).await, 200);
    for session in [&mut ada, &mut second] {
        assert_eq!(session.closed().await, (3503, "disconnected by the server".to_owned()));
    }
    assert_eq!(worth(&server, &guest).await, (true, 200));
    let mut again = Client::connect(&server, &guest).await;
    assert_eq!(order(&server, "/api/revoke", &key, json!({ "user": guest.id })).await, 200);
    assert_eq!(worth(&server, &guest).await, (false, 401), "at once where the order was given");
    assert_eq!(again.closed().await, (3500, "invalid token".to_owned()));
    bob.settle().await;
    assert_eq!(worth(&server, &bob.guest.clone()).await, (true, 200), "others notice nothing");
    let server = server.kill_and_restart().await;
    assert_eq!(worth(&server, &guest).await, (false, 401), "for good");
}

#[tokio::test]
async fn a_guest_signs_out_everywhere() {
    let server = Server::start(Shell::Lean).await;
    let mut ada = server.client("Ada").await;
    let guest = ada.guest.clone();
    let (status, body) = server.post("/api/tokens/revoke", Some(&guest), &json!({})).await;
    assert_eq!((status, body), (200, json!({ "result": {} })));
    assert_eq!(ada.closed().await.0, 3500);
    assert_eq!(worth(&server, &guest).await, (false, 401));
}

#[tokio::test]
async fn only_the_operators_servers_give_orders() {
    use std::os::unix::fs::PermissionsExt;
    let server = Server::start(Shell::Lean).await;
    let guest = server.guest("Ada").await;
    let body = json!({ "user": guest.id });
    let key = key(&server);
    let file = server.data_dir().join("api-key");
    assert_eq!(std::fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!server.log().contains(&key), "it is never logged");
    for path in ["/api/disconnect", "/api/revoke"] {
        for wrong in ["", &key[1..], &format!("{key}x"), &guest.token] {
            assert_eq!(order(&server, path, wrong, body.clone()).await, 401, "{path} {wrong}");
        }
        assert_eq!(server.post(path, Some(&guest), &body).await.0, 401);
        for bad in [json!({}), json!({ "user": "" }), json!({ "user": "nobody" })] {
            assert_eq!(order(&server, path, &key, bad.clone()).await, 400, "{path} {bad}");
        }
    }
    let long = json!({ "user": guest.id, "token_id": "x".repeat(256) });
    assert_eq!(order(&server, "/api/revoke", &key, long).await, 400);
    assert_eq!(worth(&server, &guest).await, (true, 200), "nothing has changed");
    let file = server.data_dir().join("key-of-mine");
    std::fs::write(&file, format!("{}\n", "k".repeat(40))).unwrap();
    let given = [("CHAT__AUTH__API_KEY_FILE", file.to_str().unwrap())];
    let other = Server::with(Shell::Lean, &given).await;
    let guest = other.guest("Bob").await;
    let body = json!({ "user": guest.id });
    assert_eq!(order(&other, "/api/disconnect", &"k".repeat(40), body).await, 200);
}

#[tokio::test]
async fn a_revoker_that_panics_still_has_every_order_obeyed() {
    let server = Server::start(Shell::Lean).await;
    let key = key(&server);
    let mut ada = server.client("Ada").await;
    server.arm("revoker.orders", 1).await;
    let body = json!({ "user": ada.guest.id });
    assert_eq!(order(&server, "/api/disconnect", &key, body).await, 200);
    assert_eq!(ada.closed().await.0, 3503);
    let crashes = server.metric("chat_actor_crashes_total{actor=\"revoker\"}").await;
    assert!((crashes - 1.0).abs() < f64::EPSILON);
    let mut again = Client::connect(&server, &ada.guest.clone()).await;
    again.settle().await;
}
