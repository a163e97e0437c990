//! Ways to say something: the RPC `message.send`, `publish`, and `send`, which wants no answer.

use chat_protocol::Format;
use chat_protocol::{ClientId, MessageId, RoomId, UserId};
use rstest::rstest;
use serde_json::{Value, json};

use crate::kit::{Client, Refusal, Server, Shell};

const TEXT_BYTES_MAX: usize = 16_384;

fn message(room: &str, client_id: &str, text: &str) -> Value {
    json!({ "room": room, "client_id": client_id, "text": text })
}

async fn publish(client: &mut Client, room: &str, data: Value) -> Result<Value, Refusal> {
    client.call("publish", json!({ "channel": format!("room:{room}"), "data": data })).await
}

#[rstest]
#[tokio::test]
async fn the_ack_of_a_message_names_the_id_that_anyone_could_compute(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
    #[values(Format::Json, Format::Protobuf)] format: Format,
) {
    let server = Server::start(shell).await.speaking(format);
    let mut author = server.client("Ada").await;
    author.subscribe("general").await;
    let long = "x".repeat(64);
    for client_id in ["1", &long, "A-z_0", "01890a5d-ac96-774b-bcce-b302099a8057"] {
        let ack = author.rpc("message.send", message("general", client_id, "hi")).await.unwrap();
        let expected = MessageId::of(
            &RoomId::general(),
            &UserId::parse(&author.guest.id).unwrap(),
            &ClientId::parse(client_id).unwrap(),
        );
        assert_eq!(ack, json!({ "id": expected, "durability": "fsync" }));
        let again = author.rpc("message.send", message("general", client_id, "hi")).await;
        assert_eq!(again, Ok(ack), "the same again for a repeat");
        let other = author.rpc("message.send", message("general", client_id, "ho")).await;
        assert_eq!(other.unwrap_err(), Refusal { code: 409, temporary: false });
        let event = author.event().await;
        assert_eq!((&event["id"], &event["client_id"]), (&json!(expected), &json!(client_id)));
    }
    author.settle().await;
    assert!(author.waiting().is_empty(), "repeats took no place");
}

