//! Nodes that work together: one order, one identity of a message, one membership.

use rstest::rstest;
use serde_json::{Value, json};

use super::{Cluster, Setup};
use crate::kit::tokens::{Signer, keep};
use crate::kit::{Client, Server, within};

#[rstest]
#[tokio::test]
async fn everyone_sees_one_order_on_every_node(
    #[values(Setup::Postgres, Setup::PostgresAndRedis, Setup::Kafka)] setup: Setup,
) {
    const EACH: usize = 40;
    let cluster = Cluster::start(setup, 3).await;
    let guests = cluster.guests(6).await;
    let mut readers = Vec::new();
    for (n, guest) in guests.iter().enumerate() {
        let mut reader = Client::connect(cluster.node(n), guest).await;
        let top = reader.subscribe("general").await["offset"].as_u64().unwrap();
        readers.push(tokio::spawn(async move {
            let mut seen = Vec::new();
            for at in (top + 1..).take(3 * EACH) {
                let event = reader.event().await;
                assert_eq!(event["offset"], at);
                seen.push(event);
            }
            seen
        }));
    }
    let mut writers = Vec::new();
    for (n, guest) in guests.iter().take(3).enumerate() {
        let mut author = Client::connect(cluster.node(n), guest).await;
        writers.push(tokio::spawn(async move {
            for m in 0..EACH {
                author.say_now("general", &format!("{n}-{m}")).await;
            }
        }));
    }
    for writer in writers {
        within("a writer is done", writer).await.unwrap();
    }
    let history = cluster.node(0).history("general", &guests[0]).await;
    for reader in readers {
        assert_eq!(within("a reader is done", reader).await.unwrap(), history[1..]);
    }
    for n in 1..3 {
        assert_eq!(cluster.node(n).history("general", &guests[0]).await, history);
    }
}

#[rstest]
#[tokio::test]
async fn a_retry_through_another_node_is_the_same_message(
    #[values(Setup::Postgres, Setup::PostgresAndRedis, Setup::Kafka)] setup: Setup,
) {
    let cluster = Cluster::start(setup, 3).await;
    let guest = &cluster.guests(1).await[0];
    let mut clients = Vec::new();
    for n in 0..3 {
        clients.push(Client::connect(cluster.node(n), guest).await);
    }
    let data = json!({ "room": "general", "client_id": "c1", "text": "once" });
    let send = json!({ "method": "message.send", "data": data });
    let mut sent = Vec::new();
    for _ in 0..10 {
        for (n, client) in clients.iter_mut().enumerate() {
            sent.push((n, client.command("rpc", send.clone()).await));
        }
    }
    let mut ids = Vec::new();
    for (n, id) in sent {
        ids.push(clients[n].result(id, "rpc").await.unwrap()["data"]["id"].clone());
    }
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert_eq!(cluster.node(0).history("general", guest).await.len(), 2);
    let other = clients[2].say_as("general", "c1", "something else").await.unwrap_err();
    assert_eq!(other.code, 409);
}

#[rstest]
#[tokio::test]
async fn a_client_resumes_on_another_node(
    #[values(Setup::Postgres, Setup::PostgresAndRedis, Setup::Kafka)] setup: Setup,
) {
    let cluster = Cluster::start(setup, 2).await;
    let guests = cluster.guests(2).await;
    let mut author = Client::connect(cluster.node(0), &guests[0]).await;
    let place = author.subscribe("general").await;
    for n in 0..350 {
        author.say_now("general", &format!("m{n}")).await; // more than a room keeps in memory
    }
    let (epoch, top) = (place["epoch"].as_str().unwrap(), place["offset"].as_u64().unwrap());
    let mut reader = Client::connect(cluster.node(1), &guests[1]).await;
    let answer = reader.resume("general", epoch, top).await.unwrap();
    assert_eq!(answer["recovered"], true, "{answer}");
    let missed = answer["publications"].as_array().unwrap();
    let mut texts: Vec<String> =
        missed.iter().map(|it| it["data"]["text"].as_str().unwrap().to_owned()).collect();
    author.say_now("general", "m350").await;
    let there = texts.len();
    texts.extend(reader.texts(top + 1 + there as u64, 351 - there).await);
    assert_eq!(texts, (0..351).map(|n| format!("m{n}")).collect::<Vec<_>>());
}

#[rstest]
#[tokio::test]
async fn a_removal_on_one_node_holds_on_all(
    #[values(Setup::Postgres, Setup::PostgresAndRedis, Setup::Kafka)] setup: Setup,
) {
    let cluster = Cluster::start(setup, 3).await;
    let guests = cluster.guests(2).await;
    let mut owner = Client::connect(cluster.node(0), &guests[0]).await;
    let mut removed = Client::connect(cluster.node(1), &guests[1]).await;
    let create = json!({ "name": "Den", "kind": "private", "members": [guests[1].id] });
    let den = owner.rpc("room.create", create).await.unwrap()["id"].as_str().unwrap().to_owned();
    removed.subscribe(&den).await;
    owner.say_now(&den, "before").await;
    let path = format!("/api/rooms/{den}/members/{}", guests[1].id);
    assert_eq!(cluster.node(2).delete(&path, &guests[0]).await.0, 200);
    for n in 0..20 {
        owner.say_now(&den, &format!("after{n}")).await;
    }
    let mut seen: Vec<Value> = Vec::new();
    let ended = loop {
        let mut push = removed.push().await;
        if let Some(ended) = push.get("unsubscribe") {
            break ended["code"].clone();
        }
        seen.push(push["pub"]["data"].take());
    };
    assert_eq!(ended, 2100);
    let kinds: Vec<_> = seen.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["message.created", "member.removed"]);
    removed.settle().await;
    assert!(removed.waiting().is_empty(), "{:?}", removed.waiting());
    assert_eq!(removed.say_as(&den, "late", "late").await.unwrap_err().code, 402);
}

#[rstest]
#[tokio::test]
async fn an_operators_user_who_comes_to_several_nodes_at_once_is_one_user(
    #[values(Setup::Postgres, Setup::Kafka)] setup: Setup,
) {
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = Cluster::start(setup, 1).await;
    let file = keep(folder.path(), "key", [7; 32]);
    cluster.options.push(("CHAT__AUTH__HMAC_SECRET_FILE", file));
    cluster.add_node().await;
    cluster.add_node().await;
    let nodes = &cluster.nodes[1..];
    let before = nodes[0].guest("Reader").await;
    let count = async |node: &Server| {
        node.get("/api/rooms/general", &before).await.1["member_count"].clone()
    };
    let guests = count(&nodes[0]).await.as_u64().unwrap();
    for n in 0..10 {
        let user = Signer::secret(&[7; 32]).user(&format!("user-{n}"), "Ada");
        let connect = |node: usize| Client::connect(&nodes[node], &user);
        let (mut one, ..) = tokio::join!(connect(0), connect(1), connect(0), connect(1));
        one.say_now("general", "hello").await;
    }
    assert_eq!(count(&nodes[1]).await, guests + 10);
}
