//! Nodes and services that die while people talk.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rstest::rstest;
use serde_json::json;
use tokio::task::JoinHandle;

use super::{Cluster, Setup};
use crate::kit::{Client, Guest, Server, within};

/// What an author insisted on.
struct Said {
    text: String,
    id: String,
}

/// An author who goes to another node when theirs is gone, and sends everything until it is acked.
fn insist(cluster: &Cluster, first: usize, guest: &Guest, count: usize) -> JoinHandle<Vec<Said>> {
    let nodes = cluster.nodes.iter().map(|node| node.address).collect();
    insist_among(nodes, first, guest, Enough::Said(count))
}

/// When an author has said enough.
#[derive(Clone)]
enum Enough {
    Said(usize),
    Told(Arc<AtomicBool>),
}

impl Enough {
    fn is_it(&self, said: usize) -> bool {
        match self {
            Self::Said(count) => said >= *count,
            Self::Told(told) => told.load(Ordering::Relaxed),
        }
    }
}

fn insist_among(
    addresses: Vec<SocketAddr>,
    first: usize,
    guest: &Guest,
    enough: Enough,
) -> JoinHandle<Vec<Said>> {
    let (guest, name) = (guest.clone(), format!("a{first}"));
    tokio::spawn(async move {
        let mut said = Vec::new();
        let mut node = first;
        let mut client = None;
        while !enough.is_it(said.len()) {
            let text = format!("{name}-{}", said.len());
            if client.is_none() {
                node += 1;
                client = Client::try_connect(addresses[node % addresses.len()], &guest).await;
            }
            let Some(connected) = &mut client else {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                continue;
            };
            let data = json!({ "room": "general", "client_id": text, "text": text });
            let id =
                connected.command("rpc", json!({ "method": "message.send", "data": data })).await;
            match connected.reply(id).await {
                None => client = None,
                Some(reply) => match reply["rpc"]["data"]["id"].as_str() {
                    Some(id) => said.push(Said { id: id.to_owned(), text }),
                    None => assert_eq!(reply["error"]["temporary"], true, "{reply}"),
                },
            }
        }
        said
    })
}

/// Everything that was said is in history once, under its id.
async fn all_is_there(node: &Server, guest: &Guest, said: &[Said]) {
    let history = node.history("general", guest).await;
    assert_eq!(history.len(), said.len() + 1);
    for Said { text, id } in said {
        let of_text: Vec<_> = history.iter().filter(|event| event["text"] == *text).collect();
        assert_eq!(of_text.len(), 1, "{text}");
        assert_eq!(of_text[0]["id"], *id);
    }
}

async fn finish(authors: Vec<JoinHandle<Vec<Said>>>) -> Vec<Said> {
    let mut said = Vec::new();
    for author in authors {
        said.extend(within("an author is done", author).await.unwrap());
    }
    said
}

#[rstest]
#[tokio::test]
async fn a_node_that_is_killed_loses_nothing_that_was_acked(
    #[values(Setup::Postgres, Setup::PostgresAndRedis)] setup: Setup,
) {
    let mut cluster = Cluster::start(setup, 3).await;
    let guests = cluster.guests(4).await;
    let mut reader = Client::connect(cluster.node(1), &guests[3]).await;
    let top = reader.subscribe("general").await["offset"].as_u64().unwrap();
    let authors: Vec<_> = (0..3).map(|n| insist(&cluster, n, &guests[n], 150)).collect();
    cluster.node(2).metric_reaches("chat_messages_acked_total", 20.0).await;
    drop(cluster.nodes.remove(2)); // SIGKILL
    let said = finish(authors).await;
    let texts = reader.texts(top + 1, said.len()).await;
    assert_eq!(texts.len(), said.len(), "who is elsewhere feels nothing");
    all_is_there(cluster.node(0), &guests[3], &said).await;
}

