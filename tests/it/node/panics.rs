//! Every actor panics once, at its worst moment, while people talk: who was there stays, and nothing is lost or doubled.

use rstest::rstest;
use serde_json::{Value, json};

use crate::kit::{Client, Guest, Server, Shell, eventually, within};

/// The offset of the first message of `general`: before it lies its `room.created`.
const FIRST: u64 = 2;

/// Members on both workers, subscribed to `general` before anything is said there.
async fn members(server: &Server, count: usize) -> Vec<Client> {
    let mut guests = Vec::new();
    for n in 0..count {
        guests.push(server.guest(&format!("Member {n}")).await);
    }
    // Connections go to the workers by turns.
    let mut members = Vec::new();
    for guest in &guests {
        let mut member = Client::connect(server, guest).await;
        assert_eq!(member.subscribe("general").await["offset"], FIRST - 1);
        members.push(member);
    }
    members
}

/// Sends under one client id until it is acked, as an outbox does, and gives the id.
async fn insist(author: &mut Client, text: &str) -> String {
    let insisting = async {
        loop {
            match author.say_as("general", text, text).await {
                Ok(id) => return id,
                Err(refusal) => assert!(refusal.temporary, "{refusal:?}"),
            }
        }
    };
    within("the message is acked in the end", insisting).await
}

/// Each member sees the texts, once, in order, without a hole, over one subscription that never ended.
async fn all_saw(members: &mut [Client], texts: &[String]) {
    for member in members {
        assert_eq!(member.texts(FIRST, texts.len()).await, texts);
    }
}

async fn nothing_more(members: &mut [Client]) {
    for member in members {
        member.settle().await;
        assert!(member.waiting().is_empty(), "{:?}", member.waiting());
    }
}

async fn crashed(server: &Server, actor: &str, times: usize) {
    let metric = format!("chat_actor_crashes_total{{actor=\"{actor}\"}}");
    server.metric_reaches(&metric, times as f64).await;
}

/// People talk; in the middle `point` panics; they talk on. Nobody has to come back.
async fn a_panic_that_members_only_feel_as_a_pause(shell: Shell, actor: &str, point: &str) {
    let soon = [("CHAT__SESSION__REPLY_TIMEOUT_MS", "500")]; // for asks that are lost
    let server = Server::with(shell, &soon).await;
    let mut members = members(&server, 4).await;
    let mut author = server.client("Author").await;
    let mut texts = Vec::new();
    for n in 0..30 {
        if n % 10 == 5 {
            server.arm(point, 1).await;
        }
        let text = format!("m{n}");
        insist(&mut author, &text).await;
        texts.push(text);
    }
    crashed(&server, actor, 3).await;
    all_saw(&mut members, &texts).await;
    nothing_more(&mut members).await;
}

#[rstest]
#[tokio::test]
async fn a_presence_that_panics_has_forgotten_nobody(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
) {
    let server = Server::with(shell, &[("CHAT__PRESENCE__TICK_MS", "100")]).await;
    let mut members = members(&server, 4).await;
    members[0].tick_where(|it| it["count"] == 4).await;
    server.arm("presence.moved", 1).await;
    let mut fifth = server.client("Fifth").await;
    fifth.subscribe("general").await;
    crashed(&server, "presence", 1).await;
    members[0].tick_where(|it| it["count"] == 5).await;
    fifth.call("unsubscribe", json!({ "channel": "room:general" })).await.unwrap();
    members[0].tick_where(|it| it["count"] == 4).await;
}

#[rstest]
#[tokio::test]
async fn a_room_that_panics_comes_back_with_its_members_and_its_place(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
    #[values("chat_room.events", "chat_room.asked")] point: &str,
) {
    a_panic_that_members_only_feel_as_a_pause(shell, "chat_room", point).await;
}

#[rstest]
#[tokio::test]
async fn a_hub_that_panics_loses_no_room(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
    #[values("hub.events", "hub.asked")] point: &str,
) {
    a_panic_that_members_only_feel_as_a_pause(shell, "hub", point).await;
}

#[rstest]
#[tokio::test]
async fn a_bridge_that_panics_leaves_no_gap(#[values(Shell::Lean, Shell::Actors)] shell: Shell) {
    a_panic_that_members_only_feel_as_a_pause(shell, "bridge", "bridge.run").await;
}

#[rstest]
#[tokio::test]
async fn a_sink_that_panics_answers_what_it_had(
    #[values("sink.append", "sink.appended")] point: &str,
) {
    a_panic_that_members_only_feel_as_a_pause(Shell::Lean, "sink", point).await;
}

// What is in the log although its author heard `unavailable` is found by the same client id, under the same place.
#[tokio::test]
async fn an_answer_lost_in_a_panic_is_found_by_sending_again() {
    let server = Server::start(Shell::Lean).await;
    let mut author = server.client("Author").await;
    author.subscribe("general").await;
    server.arm("sink.appended", 1).await;
    let lost = author.say_as("general", "once", "once").await.unwrap_err();
    assert_eq!((lost.code, lost.temporary), (400, true));
    let seen = author.event().await;
    assert_eq!(
        author.say_as("general", "once", "once").await,
        Ok(seen["id"].as_str().unwrap().to_owned())
    );
    assert_eq!(author.say("general", "next").await.len(), 36);
    assert_eq!(author.event().await["offset"], FIRST + 1, "the repeat took no place");
}

// P6, in the very moment: all of it is written, nothing is committed, and the writer dies.
#[tokio::test]
async fn what_was_not_committed_is_shown_to_nobody() {
    let server = Server::start(Shell::Lean).await;
    let mut author = server.client("Author").await;
    author.subscribe("general").await;
    server.arm("store.commit", 1).await;
    let lost = author.say_as("general", "lost", "lost").await.unwrap_err();
    assert_eq!((lost.code, lost.temporary), (400, true));
    author.say("general", "next").await;
    let seen = author.event().await;
    assert_eq!((&seen["text"], &seen["offset"]), (&json!("next"), &json!(FIRST)));
    assert_eq!(server.history("general", &author.guest).await[1..], [seen]);
}

