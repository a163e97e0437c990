//! How a node ends: drained, cut, killed; and what its clients have afterwards.

use std::collections::HashSet;

use rstest::rstest;
use serde_json::json;

use crate::kit::{Client, Guest, Server, Shell, within};

/// What a writer was told until its connection ended.
struct Written {
    guest: Guest,
    acked: Vec<(String, String)>,
    /// Sent, and the connection ended before the answer.
    open: Vec<String>,
    end: (u16, String),
}

/// Sends with a window of unanswered messages until the connection ends.
async fn write_until_the_end(mut client: Client) -> Written {
    const WINDOW: usize = 8;
    let mut open: Vec<(u64, String)> = Vec::new();
    let mut acked = Vec::new();
    for n in 0.. {
        let text = format!("{}-{n}", client.guest.name);
        let data = json!({ "room": "general", "client_id": text, "text": text });
        let id = client.command("rpc", json!({ "method": "message.send", "data": data })).await;
        open.push((id, text));
        if open.len() < WINDOW {
            continue;
        }
        let (id, text) = open.remove(0);
        let Some(reply) = client.reply(id).await else {
            open.insert(0, (id, text));
            break;
        };
        if let Some(id) = reply["rpc"]["data"]["id"].as_str() {
            acked.push((text, id.to_owned()));
        } else {
            assert_eq!(reply["error"]["temporary"], true, "{reply}");
            open.push((0, text));
        }
    }
    let open = open.into_iter().map(|(_, text)| text).collect();
    Written { end: client.closed().await, guest: client.guest.clone(), acked, open }
}

async fn start_writing(server: &Server, count: usize) -> Vec<tokio::task::JoinHandle<Written>> {
    let mut writers = Vec::new();
    for n in 0..count {
        let client = server.client(&format!("writer{n}")).await;
        writers.push(tokio::spawn(write_until_the_end(client)));
    }
    server.metric_reaches("chat_messages_acked_total", 300.0).await;
    writers
}

async fn all_written(writers: Vec<tokio::task::JoinHandle<Written>>) -> Vec<Written> {
    let mut written = Vec::new();
    for writer in writers {
        written.push(within("a writer's connection ends", writer).await.unwrap());
    }
    written
}

/// Every acked message is there under its id; nothing is there twice; a retry of what is open settles it.
async fn nothing_is_lost_or_doubled(server: &Server, written: &[Written]) {
    let events = server.history("general", &written[0].guest).await;
    let id_of = |text: &str| {
        let of_text: Vec<_> = events.iter().filter(|event| event["text"] == text).collect();
        assert!(of_text.len() < 2, "doubled: {of_text:?}");
        of_text.first().map(|event| event["id"].as_str().unwrap().to_owned())
    };
    for (text, id) in written.iter().flat_map(|written| &written.acked) {
        assert_eq!(id_of(text).as_ref(), Some(id), "acked: {text}");
    }
    let mut settled = HashSet::new();
    for written in written {
        let mut client = Client::connect(server, &written.guest).await;
        for text in &written.open {
            let id = client.say("general", text).await;
            if let Some(there) = id_of(text) {
                assert_eq!(there, id, "the repeat is the first one");
            }
            settled.insert(text.clone());
        }
    }
    let after = server.history("general", &written[0].guest).await;
    let texts: HashSet<&str> = after.iter().filter_map(|event| event["text"].as_str()).collect();
    assert_eq!(texts.len(), after.len() - 1, "all but the room's creation, each once");
    assert!(settled.iter().all(|text| texts.contains(text.as_str())));
    assert_eq!(after[..events.len()], events, "what was there keeps its place");
}

#[rstest]
#[tokio::test]
async fn kill_9_under_load_loses_no_acked_message(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
) {
    let server = Server::start(shell).await;
    let mut reader = server.client("Reader").await;
    let place = reader.subscribe("general").await;
    let epoch = place["epoch"].as_str().unwrap().to_owned();
    let writers = start_writing(&server, 4).await;
    let server = server.kill_and_restart().await;
    let written = all_written(writers).await;
    assert!(written.iter().all(|written| written.end.0 == 0), "nobody was told");
    nothing_is_lost_or_doubled(&server, &written).await;

    // What the reader was shown was durable, at the place where it was shown.
    let events = server.history("general", &written[0].guest).await;
    reader.closed().await;
    let mut seen = 1;
    for push in reader.waiting() {
        seen += 1;
        assert_eq!(push["pub"]["data"], events[seen - 1]);
    }
    let mut back = Client::connect(&server, &reader.guest).await;
    let answer = back.resume("general", &epoch, seen as u64).await.unwrap();
    assert_eq!(answer["recovered"], true, "the same log: {answer}");
}

#[rstest]
#[tokio::test]
async fn a_drain_closes_with_3001_and_loses_nothing(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
) {
    let mut server = Server::start(shell).await;
    let writers = start_writing(&server, 6).await;
    server.terminate();
    let written = all_written(writers).await;
    for written in &written {
        assert_eq!(written.end, (3001, "shutting down".to_owned()));
    }
    assert_eq!(server.ended().await.code(), Some(0), "{}", server.log());
    let left: Vec<_> = std::fs::read_dir(server.data_dir())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with("-wal") || name.ends_with("-shm"))
        .collect();
    assert!(left.is_empty(), "the file is whole by itself: {left:?}");
    let server = server.restart().await;
    nothing_is_lost_or_doubled(&server, &written).await;
}

#[tokio::test]
async fn a_draining_node_takes_nobody_in() {
    let mut server = Server::with(Shell::Lean, &[("CHAT__HTTP__DRAIN_S", "60")]).await;
    let mut first = server.client("First").await;
    let _second = server.client("Second").await;
    server.signal("INT");
    assert_eq!(first.closed().await.0, 3001);
    let again = tokio::net::TcpStream::connect(server.address);
    let refused = async {
        let Ok(stream) = again.await else { return };
        let url = format!("ws://{}/connection/websocket", server.address);
        let handshake = tokio_tungstenite::client_async(url, stream);
        let quick = std::time::Duration::from_millis(300);
        let taken = tokio::time::timeout(quick, handshake).await;
        assert!(!matches!(taken, Ok(Ok(_))), "a draining node took a session in");
    };
    refused.await;
    server.signal("INT");
    assert_eq!(server.ended().await.code(), Some(130));
}

#[rstest]
#[tokio::test]
async fn a_second_signal_cuts(#[values("INT", "TERM")] signal: &str) {
    let options = [("CHAT__HTTP__DRAIN_S", "600"), ("CHAT__HTTP__WORKERS", "1")];
    let mut server = Server::with(Shell::Lean, &options).await;
    let mut acked = Vec::new();
    let mut clients = Vec::new();
    for n in 0..4 {
        let mut client = server.client(&format!("Client {n}")).await;
        acked.push(client.say("general", &format!("m{n}")).await);
        clients.push(client);
    }
    server.signal(signal);
    assert_eq!(clients[0].closed().await.0, 3001, "the drain has begun, and takes its time");
    server.signal(signal);
    assert_eq!(server.ended().await.code(), Some(130));
    assert_eq!(clients[3].closed().await.0, 0, "cut");
    let server = server.restart().await;
    let events = server.history("general", &clients[3].guest).await;
    let ids: Vec<_> = events.iter().filter_map(|event| event["id"].as_str()).collect();
    assert_eq!(ids[1..], acked, "after the room's creation");
}
