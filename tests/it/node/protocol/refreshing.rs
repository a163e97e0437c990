//! Tokens that run out while their bearers are connected: a fresh one in time, and nobody notices.

use chat_protocol::Format;
use rstest::rstest;
use serde_json::json;

use crate::kit::tokens::{Signer, keep, now_ms};
use crate::kit::{Client, Guest, Refusal, Server, Shell};

const BRIEF: (&str, &str) = ("CHAT__SESSION__EXPIRED_CLOSE_DELAY_S", "1");

fn now_s() -> u64 {
    now_ms() / 1000
}

/// Somebody, with a token that runs out in a moment.
async fn brief(server: &Server, name: &str) -> Guest {
    let guest = server.guest(name).await;
    Guest { token: server.token(&guest.id, now_s() + 2), ..guest }
}

#[rstest]
#[tokio::test]
async fn who_brings_a_fresh_token_in_time_stays_and_who_does_not_is_closed_with_3005(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
    #[values(Format::Json, Format::Protobuf)] format: Format,
) {
    let server = Server::with(shell, &[BRIEF]).await.speaking(format);
    let (ada, bob) = (brief(&server, "Ada").await, brief(&server, "Bob").await);
    let mut diligent = Client::connect(&server, &ada).await;
    let mut late = Client::connect(&server, &bob).await;
    diligent.subscribe("general").await;
    let token = server.token(&ada.id, now_s() + 3600);
    let mut fresh = diligent.call("refresh", json!({ "token": token })).await.unwrap();
    let ttl = fresh["ttl"].take().as_u64().unwrap();
    assert!((3590..=3600).contains(&ttl), "{ttl} s");
    assert_eq!(fresh, json!({ "expires": true, "ttl": null }));
    assert_eq!(late.closed().await, (3005, "token expired".to_owned()));
    let id = diligent.say("general", "still-here").await;
    assert_eq!(diligent.event().await["id"], id, "in its place as before");
    let mut again = Client::open(&server, &bob).await;
    let refused = again.call("connect", json!({ "token": bob.token })).await;
    assert_eq!(refused, Err(Refusal { code: 109, temporary: false }));
}

// Between the end of a token and that of its connection.
#[rstest]
#[tokio::test]
async fn a_fresh_token_may_come_a_while_after_the_old_one_has_run_out(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
) {
    let server = Server::start(shell).await;
    let ada = brief(&server, "Ada").await;
    let mut client = Client::connect(&server, &ada).await;
    let expired = async || (server.get("/api/me", &ada).await.0 == 401).then_some(());
    crate::kit::eventually("the token has run out", expired).await;
    client.say("general", "in-the-meantime").await;
    let token = server.token(&ada.id, now_s() + 3600);
    assert_eq!(client.call("refresh", json!({ "token": token })).await.unwrap()["expires"], true);
}

#[rstest]
#[tokio::test]
async fn a_token_that_is_not_a_fresh_one_of_the_same_user_ends_the_connection(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
    #[values(Format::Json, Format::Protobuf)] format: Format,
) {
    let server = Server::start(shell).await.speaking(format);
    let (ada, bob) = (server.guest("Ada").await, server.guest("Bob").await);
    for (what, token, code) in [
        ("another user's", bob.token.clone(), 3500),
        ("nobody's", server.token("nobody", now_s() + 60), 3500),
        ("no token", "hello".to_owned(), 3500),
        ("an expired one", server.token(&ada.id, now_s() - 1), 3005),
        ("another user's, expired", server.token(&bob.id, now_s() - 1), 3005),
    ] {
        let mut client = Client::connect(&server, &ada).await;
        let id = client.command("refresh", json!({ "token": token })).await;
        assert!(client.reply(id).await.is_none(), "{what}");
        assert_eq!(client.closed().await.0, code, "{what}");
    }
}

#[rstest]
#[tokio::test]
async fn a_refresh_without_a_token_and_one_of_a_subscription_are_refused_and_cost_nothing_else(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
    #[values(Format::Json, Format::Protobuf)] format: Format,
) {
    let server = Server::start(shell).await.speaking(format);
    let mut client = server.client("Ada").await;
    client.subscribe("general").await;
    for (name, body, code) in [
        ("refresh", json!({}), 101),
        ("refresh", json!({ "token": "" }), 101),
        ("sub_refresh", json!({ "channel": "room:general", "token": "t" }), 108),
    ] {
        let refusal = client.call(name, body.clone()).await;
        assert_eq!(refusal, Err(Refusal { code, temporary: false }), "{name} {body}");
    }
    client.say("general", "still-there").await;
    assert_eq!(client.event().await["text"], "still-there");
}

#[rstest]
#[tokio::test]
async fn the_name_in_a_fresh_token_is_the_one_that_counts_from_then_on(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
) {
    let folder = tempfile::tempdir().unwrap();
    let file = keep(folder.path(), "key", [7; 32]);
    let server = Server::with(shell, &[("CHAT__AUTH__HMAC_SECRET_FILE", &file)]).await;
    let operator = Signer::secret(&[7; 32]);
    let mut client = Client::connect(&server, &operator.user("ada", "Ada")).await;
    client.subscribe("general").await;
    client.say("general", "1").await;
    let (token, before) = (operator.user("ada", "Zoë").token, client.event().await);
    client.call("refresh", json!({ "token": token })).await.unwrap();
    client.say("general", "2").await;
    let after = client.event().await;
    assert_eq!((&before["user"]["name"], &after["user"]["name"]), (&json!("Ada"), &json!("Zoë")));
}
