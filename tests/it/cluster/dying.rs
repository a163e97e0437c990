//! Nodes and services that die while people talk.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rstest::rstest;

use super::authors::{Enough, all_is_there, finish, insist, insist_among};
use super::{Cluster, Setup};
use crate::kit::{Client, eventually};

#[rstest]
#[tokio::test]
async fn a_node_that_is_killed_loses_nothing_that_was_acked(
    #[values(Setup::Postgres, Setup::PostgresAndRedis, Setup::Kafka)] setup: Setup,
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
    #[values(Setup::Postgres, Setup::PostgresAndRedis, Setup::Kafka)] setup: Setup,
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
    author.say_now("general", "again").await;
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
    #[values(Setup::Postgres, Setup::PostgresAndRedis, Setup::Kafka)] setup: Setup,
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
    // Whoever follows the log into history has changed three times, and may be behind.
    let far = async || {
        (cluster.node(0).head("general", &guests[3]).await > said.len() as u64).then_some(())
    };
    eventually("history has all that was acked", far).await;
    all_is_there(cluster.node(0), &guests[3], &said).await;
}
