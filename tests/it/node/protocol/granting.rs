//! Tokens of single subscriptions: given by an operator, good for one user and one channel, until they run out.

use chat_protocol::Format;
use reqwest::Method;
use rstest::rstest;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::kit::tokens::{Signer, keep, now_ms};
use crate::kit::{Client, Guest, Refusal, Server, Shell};

const SECRET: [u8; 32] = [7; 32];

fn now_s() -> u64 {
    now_ms() / 1000
}

/// A server that takes an operator's tokens, and ends what has run out a second later.
async fn server(shell: Shell) -> (Server, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = keep(folder.path(), "key", SECRET);
    let options = [
        ("CHAT__AUTH__HMAC_SECRET_FILE", file.as_str()),
        ("CHAT__AUTH__LEEWAY_S", "0"),
        ("CHAT__SESSION__EXPIRED_CLOSE_DELAY_S", "1"),
    ];
    (Server::with(shell, &options).await, folder)
}

/// A user of the operator's.
fn user(id: &str) -> Guest {
    Signer::secret(&SECRET).user(id, id)
}

/// What the operator's token for a subscription says, good for `seconds`.
fn claims(user: &str, channel: &str, seconds: i64) -> Value {
    json!({ "sub": user, "channel": channel, "exp": now_s().cast_signed() + seconds })
}

fn token(user: &str, channel: &str, seconds: i64) -> String {
    Signer::secret(&SECRET).sign(&claims(user, channel, seconds))
}

async fn subscribe(client: &mut Client, room: &str, token: &str) -> Result<Value, Refusal> {
    let it = json!({ "channel": format!("room:{room}"), "token": token });
    client.call("subscribe", it).await
}

async fn sub_refresh(client: &mut Client, room: &str, token: &str) -> Result<Value, Refusal> {
    let it = json!({ "channel": format!("room:{room}"), "token": token });
    client.call("sub_refresh", it).await
}

fn refused(code: u64) -> Refusal {
    Refusal { code, temporary: false }
}

#[rstest]
#[tokio::test]
async fn a_subscription_lasts_as_long_as_its_tokens_and_goes_on_with_another(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
    #[values(Format::Json, Format::Protobuf)] format: Format,
) {
    let (server, _folder) = server(shell).await;
    let server = server.speaking(format);
    let mut ada = Client::connect(&server, &user("ada")).await;
    let mut bob = Client::connect(&server, &user("bob")).await;
    let brief = token("bob", "room:general", 2);
    let subscribed = subscribe(&mut bob, "general", &brief).await.unwrap();
    assert_eq!(subscribed["expires"], true, "{subscribed}");
    assert!((1..=2).contains(&subscribed["ttl"].as_u64().unwrap()), "{subscribed}");
    subscribe(&mut ada, "general", &token("ada", "room:general", 2)).await.unwrap();
    let mut fresh =
        sub_refresh(&mut ada, "general", &token("ada", "room:general", 3600)).await.unwrap();
    let ttl = fresh["ttl"].take().as_u64().unwrap();
    assert!((3590..=3600).contains(&ttl), "{ttl} s");
    assert_eq!(fresh, json!({ "expires": true, "ttl": null }));

    let ended = loop {
        let push = bob.push().await;
        if push.get("unsubscribe").is_some() {
            break push;
        }
    };
    let expired = json!({ "code": 2501, "reason": "subscription expired" });
    assert_eq!(ended, json!({ "channel": "room:general", "unsubscribe": expired }));
    assert_eq!(subscribe(&mut bob, "general", &brief).await, Err(refused(109)));
    ada.say("general", "missed").await;
    let (epoch, offset) = (&subscribed["epoch"], &subscribed["offset"]);
    let again = json!({ "channel": "room:general", "token": token("bob", "room:general", 3600),
        "recover": true, "epoch": epoch, "offset": offset });
    let again = bob.call("subscribe", again).await.unwrap();
    assert_eq!(again["publications"][0]["data"]["text"], "missed", "{again}");
    while ada.event().await["text"] != "missed" {} // the other one has noticed nothing
}

