//! Objects in frames: several commands in one, several replies in one, which name of a command counts.

use rstest::rstest;
use serde_json::{Value, json};

use crate::kit::{Client, Server, Shell};

/// What one frame holds: one object per line, and nothing else.
fn objects(frame: &str) -> Vec<Value> {
    frame.split('\n').map(|line| serde_json::from_str(line).expect(line)).collect()
}

#[rstest]
#[tokio::test]
async fn connect_and_what_follows_it_may_share_a_frame(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
) {
    let server = Server::start(shell).await;
    let guest = server.guest("Ada").await;
    let mut client = Client::open(&server, &guest).await;
    let send = json!({ "room": "general", "client_id": "c", "text": "at once" });
    let frame = format!(
        " {}\n\t{}{}\r\n{} \n",
        json!({ "id": 1, "connect": { "token": guest.token } }),
        json!({ "id": 2, "subscribe": { "channel": "room:general" } }),
        json!({ "id": 3, "rpc": { "method": "message.send", "data": send } }),
        json!({ "id": 4, "rpc": { "method": "user.me" } }),
    );
    client.send_text(frame).await;
    let welcome = client.result(1, "connect").await.unwrap();
    assert_eq!(welcome["data"]["user"]["id"], guest.id);
    assert_eq!(welcome["ping"], 25);
    let usual = json!({ "text_bytes_max": 16384, "frame_bytes_max": 65536, "channels_max": 128 });
    assert_eq!(welcome["data"]["limits"], usual);
    let place = client.result(2, "subscribe").await.unwrap()["offset"].as_u64().unwrap();
    let ack = client.result(3, "rpc").await.unwrap();
    assert_eq!(client.result(4, "rpc").await.unwrap()["data"]["name"], "Ada");
    if place == 1 {
        let event = client.event().await;
        assert_eq!((&event["offset"], &event["id"]), (&json!(2), &ack["data"]["id"]));
    }
}

