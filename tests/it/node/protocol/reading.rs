//! How far somebody has read: `read.mark`, its REST half, and what rooms say of it.

use chat_protocol::Format;
use rstest::rstest;
use serde_json::{Value, json};

use crate::kit::{Client, Refusal, Server, Shell, eventually};

async fn read(client: &mut Client, room: &str) -> (Value, Value) {
    let seen = client.rpc("room.get", json!({ "room": room })).await.unwrap();
    let list = client.rpc("room.list", json!({})).await.unwrap();
    assert!(list["items"].as_array().unwrap().contains(&seen), "{seen} in {list}");
    (seen["read"].clone(), seen["unread"].clone())
}

#[rstest]
#[tokio::test]
async fn a_member_reads_on_by_either_way_and_is_told_what_is_unread(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
    #[values(Format::Json, Format::Protobuf)] format: Format,
) {
    let server = Server::start(shell).await.speaking(format);
    let mut ada = server.client("Ada").await;
    let mut bob = server.client("Bob").await;
    let room = ada.make_room("private", &[&bob.guest]).await; // places 1 to 3
    for text in ["one", "two", "three"] {
        ada.say(&room, text).await;
    }
    assert_eq!(read(&mut bob, &room).await, (json!(3), json!(3)));
    let mark = |offset: u64| json!({ "room": room, "offset": offset });
    let marked = bob.rpc("read.mark", mark(4)).await.unwrap();
    assert_eq!(marked, json!({ "offset": 4, "unread": 2 }));
    let path = format!("/api/rooms/{room}/read");
    let marked = server.put(&path, &bob.guest, &json!({ "offset": 5 })).await;
    assert_eq!(marked, (200, json!({ "offset": 5, "unread": 1 })));
    let back = bob.rpc("read.mark", mark(1)).await.unwrap();
    assert_eq!(back, json!({ "offset": 5, "unread": 1 }), "it never goes back");
    assert_eq!(read(&mut bob, &room).await, (json!(5), json!(1)));
    assert_eq!(read(&mut ada, &room).await, (json!(2), json!(3)), "nobody else's");
    let marked = bob.rpc("read.mark", mark(u64::MAX)).await.unwrap();
    assert_eq!(marked, json!({ "offset": 6, "unread": 0 }), "nor beyond the room");
    ada.say(&room, "four").await;
    ada.rpc("room.update", json!({ "room": room, "topic": "Tea" })).await.unwrap();
    assert_eq!(read(&mut bob, &room).await, (json!(6), json!(1)), "messages are counted");
}

#[rstest]
#[tokio::test]
async fn a_mark_needs_no_answer(#[values(Shell::Lean, Shell::Actors)] shell: Shell) {
    let server = Server::start(shell).await;
    let mut ada = server.client("Ada").await;
    ada.say("general", "one").await;
    let data = json!({ "room": "general", "offset": 2 });
    ada.send(json!({ "send": { "data": { "method": "read.mark", "data": data } } }).to_string())
        .await;
    let path = "/api/rooms/general";
    let is_read = async || (server.get(path, &ada.guest).await.1["read"] == 2).then_some(());
    eventually("it is read", is_read).await;
}

#[tokio::test]
async fn each_refusal_about_reading_has_its_code() {
    let server = Server::start(Shell::Lean).await;
    let (mut ada, mut bob) = (server.client("Ada").await, server.client("Bob").await);
    let open = ada.make_room("public", &[]).await;
    let own = ada.make_room("private", &[]).await;
    let before = ada.rpc("room.list", json!({})).await.unwrap();
    for (data, code, status) in [
        (json!({ "room": open, "offset": 2 }), 402, 403),
        (json!({ "room": own, "offset": 2 }), 402, 403),
        (json!({ "room": "nowhere", "offset": 2 }), 401, 404),
        (json!({ "room": open, "offset": -1 }), 107, 400),
        (json!({ "room": open, "offset": "2" }), 107, 400),
        (json!({ "room": open }), 107, 400),
    ] {
        let refused = bob.rpc("read.mark", data.clone()).await;
        assert_eq!(refused.unwrap_err(), Refusal { code, temporary: false }, "{data}");
        let path = format!("/api/rooms/{}/read", data["room"].as_str().unwrap());
        let answer = server.put(&path, &bob.guest, &data).await;
        assert_eq!(answer.0, status, "{data}: {}", answer.1);
    }
    let seen = bob.rpc("room.get", json!({ "room": open })).await.unwrap();
    assert_eq!((seen.get("read"), seen.get("unread")), (None, None));
    assert_eq!(ada.rpc("room.list", json!({})).await.unwrap(), before);
}
