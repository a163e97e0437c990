//! Open channels: any name, any data, a log like a room's.

use chat_protocol::Format;
use reqwest::Method;
use rstest::rstest;
use serde_json::{Value, json};

use super::rest::assert_problem;
use crate::kit::{Answer, Client, Guest, Server, Shell};

/// Options by which a node has open channels.
const OPEN: (&str, &str) = ("CHAT__PROTOCOL__OPEN_CHANNELS", "true");
const ANONYMOUS: (&str, &str) = ("CHAT__PROTOCOL__ANONYMOUS", "true");

async fn publish(client: &mut Client, channel: &str, data: &Value) -> Result<Value, u64> {
    let command = json!({ "channel": channel, "data": data });
    client.call("publish", command).await.map_err(|it| it.code)
}

async fn subscribe(client: &mut Client, channel: &str) -> Result<Value, u64> {
    client.call("subscribe", json!({ "channel": channel })).await.map_err(|it| it.code)
}

async fn resume(client: &mut Client, channel: &str, place: &Value, offset: u64) -> Value {
    let epoch = &place["epoch"];
    let it = json!({ "channel": channel, "recover": true, "epoch": epoch, "offset": offset });
    client.call("subscribe", it).await.unwrap()
}

/// A client that came without a token.
async fn nobody(server: &Server) -> (Client, Value) {
    let guest = Guest { id: String::new(), name: String::new(), token: String::new() };
    let mut client = Client::open(server, &guest).await;
    let connected = client.call("connect", json!({})).await.unwrap();
    (client, connected)
}

async fn order(server: &Server, key: Option<&str>, body: &str) -> Answer {
    let shape = |it: reqwest::RequestBuilder| {
        let it = it.header("content-type", "application/json").body(body.to_owned());
        key.map_or_else(
            || it.try_clone().unwrap(),
            |key| it.try_clone().unwrap().header("X-API-Key", key),
        )
    };
    server.ask(Method::POST, "/api/publish", shape).await
}

fn key(server: &Server) -> String {
    std::fs::read_to_string(server.data_dir().join("api-key")).unwrap()
}

#[rstest]
#[tokio::test]
async fn data_in_an_open_channel_reaches_everyone_as_it_was_published(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
    #[values(Format::Json, Format::Protobuf)] format: Format,
) {
    let server = Server::with(shell, &[OPEN]).await.speaking(format);
    let (mut ada, mut bob) = (server.client("Ada").await, server.client("Bob").await);
    let channel = "chat:1=\"e\\";
    let place = subscribe(&mut bob, channel).await.unwrap();
    assert_eq!(place.get("offset"), None, "nothing was published yet: {place}");
    assert_eq!((&place["recoverable"], &place["positioned"]), (&json!(true), &json!(true)));
    let all = [json!(false), json!([1, "two\n"]), json!({ "b": 1, "a": {} }), json!("x"), json!(7)];
    for (data, offset) in all.iter().zip(1..) {
        assert_eq!(publish(&mut ada, channel, data).await, Ok(json!({})));
        let push = bob.push().await;
        assert_eq!(push["channel"], channel);
        let publication = &push["pub"];
        assert_eq!((&publication["data"], &publication["offset"]), (data, &json!(offset)));
        let info = &publication["info"];
        assert_eq!(info["user"], ada.guest.id);
        assert_eq!(info["conn_info"]["name"], "Ada");
        assert!(info["client"].as_str().is_some_and(|it| it.len() == 36), "{info}");
    }
    let history = json!({ "channel": channel, "limit": -1 });
    let history = bob.call("history", history).await.unwrap();
    let told: Vec<_> =
        history["publications"].as_array().unwrap().iter().map(|it| it["data"].clone()).collect();
    assert_eq!((told, &history["offset"]), (all.to_vec(), &json!(5)));
    assert_eq!(history["publications"][0]["info"]["user"], ada.guest.id);
    let stats = bob.call("presence_stats", json!({ "channel": channel })).await.unwrap();
    assert!(stats["num_clients"].as_u64().is_some());
    assert_eq!(bob.call("unsubscribe", json!({ "channel": channel })).await, Ok(json!({})));
}

