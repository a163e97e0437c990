//! Direct rooms: two people, for ever.

use chat_protocol::{Format, RoomId, UserId};
use rstest::rstest;
use serde_json::{Value, json};

use crate::kit::{Client, Refusal, Server, Shell};

fn id_of(one: &Client, other: &Client) -> String {
    let [one, other] = [one, other].map(|it| UserId::parse(&it.guest.id).unwrap());
    RoomId::direct(&one, &other).to_string()
}

async fn begin(client: &mut Client, other: &Client) -> Value {
    let data = json!({ "kind": "direct", "members": [other.guest.id] });
    client.rpc("room.create", data).await.unwrap()
}

#[rstest]
#[tokio::test]
async fn two_people_have_one_room_whoever_begins_it(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
    #[values(Format::Json, Format::Protobuf)] format: Format,
) {
    let server = Server::start(shell).await.speaking(format);
    let (mut ada, mut bob) = (server.client("Ada").await, server.client("Bob").await);
    let room = begin(&mut ada, &bob).await;
    let id = id_of(&ada, &bob);
    assert_eq!(
        room,
        json!({ "id": id, "name": "Bob", "kind": "direct", "topic": "", "head": 1,
            "epoch": room["epoch"], "messages": 0, "member_count": 2, "role": "member",
            "read": 1, "unread": 0 })
    );
    assert_eq!(begin(&mut ada, &bob).await, room, "again");
    bob.subscribe(&id).await;
    ada.say(&id, "psst").await;
    assert_eq!(bob.event().await["text"], "psst");
    let seen = begin(&mut bob, &ada).await;
    assert_eq!(
        (&seen["id"], &seen["name"], &seen["unread"]),
        (&json!(id), &json!("Ada"), &json!(1))
    );
    let list = bob.rpc("room.list", json!({})).await.unwrap();
    assert_eq!(list["items"][1], seen);
    let body = json!({ "kind": "direct", "members": [bob.guest.id] });
    let (status, by_rest) = server.post("/api/rooms", Some(&ada.guest), &body).await;
    assert_eq!((status, &by_rest["id"], &by_rest["head"]), (201, &json!(id), &json!(2)));
    let (_, history) = server.get(&format!("/api/rooms/{id}/messages"), &bob.guest).await;
    let events = history["events"].as_array().unwrap();
    assert_eq!(events[0]["type"], "room.created");
    assert_eq!(events[0]["room_state"], json!({ "name": "", "kind": "direct", "topic": "" }));
    assert_eq!(events.len(), 2, "both read it from the beginning: {history}");
}

#[rstest]
#[tokio::test]
async fn a_direct_room_is_nobody_else_s_and_stays_as_it_is(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
) {
    let server = Server::start(shell).await;
    let (mut ada, mut bob) = (server.client("Ada").await, server.client("Bob").await);
    let mut eve = server.client("Eve").await;
    let id = id_of(&ada, &bob);
    let early = eve.call("subscribe", json!({ "channel": format!("room:{id}") })).await;
    assert_eq!(early.unwrap_err().code, 401);
    let early = ada.rpc("message.send", json!({ "room": id, "client_id": "c", "text": "x" })).await;
    assert_eq!(early.unwrap_err().code, 401);
    let room = begin(&mut ada, &bob).await;
    let only = json!({ "room": id });
    for (method, data, code) in [
        ("room.leave", only.clone(), 103),
        ("room.update", json!({ "room": id, "name": "x" }), 103),
    ] {
        for client in [&mut ada, &mut bob] {
            let refused = client.rpc(method, data.clone()).await;
            assert_eq!(refused.unwrap_err(), Refusal { code, temporary: false }, "{method}");
        }
    }
    for (method, code) in [
        ("room.get", 402),
        ("room.join", 103),
        ("room.leave", 103),
        ("room.members", 402),
        ("history.page", 402),
        ("typing", 402),
    ] {
        let refused = eve.rpc(method, only.clone()).await;
        assert_eq!(refused.unwrap_err(), Refusal { code, temporary: false }, "{method}");
    }
    let subscribed = eve.call("subscribe", json!({ "channel": format!("room:{id}") })).await;
    assert_eq!(subscribed.unwrap_err().code, 103);
    let members = format!("/api/rooms/{id}/members");
    let add = server.post(&members, Some(&ada.guest), &json!({ "user": eve.guest.id })).await;
    assert_eq!((add.0, &add.1["code"]), (403, &json!("permission_denied")));
    let remove = server.delete(&format!("{members}/{}", bob.guest.id), &ada.guest).await;
    assert_eq!((remove.0, &remove.1["code"]), (403, &json!("permission_denied")));
    assert_eq!(ada.rpc("room.get", only).await.unwrap(), room);
}
