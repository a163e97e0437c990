//! Who is where, though each node knows its own sessions alone.

use rstest::rstest;
use serde_json::json;

use super::{Cluster, Setup};
use crate::kit::{Client, eventually};

/// Options of nodes whose rooms tick soon and are reported often.
pub const OFTEN: &[(&str, &str)] =
    &[("CHAT__PRESENCE__TICK_MS", "100"), ("CHAT__PRESENCE__HEARTBEAT_S", "1")];

/// One member of `general` on each node.
pub async fn one_each(cluster: &Cluster, count: usize) -> Vec<Client> {
    let mut members = Vec::new();
    for (n, guest) in cluster.guests(count).await.iter().enumerate() {
        let mut member = Client::connect(cluster.node(n), guest).await;
        member.subscribe("general").await;
        members.push(member);
    }
    members
}

/// Waits until each member is told these numbers.
pub async fn counts(members: &mut [Client], sessions: u64, users: u64) {
    for member in members {
        let mut seen = None;
        let told = async || {
            let it = member.call("presence_stats", json!({ "channel": "room:general" })).await;
            let number = |name: &str| it.as_ref().map_or(0, |it| it[name].as_u64().unwrap_or(0));
            seen = Some((number("num_clients"), number("num_users")));
            (seen == Some((sessions, users))).then_some(())
        };
        eventually("the numbers are right", told).await;
    }
}

#[rstest]
#[tokio::test]
async fn everyone_is_counted_on_every_node_and_a_dead_node_is_counted_out(
    #[values(Setup::PostgresAndRedis, Setup::Kafka)] setup: Setup,
) {
    let mut cluster = Cluster::with(setup, 3, OFTEN).await;
    let mut members = one_each(&cluster, 3).await;
    let guest = members[0].guest.clone();
    let mut second = Client::connect(cluster.node(1), &guest).await; // one user on two nodes
    second.subscribe("general").await;
    for member in &mut members {
        member.tick_where(|it| it["count"] == 3).await;
    }
    counts(&mut members, 4, 3).await;
    let last = members.pop().unwrap();
    drop(cluster.nodes.pop()); // killed, and says no farewell
    let tick = members[0].tick_where(|it| it["count"] == 2).await;
    assert_eq!(tick["left"][0]["id"], last.guest.id.as_str());
    counts(&mut members, 3, 2).await;
    let listed = members[0].call("presence", json!({ "channel": "room:general" })).await.unwrap();
    assert_eq!(listed["presence"].as_object().unwrap().len(), 3);
}

#[tokio::test]
async fn a_node_that_drains_says_farewell() {
    // Its heartbeat would be waited for far longer than any test.
    let seldom = &[("CHAT__PRESENCE__TICK_MS", "100"), ("CHAT__PRESENCE__HEARTBEAT_S", "60")];
    let mut cluster = Cluster::with(Setup::PostgresAndRedis, 2, seldom).await;
    let mut members = one_each(&cluster, 2).await;
    counts(&mut members[..1], 2, 2).await;
    cluster.nodes[1].terminate();
    cluster.nodes[1].ended().await;
    counts(&mut members[..1], 1, 1).await;
}

#[tokio::test]
async fn what_redis_forgets_of_who_is_where_is_told_again() {
    let cluster = Cluster::with(Setup::PostgresAndRedis, 2, OFTEN).await;
    let mut members = one_each(&cluster, 4).await;
    counts(&mut members, 4, 4).await;
    cluster.redis.as_ref().unwrap().wipe().unwrap();
    counts(&mut members, 4, 4).await;
    drop(members.pop());
    counts(&mut members, 3, 3).await;
}

#[rstest]
#[tokio::test]
async fn who_is_writing_is_told_on_every_node(
    #[values(Setup::Postgres, Setup::PostgresAndRedis, Setup::Kafka)] setup: Setup,
) {
    let cluster = Cluster::start(setup, 3).await;
    let mut members = one_each(&cluster, 3).await;
    let mut author = Client::connect(cluster.node(0), &members[0].guest.clone()).await;
    // A bus that is on its way up may lose it: nobody promises that it comes.
    for member in &mut members {
        member.command("rpc", json!({ "method": "user.me", "data": {} })).await;
        let mut told = async || {
            author.rpc("typing", json!({ "room": "general" })).await.unwrap();
            member.settle().await;
            let typing = |it: &&serde_json::Value| it["pub"]["data"]["type"] == "typing";
            member.waiting().iter().find(typing).cloned()
        };
        let push = eventually("the writer is named", &mut told).await;
        assert_eq!(push["pub"]["data"]["user"]["name"], "Guest 0");
    }
}

#[rstest]
#[tokio::test]
async fn who_comes_and_goes_on_another_node_is_told_one_by_one(
    #[values(Setup::PostgresAndRedis, Setup::RedisCluster)] setup: Setup,
) {
    let cluster = Cluster::with(setup, 2, OFTEN).await;
    let [ada, bob] = &cluster.guests(2).await[..] else { panic!("two were asked for") };
    let mut watcher = Client::connect(cluster.node(0), ada).await;
    let general = json!({ "channel": "room:general", "join_leave": true });
    watcher.call("subscribe", general).await.unwrap();
    let mut comings = async |what: &str| loop {
        let push = watcher.push().await;
        match push.get(what) {
            Some(it) if it["info"]["user"] == bob.id.as_str() => return,
            _ => {}
        }
    };
    let mut other = Client::connect(cluster.node(1), bob).await;
    other.subscribe("general").await;
    comings("join").await;
    drop(other);
    comings("leave").await;
}
