//! P7: a client that never reads.

use rstest::rstest;
use serde_json::{Value, json};

use crate::kit::{Client, Server, Shell, within};

const MIB: usize = 1024 * 1024;
/// What nobody reads, per client: well above all that the kernel keeps for a connection.
const TEXTS: usize = 1600;
const TEXT_BYTES: usize = 16_000;
const SLOW: usize = 8;
/// Texts that fill whatever a kernel keeps for one connection.
const SAID_MAX: usize = 4000;

// 8 clients stop reading while 25 MB are said to each: 200 MB that must not be kept.
#[rstest]
#[tokio::test]
async fn a_client_that_never_reads_is_evicted_and_costs_nobody_anything(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
) {
    let server = Server::with(shell, &[("CHAT__SESSION__STALL_TIMEOUT_S", "1")]).await;
    let mut guests = Vec::new();
    for n in 0..=SLOW {
        guests.push(server.guest(&format!("Guest {n}")).await);
    }
    let mut slow = Vec::new();
    for guest in &guests[1..] {
        let mut client = Client::connect(&server, guest).await;
        client.subscribe("general").await;
        slow.push(client.stop_reading());
    }
    let mut reader = Client::connect(&server, &guests[0]).await;
    let top = reader.subscribe("general").await["offset"].as_u64().unwrap();
    let reading = tokio::spawn(async move {
        reader.texts(top + 1, TEXTS).await;
        reader
    });
    let mut author = server.client("Author").await;
    let text = "x".repeat(TEXT_BYTES);
    let before = server.resident_bytes();
    let mut most = before;
    for n in 0..TEXTS {
        author.say_as("general", &format!("c{n}"), &text).await.unwrap();
        most = most.max(server.resident_bytes());
    }
    // Who reads has it all, over the one subscription that it began with.
    let mut reader = within("the reader has everything", reading).await.unwrap();
    // Who doesn't is gone, noticed from outside.
    server.metric_reaches("chat_slow_disconnects_total", SLOW as f64).await;
    let sessions = async || (server.metric("chat_sessions").await == 2.0).then_some(());
    crate::kit::eventually("the sessions are gone", sessions).await;
    let grown = most - before;
    assert!(grown < (16 + 2 * SLOW) * MIB, "memory grew by {} MiB", grown / MIB);
    drop(slow);

    // And comes back as if nothing had been: everything from its place on.
    let mut back = Client::connect(&server, &guests[1]).await;
    let (_, room) = server.get("/api/rooms/general", &guests[1]).await;
    let answer = back.resume("general", room["epoch"].as_str().unwrap(), top).await.unwrap();
    assert_eq!(answer["recovered"], true, "{answer}");
    let first = answer["publications"].as_array().map_or(0, Vec::len);
    back.texts(top + 1 + first as u64, TEXTS - first).await;
    reader.settle().await;
}

// Too slow for one room, but not stuck: it loses its place there (2500) and keeps its connection.
#[rstest]
#[tokio::test]
async fn a_client_that_reads_too_slowly_loses_its_place_and_resumes(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
) {
    let server = Server::start(shell).await;
    let mut reader = server.client("Reader").await;
    let top = reader.subscribe("general").await["offset"].as_u64().unwrap();
    let mut author = server.client("Author").await;
    let text = "x".repeat(TEXT_BYTES);
    let mut said = 0;
    // It doesn't read until its place is lost; what the kernel keeps for it has to be filled first.
    while server.metric("chat_slow_unsubscribes_total").await == 0.0 {
        assert!(said < SAID_MAX, "the place of who doesn't read is never lost");
        for _ in 0..50 {
            author.say_as("general", &format!("c{said}"), &text).await.unwrap();
            said += 1;
        }
    }
    let mut seen = 0;
    loop {
        let push = reader.push().await;
        if push.get("unsubscribe").is_some() {
            assert_eq!(push["unsubscribe"]["code"], 2500);
            break;
        }
        seen += 1;
        assert_eq!(push["pub"]["offset"], top + seen);
    }
    let (_, room) = server.get("/api/rooms/general", &reader.guest).await;
    let epoch = room["epoch"].as_str().unwrap();
    let answer = reader.resume("general", epoch, top + seen).await.unwrap();
    assert_eq!(answer["recovered"], true);
    let missed = answer["publications"].as_array().cloned().unwrap_or_default();
    let offsets: Vec<&Value> = missed.iter().map(|publication| &publication["offset"]).collect();
    let expected: Vec<Value> = (top + seen + 1..).take(missed.len()).map(|at| json!(at)).collect();
    assert_eq!(offsets, expected.iter().collect::<Vec<_>>());
    let done = seen + missed.len() as u64;
    reader.texts(top + 1 + done, said - usize::try_from(done).unwrap()).await;
}