#[rstest]
#[tokio::test]
async fn a_node_that_is_frozen_and_wakes_up_late_forks_nothing(
    #[values(Setup::Postgres, Setup::PostgresAndRedis)] setup: Setup,
) {
    let cluster = Cluster::start(setup, 3).await;
    let guests = cluster.guests(4).await;
    let mut reader = Client::connect(cluster.node(0), &guests[3]).await;
    let top = reader.subscribe("general").await["offset"].as_u64().unwrap();
    let mut frozen = Client::connect(cluster.node(2), &guests[3]).await;
    frozen.subscribe("general").await;
    cluster.node(2).signal("STOP");
    let awake = vec![cluster.node(0).address, cluster.node(1).address];
    let authors: Vec<_> =
        (0..2).map(|n| insist_among(awake.clone(), n, &guests[n], Enough::Said(100))).collect();
    let said = finish(authors).await;
    cluster.node(2).signal("CONT");
    let texts = reader.texts(top + 1, said.len()).await;
    assert_eq!(frozen.texts(top + 1, said.len()).await, texts, "it catches up by itself");
    all_is_there(cluster.node(2), &guests[3], &said).await;
}

#[tokio::test]
async fn a_redis_that_goes_and_comes_back_empty_costs_a_pause() {
    let mut cluster = Cluster::start(Setup::PostgresAndRedis, 2).await;
    let guests = cluster.guests(3).await;
    let mut reader = Client::connect(cluster.node(1), &guests[2]).await;
    let top = reader.subscribe("general").await["offset"].as_u64().unwrap();
    let authors: Vec<_> = (0..2).map(|n| insist(&cluster, n, &guests[n], 200)).collect();
    cluster.node(0).metric_reaches("chat_messages_acked_total", 20.0).await;
    let redis = cluster.redis.as_mut().unwrap();
    redis.kill().unwrap();
    let said = finish(authors).await; // acks need no Redis
    reader.texts(top + 1, said.len()).await; // nor does delivery
    redis.start_again().unwrap();
    let mut author = Client::connect(cluster.node(0), &guests[0]).await;
    author.say("general", "again").await;
    assert_eq!(reader.texts(top + 1 + said.len() as u64, 1).await, ["again"]);
}

#[rstest]
#[tokio::test]
async fn a_database_that_is_killed_is_unavailable_and_comes_back_with_everything(
    #[values(Setup::Postgres, Setup::PostgresAndRedis)] setup: Setup,
) {
    let mut cluster = Cluster::start(setup, 2).await;
    let guests = cluster.guests(3).await;
    let mut reader = Client::connect(cluster.node(1), &guests[2]).await;
    let top = reader.subscribe("general").await["offset"].as_u64().unwrap();
    let authors: Vec<_> = (0..2).map(|n| insist(&cluster, n, &guests[n], 200)).collect();
    let mut connected = Client::connect(cluster.node(0), &guests[2]).await;
    cluster.node(0).metric_reaches("chat_messages_acked_total", 20.0).await;
    cluster.postgres.kill().unwrap();
    let refusal = connected.say_as("general", "meanwhile", "meanwhile").await.unwrap_err();
    assert_eq!((refusal.code, refusal.temporary), (400, true));
    cluster.postgres.start_again().unwrap();
    let said = finish(authors).await;
    reader.texts(top + 1, said.len()).await;
    all_is_there(cluster.node(0), &guests[2], &said).await;
}

#[rstest]
#[tokio::test]
async fn a_rolling_restart_under_load_loses_and_doubles_nothing(
    #[values(Setup::Postgres, Setup::PostgresAndRedis)] setup: Setup,
) {
    let mut cluster = Cluster::start(setup, 3).await;
    let guests = cluster.guests(4).await;
    let addresses: Vec<_> = cluster.nodes.iter().map(|node| node.address).collect();
    let enough = Arc::new(AtomicBool::new(false));
    let told = |n| insist_among(addresses.clone(), n, &guests[n], Enough::Told(enough.clone()));
    let authors: Vec<_> = (0..3).map(told).collect();
    for _ in 0..3 {
        let mut leaving = cluster.nodes.remove(0);
        leaving.terminate();
        assert_eq!(leaving.ended().await.code(), Some(0), "{}", leaving.log());
        cluster.nodes.push(leaving.restart_at_its_port().await);
    }
    enough.store(true, Ordering::Relaxed);
    let said = finish(authors).await;
    all_is_there(cluster.node(0), &guests[3], &said).await;
}
