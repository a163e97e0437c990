//! `{}` from the server, `{}` back.

use std::time::Duration;

use rstest::rstest;
use serde_json::json;
use tokio::time::Instant;

use crate::kit::raw::{FIN, Raw, TEXT, frame};
use crate::kit::{Server, Shell};

const OPTIONS: [(&str, &str); 2] =
    [("CHAT__SESSION__PING_INTERVAL_S", "2"), ("CHAT__SESSION__PONG_TIMEOUT_S", "1")];
/// The server looks at its clock a few times a second.
const TICK: Duration = Duration::from_millis(800);

/// Waits for the server's ping.
async fn ping(raw: &mut Raw) {
    assert_eq!(raw.frame().await, Some((TEXT, b"{}".to_vec())));
}

#[rstest]
#[tokio::test]
async fn the_first_ping_comes_after_half_an_interval_to_a_whole_and_then_one_each(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
) {
    let server = Server::with(shell, &OPTIONS).await;
    let guest = server.guest("Ada").await;
    let begun = Instant::now();
    let mut raw = Raw::connected(&server, &guest.token).await;
    ping(&mut raw).await;
    let first = begun.elapsed();
    let second = Duration::from_secs(1);
    assert!((second..2 * second + TICK).contains(&first), "the first ping after {first:?}");
    raw.send(frame(FIN | TEXT, "{}")).await;
    ping(&mut raw).await; // and the pong was one: it is long overdue by now
    let next = begun.elapsed() - first;
    assert!((2 * second - TICK..2 * second + TICK).contains(&next), "the next after {next:?}");
    raw.send(frame(FIN | TEXT, " {} ")).await;
    // One pong for one ping: another answers nothing.
    raw.send(frame(FIN | TEXT, "{}")).await;
    assert_eq!(raw.closed().await, Some((3501, "bad request".to_owned())));
}

#[rstest]
#[tokio::test]
async fn who_does_not_answer_a_ping_is_closed_with_3012(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
) {
    let server = Server::with(shell, &OPTIONS).await;
    let guest = server.guest("Ada").await;
    let mut raw = Raw::connected(&server, &guest.token).await;
    ping(&mut raw).await;
    let pinged = Instant::now();
    // Whatever else they say is no pong.
    let command = json!({ "id": 2, "rpc": { "method": "user.me" } }).to_string();
    raw.send(frame(FIN | TEXT, command)).await;
    raw.send(frame(FIN | 0xA, "{}")).await;
    assert_eq!(raw.closed().await, Some((3012, "no pong".to_owned())));
    let waited = pinged.elapsed();
    let timeout = Duration::from_secs(1);
    assert!((timeout - TICK / 4..timeout + TICK).contains(&waited), "closed after {waited:?}");
}
