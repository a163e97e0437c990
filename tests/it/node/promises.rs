//! The promises of `docs/SEMANTICS.md`, each by its number. Those about dying are in `ending.rs`, the one about slow
//! readers is in `slow.rs`.

use std::collections::HashMap;

use rand::{RngExt, SeedableRng};
use rstest::rstest;
use serde_json::{Value, json};

use crate::kit::{Client, Server, Shell, within};

#[rstest]
#[tokio::test]
async fn p1_an_ack_means_durable(#[values(Shell::Lean, Shell::Actors)] shell: Shell) {
    let mut server = Server::start(shell).await;
    let guest = server.guest("Author").await;
    let mut acked = Vec::new();
    for n in 0..5 {
        // Killed in the very moment in which the ack is here.
        let mut author = Client::connect(&server, &guest).await;
        acked.push(author.say("general", &format!("socket{n}")).await);
        server = server.kill_and_restart().await;
        let body = json!({ "client_id": format!("rest{n}"), "text": "by REST" });
        let (status, reply) = server.post("/api/rooms/general/messages", Some(&guest), &body).await;
        assert_eq!((status, &reply["durability"]), (201, &json!("fsync")));
        acked.push(reply["id"].as_str().unwrap().to_owned());
        server = server.kill_and_restart().await;
    }
    assert_eq!(ids(&server.history("general", &guest).await)[1..], acked);
}

#[rstest]
#[tokio::test]
async fn p2_the_same_client_id_never_makes_a_second_message(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
) {
    let server = Server::start(shell).await;
    let guest = server.guest("Author").await;
    let mut first = Client::connect(&server, &guest).await;
    let mut second = Client::connect(&server, &guest).await;
    let data = json!({ "room": "general", "client_id": "c1", "text": "once" });
    let send = json!({ "method": "message.send", "data": data });
    // Many at once, over two connections, which are on two threads.
    let mut storm = Vec::new();
    for _ in 0..20 {
        storm.push((
            first.command("rpc", send.clone()).await,
            second.command("rpc", send.clone()).await,
        ));
    }
    let mut answers = Vec::new();
    for (one, other) in storm {
        answers.push(first.result(one, "rpc").await.unwrap()["data"]["id"].clone());
        answers.push(second.result(other, "rpc").await.unwrap()["data"]["id"].clone());
    }
    let id = answers[0].as_str().unwrap().to_owned();
    assert!(answers.iter().all(|answer| *answer == *id), "{answers:?}");

    let server = server.kill_and_restart().await;
    let body = json!({ "client_id": "c1", "text": "once" });
    let (status, reply) = server.post("/api/rooms/general/messages", Some(&guest), &body).await;
    assert_eq!((status, &reply["id"]), (200, &json!(id)), "a repeat, also after a restart");
    let mut author = Client::connect(&server, &guest).await;
    let other_text = author.say_as("general", "c1", "twice").await.unwrap_err();
    assert_eq!((other_text.code, other_text.temporary), (409, false));

    // Another author, and another room, are another message.
    let mut stranger = server.client("Stranger").await;
    assert_ne!(stranger.say_as("general", "c1", "once").await.as_ref(), Ok(&id));
    let room = author.rpc("room.create", json!({ "name": "Tea", "kind": "public" })).await.unwrap();
    let tea = room["id"].as_str().unwrap();
    assert_ne!(author.say_as(tea, "c1", "once").await.as_ref(), Ok(&id));
    assert_eq!(server.history("general", &guest).await.len(), 3);
}

#[rstest]
#[tokio::test]
async fn p3_everyone_sees_one_order_without_a_hole(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
) {
    const WRITERS: usize = 6;
    const EACH: usize = 60;
    let server = Server::start(shell).await;
    let mut readers = Vec::new();
    for n in 0..4 {
        let mut reader = server.client(&format!("Reader {n}")).await;
        let top = reader.subscribe("general").await["offset"].as_u64().unwrap();
        readers.push(tokio::spawn(async move {
            let mut seen = Vec::new();
            for at in (top + 1..).take(WRITERS * EACH) {
                let event = reader.event().await;
                assert_eq!(event["offset"], at);
                seen.push(event);
            }
            seen
        }));
    }
    let mut writers = Vec::new();
    for n in 0..WRITERS {
        let mut author = server.client(&format!("Author {n}")).await;
        writers.push(tokio::spawn(async move {
            for m in 0..EACH {
                author.say("general", &format!("{n}-{m}")).await;
            }
            author.guest
        }));
    }
    let mut guest = None;
    for writer in writers {
        guest = Some(within("a writer is done", writer).await.unwrap());
    }
    let history = server.history("general", &guest.unwrap()).await;
    for reader in readers {
        assert_eq!(within("a reader is done", reader).await.unwrap(), history[1..]);
    }
    // Each author's own messages, which were sent one after the other, keep their order.
    let mut next: HashMap<&str, usize> = HashMap::new();
    for event in &history[1..] {
        let (author, m) = event["text"].as_str().unwrap().split_once('-').unwrap();
        let expected = next.entry(author).or_default();
        assert_eq!(m.parse::<usize>().unwrap(), *expected);
        *expected += 1;
    }
}

