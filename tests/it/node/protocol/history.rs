//! The `history` command of the Centrifuge protocol.

use chat_protocol::Format;
use rstest::rstest;
use serde_json::{Value, json};

use crate::kit::{Client, Refusal, Server, Shell};

async fn history(client: &mut Client, how: Value) -> Result<Value, Refusal> {
    let mut body = how;
    body.as_object_mut().unwrap().entry("channel").or_insert(json!("room:general"));
    client.call("history", body).await
}

fn offsets(result: &Value) -> Vec<u64> {
    let offset = |it: &Value| {
        assert_eq!(it["offset"], it["data"]["offset"]);
        it["offset"].as_u64().unwrap()
    };
    result["publications"].as_array().unwrap().iter().map(offset).collect()
}

#[rstest]
#[tokio::test]
async fn history_gives_publications_after_or_before_a_position(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
    #[values(Format::Json, Format::Protobuf)] format: Format,
) {
    let server = Server::start(shell).await.speaking(format);
    let mut client = server.client("Ada").await;
    let epoch = client.subscribe("general").await["epoch"].clone();
    let mut sent = Vec::new();
    for n in 2..=400 {
        let data = json!({ "room": "general", "client_id": n.to_string(), "text": "x" });
        sent.push(client.command("rpc", json!({ "method": "message.send", "data": data })).await);
        if sent.len() == 200 || n == 400 {
            for id in sent.drain(..) {
                client.result(id, "rpc").await.unwrap();
            }
        }
    }
    let place = json!({ "publications": [], "epoch": epoch, "offset": 400 });
    for how in [
        json!({}),
        json!({ "limit": 0 }),
        json!({ "reverse": true }),
        json!({ "since": { "offset": 7, "epoch": epoch } }),
    ] {
        assert_eq!(history(&mut client, how.clone()).await.unwrap(), place, "{how}");
    }
    let since = |offset: u64| json!({ "offset": offset, "epoch": epoch });
    let up = |from: u64, to: u64| (from..=to).collect::<Vec<_>>();
    let down = |from: u64, to: u64| (to..=from).rev().collect::<Vec<_>>();
    for (how, expected) in [
        (json!({ "limit": 3 }), up(1, 3)),
        (json!({ "limit": 3, "reverse": true }), down(400, 398)),
        (json!({ "limit": 3, "since": since(10) }), up(11, 13)),
        (json!({ "limit": 3, "since": since(10), "reverse": true }), down(9, 7)),
        (json!({ "limit": -1, "since": since(350) }), up(351, 400)),
        (json!({ "limit": -1, "since": since(20), "reverse": true }), down(19, 1)),
        (json!({ "limit": -1 }), up(1, 300)),
        (json!({ "limit": 300 }), up(1, 300)),
        (json!({ "limit": 2_147_483_647 }), up(1, 300)),
        (json!({ "limit": -5 }), up(1, 300)),
        (json!({ "limit": -1, "reverse": true }), down(400, 101)),
        (json!({ "limit": 5, "since": since(400) }), vec![]),
        (json!({ "limit": 5, "since": since(9_999) }), vec![]),
        (json!({ "limit": 5, "since": since(1), "reverse": true }), vec![]),
        (json!({ "limit": 5, "since": since(0), "reverse": true }), vec![]),
        (json!({ "limit": 2, "since": {} }), up(1, 2)),
        (json!({ "limit": 2, "since": { "offset": 5 } }), up(6, 7)),
        (json!({ "limit": 2, "since": since(u64::MAX), "reverse": true }), down(400, 399)),
    ] {
        let result = history(&mut client, how.clone()).await.unwrap();
        assert_eq!(offsets(&result), expected, "{how}");
        assert_eq!((&result["epoch"], &result["offset"]), (&epoch, &json!(400)), "{how}");
    }
    let all = server.history("general", &client.guest).await;
    let one = history(&mut client, json!({ "limit": 1, "since": since(4) })).await.unwrap();
    assert_eq!(one["publications"], json!([{ "data": all[4], "offset": 5 }]));
}

#[rstest]
#[tokio::test]
async fn history_is_refused_with_a_code_of_its_own(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
    #[values(Format::Json, Format::Protobuf)] format: Format,
) {
    let server = Server::start(shell).await.speaking(format);
    let mut owner = server.client("Owner").await;
    let mut stranger = server.client("Stranger").await;
    let (tea, den) = (owner.make_room("public", &[]).await, owner.make_room("private", &[]).await);
    for epoch in ["0.aaaaaaaa", "_", "é", &"x".repeat(100)] {
        for limit in [0, 1] {
            let how = json!({ "limit": limit, "since": { "offset": 1, "epoch": epoch } });
            let refusal = history(&mut owner, how).await;
            assert_eq!(refusal, Err(Refusal { code: 112, temporary: false }), "{epoch}");
        }
    }
    for (channel, code) in [
        (format!("room:{den}"), 402),
        ("room:nowhere".into(), 401),
        ("room:a b".into(), 107),
        (String::new(), 107),
        ("chat".into(), 102),
        ("user:x".into(), 103),
    ] {
        let how = json!({ "channel": channel, "limit": 1 });
        assert_eq!(history(&mut stranger, how).await.unwrap_err().code, code, "{channel}");
    }
    let public = json!({ "channel": format!("room:{tea}"), "limit": -1 });
    assert_eq!(offsets(&history(&mut stranger, public).await.unwrap()), [1, 2]);
    // In a private room from the latest join on.
    let add = json!({ "user": stranger.guest.id });
    let members = format!("/api/rooms/{den}/members");
    assert_eq!(server.post(&members, Some(&owner.guest), &add).await.0, 200);
    for reverse in [false, true] {
        let how = json!({ "channel": format!("room:{den}"), "limit": -1, "reverse": reverse });
        assert_eq!(offsets(&history(&mut stranger, how).await.unwrap()), [3]);
    }
}

#[rstest]
#[tokio::test]
async fn a_history_reply_holds_about_256_kib(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
    #[values(Format::Json, Format::Protobuf)] format: Format,
) {
    let server = Server::start(shell).await.speaking(format);
    let mut client = server.client("Ada").await;
    for n in 0..40 {
        client.say_as("general", &format!("c{n}"), &"x".repeat(16_000)).await.unwrap();
    }
    for reverse in [false, true] {
        let how = json!({ "limit": -1, "reverse": reverse });
        let result = history(&mut client, how).await.unwrap();
        let size = result.to_string().len();
        assert!((200 * 1024..280 * 1024).contains(&size), "{size} bytes");
    }
}

// What SDKs may ask for and this server hasn't: said with a code that they understand.
#[rstest]
#[tokio::test]
async fn who_asks_about_what_is_no_room_is_refused(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
    #[values(Format::Json, Format::Protobuf)] format: Format,
) {
    let server = Server::start(shell).await.speaking(format);
    let mut client = server.client("Ada").await;
    client.subscribe("general").await;
    for (name, body, code) in [
        ("presence", json!({ "channel": "room:" }), 107),
        ("presence", json!({ "channel": "user:x" }), 103),
        ("presence_stats", json!({ "channel": "chat" }), 102),
        ("sub_refresh", json!({ "channel": "chat", "token": "t" }), 102),
        ("sub_refresh", json!({ "channel": "user:x", "token": "t" }), 103),
    ] {
        let refusal = client.call(name, body.clone()).await;
        assert_eq!(refusal, Err(Refusal { code, temporary: false }), "{name} {body}");
    }
    client.say("general", "still-there").await;
    assert_eq!(client.event().await["text"], "still-there");
}
