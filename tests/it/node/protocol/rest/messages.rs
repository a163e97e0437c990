//! `/messages`: sending without a socket, and pages of the past.

use reqwest::Method;
use serde_json::json;

use super::{assert_problem, assert_refused};
use crate::kit::{Client, Server, Shell};

const MESSAGES: &str = "/api/rooms/general/messages";

#[tokio::test]
async fn a_message_is_201_and_its_repeat_200() {
    let server = Server::start(Shell::Lean).await;
    let ada = server.guest("Ada").await;
    let mut socket = Client::connect(&server, &ada).await;
    socket.subscribe("general").await;
    let body = json!({ "client_id": "c1", "text": " hello\n", "x": 1 });
    let (status, ack) = server.post(MESSAGES, Some(&ada), &body).await;
    assert_eq!((status, &ack["durability"]), (201, &json!("fsync")));
    assert_eq!(ack.as_object().unwrap().len(), 2);
    let event = socket.event().await;
    assert_eq!((&event["id"], &event["text"]), (&ack["id"], &json!(" hello\n")));
    assert_eq!(server.post(MESSAGES, Some(&ada), &body).await, (200, ack.clone()));
    assert_eq!(socket.say_as("general", "c1", " hello\n").await.unwrap(), ack["id"]);
    let other = json!({ "client_id": "c1", "text": "other" });
    assert_refused(&server.post(MESSAGES, Some(&ada), &other).await, 409, "other content");
    let said = socket.say("general", "by-socket").await;
    let again = json!({ "client_id": "by-socket", "text": "by-socket" });
    let (status, ack) = server.post(MESSAGES, Some(&ada), &again).await;
    assert_eq!((status, &ack["id"]), (200, &json!(said)), "a repeat by the other way");
    socket.event().await;
    socket.settle().await;
    assert!(socket.waiting().is_empty());
}

#[tokio::test]
async fn each_refusal_of_a_message_has_its_status() {
    let server = Server::start(Shell::Lean).await;
    let (owner, stranger) = (server.guest("Owner").await, server.guest("Stranger").await);
    let make = async |kind: &str| {
        let create = json!({ "name": "Tea", "kind": kind });
        server.post("/api/rooms", Some(&owner), &create).await.1["id"].as_str().unwrap().to_owned()
    };
    let (tea, den) = (make("public").await, make("private").await);
    let text = |text: &str| json!({ "client_id": "c", "text": text });
    for (room, who, body, code) in [
        ("general", &owner, text(""), 406),
        ("general", &owner, text(" \n"), 406),
        ("general", &owner, text(&"x".repeat(16_385)), 407),
        ("general", &owner, text("a\u{0}"), 107),
        ("general", &owner, json!({ "text": "x" }), 107),
        ("general", &owner, json!({ "client_id": "c" }), 107),
        ("general", &owner, json!({ "client_id": "a b", "text": "x" }), 107),
        ("general", &owner, json!({ "client_id": 7, "text": "x" }), 107),
        ("general", &owner, json!([]), 107),
        ("nowhere", &owner, text("x"), 401),
        ("a%20b", &owner, text("x"), 107),
        (&tea, &stranger, text("x"), 402),
        (&den, &stranger, text("x"), 402),
    ] {
        let refused = server.post(&format!("/api/rooms/{room}/messages"), Some(who), &body).await;
        let start: String = body.to_string().chars().take(60).collect();
        assert_refused(&refused, code, &format!("{} in {room}: {start}", who.name));
    }
    for room in ["general", &tea, &den] {
        let history = server.history(room, &owner).await;
        assert!(history.iter().all(|event| event.get("text").is_none()), "nothing came of it");
    }
}

// The pages themselves: `pages.rs`, where each is compared with its twin by socket.
#[tokio::test]
async fn an_anchor_of_digits_is_an_offset_and_any_other_an_id() {
    let server = Server::start(Shell::Lean).await;
    let mut socket = server.client("Ada").await;
    let mut ids = Vec::new();
    for n in 0..5 {
        ids.push(socket.say("general", &format!("m{n}")).await); // offsets 2 to 6
    }
    let ada = &socket.guest;
    let (_, room) = server.get("/api/rooms/general", ada).await;
    let epoch = room["epoch"].as_str().unwrap();
    let id = &ids[2];
    for (query, offsets) in [
        ("before=4".into(), vec![1, 2, 3]),
        (format!("before={id}"), vec![1, 2, 3]),
        (format!("before={}", id.to_uppercase()), vec![1, 2, 3]),
        ("after=4".into(), vec![5, 6]),
        (format!("after={id}&limit=1"), vec![5]),
        (format!("around={id}&limit=3"), vec![3, 4, 5]),
        ("around=004&limit=1".into(), vec![4]),
        (format!("epoch={epoch}&limit=1"), vec![6]),
        ("unknown=1&limit=1".into(), vec![6]),
    ] {
        let (status, page) = server.get(&format!("{MESSAGES}?{query}"), ada).await;
        assert_eq!(status, 200, "{query}: {page}");
        let got: Vec<_> =
            page["events"].as_array().unwrap().iter().map(|it| it["offset"].clone()).collect();
        assert_eq!(json!(got), json!(offsets), "{query}");
    }
    for (query, code) in [
        ("before=4&after=2", 107),
        ("before=", 107),
        ("before=-1", 107),
        ("before=4.5", 107),
        ("before=99999999999999999999", 107),
        ("before=01890a5d-ac96-774b-bcce-b302099a8057", 107),
        ("before=general", 107),
        ("limit=-1", 107),
        ("limit=many", 107),
        ("limit=1&limit=2", 107),
        ("epoch=0.aaaaaaaa", 112),
        ("epoch=", 112),
    ] {
        let path = format!("{MESSAGES}?{query}");
        let answer = server.ask(Method::GET, &path, |it| it.bearer_auth(&ada.token)).await;
        assert_problem(&answer, code, query);
    }
}
