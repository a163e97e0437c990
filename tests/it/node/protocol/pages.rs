//! `history.page`, and REST's twin of it: stretches of a room's past.

use chat_protocol::Format;
use rstest::rstest;
use serde_json::{Value, json};

use crate::kit::{Client, Server, Shell};

const PAGE_EVENTS: usize = 50;
const PAGE_EVENTS_MAX: usize = 200;

/// A page by socket, and the same by REST: they are one.
async fn page(server: &Server, client: &mut Client, room: &str, how: Value) -> Value {
    let mut data = how.clone();
    data["room"] = json!(room);
    let page = client.rpc("history.page", data).await.unwrap();
    let words: Vec<String> = how
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| format!("{name}={}", value.to_string().trim_matches('"')))
        .collect();
    let path = format!("/api/rooms/{room}/messages?{}", words.join("&"));
    assert_eq!(server.get(&path, &client.guest).await, (200, page.clone()), "{path}");
    page
}

/// First and last offset of a page, and where its neighbours are; its events have no hole.
fn bounds(page: &Value) -> (u64, u64, Option<u64>, Option<u64>) {
    let offset = |event: &Value| event["offset"].as_u64().unwrap();
    let offsets: Vec<u64> = page["events"].as_array().unwrap().iter().map(offset).collect();
    let first = offsets.first().copied().unwrap_or_default();
    assert_eq!(offsets, (first..).take(offsets.len()).collect::<Vec<_>>());
    let last = offsets.last().copied().unwrap_or_default();
    (first, last, page["prev"].as_u64(), page["next"].as_u64())
}

#[rstest]
#[tokio::test]
async fn a_page_is_a_stretch_without_a_hole_and_says_where_to_go_on(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
    #[values(Format::Json, Format::Protobuf)] format: Format,
) {
    let server = Server::start(shell).await.speaking(format);
    let mut client = server.client("Ada").await;
    let room = client.make_room("public", &[]).await; // offsets 1 and 2
    let mut ids = vec![Value::Null; 3];
    let mut sent = Vec::new();
    for n in 3..=250 {
        let data = json!({ "room": room, "client_id": n.to_string(), "text": "x" });
        sent.push(client.command("rpc", json!({ "method": "message.send", "data": data })).await);
    }
    for id in sent {
        ids.push(client.result(id, "rpc").await.unwrap()["data"]["id"].clone());
    }
    let head = 250;
    for (how, expected) in [
        (json!({}), (201, 250, Some(201), None)),
        (json!({ "limit": 1 }), (250, 250, Some(250), None)),
        (json!({ "limit": 0 }), (250, 250, Some(250), None)),
        (json!({ "limit": 200 }), (51, 250, Some(51), None)),
        (json!({ "limit": 4_294_967_295_u32 }), (51, 250, Some(51), None)),
        (json!({ "before": 201 }), (151, 200, Some(151), Some(200))),
        (json!({ "before": ids[201] }), (151, 200, Some(151), Some(200))),
        (json!({ "before": 20 }), (1, 19, None, Some(19))),
        (json!({ "before": 2 }), (1, 1, None, Some(1))),
        (json!({ "before": 251, "limit": 2 }), (249, 250, Some(249), None)),
        (json!({ "before": 9_999_999, "limit": 2 }), (249, 250, Some(249), None)),
        (json!({ "before": u64::MAX, "limit": 2 }), (249, 250, Some(249), None)),
        (json!({ "after": 0 }), (1, 50, None, Some(50))),
        (json!({ "after": 50, "limit": 10 }), (51, 60, Some(51), Some(60))),
        (json!({ "after": ids[50], "limit": 10 }), (51, 60, Some(51), Some(60))),
        (json!({ "after": 240, "limit": 10 }), (241, 250, Some(241), None)),
        (json!({ "after": 249 }), (250, 250, Some(250), None)),
        (json!({ "around": 100, "limit": 5 }), (98, 102, Some(98), Some(102))),
        (json!({ "around": ids[100], "limit": 5 }), (98, 102, Some(98), Some(102))),
        (json!({ "around": 100, "limit": 1 }), (100, 100, Some(100), Some(100))),
        (json!({ "around": 1, "limit": 5 }), (1, 5, None, Some(5))),
        (json!({ "around": 250, "limit": 5 }), (246, 250, Some(246), None)),
        (json!({ "around": u64::MAX, "limit": 5 }), (246, 250, Some(246), None)),
        (json!({ "around": 0, "limit": 5 }), (1, 5, None, Some(5))),
    ] {
        let page = page(&server, &mut client, &room, how.clone()).await;
        assert_eq!(bounds(&page), expected, "{how}");
        assert_eq!(page["head"], head, "{how}");
        let most = if how.get("limit").is_some() { PAGE_EVENTS_MAX } else { PAGE_EVENTS };
        assert!(page["events"].as_array().unwrap().len() <= most, "{how}");
    }
    // Nothing there: the ends say where the rest is.
    for (how, prev, next) in [
        (json!({ "before": 1 }), None, Some(0)),
        (json!({ "before": 0 }), None, Some(0)),
        (json!({ "after": 250 }), Some(251), None),
        (json!({ "after": u64::MAX }), Some(251), None),
    ] {
        let page = page(&server, &mut client, &room, how.clone()).await;
        assert_eq!(page["events"], json!([]), "{how}");
        assert_eq!((page["prev"].as_u64(), page["next"].as_u64()), (prev, next), "{how}");
    }
}