#[tokio::test]
async fn an_open_channel_is_resumed_from_memory_and_from_the_store_across_kill_9() {
    let server = Server::with(Shell::Lean, &[OPEN]).await;
    let mut ada = server.client("Ada").await;
    let place = subscribe(&mut ada, "news").await.unwrap();
    for n in 1..=400 {
        publish(&mut ada, "news", &json!({ "n": n })).await.unwrap();
    }
    let recovered =
        |answer: &Value| answer["recovered"] == true && answer["was_recovering"] == true;
    let numbers = |answer: &Value| -> Vec<u64> {
        let missed = answer["publications"].as_array().into_iter().flatten();
        missed.map(|it| it["data"]["n"].as_u64().unwrap()).collect()
    };
    let mut bob = server.client("Bob").await;
    let near = resume(&mut bob, "news", &place, 390).await;
    assert!(recovered(&near) && numbers(&near) == (391..=400).collect::<Vec<_>>(), "{near}");
    let guest = bob.guest.clone();
    let mut far = Client::connect(&server, &guest).await;
    let first = resume(&mut far, "news", &place, 0).await;
    assert!(recovered(&first), "{first}");
    let mut all = numbers(&first);
    while all.len() < 400 {
        all.push(far.push().await["pub"]["data"]["n"].as_u64().unwrap());
    }
    assert_eq!(all, (1..=400).collect::<Vec<_>>());
    let server = server.kill_and_restart().await;
    let mut again = Client::connect(&server, &guest).await;
    let near = resume(&mut again, "news", &place, 398).await;
    assert!(recovered(&near) && numbers(&near) == [399, 400], "{near}");
    let mut lost = Client::connect(&server, &guest).await;
    let place = json!({ "epoch": "0.another" });
    let answer = resume(&mut lost, "news", &place, 398).await;
    assert_eq!((answer.get("recovered"), &answer["offset"]), (None, &json!(400)));
}

#[tokio::test]
async fn nobody_sees_an_open_channel_where_rooms_are() {
    let server = Server::with(Shell::Lean, &[OPEN]).await;
    let mut ada = server.client("Ada").await;
    publish(&mut ada, "news", &json!(1)).await.unwrap();
    let rooms = ada.rpc("room.list", json!({})).await.unwrap();
    assert_eq!(rooms["items"].as_array().unwrap().len(), 1, "{rooms}");
    for room in [":news", "news"] {
        let (status, _) = server.get(&format!("/api/rooms/{room}"), &ada.guest).await;
        assert!([400, 404].contains(&status), "{room}: {status}");
    }
    let send = json!({ "room": ":news", "client_id": "c", "text": "hi" });
    assert_eq!(ada.rpc("message.send", send).await.unwrap_err().code, 107);
    let create = json!({ "name": "x", "kind": "open" });
    assert_eq!(ada.rpc("room.create", create).await.unwrap_err().code, 107);
    // Not made yet: nothing to read, and no refusal.
    let unknown = json!({ "channel": "later", "limit": 10 });
    let history = ada.call("history", unknown).await.unwrap();
    assert_eq!((&history["publications"], &history["offset"]), (&json!([]), &json!(0)));
    // Rooms' own channels are as they were.
    assert_eq!(publish(&mut ada, "room:general", &json!({ "n": 1 })).await, Err(107));
    assert_eq!(publish(&mut ada, "room:general", &json!({ "text": "hi" })).await, Ok(json!({})));
}