#[rstest]
#[tokio::test]
async fn p4_whoever_drops_resumes_without_a_hole_at_any_age(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
) {
    const SAID: usize = 900; // beyond what a room keeps in memory
    let server = Server::start(shell).await;
    let mut author = server.client("Author").await;
    let epoch = author.subscribe("general").await["epoch"].as_str().unwrap().to_owned();
    say_many(&mut author, SAID).await;
    let history = server.history("general", &author.guest).await;
    let mut random = rand::rngs::StdRng::seed_from_u64(4);
    let mut places: Vec<u64> = (0..6).map(|_| random.random_range(0..=SAID as u64 + 1)).collect();
    places.extend([0, 1, SAID as u64, SAID as u64 + 1]);
    resumes_from(&server, &author, &epoch, &places, &history).await;
    let server = server.kill_and_restart().await;
    resumes_from(&server, &author, &epoch, &places, &history).await;
}

async fn say_many(author: &mut Client, count: usize) {
    let mut sent = Vec::new();
    for n in 0..count {
        let data =
            json!({ "room": "general", "client_id": format!("c{n}"), "text": format!("m{n}") });
        sent.push(author.command("rpc", json!({ "method": "message.send", "data": data })).await);
        if sent.len() == 100 {
            for id in sent.drain(..) {
                author.result(id, "rpc").await.unwrap();
            }
        }
    }
    for id in sent {
        author.result(id, "rpc").await.unwrap();
    }
}

/// From each place on a client gets exactly what history has after it.
async fn resumes_from(
    server: &Server,
    author: &Client,
    epoch: &str,
    places: &[u64],
    history: &[Value],
) {
    for place in places {
        let mut client = Client::connect(server, &author.guest).await;
        let answer = client.resume("general", epoch, *place).await.unwrap();
        assert_eq!(answer["recovered"], true, "from {place}: {answer}");
        let missed = &history[usize::try_from(*place).unwrap()..];
        let mut got: Vec<Value> = answer["publications"]
            .as_array()
            .map(|all| all.iter().map(|publication| publication["data"].clone()).collect())
            .unwrap_or_default();
        while got.len() < missed.len() {
            got.push(client.event().await);
        }
        assert_eq!(got, missed, "from {place}");
    }
}

// What one commit after the other shows to readers is there after a kill, at the place where it was shown.
#[tokio::test]
async fn p6_nothing_is_shown_that_is_not_durable() {
    let mut server = Server::start(Shell::Lean).await;
    let reader = server.guest("Reader").await;
    let author = server.guest("Author").await;
    let mut shown: Vec<Value> = Vec::new();
    for round in 0..5 {
        let mut author = Client::connect(&server, &author).await;
        let mut reader = Client::connect(&server, &reader).await;
        reader.subscribe("general").await;
        for n in 0..200 {
            let text = format!("{round}-{n}");
            let data = json!({ "room": "general", "client_id": text, "text": text });
            author.command("rpc", json!({ "method": "message.send", "data": data })).await;
        }
        shown.push(reader.event().await);
        server = server.kill_and_restart().await; // in the midst of the others
        reader.closed().await;
        shown.extend(reader.waiting().iter().map(|push| push["pub"]["data"].clone()));
    }
    let history = server.history("general", &reader).await;
    for event in shown {
        let at = usize::try_from(event["offset"].as_u64().unwrap()).unwrap();
        assert_eq!(history.get(at - 1), Some(&event), "shown, and then gone");
    }
}

