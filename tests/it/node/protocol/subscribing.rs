//! subscribe and unsubscribe: who may, what the replies say, what comes after them.

use chat_protocol::Format;
use rstest::rstest;
use serde_json::{Value, json};

use crate::kit::{Client, Server, Shell};

fn channel(room: &str) -> Value {
    json!({ "channel": format!("room:{room}") })
}

#[rstest]
#[tokio::test]
async fn a_subscription_begins_at_the_newest_offset_and_goes_on_without_a_hole(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
    #[values(Format::Json, Format::Protobuf)] format: Format,
) {
    let server = Server::start(shell).await.speaking(format);
    let mut author = server.client("Ada").await;
    for n in 0..3 {
        author.say("general", &format!("before{n}")).await;
    }
    let mut reader = server.client("Bob").await;
    let (_, room) = server.get("/api/rooms/general", &reader.guest).await;
    let place = reader.subscribe("general").await;
    let epoch = room["epoch"].clone();
    let expected = json!({ "recoverable": true, "positioned": true, "epoch": epoch, "offset": 4 });
    assert_eq!(place, expected, "and nothing of the past");
    let mut acks = Vec::new();
    for n in 0..3 {
        acks.push(author.say("general", &format!("after{n}")).await);
    }
    for (offset, id) in (5..).zip(&acks) {
        let push = reader.push().await;
        let data = &push["pub"]["data"];
        assert_eq!((&data["id"], &data["offset"]), (&json!(id), &json!(offset)));
        let whole = json!({ "channel": "room:general", "pub": { "data": data, "offset": offset } });
        assert_eq!(push, whole);
    }
    reader.settle().await;
    assert!(reader.waiting().is_empty());
}

#[rstest]
#[tokio::test]
async fn each_refusal_of_a_subscribe_has_its_code(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
    #[values(Format::Json, Format::Protobuf)] format: Format,
) {
    let server =
        Server::with(shell, &[("CHAT__SESSION__CHANNELS_MAX", "2")]).await.speaking(format);
    let mut owner = server.client("Owner").await;
    let (tea, den) = (owner.make_room("public", &[]).await, owner.make_room("private", &[]).await);
    let mut client = server.client("Ada").await;
    let user = format!("user:{}", client.guest.id);
    let long = |bytes: usize| format!("room:{}", "x".repeat(bytes - 5));
    let names = [
        ("general", 102),
        ("chat:general", 102),
        ("room", 102),
        ("Room:general", 102),
        (" room:general", 102),
        ("rooms:general", 102),
        (&user, 103),
        ("user:", 103),
        (&format!("room:{den}"), 103),
        ("", 107),
        (&long(256), 107),
        (&long(255), 107),
        (&long(70), 107),
        ("room:", 107),
        ("room:a b", 107),
        ("room:général", 107),
        ("room:general\u{0}", 107),
        ("room:general/x", 107),
        (&format!("chat:{}", "x".repeat(250)), 102),
        (&format!("chat:{}", "x".repeat(251)), 107),
        ("room:nowhere", 401),
        (&long(69), 401),
        ("room:general ", 107),
    ];
    for (name, code) in names {
        let refusal = client.call("subscribe", json!({ "channel": name })).await.unwrap_err();
        assert_eq!((refusal.code, refusal.temporary), (code, false), "{name:?}");
    }
    // None of them left anything behind: two fit, as if nothing had been.
    client.subscribe("general").await;
    let refusal = client.call("subscribe", channel("general")).await.unwrap_err();
    assert_eq!((refusal.code, refusal.temporary), (105, false));
    client.subscribe(&tea).await;
    let refusal = client.call("subscribe", channel("nowhere")).await.unwrap_err();
    assert_eq!((refusal.code, refusal.temporary), (106, false));
    let refusal = client.call("subscribe", channel(&tea)).await.unwrap_err();
    assert_eq!(refusal.code, 105, "what is subscribed already isn't one too many");
    client.call("unsubscribe", channel("general")).await.unwrap();
    client.subscribe("general").await;
    // The same, while the first is still on its way.
    let mut hasty = server.client("Hasty").await;
    let subscribe = json!({ "id": 8, "subscribe": channel(&tea) }).to_string();
    let again = json!({ "id": 9, "subscribe": channel(&tea) }).to_string();
    hasty.send(subscribe + &again).await;
    assert_eq!(hasty.result(9, "subscribe").await.unwrap_err().code, 105);
    assert!(hasty.result(8, "subscribe").await.is_ok());
}