#[rstest]
#[tokio::test]
async fn pages_lead_from_end_to_end_in_both_directions_whatever_they_are_bounded_by(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
    #[values(Format::Json, Format::Protobuf)] format: Format,
) {
    const SAID: u64 = 60;
    let server = Server::start(shell).await.speaking(format);
    let mut client = server.client("Ada").await;
    for n in 0..SAID {
        let text = "é".repeat(if n % 2 == 0 { 8_000 } else { 10 });
        client.say_as("general", &format!("c{n}"), &text).await.unwrap();
    }
    let all = server.history("general", &client.guest).await;
    for (from, there) in [("after", "next"), ("before", "prev")] {
        let mut walked = Vec::new();
        let mut pages = 0;
        let mut how = json!({ from: if from == "after" { 0 } else { SAID + 2 }, "limit": 200 });
        loop {
            let page = page(&server, &mut client, "general", how).await;
            let events = page["events"].as_array().unwrap();
            let size: usize = events.iter().map(|event| event.to_string().len()).sum();
            assert!(size <= 280 * 1024, "about 256 KiB: {size}");
            let at = if from == "after" { walked.len() } else { 0 };
            walked.splice(at..at, events.iter().cloned());
            pages += 1;
            let Some(next) = page.get(there) else { break };
            how = json!({ from: next, "limit": 200 });
        }
        assert_eq!(walked, all, "{from}");
        assert!((2..=5).contains(&pages), "{from}: {pages} pages");
    }
}

#[rstest]
#[tokio::test]
async fn a_page_is_refused_to_whom_it_is_not_for(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
    #[values(Format::Json, Format::Protobuf)] format: Format,
) {
    let server = Server::start(shell).await.speaking(format);
    let mut owner = server.client("Owner").await;
    let mut member = server.client("Member").await;
    let mut stranger = server.client("Stranger").await;
    let (tea, den) = (owner.make_room("public", &[]).await, owner.make_room("private", &[]).await);
    let secret = owner.say(&den, "secret").await; // 3
    let add = json!({ "user": member.guest.id });
    let members = format!("/api/rooms/{den}/members");
    assert_eq!(server.post(&members, Some(&owner.guest), &add).await.0, 200); // 4
    owner.say(&den, "for-both").await; // 5
    assert_eq!(stranger.rpc("history.page", json!({ "room": tea })).await.unwrap()["head"], 2);
    let epoch = stranger.rpc("room.get", json!({ "room": tea })).await.unwrap()["epoch"].clone();
    // A member reads from their join on: before it there is nothing, and nothing there has a name.
    let visible = |page: &Value| (bounds(page), page["head"].clone());
    for (how, expected) in [
        (json!({}), ((4, 5, None, None), json!(5))),
        (json!({ "after": 0 }), ((4, 5, None, None), json!(5))),
        (json!({ "around": 1 }), ((4, 5, None, None), json!(5))),
        (json!({ "before": 5 }), ((4, 4, None, Some(4)), json!(5))),
        (json!({ "before": 4 }), ((0, 0, None, Some(3)), json!(5))),
    ] {
        let page = page(&server, &mut member, &den, how.clone()).await;
        assert_eq!(visible(&page), expected, "{how}");
    }
    let other = owner.say("general", "elsewhere").await;
    let mut people = [owner, member, stranger];
    for (who, data, code) in [
        (1, json!({ "room": den, "before": secret }), 107),
        (1, json!({ "room": den, "around": secret }), 107),
        (0, json!({ "room": den, "around": other }), 107),
        (0, json!({ "room": den, "before": "no id" }), 107),
        (0, json!({ "room": den, "before": 3, "after": 3 }), 107),
        (0, json!({ "room": den, "before": 3, "around": secret }), 107),
        (0, json!({ "room": den, "epoch": "0.aaaaaaaa" }), 112),
        (0, json!({ "room": den, "epoch": "" }), 112),
        (0, json!({ "room": "nowhere" }), 401),
        (0, json!({ "room": "a b" }), 107),
        (0, json!({}), 107),
        (2, json!({ "room": den }), 402),
        (2, json!({ "room": den, "around": secret }), 402),
    ] {
        let refusal = people[who].rpc("history.page", data.clone()).await.unwrap_err();
        assert_eq!((refusal.code, refusal.temporary), (code, false), "{data}");
    }
    let same = json!({ "room": den, "epoch": epoch });
    assert_eq!(people[0].rpc("history.page", same).await.unwrap()["epoch"], epoch);
    let by_id = json!({ "room": den, "around": secret, "limit": 1 });
    assert_eq!(people[0].rpc("history.page", by_id).await.unwrap()["events"][0]["text"], "secret");
}
