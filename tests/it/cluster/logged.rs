//! Kafka as the log: Redis and PostgreSQL may go, be emptied and come back; brokers may go as far as was named.

use serde_json::{Value, json};
use tokio::task::block_in_place;
use uuid::Uuid;

use super::authors::Said;
use super::talk::Talk;
use super::{Cluster, Setup};
use crate::kit::{Client, Server, Shell, binary, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_is_wiped_or_killed_under_load_costs_a_pause() {
    let mut cluster = Cluster::start(Setup::Kafka, 3).await;
    let talk = Talk::begin(&cluster).await;
    cluster.redis.as_ref().unwrap().wipe().unwrap();
    talk.goes_on(&cluster).await;
    block_in_place(|| cluster.redis.as_mut().unwrap().kill()).unwrap();
    talk.goes_on(&cluster).await; // acks need no Redis
    block_in_place(|| cluster.redis.as_mut().unwrap().start_again()).unwrap();
    talk.goes_on(&cluster).await;
    talk.end(&cluster).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_talk_on_while_the_database_is_away_and_it_catches_up() {
    let mut cluster = Cluster::start(Setup::Kafka, 3).await;
    let talk = Talk::begin(&cluster).await;
    let mut reader = Client::connect(cluster.node(1), &talk.guests[3]).await;
    block_in_place(|| cluster.postgres.kill()).unwrap();
    talk.goes_on(&cluster).await;
    let refused = reader.rpc("history.page", json!({ "room": "general", "after": 0 })).await;
    assert_eq!(refused.map_err(|it| (it.code, it.temporary)), Err((400, true)), "and says so");
    block_in_place(|| cluster.postgres.start_again()).unwrap();
    talk.end(&cluster).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_here_comes_back_while_the_database_is_away_and_nobody_else() {
    let mut cluster = Cluster::start(Setup::Kafka, 1).await;
    let guests = cluster.guests(3).await;
    let mut ada = Client::connect(cluster.node(0), &guests[0]).await;
    let place = ada.subscribe("general").await;
    let (epoch, top) = (place["epoch"].as_str().unwrap(), place["offset"].as_u64().unwrap());
    let mut bob = Client::connect(cluster.node(0), &guests[1]).await;
    let (status, _) =
        cluster.node(0).post("/api/tokens/revoke", Some(&guests[1]), &json!({})).await;
    assert_eq!((status, bob.closed().await.0), (200, 3500));
    let mut cy = Client::connect(cluster.node(0), &guests[2]).await;
    cy.subscribe("general").await;
    block_in_place(|| cluster.postgres.kill()).unwrap();
    drop(ada);
    cy.say_now("general", "meanwhile").await;
    let mut ada = Client::connect(cluster.node(0), &guests[0]).await;
    let resumed = ada.resume("general", epoch, top).await.unwrap();
    assert_eq!(resumed["recovered"], true, "{resumed}");
    assert_eq!(resumed["publications"][0]["data"]["text"], "meanwhile");
    let address = cluster.node(0).address;
    assert!(Client::try_connect(address, &guests[1]).await.is_none(), "what was revoked stays so");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_three_brokers_one_may_go_and_without_two_nothing_is_acked() {
    let mut cluster = Cluster::start(Setup::ThreeBrokers, 3).await;
    let talk = Talk::begin(&cluster).await;
    block_in_place(|| cluster.kafka.as_mut().unwrap().brokers[0].kill()).unwrap();
    talk.goes_on(&cluster).await;
    block_in_place(|| cluster.kafka.as_mut().unwrap().brokers[1].kill()).unwrap();
    let mut author = Client::connect(cluster.node(0), &talk.guests[3]).await;
    let client_id = Uuid::now_v7().to_string();
    let refusal = author.say_as("general", &client_id, "meanwhile").await.unwrap_err();
    assert_eq!((refusal.code, refusal.temporary), (400, true));
    for n in 0..2 {
        let broker = &mut cluster.kafka.as_mut().unwrap().brokers[n];
        block_in_place(|| broker.start_again()).unwrap();
    }
    talk.goes_on(&cluster).await;
    // What was unavailable may have landed: the same again settles it. Brokers start slowly, and an author that says
    // nothing for so long, not even a pong, has been sent away.
    let mut author = Client::connect(cluster.node(0), &talk.guests[3]).await;
    let id = author.say_as("general", &client_id, "meanwhile").await.unwrap();
    talk.end_with(&cluster, vec![Said { text: "meanwhile".to_owned(), id }]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_restarted_at_once_has_lost_nothing() {
    let mut cluster = Cluster::start(Setup::Kafka, 2).await;
    let mut talk = Talk::begin(&cluster).await;
    block_in_place(|| {
        cluster.redis.as_mut().unwrap().kill().unwrap();
        cluster.postgres.kill().unwrap();
        cluster.kafka.as_mut().unwrap().brokers[0].kill().unwrap();
        cluster.kafka.as_mut().unwrap().brokers[0].start_again().unwrap();
        cluster.postgres.start_again().unwrap();
        cluster.redis.as_mut().unwrap().start_again().unwrap();
    });
    let mut nodes = Vec::new();
    for node in std::mem::take(&mut cluster.nodes) {
        nodes.push(node.kill_and_restart_at_its_port().await);
    }
    cluster.nodes = nodes;
    talk.goes_on(&cluster).await;
    talk.listen_again(&cluster).await;
    talk.end(&cluster).await;
}

#[tokio::test]
async fn a_room_that_is_made_is_at_once_its_makers_and_soon_everyones() {
    let cluster = Cluster::start(Setup::Kafka, 2).await;
    let guests = cluster.guests(3).await;
    let mut maker = Client::connect(cluster.node(0), &guests[0]).await;
    let mut member = Client::connect(cluster.node(1), &guests[1]).await;
    let create = json!({ "name": "Den", "kind": "private", "members": [guests[1].id] });
    let den = maker.rpc("room.create", create).await.unwrap()["id"].as_str().unwrap().to_owned();
    maker.say_now(&den, "first").await;
    member.subscribe(&den).await;
    maker.say_now(&den, "second").await;
    let mut seen = Vec::new();
    while seen.last().is_none_or(|event: &Value| event["text"] != "second") {
        seen.push(member.event().await);
    }
    let page = maker.rpc("history.page", json!({ "room": den })).await.unwrap();
    let events = page["events"].as_array().unwrap().iter();
    let places: Vec<_> =
        events.map(|it| (it["offset"].as_u64().unwrap(), it["type"].as_str().unwrap())).collect();
    let expected = [(2, "member.joined"), (3, "member.joined"), (4, "message.created")];
    assert_eq!(places[..3], expected, "a room's making comes before all that is said in it");
    let mut stranger = Client::connect(cluster.node(1), &guests[2]).await;
    assert_eq!(stranger.say_as(&den, "x", "x").await.unwrap_err().code, 402);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_the_log_could_not_be_told_of_is_told_later() {
    let mut cluster = Cluster::start(Setup::Kafka, 2).await;
    let guests = cluster.guests(2).await;
    let mut maker = Client::connect(cluster.node(0), &guests[0]).await;
    block_in_place(|| cluster.kafka.as_mut().unwrap().brokers[0].kill()).unwrap();
    let create = json!({ "name": "Den", "kind": "private", "members": [guests[1].id] });
    let den = maker.rpc("room.create", create).await.unwrap()["id"].as_str().unwrap().to_owned();
    let mut member = Client::connect(cluster.node(1), &guests[1]).await;
    let refused = member.rpc("history.page", json!({ "room": den })).await.unwrap_err();
    assert!(refused.temporary, "their joining has no place yet: {refused:?}");
    cluster.nodes.remove(0); // another node tells it
    block_in_place(|| cluster.kafka.as_mut().unwrap().brokers[0].start_again()).unwrap();
    let told = async || {
        let page = member.rpc("history.page", json!({ "room": den })).await.ok()?;
        let events = page["events"].as_array().unwrap();
        events.iter().any(|it| it["user"]["id"] == *guests[0].id).then_some(events.len())
    };
    assert_eq!(eventually("the member sees their room", told).await, 1, "from their joining on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_projector_that_panics_costs_a_pause() {
    let cluster = Cluster::start(Setup::Kafka, 2).await;
    let talk = Talk::begin(&cluster).await;
    for node in &cluster.nodes {
        node.arm("projector.run", 2).await;
    }
    let crashed = async || {
        let mut crashes = 0.0;
        for node in &cluster.nodes {
            crashes += node.metric("chat_actor_crashes_total").await;
        }
        (crashes >= 2.0).then_some(()) // which of them has the partition is Kafka's choice
    };
    eventually("projectors have panicked", crashed).await;
    talk.goes_on(&cluster).await;
    talk.end(&cluster).await;
}

#[tokio::test]
async fn an_outbox_that_panics_has_told_nothing_twice() {
    let cluster = Cluster::start(Setup::Kafka, 1).await;
    let guest = &cluster.guests(1).await[0];
    let mut maker = Client::connect(cluster.node(0), guest).await;
    cluster.node(0).arm("outbox.told", 2).await;
    let den = maker.make_room("private", &[]).await;
    cluster.node(0).metric_reaches("chat_actor_crashes_total", 2.0).await;
    maker.say_now(&den, "first").await;
    let said = async || (cluster.node(0).head(&den, guest).await >= 3).then_some(());
    eventually("it is said", said).await;
    let kinds: Vec<_> = cluster.node(0).history(&den, guest).await;
    let kinds: Vec<_> = kinds.iter().map(|it| it["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["member.joined", "message.created"]);
}

#[tokio::test]
async fn what_doesn_t_fit_together_is_refused_with_64() {
    let cluster = Cluster::start(Setup::Kafka, 1).await;
    let (database, redis) = (cluster.postgres.url(), cluster.redis.as_ref().unwrap().url());
    let brokers = cluster.kafka.as_ref().unwrap().bootstrap();
    let own = cluster.postgres.create_database("own").unwrap();
    Server::with(Shell::Lean, &[("DATABASE_URL", &own)]).await;
    let all = [("KAFKA_BROKERS", &brokers), ("REDIS_URL", &redis), ("DATABASE_URL", &own)];
    for (given, named) in [
        (&all[..1], "REDIS_URL"),
        (&all[..2], "DATABASE_URL"),
        (&all[..], "is the log itself"),
        (&[("REDIS_URL", &redis), ("DATABASE_URL", &database)], "KAFKA_BROKERS"),
    ] {
        let output = binary().envs(given.iter().copied()).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(64), "{said}");
        assert!(said.contains(named), "{said}");
    }
}
