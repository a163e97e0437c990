//! What a session may do at most, and what it is told beyond that.

use rstest::rstest;
use serde_json::json;
use tokio::time::Instant;

use crate::kit::raw::{FIN, Raw, TEXT, frame};
use crate::kit::{Client, Refusal, Server, Shell, eventually};

const BUSY: Refusal = Refusal { code: 111, temporary: true };

fn send(client_id: &str) -> String {
    let data = json!({ "room": "general", "client_id": client_id, "text": client_id });
    json!({ "send": { "data": { "method": "message.send", "data": data } } }).to_string()
}

#[rstest]
#[tokio::test]
async fn commands_beyond_the_rate_are_answered_111_and_sends_dropped(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
) {
    let options = [
        ("CHAT__LIMITS__ENABLED", "true"),
        ("CHAT__LIMITS__COMMANDS_BURST", "5"),
        ("CHAT__LIMITS__COMMANDS_PER_S", "0"),
    ];
    let server = Server::with(shell, &options).await;
    let mut ada = server.client("Ada").await; // connect itself is not counted
    for n in 0..3 {
        ada.say("general", &format!("m{n}")).await;
    }
    ada.send_text([send("s0"), send("s1"), send("s2"), send("s3")].concat()).await;
    for name in ["rpc", "subscribe", "unsubscribe", "history", "publish", "presence"] {
        let refusal = ada.call(name, json!({ "channel": "room:general" })).await;
        assert_eq!(refusal, Err(BUSY), "{name}");
    }
    ada.send_text("").await;
    assert_eq!(ada.closed().await.0, 3501, "what breaks the protocol does so at any speed");
    // Each session has its own.
    let mut again = Client::connect(&server, &ada.guest).await;
    again.say("general", "last").await;
    let texts: Vec<_> = server.history("general", &ada.guest).await[1..]
        .iter()
        .map(|event| event["text"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(texts, ["m0", "m1", "m2", "s0", "s1", "last"]);
}

#[rstest]
#[tokio::test]
async fn of_commands_at_once_150_are_done_unless_configured(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
) {
    let server = Server::with(shell, &[("CHAT__LIMITS__ENABLED", "true")]).await;
    let mut ada = server.client("Ada").await;
    let command = json!({ "id": 1001, "unsubscribe": { "channel": "room:general" } }).to_string();
    ada.send_text(command.repeat(200)).await;
    let mut done = 0;
    for _ in 0..200 {
        let answer = ada.result(1001, "unsubscribe").await;
        done += usize::from(answer.is_ok());
        assert!(matches!(answer, Ok(_) | Err(BUSY)), "{answer:?}");
    }
    assert_eq!(done, 150);
}

#[rstest]
#[tokio::test]
async fn the_rate_gives_way_again_with_time(#[values(Shell::Lean, Shell::Actors)] shell: Shell) {
    let options = [
        ("CHAT__LIMITS__ENABLED", "true"),
        ("CHAT__LIMITS__COMMANDS_BURST", "2"),
        ("CHAT__LIMITS__COMMANDS_PER_S", "10"),
    ];
    let server = Server::with(shell, &options).await;
    let mut ada = server.client("Ada").await;
    let begun = Instant::now();
    let (mut done, mut refused) = (0, 0);
    while done < 7 {
        match ada.rpc("user.me", json!({})).await {
            Ok(_) => done += 1,
            Err(refusal) => {
                assert_eq!(refusal, BUSY);
                refused += 1;
            }
        }
    }
    let took = begun.elapsed().as_millis();
    assert!(refused > 0 && took >= 450, "7 of 2 at once and 10 a second, in {took} ms");
}

#[rstest]
#[tokio::test]
async fn without_limits_no_rate_is_kept_but_the_bounds_are(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
) {
    let options = [("CHAT__SESSION__OUTSTANDING_MAX", "3"), ("CHAT__SESSION__CHANNELS_MAX", "2")];
    let server = Server::with(shell, &options).await;
    let mut ada = server.client("Ada").await;
    for _ in 0..400 {
        ada.rpc("user.me", json!({})).await.unwrap();
    }
    // In one frame, so that none is answered before the last was read.
    let command = |id: u64, name: &str| match name {
        "rpc" => json!({ "id": id, "rpc": { "method": "user.me" } }),
        "publish" => json!({ "id": id, "publish": { "channel": "room:general",
            "data": { "text": "x", "client_id": id.to_string() } } }),
        name => json!({ "id": id, name: { "channel": "room:general" } }),
    };
    let frame: String = [
        (1001, "rpc"),
        (1002, "publish"),
        (1003, "history"),
        (1004, "rpc"),
        (1005, "publish"),
        (1006, "history"),
        (1007, "subscribe"), // has a bound of its own
    ]
    .iter()
    .map(|(id, name)| command(*id, name).to_string())
    .collect();
    ada.send_text(frame).await;
    for (id, name) in [(1004, "rpc"), (1005, "publish"), (1006, "history")] {
        assert_eq!(ada.result(id, name).await, Err(BUSY), "{name}");
    }
    for (id, name) in [(1001, "rpc"), (1002, "publish"), (1003, "history"), (1007, "subscribe")] {
        assert!(ada.result(id, name).await.is_ok(), "{name}");
    }
    ada.rpc("user.me", json!({})).await.unwrap();
}

// One who has nobody to answer: every reply comes in time nevertheless.
#[rstest]
#[tokio::test]
async fn who_gets_no_answer_in_time_is_told_so(#[values(Shell::Lean, Shell::Actors)] shell: Shell) {
    let server = Server::with(shell, &[("CHAT__SESSION__REPLY_TIMEOUT_MS", "300")]).await;
    let mut ada = server.client("Ada").await;
    let unknown = Refusal { code: 400, temporary: true };
    ada.subscribe("general").await;
    server.arm("sink.append", 1).await;
    assert_eq!(ada.say_as("general", "c", "c").await, Err(unknown));
    server.arm("chat_room.asked", 1).await;
    let mut bob = server.client("Bob").await;
    let channel = json!({ "channel": "room:general" });
    assert_eq!(bob.call("subscribe", channel).await, Err(unknown));
    eventually("it is done when it is done again", async || {
        ada.say_as("general", "c", "c").await.ok()
    })
    .await;
}

// P7: a client that orders 80 MB and reads none of it gets a few answers made, and is ended.
#[rstest]
#[tokio::test]
async fn answers_that_nobody_reads_don_t_pile_up(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
) {
    let server = Server::with(shell, &[("CHAT__SESSION__STALL_TIMEOUT_S", "1")]).await;
    let mut author = server.client("Ada").await;
    let text = "x".repeat(16_000);
    for n in 0..20 {
        author.say_as("general", &format!("c{n}"), &text).await.unwrap();
    }
    let rpc = json!({ "method": "history.page", "data": { "room": "general", "limit": 200 } });
    let asks = (2..202).map(|id| json!({ "id": id, "rpc": rpc }).to_string()).collect::<String>();
    let sends = json!({ "send": { "data": rpc } }).to_string().repeat(200);
    let mut greedy = Raw::connected(&server, &author.guest.token).await;
    let before = server.resident_bytes();
    let mut most = before;
    greedy.send([frame(FIN | TEXT, asks), frame(FIN | TEXT, sends)].concat()).await;
    eventually("the session is ended", async || {
        most = most.max(server.resident_bytes());
        (server.metric("chat_slow_disconnects_total").await > 0.0).then_some(())
    })
    .await;
    let grown = (most - before) >> 20;
    assert!(grown < 24, "memory grew by {grown} MiB");
    author.settle().await;
}