#[rstest]
#[tokio::test]
async fn anyone_reads_public_rooms_and_members_private_ones(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
    #[values(Format::Json, Format::Protobuf)] format: Format,
) {
    let server = Server::start(shell).await.speaking(format);
    let mut member = server.client("Member").await;
    let mut owner = server.client("Owner").await;
    let mut stranger = server.client("Stranger").await;
    let tea = owner.make_room("public", &[]).await;
    let den = owner.make_room("private", &[&member.guest]).await;
    for client in [&mut owner, &mut member, &mut stranger] {
        assert_eq!(client.subscribe(&tea).await["offset"], 2);
    }
    for client in [&mut owner, &mut member] {
        assert_eq!(client.subscribe(&den).await["offset"], 3);
    }
    owner.say(&tea, "for-all").await;
    owner.say(&den, "for-members").await;
    assert_eq!(stranger.event().await["text"], "for-all");
    assert_eq!(member.event().await["text"], "for-all");
    assert_eq!(member.event().await["text"], "for-members");
    // A no is not kept: who is let in a moment later may subscribe at once.
    assert_eq!(stranger.call("subscribe", channel(&den)).await.unwrap_err().code, 103);
    let add = json!({ "user": stranger.guest.id });
    let path = format!("/api/rooms/{den}/members");
    assert_eq!(server.post(&path, Some(&owner.guest), &add).await.0, 200);
    assert_eq!(stranger.subscribe(&den).await["offset"], 5);
    stranger.settle().await;
    assert!(stranger.waiting().is_empty(), "nothing of the time before: {:?}", stranger.waiting());
}

#[rstest]
#[tokio::test]
async fn nothing_of_a_room_follows_the_reply_to_an_unsubscribe(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
    #[values(Format::Json, Format::Protobuf)] format: Format,
) {
    let server = Server::start(shell).await.speaking(format);
    let mut reader = server.client("Bob").await;
    let mut other = server.client("Eve").await;
    other.subscribe("general").await;
    let mut author = server.client("Ada").await;
    let nothing = reader.call("unsubscribe", channel("general")).await;
    assert_eq!(nothing, Ok(json!({})), "where there was no subscription, too");
    assert_eq!(reader.call("unsubscribe", channel("nowhere")).await, Ok(json!({})));
    for (name, code) in [("chat", 102), ("user:me", 103), ("room:a b", 107)] {
        let refusal = reader.call("unsubscribe", json!({ "channel": name })).await.unwrap_err();
        assert_eq!(refusal.code, code, "{name}");
    }
    let mut said = 1;
    for round in 0..10 {
        // It leaves in the middle of what is said.
        reader.subscribe("general").await;
        let mut sent = Vec::new();
        for n in 0..20 {
            let text = format!("{round}-{n}");
            let data = json!({ "room": "general", "client_id": text, "text": text });
            sent.push(
                author.command("rpc", json!({ "method": "message.send", "data": data })).await,
            );
        }
        said += sent.len();
        reader.event().await;
        assert_eq!(reader.call("unsubscribe", channel("general")).await, Ok(json!({})));
        let before = reader.waiting().len();
        for id in sent {
            author.result(id, "rpc").await.unwrap();
        }
        reader.settle().await;
        assert_eq!(reader.waiting().len(), before, "something came after the reply");
        while !reader.waiting().is_empty() {
            reader.event().await;
        }
    }
    assert_eq!(other.texts(2, said - 1).await.len(), 200, "nobody else is any the worse");
}

#[rstest]
#[tokio::test]
async fn a_subscribe_that_is_taken_back_is_answered_400_first(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
    #[values(Format::Json, Format::Protobuf)] format: Format,
) {
    let server = Server::start(shell).await.speaking(format);
    let mut client = server.client("Ada").await;
    let command = |id: u64, name: &str| json!({ "id": id, name: channel("general") }).to_string();
    // All in one frame, so the room has not answered before it is taken back.
    let frame = [
        command(11, "subscribe"),
        command(12, "unsubscribe"),
        command(13, "subscribe"),
        command(14, "unsubscribe"),
        command(15, "subscribe"),
    ];
    client.send(frame.concat()).await;
    let mut ids = Vec::new();
    while ids.len() < 5 {
        for reply in client.objects().await.unwrap() {
            let id = reply["id"].as_u64().unwrap();
            match id {
                11 | 13 => {
                    assert_eq!(reply["error"]["code"], 400, "{reply}");
                    assert_eq!(reply["error"]["temporary"], true);
                }
                12 | 14 => assert_eq!(reply["unsubscribe"], json!({})),
                _ => assert_eq!(reply["subscribe"]["offset"], 1, "{reply}"),
            }
            ids.push(id);
        }
    }
    assert_eq!(ids, [11, 12, 13, 14, 15]);
    client.say("general", "once").await;
    assert_eq!(client.event().await["text"], "once");
    client.settle().await;
    assert!(client.waiting().is_empty(), "it is in only once");
}

// The same user over several connections: each has subscriptions of its own.
#[rstest]
#[tokio::test]
async fn connections_of_one_user_are_independent(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
    #[values(Format::Json, Format::Protobuf)] format: Format,
) {
    let server = Server::start(shell).await.speaking(format);
    let mut first = server.client("Ada").await;
    let mut second = Client::connect(&server, &first.guest).await;
    first.subscribe("general").await;
    second.subscribe("general").await;
    let id = first.say("general", "to-both").await;
    assert_eq!(first.event().await["id"], id, "the author's own events come to the author too");
    assert_eq!(second.event().await["id"], id);
    first.call("unsubscribe", channel("general")).await.unwrap();
    let id = first.say("general", "to-one").await;
    assert_eq!(second.event().await["id"], id);
    first.settle().await;
    assert!(first.waiting().is_empty());
}