#[tokio::test]
async fn each_refusal_about_an_open_channel_has_its_code() {
    let server = Server::with(Shell::Lean, &[OPEN]).await;
    let mut ada = server.client("Ada").await;
    let long = "x".repeat(256);
    for (channel, code) in
        [("", 107), ("a b", 107), ("é", 107), (long.as_str(), 107), ("user:u", 103)]
    {
        assert_eq!(subscribe(&mut ada, channel).await, Err(code), "{channel}");
        assert_eq!(publish(&mut ada, channel, &json!(1)).await, Err(code), "{channel}");
    }
    assert_eq!(publish(&mut ada, "news", &json!("x".repeat(16_383))).await, Err(407));
    assert_eq!(ada.call("publish", json!({ "channel": "news" })).await.unwrap_err().code, 107);
    assert_eq!(publish(&mut ada, "news", &Value::Null).await, Err(107));
    let history = ada.call("history", json!({ "channel": "news" })).await.unwrap();
    assert_eq!(history["offset"], 0, "nothing is kept of it");

    let closed = Server::start(Shell::Lean).await;
    let mut bob = closed.client("Bob").await;
    assert_eq!(subscribe(&mut bob, "news").await, Err(102));
    assert_eq!(publish(&mut bob, "news", &json!(1)).await, Err(102));
    let answer = order(&closed, Some(&key(&closed)), r#"{"channel":"news","data":1}"#).await;
    assert_problem(&answer, 102, "open channels are off");
}

#[tokio::test]
async fn a_server_publishes_in_open_channels_by_its_key_alone() {
    let server = Server::with(Shell::Lean, &[OPEN]).await;
    let key = key(&server);
    let mut ada = server.client("Ada").await;
    subscribe(&mut ada, "news").await.unwrap();
    let answer = order(&server, Some(&key), "{\"channel\":\"news\",\"data\":{\"n\":\n1.0}}").await;
    assert_eq!((answer.status, answer.body), (200, json!({ "result": {} })));
    let push = ada.push().await;
    assert_eq!(push["pub"], json!({ "data": { "n": 1.0 }, "offset": 1 }), "a server is nobody");
    let long = format!(r#"{{"channel":"news","data":"{}"}}"#, "x".repeat(16_383));
    for (key, body, code) in [
        (None, r#"{"channel":"news","data":1}"#, 101),
        (Some("x".repeat(43)), r#"{"channel":"news","data":1}"#, 101),
        (Some(key.clone()), r#"{"channel":"news"}"#, 107),
        (Some(key.clone()), r#"{"channel":"news","data":null}"#, 107),
        (Some(key.clone()), r#"{"data":1}"#, 107),
        (Some(key.clone()), r#"["news",1]"#, 107),
        (Some(key.clone()), r#"{"channel":"news","data":nul}"#, 107),
        (Some(key.clone()), r#"{"channel":"a b","data":1}"#, 107),
        (Some(key.clone()), r#"{"channel":"room:general","data":{"text":"hi"}}"#, 103),
        (Some(key.clone()), r#"{"channel":"user:u","data":1}"#, 103),
        (Some(key.clone()), &long, 407),
    ] {
        assert_problem(&order(&server, key.as_deref(), body).await, code, body);
    }
    let history = ada.call("history", json!({ "channel": "news" })).await.unwrap();
    assert_eq!(history["offset"], 1, "nothing is kept of what was refused");
}

#[rstest]
#[tokio::test]
async fn who_has_no_token_may_use_open_channels_and_nothing_else(
    #[values(Format::Json, Format::Protobuf)] format: Format,
) {
    let server = Server::with(Shell::Lean, &[OPEN, ANONYMOUS]).await.speaking(format);
    let (mut one, connected) = nobody(&server).await;
    assert_eq!((connected.get("expires"), connected.get("ttl")), (None, None), "{connected}");
    assert_eq!(connected["data"]["user"]["id"], "");
    assert_eq!(connected.get("subs"), None, "there is no channel of nobody's");
    let (mut other, _) = nobody(&server).await;
    subscribe(&mut other, "news").await.unwrap();
    publish(&mut one, "news", &json!({ "n": 1 })).await.unwrap();
    let push = other.push().await;
    assert_eq!((&push["pub"]["data"], &push["pub"]["offset"]), (&json!({ "n": 1 }), &json!(1)));
    let info = &push["pub"]["info"];
    assert_eq!(info["client"], connected["client"]);
    assert!(info.get("user").is_none_or(|user| user == ""), "{info}");
    assert_eq!(info.get("conn_info"), None);
    let history = json!({ "channel": "news", "limit": 1 });
    let kept = one.call("history", history).await.unwrap();
    assert_eq!(kept["publications"][0]["info"]["client"], connected["client"]);

    for (command, body) in [
        ("subscribe", json!({ "channel": "room:general" })),
        ("publish", json!({ "channel": "room:general", "data": { "text": "hi" } })),
        ("history", json!({ "channel": "room:general" })),
        ("presence", json!({ "channel": "room:general" })),
        ("subscribe", json!({ "channel": "user:u" })),
        ("rpc", json!({ "method": "user.me", "data": {} })),
        ("rpc", json!({ "method": "message.send", "data": {} })),
        ("refresh", json!({ "token": "x" })),
    ] {
        assert_eq!(
            one.call(command, body.clone()).await.unwrap_err().code,
            103,
            "{command} {body}"
        );
    }
    let answer = server.ask(Method::GET, "/api/me", |it| it).await;
    assert_eq!(answer.status, 401);
    // A bad token is none, and doesn't let its bearer in as nobody.
    let guest = Guest { id: String::new(), name: String::new(), token: String::new() };
    let mut bad = Client::open(&server, &guest).await;
    bad.command("connect", json!({ "token": "x" })).await;
    assert_eq!(bad.closed().await.0, 3500);

    let closed = Server::with(Shell::Lean, &[OPEN]).await.speaking(format);
    let mut stranger = Client::open(&closed, &guest).await;
    assert_eq!(stranger.call("connect", json!({})).await.unwrap_err().code, 101);
}
