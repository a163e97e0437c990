//! Rooms: made, seen, listed, changed.

use serde_json::{Value, json};

use super::assert_refused;
use crate::kit::{Client, Guest, Server, Shell};

#[tokio::test]
async fn rooms_are_made_seen_and_changed_as_by_the_methods() {
    let server = Server::start(Shell::Lean).await;
    let (ada, bob) = (server.guest("Ada").await, server.guest("Bob").await);
    let mut socket = Client::connect(&server, &ada).await;
    let create = json!({ "name": "Tea", "kind": "private", "topic": "green", "members": [bob.id],
        "client_id": "r1" });
    let (status, room) = server.post("/api/rooms", Some(&ada), &create).await;
    assert_eq!(status, 201, "{room}");
    let id = room["id"].as_str().unwrap().to_owned();
    let path = format!("/api/rooms/{id}");
    assert_eq!(server.post("/api/rooms", Some(&ada), &create).await, (201, room.clone()), "again");
    assert_eq!(socket.rpc("room.create", create.clone()).await.unwrap(), room, "by either way");
    assert_eq!(server.get(&path, &ada).await, (200, room.clone()));
    assert_eq!(socket.rpc("room.get", json!({ "room": id })).await.unwrap(), room);
    let (_, seen) = server.get(&path, &bob).await;
    assert_eq!((&seen["role"], &seen["name"]), (&json!("member"), &json!("Tea")));

    socket.subscribe(&id).await;
    let (status, changed) = server.patch(&path, &ada, &json!({ "name": " Coffee " })).await;
    assert_eq!(
        (status, &changed["name"], &changed["topic"]),
        (200, &json!("Coffee"), &json!("green"))
    );
    let event = socket.event().await;
    assert_eq!(
        event["room_state"],
        json!({ "name": "Coffee", "kind": "private", "topic": "green" })
    );
    assert_eq!(changed["head"], event["offset"]);
    let (status, changed) = server.patch(&path, &ada, &json!({ "topic": "" })).await;
    assert_eq!((status, &changed["topic"]), (200, &json!("")));

    let mut other = create.clone();
    other["name"] = json!("Other");
    assert_refused(&server.post("/api/rooms", Some(&ada), &other).await, 409, "other content");
    assert_eq!(server.get(&path, &ada).await, (200, changed), "which changed nothing");
}

#[tokio::test]
async fn each_refusal_about_a_room_has_its_status() {
    let server = Server::start(Shell::Lean).await;
    let (owner, member) = (server.guest("Owner").await, server.guest("Member").await);
    let stranger = server.guest("Stranger").await;
    let make = async |kind: &str| {
        let create = json!({ "name": "Tea", "kind": kind, "members": [member.id] });
        let (_, room) = server.post("/api/rooms", Some(&owner), &create).await;
        room["id"].as_str().unwrap().to_owned()
    };
    let (tea, den) = (make("public").await, make("private").await);
    for (body, code) in [
        (json!({}), 107),
        (json!({ "name": "x" }), 107),
        (json!({ "name": "x", "kind": "secret" }), 107),
        (json!({ "name": "", "kind": "public" }), 107),
        (json!({ "name": "x", "kind": "public", "topic": "x".repeat(257) }), 107),
        (json!({ "name": "x", "kind": "public", "members": ["nobody"] }), 107),
        (json!({ "name": "x", "kind": "public", "client_id": "" }), 107),
        (json!({ "name": "x", "kind": "direct", "members": [member.id] }), 107),
        (json!({ "kind": "direct", "members": ["nobody"] }), 107),
        (json!({ "kind": "direct", "members": [owner.id] }), 107),
        (json!({ "kind": "direct", "members": [] }), 107),
        (json!({ "name": "x", "kind": "general" }), 108),
    ] {
        let refused = server.post("/api/rooms", Some(&owner), &body).await;
        assert_refused(&refused, code, &body.to_string());
    }
    for (room, who, code) in [
        (den.as_str(), &stranger, 402),
        ("nowhere", &stranger, 401),
        ("a%20b", &stranger, 107),
        ("%00", &stranger, 107),
        ("%ff", &stranger, 107),
        ("caf%C3%A9", &stranger, 107),
        (&"x".repeat(65), &stranger, 107),
    ] {
        for path in ["", "/members", "/messages"] {
            let path = format!("/api/rooms/{room}{path}");
            assert_refused(&server.get(&path, who).await, code, &path);
        }
        let path = format!("/api/rooms/{room}");
        let refused = server.patch(&path, who, &json!({ "name": "Mine" })).await;
        assert_refused(&refused, code, &path);
    }
    for (room, who, body, code) in [
        (tea.as_str(), &stranger, json!({ "name": "Mine" }), 103),
        (&tea, &member, json!({ "name": "Mine" }), 103),
        (&den, &member, json!({ "name": "Mine" }), 103),
        ("general", &owner, json!({ "name": "Mine" }), 103),
        (&tea, &owner, json!({}), 107),
        (&tea, &owner, json!({ "name": null }), 107),
        (&tea, &owner, json!({ "name": " " }), 107),
        (&tea, &owner, json!({ "name": "fine", "topic": "a\nb" }), 107),
        (&tea, &owner, json!([]), 107),
    ] {
        let refused = server.patch(&format!("/api/rooms/{room}"), who, &body).await;
        assert_refused(&refused, code, &format!("{room} {body}"));
    }
    let (_, room) = server.get(&format!("/api/rooms/{tea}"), &owner).await;
    assert_eq!((&room["name"], &room["head"]), (&json!("Tea"), &json!(3)), "nothing came of it");
}

