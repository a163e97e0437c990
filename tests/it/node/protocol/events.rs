//! Events and the people in them: every field, the same live, in history and in pages.

use chat_protocol::Format;
use rstest::rstest;
use serde_json::{Value, json};

use crate::kit::tokens::now_ms;
use crate::kit::{Client, Server, Shell};

#[rstest]
#[tokio::test]
async fn each_event_has_its_fields_and_is_the_same_live_and_later(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
    #[values(Format::Json, Format::Protobuf)] format: Format,
) {
    let server = Server::start(shell).await.speaking(format);
    let begun = now_ms();
    let mut ada = server.client("Ada").await;
    let mut bob = server.client("Bob").await;
    let tea = ada.make_room("public", &[]).await;
    let mut reader = server.client("Reader").await;
    let reply = reader.resume(&tea, "", 0).await.unwrap();
    bob.rpc("room.join", json!({ "room": tea })).await.unwrap();
    bob.say_as(&tea, "c1", "hello").await.unwrap();
    ada.rpc("room.update", json!({ "room": tea, "topic": "green" })).await.unwrap();
    bob.rpc("room.leave", json!({ "room": tea })).await.unwrap();
    let mut live: Vec<Value> =
        reply["publications"].as_array().unwrap().iter().map(|it| it["data"].clone()).collect();
    for _ in 3..=6 {
        live.push(reader.event().await);
    }
    let state = |topic: &str| json!({ "name": "Tea", "kind": "public", "topic": topic });
    let person = |client: &Client| json!({ "id": client.guest.id, "name": client.guest.name });
    let (a, b) = (person(&ada), person(&bob));
    let expected = [
        json!({ "type": "room.created", "user": a, "room_state": state("") }),
        json!({ "type": "member.joined", "user": a, "member": a }),
        json!({ "type": "member.joined", "user": b, "member": b }),
        json!({ "type": "message.created", "user": b, "client_id": "c1", "text": "hello" }),
        json!({ "type": "room.updated", "user": a, "room_state": state("green") }),
        json!({ "type": "member.removed", "user": b, "member": b, "reason": "left" }),
    ];
    let mut time = begun;
    for (offset, (event, mut expected)) in (1..).zip(live.iter().zip(expected)) {
        let id = event["id"].as_str().unwrap();
        assert_eq!(uuid::Uuid::try_parse(id).unwrap().get_version_num(), 8, "{event}");
        let at = event["time"].as_u64().unwrap();
        assert!((time..=now_ms()).contains(&at), "{event}");
        time = at;
        for (name, value) in [
            ("id", json!(id)),
            ("room", json!(tea)),
            ("offset", json!(offset)),
            ("time", json!(at)),
        ] {
            expected[name] = value;
        }
        assert_eq!(event, &expected);
    }
    assert_eq!(server.history(&tea, &reader.guest).await, live);
    let channel = json!({ "channel": format!("room:{tea}"), "limit": -1 });
    let history = reader.call("history", channel).await.unwrap();
    let later: Vec<_> =
        history["publications"].as_array().unwrap().iter().map(|it| it["data"].clone()).collect();
    assert_eq!(later, live);
    let id = &live[3]["id"];
    let page = reader.rpc("history.page", json!({ "room": tea, "around": id })).await.unwrap();
    assert_eq!(page["events"], json!(live));
    let server = server.kill_and_restart().await;
    assert_eq!(server.history(&tea, &reader.guest).await, live, "and after a restart");
    // `general` was made by the server itself.
    let general = server.history("general", &reader.guest).await;
    assert_eq!((&general[0]["type"], general[0].get("user")), (&json!("room.created"), None));
    assert_eq!(general[0]["room_state"]["kind"], "general");
}

#[rstest]
#[tokio::test]
async fn a_user_is_told_who_they_are_and_may_take_another_name(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
    #[values(Format::Json, Format::Protobuf)] format: Format,
) {
    let server = Server::start(shell).await.speaking(format);
    let mut ada = server.client("Ada").await;
    let mut second = Client::connect(&server, &ada.guest).await;
    ada.subscribe("general").await;
    let user = |name: &str| json!({ "id": ada.guest.id, "name": name, "guest": true });
    let (old, new) = (user("Ada"), user("Zoë Ü"));
    assert_eq!(ada.rpc("user.me", Value::Null).await.unwrap(), old);
    ada.say("general", "as-before").await;
    for name in ["", "  ", "a\tb", "\u{0}", &"é".repeat(65)] {
        let refusal = ada.rpc("user.rename", json!({ "name": name })).await.unwrap_err();
        assert_eq!(refusal.code, 107, "{name:?}");
    }
    for data in [json!({}), json!({ "name": null }), json!({ "name": 7 }), json!("Zoë")] {
        assert_eq!(ada.rpc("user.rename", data).await.unwrap_err().code, 107);
    }
    assert_eq!(ada.rpc("user.rename", json!({ "name": " Zoë Ü\n" })).await.unwrap(), new);
    assert_eq!(second.rpc("user.me", json!({})).await.unwrap(), new);
    // On the connection that took it the new name counts at once, and by REST; on others from their next connect on.
    ada.say("general", "by-name").await;
    second.say("general", "by-the-old-one").await;
    let body = json!({ "client_id": "rest", "text": "by-rest" });
    server.post("/api/rooms/general/messages", Some(&ada.guest), &body).await;
    let token = json!({ "token": ada.guest.token });
    let welcome = Client::open(&server, &ada.guest).await.call("connect", token).await.unwrap();
    assert_eq!(welcome["data"]["user"], new);
    let mut third = Client::connect(&server, &ada.guest).await;
    third.say("general", "again").await;
    let names = ["Ada", "Zoë Ü", "Ada", "Zoë Ü", "Zoë Ü"];
    let mut live = Vec::new();
    for name in names {
        let event = ada.event().await;
        assert_eq!(event["user"], json!({ "id": ada.guest.id, "name": name }), "{event}");
        live.push(event);
    }
    assert_eq!(server.history("general", &ada.guest).await[1..], live, "it is kept as it was");
    let members = ada.rpc("room.members", json!({ "room": "general" })).await.unwrap();
    assert_eq!(members["items"][0]["name"], "Zoë Ü");
}