#[rstest]
#[tokio::test]
async fn a_token_that_is_not_for_this_subscription_opens_nothing(
    #[values(Format::Json, Format::Protobuf)] format: Format,
) {
    let (server, _folder) = server(Shell::Lean).await;
    let server = server.speaking(format);
    let (ada, bob) = (user("ada"), user("bob"));
    let mut client = Client::connect(&server, &ada).await;
    let mut owner = Client::connect(&server, &bob).await;
    let private = owner.make_room("private", &[]).await;
    let good = || claims("ada", "room:general", 60);
    let with = |name: &str, value: Value| {
        let mut claims = good();
        claims[name] = value;
        Signer::secret(&SECRET).sign(&claims)
    };
    for (what, token, code) in [
        ("of another user", token("bob", "room:general", 60), 103),
        ("of another room", token("ada", "room:other", 60), 103),
        ("of a room without its channel", token("ada", "general", 60), 103),
        ("of no channel", ada.token.clone(), 103),
        ("a channel that is null", with("channel", Value::Null), 103),
        ("a channel that is no text", with("channel", json!(["room:general"])), 103),
        ("a user that is none", with("sub", json!("")), 103),
        ("without an end", with("exp", Value::Null), 103),
        ("not good yet", with("nbf", json!(now_s() + 60)), 103),
        ("for somebody else", with("aud", json!("shop")), 103),
        ("under another key", Signer::secret(&[8; 32]).sign(&good()), 103),
        ("a guest's, of this server", server.token("ada", now_s() + 60), 103),
        ("no token", "nonsense".to_owned(), 103),
        ("that has expired", token("ada", "room:general", -1), 109),
    ] {
        let refusal = subscribe(&mut client, "general", &token).await;
        assert_eq!(refusal, Err(refused(code)), "{what}");
    }
    // Nor does a good one open what membership closes, or let anybody in.
    let channel = format!("room:{private}");
    let to_private = token("ada", &channel, 60);
    assert_eq!(subscribe(&mut client, &private, &to_private).await, Err(refused(103)));
    let mut other = Client::open(&server, &ada).await;
    other.command("connect", json!({ "token": token("ada", "room:general", 60) })).await;
    assert_eq!(other.closed().await.0, 3500);
    let bearer = Guest { token: token("ada", "room:general", 60), ..ada };
    assert_eq!(server.get("/api/me", &bearer).await.0, 401);

    subscribe(&mut client, "general", &token("ada", "room:general", 60)).await.unwrap();
    for (what, token, code) in [
        ("none", String::new(), 101),
        ("of another user", token("bob", "room:general", 60), 103),
        ("of another room", token("ada", "room:other", 60), 103),
    ] {
        let refusal = sub_refresh(&mut client, "general", &token).await;
        assert_eq!(refusal, Err(refused(code)), "{what}");
    }
    let elsewhere = token("ada", "room:other", 60);
    assert_eq!(sub_refresh(&mut client, "other", &elsewhere).await, Err(refused(103)));
    client.say("general", "still-there").await;
    while client.event().await["text"] != "still-there" {}
}

#[tokio::test]
async fn a_token_that_was_revoked_by_its_name_grants_nothing() {
    let (server, _folder) = server(Shell::Lean).await;
    let ada = user("ada");
    let mut client = Client::connect(&server, &ada).await;
    let mut claims = claims("ada", "room:general", 60);
    claims["jti"] = json!("granted");
    let granted = Signer::secret(&SECRET).sign(&claims);
    let key = std::fs::read_to_string(server.data_dir().join("api-key")).unwrap();
    let body = json!({ "user": "ada", "token_id": "granted" });
    let order =
        server.ask(Method::POST, "/api/revoke", |it| it.header("X-API-Key", &key).json(&body));
    assert_eq!(order.await.status, 200);
    assert_eq!(subscribe(&mut client, "general", &granted).await, Err(refused(103)));
    subscribe(&mut client, "general", &token("ada", "room:general", 60)).await.unwrap();
}

#[tokio::test]
async fn without_an_operators_keys_no_token_grants_anything() {
    let server = Server::start(Shell::Lean).await;
    let mut client = server.client("Ada").await;
    let id = client.guest.id.clone();
    let granted = token(&id, "room:general", 60);
    assert_eq!(subscribe(&mut client, "general", &granted).await, Err(refused(103)));
    client.subscribe("general").await;
}
