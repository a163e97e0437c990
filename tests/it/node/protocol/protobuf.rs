//! What is Protobuf's own: how it is chosen, frames of several messages, bytes that are none, both formats in one room.
//! That it says what JSON says is shown by the tests that run in both.

use chat_protocol::Format;
use rstest::rstest;
use serde_json::{Value, json};

use crate::kit::raw::{
    BINARY, CONTINUATION, FIN, PING, PONG, Raw, TEXT, frame, frame_head, upgrade,
};
use crate::kit::wire::{delimited, undelimited};
use crate::kit::{Client, Guest, Server, Shell};

const FRAME_BYTES_MAX: usize = 65_536;
const BAD: (u16, &str) = (3501, "bad request");
const TOO_BIG: (u16, &str) = (1009, "message is too big");

/// A WebSocket on which nothing was said, after a request for `target`.
async fn open(server: &Server, target: &str, subprotocol: Option<&str>) -> Raw {
    let mut raw = Raw::open(server).await;
    let request = upgrade(&[("Sec-WebSocket-Protocol", subprotocol)]);
    raw.send(request.replace("/connection/websocket", target)).await;
    assert_eq!(raw.head().await.expect("the handshake is answered").status, 101);
    raw
}

/// A connection that has connected.
async fn connected(server: &Server, guest: &Guest) -> Raw {
    let mut raw = open(server, "/connection/websocket", Some("centrifuge-protobuf")).await;
    raw.send(frame(FIN | BINARY, connect(guest))).await;
    assert_eq!(objects(&mut raw).await[0]["connect"]["data"]["user"]["name"], guest.name);
    raw
}

fn connect(guest: &Guest) -> Vec<u8> {
    delimited(&json!({ "id": 1, "connect": { "token": guest.token } }).to_string())
}

/// What the next frame holds.
async fn objects(raw: &mut Raw) -> Vec<Value> {
    let (opcode, payload) = raw.frame().await.expect("a frame comes");
    assert_eq!(opcode, BINARY, "{:?}", String::from_utf8_lossy(&payload));
    undelimited(&payload)
}

async fn closed(raw: &mut Raw, (code, reason): (u16, &str), what: &str) {
    assert_eq!(raw.closed().await, Some((code, reason.to_owned())), "{what}");
}

/// A command that is answered with the error 104, and so proves that it was understood.
fn command(id: u32) -> Vec<u8> {
    delimited(&json!({ "id": id, "rpc": { "method": "nothing" } }).to_string())
}

#[rstest]
#[tokio::test]
async fn the_subprotocol_or_the_query_chooses_the_format(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
) {
    let server = Server::start(shell).await;
    let guest = server.guest("Ada").await;
    let path = "/connection/websocket";
    for (target, subprotocol, is_binary) in [
        (path.to_owned(), None, false),
        (path.to_owned(), Some("centrifuge-json"), false),
        (path.to_owned(), Some("centrifuge-protobuf"), true),
        (format!("{path}?format=protobuf"), None, true),
        (format!("{path}?cf_ws_frame_ping_pong=false&cf_protocol=protobuf"), None, true),
        (format!("{path}?format=protobuf"), Some("centrifuge-json"), false),
    ] {
        let mut raw = open(&server, &target, subprotocol).await;
        let text = json!({ "id": 1, "connect": { "token": guest.token } }).to_string();
        let (expected, payload) =
            if is_binary { (BINARY, connect(&guest)) } else { (TEXT, text.into_bytes()) };
        raw.send(frame(FIN | expected, payload)).await;
        let (opcode, _) = raw.frame().await.unwrap();
        assert_eq!(opcode, expected, "{target} {subprotocol:?}");
    }
}

