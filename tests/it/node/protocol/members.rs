//! Coming and going: who is in a room, who is told, and who may still read.

use chat_protocol::Format;
use rstest::rstest;
use serde_json::{Value, json};

use crate::kit::{Client, Server, Shell};

/// The code of a refusal.
async fn refused(client: &mut Client, method: &str, room: &str) -> u64 {
    client.rpc(method, json!({ "room": room })).await.expect_err(method).code
}

async fn unsubscribed(client: &mut Client, room: &str) {
    let push = client.push().await;
    let removed = json!({ "code": 2100, "reason": "no longer a member" });
    assert_eq!(push, json!({ "channel": format!("room:{room}"), "unsubscribe": removed }));
}

#[rstest]
#[tokio::test]
async fn joining_and_leaving_a_public_room_is_told_and_may_be_repeated(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
    #[values(Format::Json, Format::Protobuf)] format: Format,
) {
    let server = Server::start(shell).await.speaking(format);
    let mut owner = server.client("Owner").await;
    let mut ada = server.client("Ada").await;
    let mut second = Client::connect(&server, &ada.guest).await;
    let tea = owner.make_room("public", &[]).await;
    for client in [&mut owner, &mut ada, &mut second] {
        client.subscribe(&tea).await;
    }
    let person = json!({ "id": ada.guest.id, "name": "Ada" });
    let joined = ada.rpc("room.join", json!({ "room": tea })).await.unwrap();
    assert_eq!((&joined["role"], &joined["member_count"]), (&json!("member"), &json!(2)));
    assert_eq!(ada.rpc("room.join", json!({ "room": tea })).await.unwrap(), joined, "once more");
    for client in [&mut owner, &mut ada, &mut second] {
        let event = client.event().await;
        assert_eq!((&event["type"], &event["member"]), (&json!("member.joined"), &person));
        assert_eq!(event["offset"], 3);
    }
    assert_eq!(ada.rpc("room.leave", json!({ "room": tea })).await.unwrap(), json!({}));
    assert_eq!(ada.rpc("room.leave", json!({ "room": tea })).await.unwrap(), json!({}), "again");
    for client in [&mut owner, &mut ada, &mut second] {
        let event = client.event().await;
        assert_eq!((&event["type"], &event["reason"]), (&json!("member.removed"), &json!("left")));
        assert_eq!((&event["member"], &event["offset"]), (&person, &json!(4)));
    }
    // On each of their connections they are out, and may read on as anyone may.
    for client in [&mut ada, &mut second] {
        unsubscribed(client, &tea).await;
        assert_eq!(client.subscribe(&tea).await["offset"], 4);
    }
    owner.say(&tea, "still-public").await;
    for client in [&mut owner, &mut ada, &mut second] {
        assert_eq!(client.event().await["text"], "still-public");
        client.settle().await;
        assert!(client.waiting().is_empty(), "{:?}", client.waiting());
    }
    let room = ada.rpc("room.get", json!({ "room": tea })).await.unwrap();
    assert_eq!((room.get("role"), &room["member_count"]), (None, &json!(1)));
}

#[rstest]
#[tokio::test]
async fn an_owner_who_removes_somebody_from_a_public_room_leaves_them_a_reader(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
    #[values(Format::Json, Format::Protobuf)] format: Format,
) {
    let server = Server::start(shell).await.speaking(format);
    let mut owner = server.client("Owner").await;
    let mut ada = server.client("Ada").await;
    let tea = owner.make_room("public", &[&ada.guest]).await;
    ada.subscribe(&tea).await;
    ada.say(&tea, "kept").await;
    assert_eq!(ada.event().await["text"], "kept");
    let path = format!("/api/rooms/{tea}/members/{}", ada.guest.id);
    assert_eq!(server.delete(&path, &owner.guest).await.0, 200);
    let event = ada.event().await;
    assert_eq!((&event["type"], &event["reason"]), (&json!("member.removed"), &json!("removed")));
    assert_eq!(event["user"]["name"], "Owner");
    unsubscribed(&mut ada, &tea).await;
    let sent = ada.say_as(&tea, "late", "late").await.unwrap_err();
    assert_eq!(sent.code, 402);
    assert_eq!(ada.subscribe(&tea).await["offset"], 5);
    let texts: Vec<Value> =
        server.history(&tea, &ada.guest).await.iter().map(|it| it["text"].clone()).collect();
    assert!(texts.contains(&json!("kept")), "what they wrote keeps its place");
    // And may join again by themselves.
    assert_eq!(ada.rpc("room.join", json!({ "room": tea })).await.unwrap()["role"], "member");
    ada.say(&tea, "back").await;
}

