//! Users of an operator, who come with tokens that somebody else signs, beside guests or instead of them.

use std::path::Path;

use reqwest::Method;
use rsa::RsaPublicKey;
use rsa::pkcs8::DecodePublicKey;
use rsa::traits::PublicKeyParts;
use rstest::rstest;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::rest::assert_problem;
use crate::kit::tokens::{Signer, jwk, keep, now_ms};
use crate::kit::{Client, Guest, Server, Shell, eventually};

const SECRET: &[u8] = b"thirty-two bytes, or a few more of them";
const RSA_PEM: &[u8] = include_bytes!("../../../keys/rsa.pub.pem");
/// That of a set.
const OCT: [u8; 32] = [9; 32];

/// A server that takes tokens of four keys: a secret, an RSA key, and in a set `e` (Ed25519) and `o` (a secret).
async fn server(shell: Shell, more: &[(&str, &str)]) -> (Server, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &[u8]| keep(folder.path(), name, text);
    let secret = file("secret", &[SECRET, b"\n"].concat());
    let pem = file("rsa.pem", RSA_PEM);
    let oct =
        json!({ "kty": "oct", "kid": "o", "k": "CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk" });
    let set = file("jwks.json", json!({ "keys": [jwk("e", 1), oct] }).to_string().as_bytes());
    let mut options = vec![
        ("CHAT__AUTH__HMAC_SECRET_FILE", secret.as_str()),
        ("CHAT__AUTH__PUBLIC_KEY_FILE", &pem),
        ("CHAT__AUTH__JWKS_FILE", &set),
    ];
    options.extend(more);
    (Server::with(shell, &options).await, folder)
}

fn operator() -> Signer {
    Signer::secret(SECRET)
}

/// Neither the connect command nor REST lets this token in.
async fn assert_foreign(server: &Server, token: &str, what: &str) {
    let guest = Guest { id: String::new(), name: String::new(), token: token.to_owned() };
    let mut client = Client::open(server, &guest).await;
    client.command("connect", json!({ "token": token })).await;
    assert_eq!(client.closed().await, (3500, "invalid token".to_owned()), "{what}");
    let answer = server.ask(Method::GET, "/api/me", |it| it.bearer_auth(token)).await;
    assert_problem(&answer, 101, what);
}

#[rstest]
#[tokio::test]
async fn an_operators_users_come_in_with_tokens_of_any_of_its_keys_and_guests_still_do(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
) {
    let (server, _folder) = server(shell, &[]).await;
    let mut reader = server.client("Guest").await;
    reader.subscribe("general").await;
    for (id, signer) in [
        ("by-secret", operator()),
        ("by-secret@unknown-kid", operator().named("new")),
        ("by-rsa", Signer::rsa()),
        ("by-ed25519", Signer::ed25519(1).named("e")),
        ("by-oct", Signer::secret(&OCT).named("o")),
    ] {
        let user = signer.user(id, "Ada");
        let mut client = Client::open(&server, &user).await;
        let welcome = client.call("connect", json!({ "token": user.token })).await.unwrap();
        let object = json!({ "id": id, "name": "Ada", "guest": false });
        assert_eq!(welcome["data"]["user"], object);
        let ttl = welcome["ttl"].as_u64().unwrap();
        assert!((3600..=3630).contains(&ttl), "with the leeway: {ttl} s");
        assert_eq!(server.get("/api/me", &user).await, (200, object));
        client.say("general", "hello").await;
        assert_eq!(reader.event().await["user"], json!({ "id": id, "name": "Ada" }));
    }
}

#[tokio::test]
async fn who_comes_by_rest_first_is_made_as_well() {
    let (server, _folder) = server(Shell::Lean, &[]).await;
    let user = operator().user("ada", "Ada");
    let (status, page) = server.get("/api/rooms/general/members", &user).await;
    assert_eq!((status, &page["count"], &page["items"][0]["id"]), (200, &json!(1), &json!("ada")));
}

