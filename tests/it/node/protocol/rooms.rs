//! Methods about rooms: making, seeing, listing and changing them.

use chat_protocol::Format;
use rstest::rstest;
use serde_json::{Value, json};

use crate::kit::{Client, Refusal, Server, Shell};

async fn refused(client: &mut Client, method: &str, data: Value) -> u64 {
    match client.rpc(method, data.clone()).await {
        Err(Refusal { code, temporary: false }) => code,
        other => panic!("{method} {data}: {other:?}"),
    }
}

#[rstest]
#[tokio::test]
async fn a_room_is_made_with_its_owner_and_its_members(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
    #[values(Format::Json, Format::Protobuf)] format: Format,
) {
    let server = Server::start(shell).await.speaking(format);
    let (bob, eve) = (server.guest("Bob").await, server.guest("Eve").await);
    let mut ada = server.client("Ada").await;
    let me = ada.guest.id.clone();
    for kind in ["public", "private"] {
        let data = json!({ "name": " Tea \u{1F375} ", "kind": kind, "topic": " green\u{a0}",
            "members": [bob.id, me, eve.id, bob.id] });
        let room = ada.rpc("room.create", data).await.unwrap();
        let (id, epoch) = (room["id"].clone(), room["epoch"].clone());
        let expected = json!({ "id": id, "name": "Tea \u{1F375}", "kind": kind, "topic": "green",
            "head": 4, "epoch": epoch, "messages": 0, "member_count": 3, "role": "owner",
            "read": 2, "unread": 0 });
        assert_eq!(room, expected);
        assert_eq!(ada.rpc("room.get", json!({ "room": id })).await.unwrap(), expected);
        let (_, history) = server
            .get(&format!("/api/rooms/{}/messages?after=0", id.as_str().unwrap()), &ada.guest)
            .await;
        let members: Vec<_> = history["events"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|event| event.get("member").cloned())
            .collect();
        let person = |id: &str, name: &str| json!({ "id": id, "name": name });
        let expected = [person(&me, "Ada"), person(&bob.id, "Bob"), person(&eve.id, "Eve")];
        assert_eq!(members, expected, "in the order in which they were named");
        ada.say(id.as_str().unwrap(), "hello").await;
        let mut member = Client::connect(&server, &bob).await;
        let seen = member.rpc("room.get", json!({ "room": id })).await.unwrap();
        assert_eq!((&seen["role"], &seen["head"]), (&json!("member"), &json!(5)));
        assert_eq!((&seen["messages"], &seen["member_count"]), (&json!(1), &json!(3)));
    }
    let long = "é".repeat(64);
    let topic = "é".repeat(256);
    let data = json!({ "name": long, "kind": "public", "topic": topic });
    let room = ada.rpc("room.create", data).await.unwrap();
    assert_eq!((&room["name"], &room["topic"]), (&json!(long), &json!(topic)));
    let data = json!({ "name": long, "kind": "public" });
    let other = ada.rpc("room.create", data).await.unwrap();
    assert_ne!(other["id"], room["id"], "names need not be unique");
    assert_eq!(other["topic"], "");
}

#[rstest]
#[tokio::test]
async fn room_create_is_idempotent_by_author_and_client_id(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
    #[values(Format::Json, Format::Protobuf)] format: Format,
) {
    let server = Server::start(shell).await.speaking(format);
    let mut ada = server.client("Ada").await;
    let mut bob = server.client("Bob").await;
    let data = json!({ "name": "Tea", "kind": "private", "topic": "t", "client_id": "r1" });
    let with = |key: &str, value: &str| {
        let mut data = data.clone();
        data[key] = json!(value);
        data
    };
    let room = ada.rpc("room.create", data.clone()).await.unwrap();
    assert_eq!(ada.rpc("room.create", data.clone()).await.unwrap(), room);
    assert_eq!(ada.rpc("room.create", with("name", " Tea ")).await.unwrap(), room, "trimmed");
    for other in [with("name", "Coffee"), with("kind", "public"), with("topic", "")] {
        assert_eq!(refused(&mut ada, "room.create", other).await, 409);
    }
    let theirs = bob.rpc("room.create", data.clone()).await.unwrap();
    assert_ne!(theirs["id"], room["id"], "another author's");
    let next = ada.rpc("room.create", with("client_id", "r2")).await.unwrap();
    assert_ne!(next["id"], room["id"]);
    // What became of the room since then doesn't matter.
    let rename = json!({ "room": room["id"], "name": "Coffee" });
    let renamed = ada.rpc("room.update", rename).await.unwrap();
    assert_eq!(ada.rpc("room.create", data.clone()).await.unwrap(), renamed);
    assert_eq!(refused(&mut ada, "room.create", with("name", "Coffee")).await, 409);
    let server = server.kill_and_restart().await;
    let mut ada = Client::connect(&server, &ada.guest).await;
    assert_eq!(ada.rpc("room.create", data).await.unwrap(), renamed, "nor does a restart");
    // Without a client id each is a room of its own.
    let data = json!({ "name": "Tea", "kind": "public" });
    let one = ada.rpc("room.create", data.clone()).await.unwrap();
    assert_ne!(ada.rpc("room.create", data).await.unwrap()["id"], one["id"]);
}

