//! Recovery: everything after a position, in pages, then live; or an honest no.

use chat_protocol::Format;
use rstest::rstest;
use serde_json::{Value, json};

use crate::kit::{Client, Server, Shell, within};

/// About what a page holds at most: events, bytes.
const PAGE_EVENTS_MAX: usize = 200;
const PAGE_BYTES_MAX: usize = 256 * 1024;
/// What a room keeps in memory.
const TAIL_EVENTS_MAX: usize = 300;

fn publications(reply: &Value) -> Vec<Value> {
    reply["publications"].as_array().cloned().unwrap_or_default()
}

/// Sends `count` messages of `bytes` bytes, many at a time.
async fn say_many(author: &mut Client, room: &str, count: usize, bytes: usize) {
    const WINDOW: usize = 100;
    let mut sent = std::collections::VecDeque::new();
    for n in 0..count {
        let id = format!("{}-{n}", author.guest.name);
        let text = format!("{id} {}", "x".repeat(bytes));
        let data = json!({ "room": room, "client_id": id, "text": text });
        sent.push_back(
            author.command("rpc", json!({ "method": "message.send", "data": data })).await,
        );
        if sent.len() == WINDOW || n + 1 == count {
            let settled = if n + 1 == count { sent.len() } else { 1 };
            for id in sent.drain(..settled) {
                author.result(id, "rpc").await.unwrap();
            }
        }
    }
}

#[rstest]
#[tokio::test]
async fn what_is_in_memory_comes_with_the_reply(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
    #[values(Format::Json, Format::Protobuf)] format: Format,
) {
    let server = Server::start(shell).await.speaking(format);
    let mut author = server.client("Ada").await;
    let place = author.subscribe("general").await;
    let epoch = place["epoch"].as_str().unwrap();
    for n in 0..5 {
        author.say("general", &format!("m{n}")).await;
        author.event().await;
    }
    let history = server.history("general", &author.guest).await;
    for offset in [1, 2, 5, 6] {
        let mut reader = Client::connect(&server, &author.guest).await;
        let reply = reader.resume("general", epoch, offset).await.unwrap();
        let mut missed = Vec::new();
        for event in &history[usize::try_from(offset).unwrap()..] {
            missed.push(json!({ "data": event, "offset": event["offset"] }));
        }
        let mut expected = json!({ "recoverable": true, "positioned": true, "epoch": epoch,
            "offset": offset, "was_recovering": true, "recovered": true });
        if !missed.is_empty() {
            expected["publications"] = json!(missed);
        }
        assert_eq!(reply, expected, "from {offset}");
    }
    // From the very beginning: an offset of 0 is left out, as every 0.
    let mut reader = server.client("Bob").await;
    let channel = json!({ "channel": "room:general", "recover": true, "epoch": epoch });
    let reply = reader.call("subscribe", channel).await.unwrap();
    assert_eq!((reply.get("offset"), &reply["recovered"]), (None, &json!(true)));
    let all: Vec<_> = publications(&reply).iter().map(|it| it["data"].clone()).collect();
    assert_eq!(all, history);
    author.say("general", "live").await;
    assert_eq!(reader.event().await["offset"], 7);
}

// 700 messages of 3 kB: more than memory has, in pages that are full by bytes; and of 30 B: by count.
#[rstest]
#[tokio::test]
async fn what_is_older_comes_page_by_page_and_live_events_follow_without_a_hole(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
    #[values(Format::Json, Format::Protobuf)] format: Format,
    #[values(3_000, 30)] bytes: usize,
) {
    const SAID: usize = 700;
    let server = Server::start(shell).await.speaking(format);
    let mut author = server.client("Ada").await;
    let place = author.subscribe("general").await;
    let epoch = place["epoch"].as_str().unwrap();
    author.call("unsubscribe", json!({ "channel": "room:general" })).await.unwrap();
    say_many(&mut author, "general", SAID, bytes).await;
    // Somebody writes on, all the while.
    let mut other = server.client("Bob").await;
    let writing = tokio::spawn(async move { say_many(&mut other, "general", 300, bytes).await });

    let mut reader = server.client("Eve").await;
    let reply = reader.resume("general", epoch, 1).await.unwrap();
    assert_eq!((&reply["recovered"], &reply["offset"]), (&json!(true), &json!(1)));
    let first = publications(&reply);
    let size: usize = first.iter().map(|it| it.to_string().len()).sum();
    let full_by_count = first.len() == PAGE_EVENTS_MAX;
    let full_by_bytes = (PAGE_BYTES_MAX - 10_000..=PAGE_BYTES_MAX + 10_000).contains(&size);
    assert!(full_by_count != full_by_bytes, "{} events, {size} bytes", first.len());
    assert!(first.len() < SAID - TAIL_EVENTS_MAX, "the first page is not all");
    for (at, publication) in (2..).zip(&first) {
        assert_eq!(
            (&publication["offset"], &publication["data"]["offset"]),
            (&json!(at), &json!(at))
        );
    }
    let missing = SAID + 300 - first.len();
    reader.texts(2 + first.len() as u64, missing).await;
    within("all is written", writing).await.unwrap();
    reader.settle().await;
    assert!(reader.waiting().is_empty(), "{:?}", reader.waiting().front());
    author.say("general", "at-last").await;
    assert_eq!(reader.event().await["offset"], 2 + SAID as u64 + 300);
}

