//! A user's own channel: what is changed of theirs is told on all their connections.

use chat_protocol::Format;
use rstest::rstest;
use serde_json::json;

use crate::kit::{Client, Server, Shell};

#[rstest]
#[tokio::test]
async fn every_connection_is_told_what_concerns_its_user(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
    #[values(Format::Json, Format::Protobuf)] format: Format,
) {
    let server = Server::start(shell).await.speaking(format);
    let (ada, bob) = (server.guest("Ada").await, server.guest("Bob").await);
    let mut maker = Client::connect(&server, &bob).await;
    let mut phone = Client::open(&server, &ada).await;
    let reply = phone.call("connect", json!({ "token": ada.token })).await.unwrap();
    let channel = format!("user:{}", ada.id);
    assert_eq!(reply["subs"], json!({ channel.as_str(): {} }), "the server has subscribed it");
    let mut laptop = Client::connect(&server, &ada).await;

    let room = maker.make_room("private", &[&ada]).await;
    let by = json!({ "id": bob.id, "name": "Bob" });
    let joined = json!({ "type": "member.joined", "room": room, "user": by });
    assert_eq!(phone.hint().await, joined);
    assert_eq!(laptop.hint().await, joined);
    assert_eq!(maker.hint().await, joined, "whoever makes a room has other connections, too");

    maker.say(&room, "one").await;
    maker.say(&room, "two").await;
    laptop.subscribe(&room).await;
    let read = laptop.rpc("read.mark", json!({ "room": room, "offset": 4 })).await.unwrap();
    assert_eq!(read, json!({ "offset": 4, "unread": 1 }));
    let marked = json!({ "type": "read.marked", "room": room, "offset": 4, "unread": 1 });
    assert_eq!(phone.hint().await, marked);
    assert_eq!(laptop.hint().await, marked);
    let path = format!("/api/rooms/{room}/read");
    assert_eq!(server.put(&path, &ada, &json!({ "offset": 99 })).await.0, 200);
    let marked = json!({ "type": "read.marked", "room": room, "offset": 5, "unread": 0 });
    assert_eq!(phone.hint().await, marked, "by REST, too, and as the server has taken it");

    laptop.rpc("user.rename", json!({ "name": "Lady Ada" })).await.unwrap();
    let user = json!({ "id": ada.id, "name": "Lady Ada", "guest": true });
    assert_eq!(phone.hint().await, json!({ "type": "user.updated", "user": user }));

    let removed = server.delete(&format!("/api/rooms/{room}/members/{}", ada.id), &bob).await;
    assert_eq!(removed.0, 200);
    assert_eq!(
        phone.hint().await,
        json!({ "type": "member.removed", "room": room, "user": by, "reason": "removed" })
    );
    maker.settle().await;
    assert!(maker.hints().is_empty(), "nobody is told of others: {:?}", maker.hints());
}

#[tokio::test]
async fn both_of_a_direct_room_are_told_of_it_until_something_is_said_there() {
    let server = Server::start(Shell::Lean).await;
    let (mut ada, mut bob) = (server.client("Ada").await, server.client("Bob").await);
    let begin = json!({ "kind": "direct", "members": [bob.guest.id] });
    let room = ada.rpc("room.create", begin.clone()).await.unwrap()["id"].clone();
    let user = json!({ "id": ada.guest.id, "name": "Ada" });
    let joined = json!({ "type": "member.joined", "room": room, "user": user });
    assert_eq!(bob.hint().await, joined);
    assert_eq!(ada.hint().await, joined);
    ada.say(room.as_str().unwrap(), "psst").await;
    ada.rpc("room.create", begin).await.unwrap();
    bob.rpc("read.mark", json!({ "room": room, "offset": 2 })).await.unwrap();
    assert_eq!(bob.hint().await["type"], "read.marked", "nothing new was begun");
}

#[tokio::test]
async fn who_makes_the_same_room_again_tells_nobody() {
    let server = Server::start(Shell::Lean).await;
    let (mut ada, mut bob) = (server.client("Ada").await, server.client("Bob").await);
    let create = |members: &[&str]| {
        let room = json!({ "name": "Tea", "kind": "private", "client_id": "once" });
        let mut data = room;
        data["members"] = json!(members);
        data
    };
    let room = ada.rpc("room.create", create(&[])).await.unwrap()["id"].clone();
    assert_eq!(ada.hint().await["room"], room);
    // A repeat is compared by name, kind and topic: nobody is added by it.
    let bob_id = bob.guest.id.clone();
    assert_eq!(ada.rpc("room.create", create(&[&bob_id])).await.unwrap()["id"], room);
    ada.rpc("user.rename", json!({ "name": "A" })).await.unwrap();
    assert_eq!(ada.hint().await["type"], "user.updated");
    bob.settle().await;
    assert!(bob.hints().is_empty(), "{:?}", bob.hints());
}

#[rstest]
#[tokio::test]
async fn nobody_asks_anything_of_a_users_channel(
    #[values(Format::Json, Format::Protobuf)] format: Format,
) {
    let server = Server::start(Shell::Lean).await.speaking(format);
    let mut client = server.client("Ada").await;
    let other = server.guest("Bob").await;
    for user in [client.guest.id.clone(), other.id, String::new()] {
        let channel = format!("user:{user}");
        for (command, body) in [
            ("subscribe", json!({ "channel": channel })),
            ("subscribe", json!({ "channel": channel, "recover": true, "offset": 1 })),
            ("unsubscribe", json!({ "channel": channel })),
            ("publish", json!({ "channel": channel, "data": { "text": "x" } })),
            ("history", json!({ "channel": channel, "limit": 10 })),
            ("presence", json!({ "channel": channel })),
            ("presence_stats", json!({ "channel": channel })),
        ] {
            let refused = client.call(command, body).await;
            assert_eq!(refused.unwrap_err().code, 103, "{command} {channel}");
        }
    }
    client.rpc("user.rename", json!({ "name": "A" })).await.unwrap();
    assert_eq!(client.hint().await["type"], "user.updated", "it is told all the same");
}
