//! WebSocket beneath the protocol: fragments, control frames, UTF-8, sizes, how connections are closed.

use std::time::Duration;

use rstest::rstest;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::kit::raw::{BINARY, CLOSE, CONTINUATION, FIN, PING, PONG, Raw, TEXT, frame, frame_head};
use crate::kit::{Server, Shell};

const FRAME_BYTES_MAX: usize = 65_536;
const CLOSED_BAD: (u16, &str) = (3501, "bad request");
const CLOSED_UTF8: (u16, &str) = (1007, "text is not valid UTF-8");
const CLOSED_SIZE: (u16, &str) = (1009, "message is too big");

/// A command that is answered with the error 104, and so proves that it was understood.
const COMMAND: &str = r#"{"id":7,"rpc":{"method":"nothing"}}"#;

fn padded(bytes: usize) -> String {
    format!("{COMMAND}{}", " ".repeat(bytes - COMMAND.len()))
}

async fn connected(server: &Server) -> Raw {
    Raw::connected(server, &server.guest("Ada").await.token).await
}

/// The next text is the answer to [`COMMAND`].
async fn answered(raw: &mut Raw, what: &str) {
    let (opcode, payload) = raw.frame().await.unwrap_or_else(|| panic!("{what}: ended"));
    let reply: Value = serde_json::from_slice(&payload).unwrap_or_else(|_| {
        panic!("{what}: opcode {opcode}, {:?}", String::from_utf8_lossy(&payload))
    });
    assert_eq!((opcode, &reply["id"], &reply["error"]["code"]), (TEXT, &json!(7), &json!(104)));
}

#[rstest]
#[tokio::test]
async fn fragments_are_put_together_around_control_frames(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
) {
    let server = Server::start(shell).await;
    let mut raw = connected(&server).await;
    let (first, last) = COMMAND.split_at(10);
    let mut bytes = frame(TEXT, first);
    bytes.extend(frame(FIN | PING, "between"));
    bytes.extend(frame(CONTINUATION, ""));
    bytes.extend(frame(FIN | PONG, "nobody asked"));
    bytes.extend(frame(FIN | CONTINUATION, last));
    raw.send(&bytes).await;
    assert_eq!(raw.frame().await, Some((PONG, b"between".to_vec())));
    answered(&mut raw, "fragments").await;
    // Byte by byte, and every frame in many segments.
    for byte in bytes {
        raw.send([byte]).await;
    }
    assert_eq!(raw.frame().await, Some((PONG, b"between".to_vec())));
    answered(&mut raw, "one byte at a time").await;
    // A character may be cut anywhere.
    let text = r#"{"id":7,"rpc":{"method":"nöthing €"}}"#;
    for at in 1..text.len() {
        let (first, last) = text.as_bytes().split_at(at);
        raw.send([frame(TEXT, first), frame(FIN | CONTINUATION, last)].concat()).await;
        answered(&mut raw, "a character in two fragments").await;
    }
}

#[rstest]
#[tokio::test]
async fn a_ping_is_answered_with_its_own_payload(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
) {
    let server = Server::start(shell).await;
    let mut raw = Raw::upgraded(&server).await; // before connect, too
    for payload in [vec![], b"hello".to_vec(), vec![0xFF; 125]] {
        raw.send(frame(FIN | PING, &payload)).await;
        assert_eq!(raw.frame().await, Some((PONG, payload)));
    }
    raw.send(frame(FIN | PONG, "unasked")).await; // RFC 6455 §5.5.3: it means nothing
    raw.send(frame(FIN | PING, "still here")).await;
    assert_eq!(raw.frame().await, Some((PONG, b"still here".to_vec())));
}

#[rstest]
#[tokio::test]
async fn what_a_text_frame_must_not_be_is_closed_with_its_own_code(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
) {
    let server = Server::start(shell).await;
    let bad = b"{\"id\":7,\"rpc\":{\"method\":\"\xff\"}}";
    let cut = "€".as_bytes();
    let fragments = |parts: &[&[u8]]| {
        let (last, before) = parts.split_last().unwrap();
        let mut bytes = frame(TEXT, before[0]);
        for part in &before[1..] {
            bytes.extend(frame(CONTINUATION, part));
        }
        bytes.extend(frame(FIN | CONTINUATION, last));
        bytes
    };
    let half = vec![b' '; FRAME_BYTES_MAX / 2];
    for (what, bytes, closed) in [
        ("binary", frame(FIN | BINARY, COMMAND), CLOSED_BAD),
        ("binary fragments", frame(BINARY, COMMAND), CLOSED_BAD),
        ("a byte that is never UTF-8", frame(FIN | TEXT, bad), CLOSED_UTF8),
        ("half a character", frame(FIN | TEXT, &cut[..2]), CLOSED_UTF8),
        ("a surrogate", frame(FIN | TEXT, b"\xed\xa0\x80"), CLOSED_UTF8),
        ("a bad byte in fragments", fragments(&[&bad[..9], &bad[9..26], &bad[26..]]), CLOSED_UTF8),
        ("a character that never ends", fragments(&[&cut[..1], &cut[1..2]]), CLOSED_UTF8),
        ("one byte too many", frame(FIN | TEXT, padded(FRAME_BYTES_MAX + 1)), CLOSED_SIZE),
        ("one byte too many in fragments", fragments(&[&half, &half, b" "]), CLOSED_SIZE),
        ("many too many", frame(FIN | TEXT, vec![b' '; 1 << 20]), CLOSED_SIZE),
        ("a size that is none", frame_head(FIN | TEXT, u64::MAX), CLOSED_SIZE),
    ] {
        let mut raw = connected(&server).await;
        raw.send(&bytes).await;
        let (code, reason) = closed;
        assert_eq!(raw.closed().await, Some((code, reason.to_owned())), "{what}");
    }
    let mut raw = connected(&server).await;
    raw.send(frame(FIN | TEXT, padded(FRAME_BYTES_MAX))).await;
    answered(&mut raw, "as large as may be").await;
    let (first, last) = (padded(FRAME_BYTES_MAX - 9), " ".repeat(9));
    raw.send(fragments(&[first.as_bytes(), last.as_bytes()])).await;
    answered(&mut raw, "as large as may be, in fragments").await;
}