#[rstest]
#[tokio::test]
async fn each_refusal_about_a_room_has_its_code(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
    #[values(Format::Json, Format::Protobuf)] format: Format,
) {
    let server = Server::start(shell).await.speaking(format);
    let mut owner = server.client("Owner").await;
    let mut member = server.client("Member").await;
    let mut stranger = server.client("Stranger").await;
    let den = owner.make_room("private", &[&member.guest]).await;
    let tea = owner.make_room("public", &[&member.guest]).await;
    let before = owner.rpc("room.list", json!({})).await.unwrap();
    let nobody = "0192-nobody";
    let many: Vec<String> = vec![member.guest.id.clone(); 101];
    for (data, code) in [
        (json!({ "name": "x" }), 107),
        (json!({ "name": "x", "kind": "secret" }), 107),
        (json!({ "name": "x", "kind": "Public" }), 107),
        (json!({ "name": "x", "kind": null }), 107),
        (json!({ "kind": "public" }), 107),
        (json!({ "name": "  ", "kind": "public" }), 107),
        (json!({ "name": "a\nb", "kind": "public" }), 107),
        (json!({ "name": "a\u{0}", "kind": "public" }), 107),
        (json!({ "name": "x".repeat(65), "kind": "public" }), 107),
        (json!({ "name": "x", "kind": "public", "topic": "a\tb" }), 107),
        (json!({ "name": "x", "kind": "public", "topic": "x".repeat(257) }), 107),
        (json!({ "name": "x", "kind": "public", "members": [nobody] }), 107),
        (json!({ "name": "x", "kind": "public", "members": ["me"] }), 107),
        (json!({ "name": "x", "kind": "public", "members": [""] }), 107),
        (json!({ "name": "x", "kind": "public", "members": "everyone" }), 107),
        (json!({ "name": "x", "kind": "public", "members": many }), 107),
        (json!({ "name": "x", "kind": "public", "client_id": "a b" }), 107),
        (json!({ "name": "x", "kind": "direct" }), 107),
        (json!({ "name": "x", "kind": "general" }), 108),
        (json!({}), 107),
    ] {
        assert_eq!(refused(&mut owner, "room.create", data.clone()).await, code, "{data}");
    }
    let hundred = json!({ "name": "x", "kind": "private", "members": &many[..100] });
    member.rpc("room.create", hundred).await.unwrap();
    for (method, data, code) in [
        ("room.get", json!({ "room": "nowhere" }), 401),
        ("room.get", json!({ "room": "a b" }), 107),
        ("room.get", json!({ "room": 7 }), 107),
        ("room.get", json!({}), 107),
        ("room.get", json!({ "room": den }), 402),
        ("room.update", json!({ "room": "nowhere", "name": "x" }), 401),
        ("room.update", json!({ "room": den, "name": "x" }), 402),
        ("room.update", json!({ "room": tea, "name": "x" }), 103),
        ("room.update", json!({ "room": "general", "name": "x" }), 103),
        ("room.members", json!({ "room": "nowhere" }), 401),
        ("room.members", json!({ "room": den }), 402),
        ("room.members", json!({ "room": tea, "cursor": "?" }), 107),
        ("room.members", json!({ "room": tea, "limit": "all" }), 107),
    ] {
        assert_eq!(refused(&mut stranger, method, data.clone()).await, code, "{method} {data}");
    }
    for room in [&den, &tea] {
        let data = json!({ "room": room, "name": "Mine" });
        assert_eq!(refused(&mut member, "room.update", data).await, 103, "a member is no owner");
        for data in [
            json!({ "room": room }),
            json!({ "room": room, "name": null }),
            json!({ "room": room, "name": " " }),
            json!({ "room": room, "topic": "x".repeat(257) }),
            json!({ "room": room, "name": "fine", "topic": "a\u{7f}" }),
        ] {
            assert_eq!(refused(&mut owner, "room.update", data.clone()).await, 107, "{data}");
        }
    }
    assert_eq!(owner.rpc("room.list", json!({})).await.unwrap(), before, "nothing has changed");
}