#[rstest]
#[tokio::test]
async fn p8_nothing_of_a_private_room_follows_a_removal(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
) {
    let server = Server::start(shell).await;
    let mut removed = server.client("Removed").await;
    let mut owner = server.client("Owner").await;
    let create = json!({ "name": "Den", "kind": "private", "members": [removed.guest.id] });
    let den = owner.rpc("room.create", create).await.unwrap()["id"].as_str().unwrap().to_owned();
    removed.subscribe(&den).await;
    owner.subscribe(&den).await;
    // The removal comes in the middle of what the owner says.
    let mut sent = Vec::new();
    let path = format!("/api/rooms/{den}/members/{}", removed.guest.id);
    let mut removal = None;
    for n in 0..100 {
        let data = json!({ "room": den, "client_id": format!("c{n}"), "text": format!("m{n}") });
        sent.push(owner.command("rpc", json!({ "method": "message.send", "data": data })).await);
        if n == 50 {
            let (status, _) = server.delete(&path, &owner.guest).await;
            assert_eq!(status, 200);
        }
    }
    for id in sent {
        owner.result(id, "rpc").await.unwrap();
    }
    let ended = loop {
        let mut push = removed.push().await;
        assert!(removal.is_none() || push.get("unsubscribe").is_some(), "after it: {push}");
        if let Some(ended) = push.get("unsubscribe") {
            break ended["code"].clone();
        }
        let event = push["pub"]["data"].take();
        if event["type"] == "member.removed" {
            removal = event["offset"].as_u64();
        }
    };
    assert_eq!(ended, 2100);
    let removal = removal.expect("they are told of the removal itself");
    removed.settle().await;
    assert!(removed.waiting().is_empty(), "{:?}", removed.waiting());
    let history = server.history(&den, &owner.guest).await;
    let event = history.iter().find(|event| event["offset"] == removal);
    assert_eq!(event.unwrap()["type"], "member.removed");

    // Neither history, nor a resume, nor a send.
    let page = removed.rpc("history.page", json!({ "room": den })).await.unwrap_err();
    let resumed = removed.resume(&den, "", removal).await.unwrap_err();
    let said = removed.say_as(&den, "late", "late").await.unwrap_err();
    assert_eq!((page.code, resumed.code, said.code), (402, 103, 402));

    // After a new join: from the join on, and nothing of the time between.
    let add = json!({ "user": removed.guest.id });
    let (status, _) =
        server.post(&format!("/api/rooms/{den}/members"), Some(&owner.guest), &add).await;
    assert_eq!(status, 200);
    let visible = server.history(&den, &removed.guest).await;
    assert_eq!(visible[0]["type"], "member.joined");
    assert_eq!(visible.len(), 1);
}

#[rstest]
#[tokio::test]
async fn p9_a_refusal_changes_nothing(#[values(Shell::Lean, Shell::Actors)] shell: Shell) {
    let server = Server::start(shell).await;
    let mut owner = server.client("Owner").await;
    let mut stranger = server.client("Stranger").await;
    let create = json!({ "name": "Den", "kind": "private" });
    let den = owner.rpc("room.create", create).await.unwrap()["id"].as_str().unwrap().to_owned();
    owner.say_as(&den, "used", "as it was").await.unwrap();
    let before = server.history(&den, &owner.guest).await;
    let (_, as_it_was) = server.get(&format!("/api/rooms/{den}"), &owner.guest).await;
    let long = "x".repeat(16_385);
    let sends = [
        (&mut stranger, json!({ "room": den, "client_id": "a", "text": "let me in" }), 402),
        (&mut owner, json!({ "room": den, "client_id": "used", "text": "other" }), 409),
    ];
    for (who, data, code) in sends {
        assert_eq!(who.rpc("message.send", data).await.unwrap_err().code, code);
    }
    for (data, code) in [
        (json!({ "room": den, "client_id": "b", "text": " \n" }), 406),
        (json!({ "room": den, "client_id": "c", "text": long }), 407),
        (json!({ "room": den, "client_id": "d", "text": "nul\u{0}" }), 107),
        (json!({ "room": den, "client_id": "not an id", "text": "x" }), 107),
        (json!({ "room": "nowhere", "client_id": "e", "text": "x" }), 401),
    ] {
        assert_eq!(owner.rpc("message.send", data).await.unwrap_err().code, code);
    }
    for (method, data, code) in [
        ("room.join", json!({ "room": den }), 103),
        ("room.update", json!({ "room": den, "name": "Mine" }), 402),
        ("room.members", json!({ "room": den }), 402),
        ("history.page", json!({ "room": den }), 402),
    ] {
        assert_eq!(stranger.rpc(method, data).await.unwrap_err().code, code, "{method}");
    }
    assert_eq!(server.history(&den, &owner.guest).await, before);
    assert_eq!(server.get(&format!("/api/rooms/{den}"), &owner.guest).await.1, as_it_was);
}

fn ids(events: &[Value]) -> Vec<String> {
    events.iter().map(|event| event["id"].as_str().unwrap_or_default().to_owned()).collect()
}