#[rstest]
#[tokio::test]
async fn what_can_t_be_recovered_is_said_to_be_lost(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
    #[values(Format::Json, Format::Protobuf)] format: Format,
) {
    let server = Server::start(shell).await.speaking(format);
    let mut author = server.client("Ada").await;
    let place = author.subscribe("general").await;
    let epoch = place["epoch"].as_str().unwrap();
    author.say("general", "m").await;
    let long = "x".repeat(1000);
    for (what, theirs, offset, recovered) in [
        ("another epoch", "0.aaaaaaaa", 1, false),
        ("the SDK's way to ask for a no", "_", 0, false),
        ("an epoch that can't be one", "é", 1, false),
        ("a very long one", long.as_str(), 1, false),
        ("an offset beyond the newest", epoch, 3, false),
        ("one far beyond", epoch, u64::MAX, false),
        ("both", "0.aaaaaaaa", u64::MAX, false),
        ("the newest", epoch, 2, true),
        ("no epoch", "", 1, true),
        ("no epoch, and beyond the newest", "", 3, false),
    ] {
        let mut reader = Client::connect(&server, &author.guest).await;
        let reply = reader.resume("general", theirs, offset).await.unwrap();
        let mut expected = json!({ "recoverable": true, "positioned": true, "epoch": epoch,
            "offset": 2, "was_recovering": true });
        if recovered {
            expected["recovered"] = json!(true);
            expected["offset"] = json!(offset);
        }
        let mut got = reply.clone();
        got.as_object_mut().unwrap().remove("publications");
        assert_eq!(got, expected, "{what}");
        assert_eq!(publications(&reply).len(), usize::from(recovered && offset == 1), "{what}");
    }
    // What was refused is a subscription nevertheless, from the newest on.
    let mut reader = server.client("Bob").await;
    reader.resume("general", "_", 0).await.unwrap();
    author.say("general", "live").await;
    assert_eq!(reader.event().await["offset"], 3);
    // Without `recover`, a position says nothing.
    let mut fresh = server.client("Eve").await;
    let channel = json!({ "channel": "room:general", "epoch": "_", "offset": 1 });
    let reply = fresh.call("subscribe", channel).await.unwrap();
    assert_eq!((reply.get("was_recovering"), &reply["offset"]), (None, &json!(3)));
}

#[rstest]
#[tokio::test]
async fn a_private_room_is_recovered_from_the_latest_join_on(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
    #[values(Format::Json, Format::Protobuf)] format: Format,
) {
    let server = Server::start(shell).await.speaking(format);
    let mut owner = server.client("Owner").await;
    let mut member = server.client("Member").await;
    let den = owner.make_room("private", &[&member.guest]).await; // created, owner, member: 1, 2, 3
    owner.say(&den, "one").await;
    let members = format!("/api/rooms/{den}/members");
    let place = owner.subscribe(&den).await;
    let epoch = place["epoch"].as_str().unwrap();
    for (offset, recovered) in [(0, false), (1, false), (2, true), (3, true), (4, true)] {
        let mut reader = Client::connect(&server, &member.guest).await;
        let reply = reader.resume(&den, epoch, offset).await.unwrap();
        assert_eq!(reply.get("recovered").is_some(), recovered, "from {offset}");
        let seen = publications(&reply).len() as u64;
        assert_eq!(seen, if recovered { 4 - offset } else { 0 }, "from {offset}");
    }
    member.rpc("room.leave", json!({ "room": den })).await.unwrap(); // 5
    owner.say(&den, "two").await; // 6
    let add = json!({ "user": member.guest.id });
    assert_eq!(server.post(&members, Some(&owner.guest), &add).await.0, 200); // 7
    owner.say(&den, "three").await; // 8
    for (offset, recovered) in [(3, false), (5, false), (6, true), (7, true), (8, true)] {
        let mut reader = Client::connect(&server, &member.guest).await;
        let reply = reader.resume(&den, epoch, offset).await.unwrap();
        assert_eq!(reply.get("recovered").is_some(), recovered, "from {offset}, joined again");
        let seen = publications(&reply).len() as u64;
        assert_eq!(seen, if recovered { 8 - offset } else { 0 }, "from {offset}");
    }
    let mut stranger = server.client("Stranger").await;
    assert_eq!(stranger.resume(&den, epoch, 8).await.unwrap_err().code, 103);
}

// 5 MB that it doesn't read: its catch-up stands still, it is removed, and gets none of the pages to come.
#[rstest]
#[tokio::test]
async fn who_is_removed_while_catching_up_is_told_2100_and_gets_no_further_page(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
    #[values(Format::Json, Format::Protobuf)] format: Format,
) {
    const SAID: usize = 300;
    let server = Server::start(shell).await.speaking(format);
    let mut owner = server.client("Owner").await;
    let mut member = server.client("Member").await;
    let den = owner.make_room("private", &[&member.guest]).await;
    say_many(&mut owner, &den, SAID, 16_000).await;
    let path = format!("/api/rooms/{den}/members/{}", member.guest.id);
    let reply = member.resume(&den, "", 3).await.unwrap();
    assert_eq!(reply["recovered"], true);
    let mut seen = publications(&reply).len();
    assert_eq!(server.delete(&path, &owner.guest).await.0, 200);
    owner.say(&den, "behind-their-back").await;
    let ended = loop {
        let push = member.push().await;
        if let Some(why) = push.get("unsubscribe") {
            break why.clone();
        }
        assert_eq!(push["pub"]["data"]["type"], "message.created", "of before the removal");
        assert_ne!(push["pub"]["data"]["text"], "behind-their-back");
        seen += 1;
    };
    assert!(seen < SAID - 16, "they had it all before they were removed");
    assert_eq!(ended, json!({ "code": 2100, "reason": "no longer a member" }));
    member.settle().await;
    assert!(member.waiting().is_empty(), "{:?}", member.waiting().front());
}