#[tokio::test]
async fn lists_are_paged_by_cursors() {
    let server = Server::start(Shell::Lean).await;
    let ada = server.guest("Ada").await;
    let mut socket = Client::connect(&server, &ada).await;
    for name in ["d", "a", "c", "b"] {
        let create = json!({ "name": name, "kind": "public" });
        assert_eq!(server.post("/api/rooms", Some(&ada), &create).await.0, 201);
    }
    let rooms = socket.rpc("room.list", json!({})).await.unwrap();
    assert_eq!(server.get("/api/rooms", &ada).await, (200, rooms.clone()));
    assert_eq!(walk(&server, "/api/rooms", &ada).await, rooms["items"]);
    for name in ["Bob", "Eve", "Zoe"] {
        server.guest(name).await;
    }
    let (_, rooms) = server.get("/api/rooms", &ada).await; // `general` has grown
    let path = "/api/rooms/general/members";
    let members = socket.rpc("room.members", json!({ "room": "general" })).await.unwrap();
    assert_eq!(server.get(path, &ada).await, (200, members.clone()));
    assert_eq!(members["count"], 4);
    assert_eq!(walk(&server, path, &ada).await, members["items"]);
    for query in
        ["limit=-1", "limit=x", "limit=99999999999", "cursor=", "cursor=%3F", "cursor=YWJj"]
    {
        for path in ["/api/rooms", path] {
            let path = format!("{path}?{query}");
            assert_refused(&server.get(&path, &ada).await, 107, &path);
        }
    }
    for query in ["", "limit=200", "limit=100000", "unknown=1"] {
        let (status, list) = server.get(&format!("/api/rooms?{query}"), &ada).await;
        assert_eq!((status, &list), (200, &rooms), "{query}");
    }
    let (_, list) = server.get("/api/rooms?limit=0", &ada).await;
    assert_eq!(list["items"].as_array().unwrap().len(), 1, "at least one");
}

#[tokio::test]
async fn a_list_has_50_items_unless_it_is_asked_for_others_and_200_at_most() {
    let server = Server::start(Shell::Lean).await;
    let mut guests = Vec::new();
    for n in 0..201 {
        guests.push(server.guest(&format!("Guest {n:03}")).await);
    }
    for (query, count, more) in [("", 50, true), ("?limit=7", 7, true), ("?limit=900", 200, true)] {
        let path = format!("/api/rooms/general/members{query}");
        let (_, list) = server.get(&path, &guests[0]).await;
        let items = list["items"].as_array().unwrap();
        assert_eq!((items.len(), list.get("next").is_some()), (count, more), "{query}");
        assert_eq!((&list["count"], &items[6]["name"]), (&json!(201), &json!("Guest 006")));
    }
}

/// A whole list, two items at a time.
async fn walk(server: &Server, path: &str, guest: &Guest) -> Value {
    let mut walked = Vec::new();
    let mut next = String::new();
    loop {
        let (_, list) = server.get(&format!("{path}?limit=2{next}"), guest).await;
        let items = list["items"].as_array().unwrap();
        assert!((1..=2).contains(&items.len()), "{list}");
        walked.extend(items.iter().cloned());
        let Some(cursor) = list["next"].as_str() else { return json!(walked) };
        next = format!("&cursor={cursor}");
    }
}
