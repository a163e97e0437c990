//! Who is in a room, and who is writing: told to whoever is there, and kept nowhere.

use chat_protocol::Format;
use rstest::rstest;
use serde_json::{Value, json};

use crate::kit::{Client, Server, Shell};

async fn server(shell: Shell) -> Server {
    Server::with(shell, &[("CHAT__PRESENCE__TICK_MS", "100")]).await
}

fn ids(people: &Value) -> Vec<&str> {
    people.as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap()).collect()
}

async fn stats(client: &mut Client, room: &str) -> (u64, u64) {
    let it = client.call("presence_stats", json!({ "channel": format!("room:{room}") })).await;
    let it = it.expect("the numbers are told");
    (it["num_clients"].as_u64().unwrap_or(0), it["num_users"].as_u64().unwrap_or(0))
}

#[rstest]
#[tokio::test]
async fn a_room_is_told_who_comes_and_goes(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
    #[values(Format::Json, Format::Protobuf)] format: Format,
) {
    let server = server(shell).await.speaking(format);
    let mut ada = server.client("Ada").await;
    ada.subscribe("general").await;
    let tick = ada.tick_where(|it| it["count"] == 1).await;
    assert_eq!(ids(&tick["joined"]), [ada.guest.id.as_str()]);
    let mut bob = server.client("Bob").await;
    bob.subscribe("general").await;
    let tick = ada.tick_where(|it| it["count"] == 2).await;
    assert_eq!((ids(&tick["joined"]), ids(&tick["left"])), (vec![bob.guest.id.as_str()], vec![]));
    assert_eq!(tick["joined"][0]["name"], "Bob");
    assert_eq!(tick["sample"].as_array().unwrap().len(), 2);
    assert_eq!(stats(&mut bob, "general").await, (2, 2));
    // A second session of a user who is there makes no difference but to the number of sessions.
    let mut again = Client::connect(&server, &bob.guest.clone()).await;
    again.subscribe("general").await;
    crate::kit::eventually("the session is counted", async || {
        (stats(&mut ada, "general").await == (3, 2)).then_some(())
    })
    .await;
    drop(bob);
    let left = again.guest.id.clone();
    drop(again);
    let tick = ada.tick_where(|it| it["count"] == 1).await;
    assert_eq!(ids(&tick["left"]), [left.as_str()]);
    assert_eq!(stats(&mut ada, "general").await, (1, 1));
}

#[rstest]
#[tokio::test]
async fn presence_lists_the_sessions_of_whoever_may_read(
    #[values(Format::Json, Format::Protobuf)] format: Format,
) {
    let server = server(Shell::Lean).await.speaking(format);
    let (mut ada, mut bob) = (server.client("Ada").await, server.client("Bob").await);
    let mut eve = server.client("Eve").await;
    let room = ada.make_room("private", &[&bob.guest.clone()]).await;
    ada.subscribe(&room).await;
    bob.subscribe(&room).await;
    ada.tick_where(|it| it["room"] == room.as_str() && it["count"] == 2).await;
    let channel = json!({ "channel": format!("room:{room}") });
    let listed = bob.call("presence", channel.clone()).await.unwrap();
    let listed = listed["presence"].as_object().unwrap();
    let mut users: Vec<_> = listed.values().map(|it| it["user"].as_str().unwrap()).collect();
    users.sort_unstable();
    let mut expected = [ada.guest.id.as_str(), bob.guest.id.as_str()];
    expected.sort_unstable();
    assert_eq!(users, expected);
    assert!(listed.iter().all(|(client, it)| it["client"] == client.as_str()));
    assert!(listed.values().any(|it| it["conn_info"]["name"] == "Ada"), "{listed:?}");
    for command in ["presence", "presence_stats"] {
        assert_eq!(eve.call(command, channel.clone()).await.unwrap_err().code, 402, "a stranger");
        let nowhere = json!({ "channel": "room:nowhere" });
        assert_eq!(eve.call(command, nowhere).await.unwrap_err().code, 401);
        assert_eq!(eve.call(command, json!({ "channel": "x" })).await.unwrap_err().code, 102);
    }
    ada.rpc("room.leave", json!({ "room": room })).await.unwrap();
    bob.tick_where(|it| it["count"] == 1).await;
    assert_eq!(stats(&mut bob, &room).await, (1, 1), "whoever was removed is not there any more");
}

#[rstest]
#[tokio::test]
async fn who_is_writing_is_told_to_the_room_and_no_more_often_than_needed(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
) {
    let server = Server::start(shell).await;
    let (mut ada, mut bob) = (server.client("Ada").await, server.client("Bob").await);
    let room = ada.make_room("public", &[]).await;
    ada.subscribe(&room).await;
    bob.subscribe(&room).await;
    let typing = json!({ "room": room });
    assert_eq!(bob.rpc("typing", typing.clone()).await.unwrap_err().code, 402, "a reader");
    assert_eq!(bob.rpc("typing", json!({})).await.unwrap_err().code, 107);
    for _ in 0..20 {
        assert_eq!(ada.rpc("typing", typing.clone()).await, Ok(json!({})));
    }
    ada.say(&room, "done").await;
    let push = bob.push().await;
    let user = json!({ "id": ada.guest.id, "name": "Ada" });
    let said = json!({ "type": "typing", "room": room, "user": user, "expires_ms": 6000 });
    assert_eq!(push, json!({ "channel": format!("room:{room}"), "pub": { "data": said } }));
    assert_eq!(bob.event().await["text"], "done", "twenty within two seconds are one");
    ada.rpc("typing", typing).await.unwrap();
    assert_eq!(
        bob.push().await["pub"]["data"]["type"],
        "typing",
        "after a message it is news again"
    );
}

/// The next push of someone who came or went, in whatever room: which of the two, and who.
async fn coming(client: &mut Client) -> (&'static str, Value) {
    loop {
        let push = client.push().await;
        for what in ["join", "leave"] {
            if let Some(it) = push.get(what) {
                return (what, it["info"].clone());
            }
        }
    }
}

#[rstest]
#[tokio::test]
async fn who_asks_for_it_is_told_of_each_that_comes_and_goes(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
    #[values(Format::Json, Format::Protobuf)] format: Format,
) {
    let server = server(shell).await.speaking(format);
    let mut ada = server.client("Ada").await;
    let general = json!({ "channel": "room:general", "join_leave": true });
    ada.call("subscribe", general).await.unwrap();
    let told = |user: &str, name: &str| json!({ "user": user, "client": "", "conn_info": { "name": name } });
    let me = told(&ada.guest.id, "Ada");
    assert_eq!(coming(&mut ada).await, ("join", me), "oneself as everyone");
    let mut bob = server.client("Bob").await;
    bob.subscribe("general").await;
    let him = told(&bob.guest.id, "Bob");
    assert_eq!(coming(&mut ada).await, ("join", him.clone()));
    // Another session of one who is there is told by no more than the count.
    let mut again = Client::connect(&server, &bob.guest.clone()).await;
    again.subscribe("general").await;
    again.tick_where(|it| it["count"] == 2).await;
    let mut cleo = server.client("Cleo").await;
    cleo.subscribe("general").await;
    assert_eq!(coming(&mut ada).await.1["conn_info"]["name"], "Cleo");
    drop(again);
    drop(bob);
    assert_eq!(coming(&mut ada).await, ("leave", him));
    cleo.tick_where(|it| it["count"] == 2).await;
    let unasked = cleo.waiting().iter().any(|it| it.get("join").or(it.get("leave")).is_some());
    assert!(!unasked, "who hasn't asked hears ticks alone: {:?}", cleo.waiting());
}