#[rstest]
#[tokio::test]
async fn replies_share_frames_up_to_64_kib_with_a_newline_between_each_two(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
) {
    const FRAME_BYTES_MAX: usize = 64 * 1024;
    let server = Server::start(shell).await;
    let mut client = server.client("Ada").await;
    let command = |id: usize| format!(r#"{{"id":{id},"rpc":{{"method":"x"}}}}"#);
    // Refusals are made on the spot, so all of them leave together.
    let count = 1_800;
    client.send_text((1..=count).map(command).collect::<String>()).await;
    let (mut ids, mut sizes) = (Vec::new(), Vec::new());
    while ids.len() < count {
        let frame = client.frame().await.unwrap();
        sizes.push(frame.len());
        for reply in objects(&frame) {
            assert_eq!(reply["error"]["code"], 104, "{reply}");
            ids.push(reply["id"].as_u64().unwrap());
        }
    }
    assert_eq!(ids, (1..=count as u64).collect::<Vec<_>>());
    let (last, full) = sizes.split_last().unwrap();
    assert!(full.len() > 1 && *last <= FRAME_BYTES_MAX, "{sizes:?}");
    for size in full {
        assert!((FRAME_BYTES_MAX - 200..=FRAME_BYTES_MAX).contains(size), "{sizes:?}");
    }
}

#[rstest]
#[tokio::test]
async fn an_object_larger_than_a_shared_frame_goes_alone(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
) {
    let server = Server::start(shell).await;
    let mut client = server.client("Ada").await;
    let text = "x".repeat(16_384);
    for n in 0..5 {
        client.say_as("general", &format!("c{n}"), &text).await.unwrap();
    }
    let page =
        json!({ "id": 1000, "rpc": { "method": "history.page", "data": { "room": "general" } } });
    let mut commands = vec![r#"{"id":1,"rpc":{"method":"x"}}"#.to_owned(); 20];
    commands.insert(10, page.to_string());
    client.send_text(commands.concat()).await;
    let mut ids = Vec::new();
    while ids.len() < 21 {
        let frame = client.frame().await.unwrap();
        let replies = objects(&frame);
        let alone = replies.iter().all(|reply| reply["id"] != 1000) || replies.len() == 1;
        assert!(alone, "{} replies with the page", replies.len());
        ids.extend(replies.iter().map(|reply| reply["id"].as_u64().unwrap()));
    }
    assert_eq!(ids.iter().filter(|id| **id == 1000).count(), 1);
}

// Every pair of names that stand next to each other in the order, the later one written first.
#[rstest]
#[tokio::test]
async fn of_several_names_in_a_command_the_first_of_the_documented_order_counts(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
) {
    let server = Server::start(shell).await;
    let mut client = server.client("Ada").await;
    let channel = r#"{"channel":"room:general","data":{"text":"hi"}}"#;
    for (first, second, answer) in [
        ("subscribe", "unsubscribe", "subscribe"),
        ("unsubscribe", "publish", "unsubscribe"),
        ("publish", "presence", "publish"),
        ("presence", "presence_stats", "presence"),
        ("presence_stats", "history", "presence_stats"),
        ("history", "rpc", "history"),
        ("rpc", "refresh", "104"),
        ("refresh", "sub_refresh", "101"),
        ("sub_refresh", "surprise", "101"),
    ] {
        let frame = format!(r#"{{"{second}":{channel},"{first}":{channel},"id":7}}"#);
        client.send_text(frame.as_str()).await;
        let reply = client.reply(7).await.unwrap();
        let code = reply["error"]["code"].as_u64().map(|code| code.to_string());
        let got = code.unwrap_or_else(|| reply.get(answer).map_or("?", |_| answer).to_owned());
        assert_eq!(got, answer, "{frame}: {reply}");
    }
    // `send` has no answer, so the rpc beside it has none either; `connect` comes before all.
    client.send_text(format!(r#"{{"rpc":{channel},"send":{channel},"id":8}}"#)).await;
    client.settle().await;
    client.send_text(format!(r#"{{"subscribe":{channel},"connect":{{}},"id":9}}"#)).await;
    assert!(client.reply(8).await.is_none(), "neither 8 nor 9 is answered");
    assert_eq!(client.closed().await, (3501, "bad request".to_owned()), "a second connect");
}

#[rstest]
#[tokio::test]
async fn ids_go_up_to_the_last_of_32_bits_and_come_back_as_they_were(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
) {
    let server = Server::start(shell).await;
    let mut client = server.client("Ada").await;
    for id in [1_u64, 77, 1 << 31, u64::from(u32::MAX)] {
        client.send_text(json!({ "id": id, "rpc": { "method": "user.me" } }).to_string()).await;
        assert_eq!(client.result(id, "rpc").await.unwrap()["data"]["name"], "Ada");
    }
    // They are the client's: nobody minds the same one twice.
    let twice = json!({ "id": 5, "rpc": { "method": "user.me" } }).to_string();
    client.send_text(format!("{twice}{twice}")).await;
    assert!(client.reply(5).await.is_some() && client.reply(5).await.is_some());
}

#[rstest]
#[tokio::test]
async fn unknown_fields_are_ignored_and_empty_ones_left_out(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
) {
    let server = Server::start(shell).await;
    let guest = server.guest("Ada").await;
    let mut client = Client::open(&server, &guest).await;
    let deep = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
    let connect = format!(
        r#"{{"x":{deep},"id":1,"connect":{{"name":"js","token":"{}","data":{deep},"subs":{{}}}}}}"#,
        guest.token
    );
    client.send_text(connect).await;
    client.result(1, "connect").await.unwrap();
    let subscribe = json!({ "channel": "room:general", "flag": 1, "join_leave": true, "x": null });
    let place = client.call("subscribe", subscribe).await.unwrap();
    let epoch = place["epoch"].clone();
    let fresh = json!({ "recoverable": true, "positioned": true, "epoch": epoch, "offset": 1 });
    assert_eq!(place, fresh);

    let data = json!({ "room": "general", "client_id": "c", "text": "x", "colour": [{}] });
    let id = client.command("rpc", json!({ "method": "message.send", "data": data, "y": 1 })).await;
    let reply = client.reply(id).await.unwrap();
    assert_eq!(reply.as_object().unwrap().keys().collect::<Vec<_>>(), ["id", "rpc"]);
    assert_eq!(reply["rpc"].as_object().unwrap().keys().collect::<Vec<_>>(), ["data"]);
    let publish = json!({ "channel": "room:general", "data": { "text": "y", "z": 1 }, "key": "k" });
    assert_eq!(client.call("publish", publish).await.unwrap(), json!({}));
    let channel = json!({ "channel": "room:general", "reason": "bored" });
    assert_eq!(client.call("unsubscribe", channel).await.unwrap(), json!({}));

    let id = client.command("rpc", json!({ "method": "x" })).await;
    let message = "method_not_found: there is no method of this name";
    let error = json!({ "id": id, "error": { "code": 104, "message": message } });
    assert_eq!(client.reply(id).await.unwrap(), error, "`temporary` is absent where it is false");
}
