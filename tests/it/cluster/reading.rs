//! What somebody has read is the same on every node.

use rstest::rstest;
use serde_json::json;

use super::{Cluster, Setup};
use crate::kit::{Client, eventually};

#[rstest]
#[tokio::test]
async fn what_was_read_on_one_node_is_read_on_all(
    #[values(Setup::Postgres, Setup::Kafka)] setup: Setup,
) {
    let cluster = Cluster::start(setup, 2).await;
    let guests = cluster.guests(2).await;
    let mut author = Client::connect(cluster.node(0), &guests[0]).await;
    let mut reader = Client::connect(cluster.node(1), &guests[1]).await;
    reader.subscribe("general").await;
    let mut last = 0;
    for n in 0..20 {
        author.say_now("general", &n.to_string()).await;
        // At once, wherever the store is by now: what was shown may be beyond it.
        last = reader.event().await["offset"].as_u64().unwrap();
        let data = json!({ "room": "general", "offset": last });
        let marked = reader.rpc("read.mark", data).await.unwrap();
        assert_eq!(marked, json!({ "offset": last, "unread": 0 }));
    }
    author.say_now("general", "unread").await;
    for n in 0..2 {
        let node = cluster.node(n);
        let told = async || {
            let (_, seen) = node.get("/api/rooms/general", &guests[1]).await;
            assert_eq!(seen["read"], last, "{seen}");
            assert!(seen["unread"].as_u64().unwrap() <= 1, "{seen}");
            (seen["unread"] == 1).then_some(())
        };
        eventually("one message is unread", told).await;
    }
}