#[rstest]
#[tokio::test]
async fn a_text_is_kept_as_it_was_written(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
    #[values(Format::Json, Format::Protobuf)] format: Format,
) {
    let server = Server::start(shell).await.speaking(format);
    let mut author = server.client("Ada").await;
    let top = author.subscribe("general").await["offset"].as_u64().unwrap();
    let longest = "é".repeat(TEXT_BYTES_MAX / 2);
    let texts = [
        "x",
        "  with space around \n",
        "\t\"quoted\" \\ and \u{7f}\u{1}\u{2028}\u{feff}",
        "<b>no markup</b> & no entities",
        "👩‍👩‍👧‍👦 e\u{301} \u{202e}right to left",
        "\u{0301}",
        &longest,
    ];
    for (n, text) in texts.iter().enumerate() {
        author.say_as("general", &format!("c{n}"), text).await.unwrap();
    }
    assert_eq!(author.texts(top + 1, texts.len()).await, texts);
    let history = server.history("general", &author.guest).await;
    let kept: Vec<_> = history[1..].iter().map(|event| event["text"].as_str().unwrap()).collect();
    assert_eq!(kept, texts);
    // Escapes of JSON are read, half pairs excepted.
    let data = r#"{"room":"general","client_id":"e","text":"\u0061\ud83d\ude00\/"}"#;
    let escaped = format!(r#"{{"id":900,"rpc":{{"method":"message.send","data":{data}}}}}"#);
    author.send(escaped).await;
    author.result(900, "rpc").await.unwrap();
    assert_eq!(author.event().await["text"], "a😀/");
}

/// What is refused: room, client id, text, code.
fn refused() -> Vec<(&'static str, &'static str, String, u64)> {
    let mut all = vec![
        ("general", "c", String::new(), 406),
        ("general", "c", " \t\r\n\u{a0}\u{3000} ".into(), 406),
        ("general", "c", "x".repeat(TEXT_BYTES_MAX + 1), 407),
        ("general", "c", "é".repeat(TEXT_BYTES_MAX / 2) + "x", 407),
        ("general", "c", "a\0b".into(), 107),
        ("nowhere", "c", "hi".into(), 401),
        ("", "c", "hi".into(), 107),
        ("a b", "c", "hi".into(), 107),
        ("room:general", "c", "hi".into(), 107),
    ];
    all.extend(["", "a b", "a.b", "ä", "a/b", "\0"].map(|id| ("general", id, "hi".into(), 107)));
    all
}

#[rstest]
#[tokio::test]
async fn each_refusal_of_a_message_has_its_code_by_either_way(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
    #[values(Format::Json, Format::Protobuf)] format: Format,
) {
    let server = Server::start(shell).await.speaking(format);
    let mut author = server.client("Ada").await;
    for (room, client_id, text, code) in refused() {
        let expected = Err(Refusal { code, temporary: false });
        let sent = author.rpc("message.send", message(room, client_id, &text)).await;
        let start: String = text.chars().take(20).collect();
        assert_eq!(sent, expected, "{room:?} {client_id:?} {start:?}");
        let data = json!({ "client_id": client_id, "text": text });
        assert_eq!(publish(&mut author, room, data).await, expected, "published");
    }
    let long_id = "x".repeat(65);
    let sent = author.rpc("message.send", message("general", &long_id, "hi")).await;
    assert_eq!(sent.unwrap_err().code, 107);
    for missing in ["room", "client_id", "text"] {
        let mut data = message("general", "c", "hi");
        data.as_object_mut().unwrap().remove(missing);
        assert_eq!(author.rpc("message.send", data).await.unwrap_err().code, 107, "{missing}");
    }
    for (channel, code) in [("chat", 102), ("", 107), ("user:me", 103)] {
        let it = json!({ "channel": channel, "data": { "text": "hi" } });
        assert_eq!(author.call("publish", it).await.unwrap_err().code, code, "{channel:?}");
    }
    assert_eq!(server.history("general", &author.guest).await.len(), 1, "nothing came of it");
}

#[rstest]
#[tokio::test]
async fn members_write_and_nobody_else(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
    #[values(Format::Json, Format::Protobuf)] format: Format,
) {
    let server = Server::start(shell).await.speaking(format);
    let mut owner = server.client("Owner").await;
    let mut stranger = server.client("Stranger").await;
    for kind in ["public", "private"] {
        let room = owner.make_room(kind, &[]).await;
        let sent = stranger.rpc("message.send", message(&room, "c", "hi")).await;
        assert_eq!(sent.unwrap_err(), Refusal { code: 402, temporary: false }, "{kind}");
        let sent = publish(&mut stranger, &room, json!({ "text": "hi" })).await;
        assert_eq!(sent.unwrap_err().code, 402, "{kind}");
        let send = json!({ "method": "message.send", "data": message(&room, "c", "hi") });
        stranger.send(json!({ "send": { "data": send } }).to_string()).await;
        stranger.settle().await;
        owner.say(&room, "last").await; // a member needs no subscription to write
        let history = server.history(&room, &owner.guest).await;
        let texts: Vec<_> = history.iter().filter_map(|event| event["text"].as_str()).collect();
        assert_eq!(texts, ["last"], "{kind}");
    }
    let (tea, den) = (owner.make_room("public", &[]).await, owner.make_room("private", &[]).await);
    stranger.rpc("room.join", json!({ "room": tea })).await.unwrap();
    stranger.say(&tea, "in").await;
    let add = json!({ "user": stranger.guest.id });
    let added = server.post(&format!("/api/rooms/{den}/members"), Some(&owner.guest), &add).await;
    assert_eq!(added.0, 200);
    stranger.say(&den, "in-as-well").await;
    stranger.rpc("room.leave", json!({ "room": den })).await.unwrap();
    let sent = stranger.rpc("message.send", message(&den, "late", "late")).await;
    assert_eq!(sent.unwrap_err().code, 402);
}

#[rstest]
#[tokio::test]
async fn publish_is_message_send_without_its_reply_data(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
    #[values(Format::Json, Format::Protobuf)] format: Format,
) {
    let server = Server::start(shell).await.speaking(format);
    let mut author = server.client("Ada").await;
    author.subscribe("general").await;
    let data = json!({ "client_id": "p1", "text": "hello" });
    for _ in 0..2 {
        assert_eq!(publish(&mut author, "general", data.clone()).await, Ok(json!({})));
    }
    let event = author.event().await;
    assert_eq!((&event["client_id"], &event["text"]), (&json!("p1"), &json!("hello")));
    let id = author.say_as("general", "p1", "hello").await.unwrap();
    assert_eq!(event["id"], id, "one message, whichever way it is repeated");
    let other = json!({ "client_id": "p1", "text": "other" });
    assert_eq!(publish(&mut author, "general", other).await.unwrap_err().code, 409);
    // Without a client id the server draws one, and a retry makes a second message.
    for _ in 0..2 {
        publish(&mut author, "general", json!({ "text": "again" })).await.unwrap();
    }
    let (one, two) = (author.event().await, author.event().await);
    assert_eq!((&one["text"], &two["text"]), (&json!("again"), &json!("again")));
    assert_ne!(one["client_id"], two["client_id"]);
    let drawn = uuid::Uuid::try_parse(one["client_id"].as_str().unwrap()).unwrap();
    assert_eq!(drawn.get_version_num(), 7);
}

#[rstest]
#[tokio::test]
async fn a_send_is_an_rpc_that_nobody_answers(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
    #[values(Format::Json, Format::Protobuf)] format: Format,
) {
    let server = Server::start(shell).await.speaking(format);
    let mut author = server.client("Ada").await;
    author.subscribe("general").await;
    let send = |id: Option<u64>, data: Value| {
        let mut command = json!({ "send": { "data": data } });
        if let Some(id) = id {
            command["id"] = json!(id);
        }
        command.to_string()
    };
    let rpc = |client_id: &str, text: &str| {
        json!({ "method": "message.send",
        "data": message("general", client_id, text) })
    };
    for frame in [
        send(None, rpc("s1", "first")),
        send(Some(7), rpc("s2", "with an id, which means nothing")),
        send(None, rpc("s1", "first")),             // a repeat
        send(None, rpc("s1", "other")),             // 409
        send(None, rpc("s3", " ")),                 // 406
        send(None, json!({ "method": "nothing" })), // 104
        send(None, json!({ "method": "user.me" })), // an answer that nobody asked for
        send(None, json!({})),                      // 104
        send(None, Value::Null),                    // 107
        r#"{"send":{}}"#.to_owned(),                // 107
        send(None, rpc("s4", "last")),
    ] {
        author.send(frame).await;
    }
    for text in ["first", "with an id, which means nothing", "last"] {
        assert_eq!(author.event().await["text"], text);
    }
    let id = author.command("rpc", json!({ "method": "user.me" })).await;
    let objects = author.objects().await.unwrap();
    assert_eq!((objects.len(), &objects[0]["id"]), (1, &json!(id)), "nothing else: {objects:?}");
}