#[rstest]
#[tokio::test]
async fn a_fan_out_that_panics_makes_its_members_resume(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
) {
    let server = Server::start(shell).await;
    let mut members = members(&server, 6).await;
    let mut author = server.client("Author").await;
    let mut texts = Vec::new();
    for n in 0..20 {
        if n == 10 {
            server.arm("fan_out.deliver", 1).await;
        }
        let text = format!("m{n}");
        insist(&mut author, &text).await;
        texts.push(text);
    }
    crashed(&server, "fan_out", 1).await;
    let mut resumed = 0;
    for member in &mut members {
        let mut seen: Vec<String> = Vec::new();
        while seen.len() < texts.len() {
            let mut push = member.push().await;
            if let Some(why) = push.get("unsubscribe") {
                assert_eq!(why["code"], 2500);
                resumed += 1;
                let epoch = epoch(&server, &member.guest).await;
                let answer =
                    member.resume("general", &epoch, FIRST - 1 + seen.len() as u64).await.unwrap();
                assert_eq!(answer["recovered"], true, "{answer}");
                seen.extend(publications(&answer).iter().map(text_of));
            } else {
                let event = push["pub"]["data"].take();
                assert_eq!(event["offset"], FIRST + seen.len() as u64);
                seen.push(text_of(&event));
            }
        }
        assert_eq!(seen, texts);
    }
    assert!((1..6).contains(&resumed), "those of one thread, and only those: {resumed}");
    nothing_more(&mut members).await;
}

#[rstest]
#[tokio::test]
async fn a_session_that_panics_ends_alone(#[values(Shell::Lean, Shell::Actors)] shell: Shell) {
    let server = Server::start(shell).await;
    let mut members = members(&server, 4).await;
    let mut victim = members.pop().unwrap();
    let mut author = server.client("Author").await;
    author.say("general", "before").await;
    assert_eq!(victim.texts(FIRST, 1).await, ["before"]);
    server.arm("session.frame", 1).await;
    victim.command("rpc", json!({ "method": "user.me" })).await;
    assert_eq!(victim.closed().await.0, 0, "its connection just ends");
    author.say("general", "meanwhile").await;
    let mut back = Client::connect(&server, &victim.guest).await;
    let epoch = epoch(&server, &back.guest).await;
    let answer = back.resume("general", &epoch, FIRST).await.unwrap();
    let missed: Vec<_> = publications(&answer).iter().map(text_of).collect();
    assert_eq!(missed, ["meanwhile"]);
    let sessions = async || (server.metric("chat_sessions").await == 5.0).then_some(());
    eventually("the session that died is gone", sessions).await;
    all_saw(&mut members, &["before".to_owned(), "meanwhile".to_owned()]).await;
}

#[tokio::test]
async fn a_room_that_can_t_be_brought_back_is_given_up_alone() {
    let server = Server::start(Shell::Lean).await;
    let mut members = members(&server, 2).await;
    let room = members[1].rpc("room.create", json!({ "name": "Tea", "kind": "public" })).await;
    let tea = room.unwrap()["id"].as_str().unwrap().to_owned();
    members[0].subscribe(&tea).await;
    server.arm("chat_room.asked", 6).await;
    // Each ask costs the room a life, until the sixth is one too many.
    let mut asker = server.client("Asker").await;
    for n in 1..=6 {
        ask_until_crashed(&server, &mut asker, &tea, "chat_room", n).await;
    }
    assert_eq!(members[0].push().await["unsubscribe"]["code"], 2500);
    assert_eq!(members[0].subscribe(&tea).await["offset"], 2, "and it can be started anew");
    members[1].say("general", "elsewhere").await;
    assert_eq!(members[0].texts(FIRST, 1).await, ["elsewhere"], "other rooms noticed nothing");
}

#[tokio::test]
async fn an_actor_the_node_can_t_do_without_ends_it_with_70() {
    let mut server = Server::start(Shell::Lean).await;
    let mut author = server.client("Author").await;
    server.arm("sink.append", 6).await;
    for n in 1..=6 {
        ask_until_crashed(&server, &mut author, "general", "sink", n).await;
    }
    assert_eq!(author.closed().await.0, 3001);
    assert_eq!(server.ended().await.code(), Some(70), "{}", server.log());
    assert!(server.log().contains("crashed too often"), "{}", server.log());
}

/// Sends until one more life was lost: while the actor is down, sends are refused and cost none.
async fn ask_until_crashed(
    server: &Server,
    author: &mut Client,
    room: &str,
    actor: &str,
    times: usize,
) {
    let crash = format!("actor crashed actor=\"{actor}\"");
    let data = json!({ "room": room, "client_id": format!("c{times}"), "text": "x" });
    eventually(&crash, async || {
        let send = json!({ "method": "message.send", "data": data });
        author.command("rpc", send).await;
        (server.log().matches(&crash).count() >= times).then_some(())
    })
    .await;
}

async fn epoch(server: &Server, guest: &Guest) -> String {
    let (_, room) = server.get("/api/rooms/general", guest).await;
    room["epoch"].as_str().unwrap().to_owned()
}

fn publications(answer: &Value) -> Vec<Value> {
    let publications = answer["publications"].as_array().cloned().unwrap_or_default();
    publications.into_iter().map(|publication| publication["data"].clone()).collect()
}

fn text_of(event: &Value) -> String {
    event["text"].as_str().unwrap_or_default().to_owned()
}