// The length of a frame comes before it: who announces too much is not waited for, and nothing is kept of it.
#[rstest]
#[tokio::test]
async fn a_frame_that_will_be_too_big_is_closed_before_it_is_there(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
) {
    let server = Server::start(shell).await;
    let mut raw = connected(&server).await;
    let before = server.resident_bytes();
    raw.send(frame_head(FIN | TEXT, 1 << 40)).await;
    let chunk = vec![b' '; 1 << 20];
    for _ in 0..64 {
        if !raw.send(&chunk).await {
            break; // the server has ended it
        }
    }
    let grown = server.resident_bytes().saturating_sub(before);
    assert!(grown < 16 << 20, "it keeps {} MiB of it", grown >> 20);
    let mut patient = connected(&server).await;
    patient.send(frame_head(FIN | TEXT, 1 << 40)).await;
    patient.send(vec![b' '; FRAME_BYTES_MAX]).await; // that much it could have been
    assert_eq!(patient.closed().await, Some((CLOSED_SIZE.0, CLOSED_SIZE.1.to_owned())));
}

// P7: pongs that nobody reads are not kept either.
#[rstest]
#[tokio::test]
async fn pings_of_a_client_that_never_reads_don_t_pile_up(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
) {
    let server = Server::start(shell).await;
    let mut raw = connected(&server).await;
    let pings = frame(FIN | PING, [b'x'; 125]).repeat(8_000); // 1 MB
    let before = server.resident_bytes();
    for _ in 0..64 {
        // A server that reads no further while it can't write is as good as one that forgets.
        if timeout(Duration::from_millis(500), raw.send(&pings)).await.is_err() {
            break;
        }
    }
    let grown = server.resident_bytes().saturating_sub(before);
    assert!(grown < 16 << 20, "it keeps {} MiB of pongs", grown >> 20);
    connected(&server).await;
}

#[rstest]
#[tokio::test]
async fn a_close_frame_is_answered_with_3000_and_the_connection_ends(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
) {
    let server = Server::start(shell).await;
    let with_code = [&1000_u16.to_be_bytes()[..], b"bye"].concat();
    let mut closing = Vec::new();
    for payload in [vec![], with_code, 4999_u16.to_be_bytes().to_vec()] {
        for mut raw in [Raw::upgraded(&server).await, connected(&server).await] {
            let commands = COMMAND.repeat(3);
            raw.send([frame(FIN | CLOSE, &payload), frame(FIN | TEXT, commands)].concat()).await;
            let first = raw.frame().await.map(|(opcode, _)| opcode);
            assert_eq!(first, Some(CLOSE), "what comes behind a close frame is not answered");
            closing.push(raw);
        }
    }
    for mut raw in closing {
        raw.ended().await;
    }
    let mut raw = connected(&server).await;
    raw.send([frame(FIN | TEXT, COMMAND), frame(FIN | CLOSE, [])].concat()).await;
    answered(&mut raw, "what comes before it is").await;
    assert_eq!(raw.closed().await, Some((3000, "closed normally".to_owned())));
}

#[rstest]
#[tokio::test]
async fn what_is_not_websocket_ends_the_connection_and_nothing_else(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
) {
    let server = Server::start(shell).await;
    let mut witness = server.client("Witness").await;
    let mut ending = Vec::new();
    let unmasked = [&[FIN | TEXT, COMMAND.len() as u8], COMMAND.as_bytes()].concat();
    for (what, bytes) in [
        ("an unmasked frame", unmasked),
        ("a reserved bit", frame(FIN | 0x40 | TEXT, COMMAND)),
        ("a reserved opcode", frame(FIN | 0x3, COMMAND)),
        ("a fragment of nothing", frame(FIN | CONTINUATION, COMMAND)),
        ("a text within a text", [frame(TEXT, "{"), frame(FIN | TEXT, COMMAND)].concat()),
        ("a ping in fragments", frame(PING, "x")),
        ("a large ping", frame(FIN | PING, vec![b'x'; 126])),
        ("a close frame with half a code", frame(FIN | CLOSE, [3])),
        ("HTTP", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec()),
    ] {
        let mut raw = connected(&server).await;
        raw.send(&bytes).await;
        ending.push((what, raw));
    }
    for (what, mut raw) in ending {
        assert_eq!(raw.closed().await, None, "{what}");
    }
    witness.settle().await;
}