#[rstest]
#[tokio::test]
async fn a_private_room_is_for_whom_its_owner_lets_in(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
    #[values(Format::Json, Format::Protobuf)] format: Format,
) {
    let server = Server::start(shell).await.speaking(format);
    let mut owner = server.client("Owner").await;
    let mut member = server.client("Member").await;
    let mut stranger = server.client("Stranger").await;
    let den = owner.make_room("private", &[&member.guest]).await;
    assert_eq!(refused(&mut stranger, "room.join", &den).await, 103);
    assert_eq!(stranger.rpc("room.leave", json!({ "room": den })).await.unwrap(), json!({}));
    let room = member.rpc("room.join", json!({ "room": den })).await.unwrap();
    assert_eq!(room["role"], "member", "who is in is in");
    member.subscribe(&den).await;
    let second = Client::connect(&server, &member.guest).await;
    member.rpc("room.leave", json!({ "room": den })).await.unwrap();
    assert_eq!(member.event().await["reason"], "left");
    unsubscribed(&mut member, &den).await;
    for mut client in [member, second] {
        for method in ["room.get", "room.members", "history.page"] {
            assert_eq!(refused(&mut client, method, &den).await, 402, "{method}");
        }
        assert_eq!(refused(&mut client, "room.join", &den).await, 103);
        assert_eq!(client.resume(&den, "", 0).await.unwrap_err().code, 103);
    }
    // The owner may leave as well; then nobody can change or let in anyone any more.
    owner.rpc("room.leave", json!({ "room": den })).await.unwrap();
    assert_eq!(refused(&mut owner, "room.get", &den).await, 402);
    let tea = owner.make_room("public", &[]).await;
    owner.rpc("room.leave", json!({ "room": tea })).await.unwrap();
    let update = json!({ "room": tea, "name": "Mine" });
    assert_eq!(owner.rpc("room.update", update.clone()).await.unwrap_err().code, 103);
    let again = owner.rpc("room.join", json!({ "room": tea })).await.unwrap();
    assert_eq!(again["role"], "member", "who comes back is no owner");
    assert_eq!(owner.rpc("room.update", update).await.unwrap_err().code, 103);
}

#[rstest]
#[tokio::test]
async fn everyone_is_in_general_from_the_start_and_nobody_can_leave(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
    #[values(Format::Json, Format::Protobuf)] format: Format,
) {
    let server = Server::start(shell).await.speaking(format);
    let mut ada = server.client("Ada").await;
    ada.subscribe("general").await;
    let room = ada.rpc("room.join", json!({ "room": "general" })).await.unwrap();
    assert_eq!((&room["kind"], &room["role"]), (&json!("general"), &json!("member")));
    assert_eq!((&room["member_count"], &room["head"]), (&json!(1), &json!(1)));
    assert_eq!(refused(&mut ada, "room.leave", "general").await, 103);
    server.guest("Bob").await;
    let room = ada.rpc("room.get", json!({ "room": "general" })).await.unwrap();
    assert_eq!((&room["member_count"], &room["head"]), (&json!(2), &json!(1)));
    ada.settle().await;
    assert!(ada.waiting().is_empty(), "general has no member events: {:?}", ada.waiting());
    for method in ["room.join", "room.leave"] {
        assert_eq!(refused(&mut ada, method, "nowhere").await, 401);
        assert_eq!(refused(&mut ada, method, "a b").await, 107);
        assert_eq!(ada.rpc(method, json!({})).await.unwrap_err().code, 107);
    }
}

#[rstest]
#[tokio::test]
async fn members_are_listed_by_name_with_their_count(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
    #[values(Format::Json, Format::Protobuf)] format: Format,
) {
    let server = Server::start(shell).await.speaking(format);
    let (bob, eve) = (server.guest("Bob").await, server.guest("Eve").await);
    let mut zoe = server.client("Zoe").await;
    let mut reader = server.client("Reader").await;
    let tea = zoe.make_room("public", &[&eve, &bob]).await;
    let member = |id: &str, name: &str, role: &str| json!({ "id": id, "name": name, "role": role });
    let expected = json!([
        member(&bob.id, "Bob", "member"),
        member(&eve.id, "Eve", "member"),
        member(&zoe.guest.id, "Zoe", "owner")
    ]);
    let all = reader.rpc("room.members", json!({ "room": tea })).await.unwrap();
    assert_eq!(all, json!({ "items": expected, "count": 3 }));
    let everyone = reader.rpc("room.members", json!({ "room": "general" })).await.unwrap();
    let names: Vec<_> = everyone["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["name"].as_str().unwrap(), it["role"].as_str().unwrap()))
        .collect();
    let expected = [("Bob", "member"), ("Eve", "member"), ("Reader", "member"), ("Zoe", "member")];
    assert_eq!(names, expected);
    assert_eq!(everyone["count"], 4);
    for (room, whole) in [(tea.as_str(), &all), ("general", &everyone)] {
        for limit in [1, 2, 4] {
            let mut walked = Vec::new();
            let mut data = json!({ "room": room, "limit": limit });
            loop {
                let list = reader.rpc("room.members", data.clone()).await.unwrap();
                assert_eq!(list["count"], whole["count"]);
                walked.extend(list["items"].as_array().unwrap().iter().cloned());
                let Some(next) = list.get("next") else { break };
                data["cursor"] = next.clone();
            }
            assert_eq!(json!(walked), whole["items"], "{room} by {limit}");
        }
    }
}