#[rstest]
#[tokio::test]
async fn a_frame_of_the_other_kind_is_closed_with_3501(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
) {
    let server = Server::start(shell).await;
    let guest = server.guest("Ada").await;
    for (what, bytes) in [
        ("text", frame(FIN | TEXT, command(7))),
        ("text of JSON", frame(FIN | TEXT, r#"{"id":7,"rpc":{"method":"nothing"}}"#)),
        ("text that is not UTF-8", frame(FIN | TEXT, b"\xff")),
        ("a fragment of text", frame(TEXT, command(7))),
        ("JSON in a binary frame", frame(FIN | BINARY, r#"{"id":7,"rpc":{}}"#)),
    ] {
        closed(&mut connected(&server, &guest).await.after(&bytes).await, BAD, what).await;
    }
}

#[rstest]
#[tokio::test]
async fn fragments_and_sizes_are_as_in_json(#[values(Shell::Lean, Shell::Actors)] shell: Shell) {
    let server = Server::start(shell).await;
    let guest = server.guest("Ada").await;
    let mut raw = connected(&server, &guest).await;
    let whole = [command(7), command(8)].concat();
    for at in 0..=whole.len() {
        let (first, last) = whole.split_at(at);
        let bytes =
            [frame(BINARY, first), frame(FIN | PING, "between"), frame(FIN | CONTINUATION, last)];
        raw.send(bytes.concat()).await;
        assert_eq!(raw.frame().await, Some((PONG, b"between".to_vec())));
        let ids: Vec<_> = objects(&mut raw).await.iter().map(|it| it["id"].clone()).collect();
        assert_eq!(ids, [7, 8], "cut at {at}");
    }
    // As large as it may be: a field that nobody knows fills it up.
    let fill = |bytes: usize| {
        let mut message = command(9)[1..].to_vec();
        let rest = bytes - message.len() - 3 - 2 - 3; // the lengths of both, and the tag
        message.extend([0xfa, 0x07]);
        prost::encode_length_delimiter(rest, &mut message).unwrap();
        message.resize(bytes - 3, 0);
        let mut frame = Vec::new();
        prost::encode_length_delimiter(message.len(), &mut frame).unwrap();
        [frame, message].concat()
    };
    assert_eq!(fill(FRAME_BYTES_MAX).len(), FRAME_BYTES_MAX);
    raw.send(frame(FIN | BINARY, fill(FRAME_BYTES_MAX))).await;
    assert_eq!(objects(&mut raw).await[0]["error"]["code"], 104);
    let half = vec![0; FRAME_BYTES_MAX / 2];
    let parts = [frame(BINARY, &half), frame(CONTINUATION, &half), frame(FIN | CONTINUATION, [0])];
    for (what, bytes) in [
        ("one byte too many", frame(FIN | BINARY, fill(FRAME_BYTES_MAX + 1))),
        ("one byte too many in fragments", parts.concat()),
        ("a size that is none", frame_head(FIN | BINARY, u64::MAX)),
    ] {
        closed(&mut connected(&server, &guest).await.after(&bytes).await, TOO_BIG, what).await;
    }
}

#[rstest]
#[tokio::test]
async fn what_breaks_the_protocol_is_closed_with_3501_and_what_comes_before_it_is_done(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
) {
    let server = Server::start(shell).await;
    let mut witness = server.client("Witness").await;
    let guest = server.guest("Mallory").await;
    let data = |text: &str| json!({ "room": "general", "client_id": text, "text": text });
    let send = |id: usize, text: &str| {
        let rpc = json!({ "method": "message.send", "data": data(text) });
        delimited(&json!({ "id": id, "rpc": rpc }).to_string())
    };
    let rpc = command(1);
    let mut done = Vec::new();
    for (n, (what, broken)) in [
        ("a length beyond the frame", vec![0x7f]),
        ("a length beyond memory", vec![0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]),
        ("a length that never ends", vec![0xff; 11]),
        ("a message that is cut off", rpc[..rpc.len() - 1].to_vec()),
        ("a field beyond its message", vec![4, 0x08, 1, 0x6a, 9]),
        ("a wire type that is none", vec![2, 0x0f, 1]),
        ("an rpc that is a number", vec![4, 0x08, 1, 0x68, 3]),
        ("a text that is not UTF-8", vec![7, 0x08, 1, 0x6a, 3, 0x12, 1, 0xff]),
        ("groups without end", [vec![0x64], [0xfb, 0x07].repeat(50)].concat()),
        ("groups nested 30,000 deep", {
            let mut message = vec![0x08, 1];
            message.extend([0xfb, 0x07].repeat(30_000));
            let mut frame = Vec::new();
            prost::encode_length_delimiter(message.len(), &mut frame).unwrap();
            [frame, message].concat()
        }),
        ("no id", delimited(r#"{"rpc":{"method":"user.me"}}"#)),
        ("no request", delimited(r#"{"id":7}"#)),
        ("a ping", delimited(r#"{"id":7,"ping":{}}"#)),
        ("a pong that no ping asked for", vec![0]),
        ("a second connect", connect(&guest)),
        ("a send that is no object", delimited(r#"{"send":{"data":7}}"#)),
        ("a send that is no JSON", vec![5, 0x62, 3, 0x0a, 1, b'{']),
    ]
    .into_iter()
    .enumerate()
    {
        let mut raw = connected(&server, &guest).await;
        let before = format!("before-{n}");
        let bytes = [send(2, &before), broken, send(3, "behind")].concat();
        raw.send(frame(FIN | BINARY, bytes)).await;
        closed(&mut raw, BAD, what).await;
        done.push(before);
    }
    closed(
        &mut connected(&server, &guest).await.after(&frame(FIN | BINARY, "")).await,
        BAD,
        "none",
    )
    .await;
    witness.say("general", "last").await; // after whatever was sent above
    done.push("last".to_owned());
    let history = server.history("general", &guest).await;
    let texts: Vec<_> = history.iter().filter_map(|event| event["text"].as_str()).collect();
    assert_eq!(texts, done);
}

#[rstest]
#[tokio::test]
async fn data_that_is_no_json_is_answered_107_and_the_connection_goes_on(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
) {
    let server = Server::start(shell).await;
    let guest = server.guest("Ada").await;
    let mut raw = connected(&server, &guest).await;
    for data in
        [&b"{"[..], b"\xff\xfe", b"{\"room\":\"\xff\"}", b"null", b"[]", b"\0", &[b'['; 100]]
    {
        let method = b"\x12\x0cmessage.send";
        let rpc = [&[0x0a, data.len() as u8], data, method].concat();
        let command = [&[0x08, 5, 0x6a, rpc.len() as u8], &rpc[..]].concat();
        raw.send(frame(FIN | BINARY, [&[command.len() as u8], &command[..]].concat())).await;
        assert_eq!(objects(&mut raw).await[0]["error"]["code"], 107, "{data:?}");
    }
    raw.send(frame(FIN | BINARY, command(7))).await;
    assert_eq!(objects(&mut raw).await[0]["error"]["code"], 104);
}

#[rstest]
#[tokio::test]
async fn connect_and_what_follows_it_may_share_a_frame(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
) {
    let server = Server::start(shell).await.speaking(Format::Protobuf);
    let guest = server.guest("Ada").await;
    let mut client = Client::open(&server, &guest).await;
    let connect = json!({ "id": 1, "connect": { "token": guest.token } });
    let subscribe = json!({ "id": 2, "subscribe": { "channel": "room:general" } });
    client.send(format!("{connect}{subscribe}")).await;
    client.send(json!({ "id": 3, "rpc": { "method": "user.me" } }).to_string()).await;
    let welcome = client.result(1, "connect").await.unwrap();
    assert_eq!((&welcome["ping"], &welcome["pong"]), (&json!(25), &json!(true)));
    assert_eq!(client.result(2, "subscribe").await.unwrap()["offset"], 1);
    assert_eq!(client.result(3, "rpc").await.unwrap()["data"]["name"], "Ada");
}

#[rstest]
#[tokio::test]
async fn replies_share_frames_up_to_64_kib(#[values(Shell::Lean, Shell::Actors)] shell: Shell) {
    let server = Server::start(shell).await;
    let mut raw = connected(&server, &server.guest("Ada").await).await;
    let count = 2_000;
    let commands: Vec<u8> = (1..=count).flat_map(command).collect();
    raw.send(frame(FIN | BINARY, commands)).await;
    let (mut ids, mut sizes) = (Vec::new(), Vec::new());
    while ids.len() < count as usize {
        let (opcode, payload) = raw.frame().await.unwrap();
        assert_eq!(opcode, BINARY);
        sizes.push(payload.len());
        ids.extend(undelimited(&payload).iter().map(|reply| reply["id"].as_u64().unwrap()));
    }
    assert_eq!(ids, (1..=u64::from(count)).collect::<Vec<_>>());
    let (last, full) = sizes.split_last().unwrap();
    assert!(!full.is_empty() && *last <= FRAME_BYTES_MAX, "{sizes:?}");
    let nearly = FRAME_BYTES_MAX - 100..=FRAME_BYTES_MAX;
    assert!(full.iter().all(|size| nearly.contains(size)), "{sizes:?}");
}

#[rstest]
#[tokio::test]
async fn a_ping_is_a_message_without_anything_and_so_is_its_pong(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
) {
    let options = [("CHAT__SESSION__PING_INTERVAL_S", "2"), ("CHAT__SESSION__PONG_TIMEOUT_S", "1")];
    let server = Server::with(shell, &options).await;
    let mut raw = connected(&server, &server.guest("Ada").await).await;
    for _ in 0..2 {
        assert_eq!(raw.frame().await, Some((BINARY, vec![0])));
        raw.send(frame(FIN | BINARY, [0])).await;
    }
    assert_eq!(raw.frame().await, Some((BINARY, vec![0])), "the pongs were some");
    closed(&mut raw, (3012, "no pong"), "no pong").await;
}

#[rstest]
#[tokio::test]
async fn members_of_both_formats_see_one_order_live_and_by_recovery(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
) {
    const MESSAGES: usize = 400; // more than a room keeps in memory
    let mut server = Server::start(shell).await;
    let mut clients = Vec::new();
    for (n, format) in [Format::Json, Format::Protobuf].into_iter().cycle().take(4).enumerate() {
        server = server.speaking(format);
        clients.push(server.client(&format!("c{n}")).await);
    }
    let epoch = clients[0].subscribe("general").await["epoch"].as_str().unwrap().to_owned();
    for client in &mut clients[1..] {
        client.subscribe("general").await;
    }
    let mut sent = Vec::new();
    for n in 0..MESSAGES {
        let author = n % clients.len();
        let data = json!({ "room": "general", "client_id": format!("m{n}"), "text": "é\n\"" });
        let rpc = json!({ "method": "message.send", "data": data });
        sent.push((author, clients[author].command("rpc", rpc).await));
    }
    for (author, id) in sent {
        clients[author].result(id, "rpc").await.unwrap();
    }
    let guest = clients[0].guest.clone();
    let history = server.history("general", &guest).await;
    assert_eq!(history.len(), MESSAGES + 1);
    for client in &mut clients {
        for event in &history[1..] {
            assert_eq!(client.event().await, *event);
        }
    }
    for format in Format::ALL {
        server = server.speaking(format);
        let mut late = server.client("late").await;
        let reply = late.resume("general", &epoch, 1).await.unwrap();
        let first = reply["publications"].as_array().unwrap().clone();
        for (publication, event) in first.iter().zip(&history[1..]) {
            assert_eq!(publication, &json!({ "data": event, "offset": event["offset"] }));
        }
        assert!(first.len() < MESSAGES, "in pages");
        for event in &history[1 + first.len()..] {
            assert_eq!(late.event().await, *event);
        }
    }
}
