//! A user's own channel reaches all their connections, whichever nodes those are on.

use rstest::rstest;
use serde_json::json;

use super::{Cluster, Setup};
use crate::kit::Client;

#[rstest]
#[tokio::test]
async fn what_concerns_a_user_is_told_on_every_node(
    #[values(
        Setup::Postgres,
        Setup::PostgresAndRedis,
        Setup::Kafka,
        Setup::Sentinels,
        Setup::RedisCluster
    )]
    setup: Setup,
) {
    let cluster = Cluster::start(setup, 3).await;
    let [ada, bob] = &cluster.guests(2).await[..] else { panic!("two were asked for") };
    let mut maker = Client::connect(cluster.node(2), bob).await;
    let mut phone = Client::connect(cluster.node(0), ada).await;
    let mut laptop = Client::connect(cluster.node(1), ada).await;
    let room = maker.make_room("private", &[ada]).await;
    for client in [&mut phone, &mut laptop] {
        let hint = client.hint().await;
        assert_eq!((&hint["type"], &hint["room"]), (&json!("member.joined"), &json!(room)));
    }
    phone.rpc("read.mark", json!({ "room": room, "offset": 1 })).await.unwrap();
    assert_eq!(laptop.hint().await["type"], "read.marked");
    // Nobody is left on a node, and somebody comes back to it.
    drop(phone);
    let mut phone = Client::connect(cluster.node(0), ada).await;
    laptop.rpc("user.rename", json!({ "name": "Lady Ada" })).await.unwrap();
    assert_eq!(phone.hint().await["user"]["name"], "Lady Ada");
}