#[rstest]
#[tokio::test]
async fn an_owner_changes_name_and_topic_and_everyone_there_is_told(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
    #[values(Format::Json, Format::Protobuf)] format: Format,
) {
    let server = Server::start(shell).await.speaking(format);
    let mut owner = server.client("Owner").await;
    let mut reader = server.client("Reader").await;
    let tea = owner.make_room("public", &[]).await;
    reader.subscribe(&tea).await;
    for (change, name, topic) in [
        (json!({ "name": " Coffee " }), "Coffee", ""),
        (json!({ "topic": "beans" }), "Coffee", "beans"),
        (json!({ "name": "Tea", "topic": "" }), "Tea", ""),
    ] {
        let mut data = change.clone();
        data["room"] = json!(tea);
        let room = owner.rpc("room.update", data.clone()).await.unwrap();
        assert_eq!((&room["name"], &room["topic"]), (&json!(name), &json!(topic)));
        assert_eq!(room["role"], "owner");
        let event = reader.event().await;
        let state = json!({ "name": name, "kind": "public", "topic": topic });
        assert_eq!((&event["type"], &event["room_state"]), (&json!("room.updated"), &state));
        assert_eq!(room["head"], event["offset"]);
        // Once more changes nothing, and so says nothing.
        assert_eq!(owner.rpc("room.update", data).await.unwrap(), room);
    }
    reader.settle().await;
    assert!(reader.waiting().is_empty(), "{:?}", reader.waiting());
}

#[rstest]
#[tokio::test]
async fn the_list_has_general_first_then_ones_own_and_the_public_rooms_by_name(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
    #[values(Format::Json, Format::Protobuf)] format: Format,
) {
    let server = Server::start(shell).await.speaking(format);
    let mut ada = server.client("Ada").await;
    let mut bob = server.client("Bob").await;
    for (name, kind) in [("b", "public"), ("a", "private"), ("c", "public"), ("b", "private")] {
        ada.rpc("room.create", json!({ "name": name, "kind": kind })).await.unwrap();
    }
    let names = |list: &Value| {
        let items = list["items"].as_array().unwrap();
        items.iter().map(|room| room["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let all = ada.rpc("room.list", json!({})).await.unwrap();
    assert_eq!(names(&all)[1..], ["a", "b", "b", "c"]);
    assert_eq!(all.get("next"), None);
    let general = &all["items"][0];
    let epoch = general["epoch"].clone();
    let name = general["name"].clone();
    let expected = json!({ "id": "general", "name": name, "kind": "general", "topic": "", "head": 1,
        "epoch": epoch, "messages": 0, "member_count": 2, "role": "member",
        "read": 1, "unread": 0 });
    assert_eq!(general, &expected);
    let one = ada.rpc("room.get", json!({ "room": all["items"][1]["id"] })).await.unwrap();
    assert_eq!(all["items"][1], one, "items are whole rooms, as their reader sees them");
    let others = bob.rpc("room.list", Value::Null).await.unwrap();
    assert_eq!(names(&others)[1..], ["b", "c"], "somebody else's private rooms are not there");
    assert_eq!(others["items"][1].get("role"), None);
    // Page by page, however long the pages are.
    for limit in [0, 1, 2, 3, 5, 200, 4_000_000_000_u32] {
        let mut walked = Vec::new();
        let mut data = json!({ "limit": limit });
        let mut pages = 0;
        loop {
            let list = ada.rpc("room.list", data.clone()).await.unwrap();
            let items = list["items"].as_array().unwrap();
            assert!(items.len() <= (limit as usize).max(1));
            walked.extend(items.iter().cloned());
            pages += 1;
            let Some(next) = list.get("next") else { break };
            data["cursor"] = next.clone();
        }
        assert_eq!(json!(walked), all["items"], "limit {limit}");
        assert_eq!(pages, 5_usize.div_ceil((limit as usize).clamp(1, 200)), "limit {limit}");
    }
}