// A key decides its algorithm: whatever a token says of itself can't make a public key a secret.
#[tokio::test]
async fn no_key_takes_a_token_of_another_algorithm_or_of_another_key() {
    let (server, _folder) = server(Shell::Lean, &[]).await;
    let modulus = RsaPublicKey::from_public_key_pem(std::str::from_utf8(RSA_PEM).unwrap())
        .unwrap()
        .n()
        .to_bytes_be();
    let ed25519 = ed25519_dalek::SigningKey::from_bytes(&[1; 32]).verifying_key();
    let good = operator().user("ada", "Ada").token;
    let parts: Vec<_> = good.split('.').collect();
    let head = |json: &str| {
        use base64::Engine;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(json)
    };
    let headed = |json: &str| format!("{}.{}.{}", head(json), parts[1], parts[2]);
    let token = |signer: Signer| signer.user("ada", "Ada").token;
    for (what, token) in [
        ("HS256 under the public key's PEM", token(Signer::secret(RSA_PEM))),
        ("the same, trimmed", token(Signer::secret(RSA_PEM.trim_ascii()))),
        ("HS256 under its modulus", token(Signer::secret(&modulus))),
        (
            "HS256 under the other public key, by its kid",
            token(Signer::secret(ed25519.as_bytes()).named("e")),
        ),
        ("HS256 under the set's secret, without its kid", token(Signer::secret(&OCT))),
        ("the file's secret under the kid of another key", token(operator().named("o"))),
        ("EdDSA without its kid", token(Signer::ed25519(1))),
        ("EdDSA of another key", token(Signer::ed25519(2).named("e"))),
        ("EdDSA under the kid of a secret", token(Signer::ed25519(1).named("o"))),
        ("RS256 under the kid of another key", token(Signer::rsa().named("e"))),
        ("the wrong secret", token(Signer::secret(&[1; 32]))),
        ("the secret with its line end", token(Signer::secret(&[SECRET, b"\n"].concat()))),
        ("no algorithm", headed(r#"{"alg":"none"}"#)),
        ("no algorithm and no signature", format!("{}.{}.", head(r#"{"alg":"none"}"#), parts[1])),
        ("HS384", headed(r#"{"alg":"HS384"}"#)),
        ("a key that it brings along", headed(r#"{"alg":"HS256","jwk":{"kty":"oct","k":"AA"}}"#)),
        ("without a signature", format!("{}.{}.", parts[0], parts[1])),
    ] {
        assert_foreign(&server, &token, what).await;
    }
    assert_eq!(server.ask(Method::GET, "/api/me", |it| it.bearer_auth(&good)).await.status, 200);
}

#[rstest]
#[tokio::test]
async fn claims_that_are_missing_or_of_another_place_or_time_let_nobody_in(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
) {
    let options = [
        ("CHAT__AUTH__ISSUER", "https://accounts.example.org"),
        ("CHAT__AUTH__AUDIENCE", "chat"),
        ("CHAT__AUTH__LEEWAY_S", "0"),
    ];
    let (server, _folder) = server(shell, &options).await;
    let now = now_ms() / 1000;
    let claims =
        json!({ "sub": "ada", "exp": now + 600, "aud": ["shop", "chat"], "iss": options[0].1 });
    let with = |name: &str, value: Value| {
        let mut claims = claims.clone();
        claims[name] = value;
        claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        operator().sign(&claims)
    };
    for (what, token) in [
        ("no end", with("exp", Value::Null)),
        ("nobody", with("sub", Value::Null)),
        ("me", with("sub", json!("me"))),
        ("a sub with a control character", with("sub", json!("a\u{7}"))),
        ("a sub that is too long", with("sub", json!("x".repeat(129)))),
        ("not yet", with("nbf", json!(now + 600))),
        ("another issuer", with("iss", json!("https://example.org"))),
        ("no issuer", with("iss", Value::Null)),
        ("another audience", with("aud", json!("shop"))),
        ("no audience", with("aud", Value::Null)),
    ] {
        assert_foreign(&server, &token, what).await;
    }
    let expired = with("exp", json!(now - 1));
    let answer = server.ask(Method::GET, "/api/me", |it| it.bearer_auth(&expired)).await;
    assert_problem(&answer, 109, "expired");
    let ada = Guest { id: "ada".into(), name: "ada".into(), token: operator().sign(&claims) };
    let mut client = Client::open(&server, &ada).await;
    let refused = client.call("connect", json!({ "token": expired })).await.unwrap_err();
    assert_eq!((refused.code, refused.temporary), (109, false));
    Client::connect(&server, &ada).await;
}

#[rstest]
#[tokio::test]
async fn no_token_opens_an_account_of_the_other_kind(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
) {
    let (server, _folder) = server(shell, &[]).await;
    let guest = server.guest("Eve").await;
    let ada = operator().user("ada", "Ada");
    let mut live = Client::connect(&server, &ada).await;
    assert_foreign(&server, &operator().user(&guest.id, "Ada").token, "a sub like a guest's id")
        .await;
    let soon = now_ms() / 1000 + 60;
    assert_foreign(&server, &server.token("ada", soon), "a guest's token for an operator's user")
        .await;
    let me = server.get("/api/me", &guest).await;
    assert_eq!(me.1["name"], "Eve", "nor does it rename one");
    live.settle().await;
    live.command("refresh", json!({ "token": server.token("ada", soon) })).await;
    assert_eq!(live.closed().await.0, 3500);
}

#[tokio::test]
async fn an_operators_tokens_come_from_the_operator_alone() {
    let (server, _folder) = server(Shell::Lean, &[]).await;
    let token = operator().user("ada", "Ada").token;
    let refresh =
        server.ask(Method::POST, "/api/tokens/refresh", |it| it.bearer_auth(&token)).await;
    assert_problem(&refresh, 103, "a token of its own for an operator's user");
}

#[rstest]
#[tokio::test]
async fn without_guests_none_are_made_and_none_come_back(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
) {
    let (server, _folder) = server(shell, &[("CHAT__AUTH__GUESTS", "false")]).await;
    let named = json!({ "name": "Eve" });
    let answer = server.ask(Method::POST, "/api/guests", |it| it.json(&named)).await;
    assert_problem(&answer, 108, "no guests");
    let ada = operator().user("ada", "Ada");
    Client::connect(&server, &ada).await;
    for user in ["ada", "somebody"] {
        let token = server.token(user, now_ms() / 1000 + 60);
        assert_foreign(&server, &token, "as a guest's was").await;
    }
}

#[rstest]
#[tokio::test]
async fn the_operator_names_its_users(#[values(Shell::Lean, Shell::Actors)] shell: Shell) {
    let (server, _folder) = server(shell, &[]).await;
    let name_of = async |claims: Value| {
        let mut all = json!({ "sub": "ada", "exp": now_ms() / 1000 + 60 });
        all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
        let token = operator().sign(&all);
        let guest = Guest { id: "ada".into(), name: String::new(), token };
        let mut client = Client::connect(&server, &guest).await;
        client.rpc("user.me", json!({})).await.unwrap()["name"].clone()
    };
    assert_eq!(name_of(json!({})).await, "ada", "who has no name is called by their id");
    assert_eq!(name_of(json!({ "name": " Ada\n " })).await, "Ada");
    assert_eq!(name_of(json!({})).await, "Ada", "and keeps the one they had");
    for none in [json!(" "), json!(7), json!({ "first": "Ada" }), json!(null)] {
        assert_eq!(name_of(json!({ "name": none })).await, "Ada");
    }
    let mut ada = Client::connect(&server, &operator().user("ada", "Ada")).await;
    ada.rpc("user.rename", json!({ "name": "Queen" })).await.unwrap();
    assert_eq!(name_of(json!({})).await, "Queen");
    assert_eq!(
        name_of(json!({ "name": "A".repeat(70) })).await,
        "A".repeat(64),
        "the newest counts"
    );
}

#[rstest]
#[tokio::test]
async fn who_is_new_may_come_by_many_ways_at_once(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
) {
    let (server, _folder) = server(shell, &[]).await;
    for n in 0..5 {
        let user = operator().user(&format!("user-{n}"), "Ada");
        let connect = || Client::connect(&server, &user);
        let by_rest = || server.get("/api/me", &user);
        let (.., a, b) =
            tokio::join!(connect(), connect(), connect(), connect(), by_rest(), by_rest());
        assert_eq!((a.0, b), (200, a));
    }
    let (_, page) =
        server.get("/api/rooms/general/members", &operator().user("user-0", "Ada")).await;
    assert_eq!(page["count"], 5);
}

/// Waits until a token is answered with this status.
async fn answered(server: &Server, user: &Guest, status: u16) {
    let look = async || (server.get("/api/me", user).await.0 == status).then_some(());
    eventually(&format!("{} is answered {status}", user.id), look).await;
}

#[tokio::test]
async fn keys_are_exchanged_while_it_runs_and_a_broken_file_changes_nothing() {
    let (server, folder) = server(Shell::Lean, &[]).await;
    let write = |name: &str, text: &[u8]| keep(folder.path(), name, text);
    let old = Signer::ed25519(1).named("e").user("old", "Old");
    let new = Signer::ed25519(2).named("f").user("new", "New");
    let mut live = Client::connect(&server, &old).await;
    assert_eq!(server.get("/api/me", &new).await.0, 401);
    write("jwks.json", json!({ "keys": [jwk("e", 1), jwk("f", 2)] }).to_string().as_bytes());
    answered(&server, &new, 200).await;
    assert_eq!(server.get("/api/me", &old).await.0, 200, "both, while tokens of both are about");
    write("jwks.json", json!({ "keys": [jwk("f", 2)] }).to_string().as_bytes());
    answered(&server, &old, 401).await;
    live.say("general", "connected-before").await;

    write("jwks.json", b"{ \"keys\": [");
    let said = "a key file can't be used; its keys of before stay";
    eventually("it says that the file is broken", async || {
        assert_eq!(server.get("/api/me", &new).await.0, 200);
        server.log().contains(said).then_some(())
    })
    .await;
    std::fs::remove_file(Path::new(folder.path()).join("secret")).unwrap();
    eventually("it says that the other one is gone", async || {
        let ada = operator().user("ada", "Ada");
        assert_eq!(server.get("/api/me", &ada).await.0, 200, "its key stays as well");
        (server.log().matches(said).count() > 1).then_some(())
    })
    .await;
    write("secret", &[3; 40]);
    answered(&server, &Signer::secret(&[3; 40]).user("new-secret", "New"), 200).await;
    answered(&server, &operator().user("ada", "Ada"), 401).await;
    assert_eq!(server.log().matches(said).count(), 2, "each change is said once");
    assert_eq!(server.get("/api/me", &new).await.0, 200, "the broken set is still as it was");
}
