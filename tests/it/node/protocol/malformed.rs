//! What is no command closes the connection with 3501; what is a command with bad data is answered. The server goes on.

use rstest::rstest;
use serde_json::json;

use crate::kit::{Client, Server, Shell};

const BAD_REQUEST: u16 = 3501;
/// So that depth isn't bounded by size.
const LARGE_FRAMES: (&str, &str) = ("CHAT__SESSION__FRAME_BYTES_MAX", "1000000");

/// Frames that break the protocol.
fn broken() -> Vec<(&'static str, String)> {
    let rpc = |id: &str| format!(r#"{{"id":{id},"rpc":{{"method":"user.me"}}}}"#);
    let mut frames = vec![
        ("an empty frame", String::new()),
        ("white space", " \r\n\t ".into()),
        ("no id", r#"{"rpc":{"method":"user.me"}}"#.into()),
        ("id 0", rpc("0")),
        ("id null", rpc("null")),
        ("an id above 32 bits", rpc("4294967296")),
        ("a negative id", rpc("-1")),
        ("an id with a fraction", rpc("1.5")),
        ("an id as text", rpc("\"1\"")),
        ("a huge id", rpc("1e400")),
        ("no name", r#"{"id":1}"#.into()),
        ("an unknown name", r#"{"id":1,"dance":{}}"#.into()),
        ("a null for a name", r#"{"id":1,"rpc":null}"#.into()),
        ("ping", r#"{"id":1,"ping":{}}"#.into()),
        ("ping before rpc", r#"{"id":1,"rpc":{"method":"user.me"},"ping":{}}"#.into()),
        ("a pong that no ping asked for", "{}".into()),
        ("a second connect", r#"{"id":1,"connect":{}}"#.into()),
        (
            "a list of what a command has",
            r#"[7,null,null,null,null,null,null,null,null,null,{"method":"user.me"},null,null]"#
                .into(),
        ),
        ("no object behind an object", format!("{} []", rpc("1"))),
        ("a comma between objects", format!("{},{}", rpc("1"), rpc("2"))),
        ("an object that doesn't end", r#"{"id":1,"rpc":{"method":"user.me""#.into()),
        ("id twice", r#"{"id":1,"id":1,"rpc":{}}"#.into()),
        ("a name twice", r#"{"id":1,"rpc":{},"rpc":{}}"#.into()),
        ("a raw control character", "{\"id\":1,\"rpc\":{\"method\":\"\u{1}\"}}".into()),
        ("NUL between objects", format!("{}\0", rpc("1"))),
        ("a byte order mark", format!("\u{feff}{}", rpc("1"))),
        ("half a surrogate pair", r#"{"id":1,"subscribe":{"channel":"\ud800"}}"#.into()),
        ("an escape that is none", r#"{"id":1,"subscribe":{"channel":"\x"}}"#.into()),
        ("a channel that is no text", r#"{"id":1,"subscribe":{"channel":7}}"#.into()),
        ("a flag that is none", r#"{"id":1,"subscribe":{"join_leave":"yes"}}"#.into()),
        ("a token that is no text", r#"{"id":1,"subscribe":{"token":7}}"#.into()),
        ("a negative offset", r#"{"id":1,"subscribe":{"recover":true,"offset":-1}}"#.into()),
        ("an offset above 64 bits", r#"{"id":1,"subscribe":{"offset":1e30}}"#.into()),
        ("a limit above 31 bits", r#"{"id":1,"history":{"limit":2147483648}}"#.into()),
        ("data of send that is no object", r#"{"send":{"data":"x"}}"#.into()),
        ("a list that never ends", "[".repeat(100_000)),
        ("objects that never end", r#"{"a":"#.repeat(30_000)),
    ];
    for no_object in ["null", "true", "7", "\"{}\"", "[]", "[{}]", "nonsense", "}", "{]"] {
        frames.push(("no object", no_object.into()));
    }
    frames
}

#[rstest]
#[tokio::test]
async fn what_breaks_the_protocol_is_closed_with_3501(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
) {
    let server = Server::with(shell, &[LARGE_FRAMES]).await;
    let mut witness = server.client("Witness").await;
    let guest = server.guest("Mallory").await;
    for (what, frame) in broken() {
        let mut client = Client::connect(&server, &guest).await;
        client.send_text(frame).await;
        assert_eq!(client.closed().await, (BAD_REQUEST, "bad request".to_owned()), "{what}");
    }
    witness.settle().await;
}

#[rstest]
#[tokio::test]
async fn what_comes_before_a_break_is_done_and_what_comes_behind_it_is_not(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
) {
    let server = Server::start(shell).await;
    let mut client = server.client("Ada").await;
    let send = |id: u64, text: &str| {
        let data = json!({ "room": "general", "client_id": text, "text": text });
        json!({ "id": id, "rpc": { "method": "message.send", "data": data } })
    };
    client.send_text(format!("{}nonsense{}", send(1, "before"), send(2, "behind"))).await;
    assert_eq!(client.closed().await.0, BAD_REQUEST);
    let mut other = server.client("Bob").await;
    other.say("general", "last").await; // after whatever was sent above
    let history = server.history("general", &other.guest).await;
    let texts: Vec<_> = history.iter().filter_map(|event| event["text"].as_str()).collect();
    assert_eq!(texts, ["before", "last"]);
}

/// Commands whose data is bad: name, body as JSON, code of the answer.
fn refused() -> Vec<(&'static str, String, u64)> {
    let rpc = |method: &str, data: &str| format!(r#"{{"method":"{method}","data":{data}}}"#);
    let deep = |open: &str, close: &str| {
        let depth = 60_000;
        format!("{}1{}", open.repeat(depth), close.repeat(depth))
    };
    let send = |text: &str| {
        rpc("message.send", &format!(r#"{{"room":"a","client_id":"c","text":{text}}}"#))
    };
    let page = |rest: &str| rpc("history.page", &format!(r#"{{"room":"general",{rest}}}"#));
    vec![
        ("rpc", "{}".into(), 104),
        ("rpc", rpc("", "{}"), 104),
        ("rpc", rpc("message.send ", "{}"), 104),
        ("rpc", rpc("\\u0000", "{}"), 104),
        ("rpc", r#"{"method":"message.send"}"#.into(), 107),
        ("rpc", rpc("message.send", "null"), 107),
        ("rpc", rpc("message.send", "[]"), 107),
        ("rpc", rpc("message.send", "\"{}\""), 107),
        ("rpc", rpc("message.send", r#"["general","c","hi"]"#), 107),
        ("rpc", rpc("room.list", r#"[null,1]"#), 107),
        ("publish", r#"{"channel":"room:general","data":["c","hi"]}"#.into(), 107),
        ("rpc", rpc("message.send", &deep("[", "]")), 107),
        ("rpc", send(&deep("[", "]")), 107),
        ("rpc", send("7"), 107),
        ("rpc", send("null"), 107),
        ("rpc", send(r#""\ud800""#), 107),
        ("rpc", send(r#""\udc00\ud800""#), 107),
        ("rpc", send(r#""a\u0000b""#), 107),
        ("rpc", rpc("message.send", r#"{"room":"a","room":"b","client_id":"c","text":"x"}"#), 107),
        ("rpc", page(r#""before":-1"#), 107),
        ("rpc", page(r#""before":1.5"#), 107),
        ("rpc", page(r#""before":99999999999999999999"#), 107),
        ("rpc", page(r#""before":"""#), 107),
        ("rpc", page(r#""before":"12""#), 107),
        ("rpc", page(r#""limit":-1"#), 107),
        ("rpc", page(r#""limit":"all""#), 107),
        ("rpc", rpc("room.list", r#"{"limit":1e99}"#), 107),
        ("rpc", rpc("room.list", r#"{"cursor":"?"}"#), 107),
        ("rpc", rpc("room.list", r#"{"cursor":""}"#), 107),
        ("publish", r#"{"channel":"room:general"}"#.into(), 107),
        ("publish", r#"{"channel":"room:general","data":null}"#.into(), 107),
        ("publish", r#"{"channel":"room:general","data":"hello"}"#.into(), 107),
        ("publish", r#"{"channel":"room:general","data":{}}"#.into(), 107),
        ("subscribe", "{}".into(), 107),
        ("subscribe", format!(r#"{{"channel":"room:{}"}}"#, "x".repeat(60_000)), 107),
        ("unsubscribe", "{}".into(), 107),
        ("history", "{}".into(), 107),
        ("presence", "{}".into(), 107),
    ]
}

#[rstest]
#[tokio::test]
async fn a_command_with_bad_data_is_answered_and_the_connection_goes_on(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
) {
    let server = Server::with(shell, &[LARGE_FRAMES]).await;
    let mut client = server.client("Ada").await;
    for (n, (name, body, code)) in (100_u64..).zip(refused()) {
        client.send_text(format!(r#"{{"id":{n},"{name}":{body}}}"#)).await;
        let reply = client.reply(n).await;
        let start: String = body.chars().take(80).collect();
        let reply = reply.unwrap_or_else(|| panic!("closed instead of {code}: {name} {start}"));
        assert_eq!(reply["error"]["code"], code, "{name} {start}: {reply}");
    }
    client.say("general", "and-on").await;
}
