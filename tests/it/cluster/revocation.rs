//! What is revoked through one node is over on all of them.

use reqwest::Method;
use rstest::rstest;
use serde_json::json;
use tempfile::NamedTempFile;

use super::{Cluster, Setup};
use crate::kit::{Client, within};

#[rstest]
#[tokio::test]
async fn an_order_through_one_node_is_obeyed_by_all(
    #[values(Setup::Postgres, Setup::PostgresAndRedis, Setup::Kafka)] setup: Setup,
) {
    let key = "k".repeat(40);
    let file = NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &key).unwrap();
    let option = ("CHAT__AUTH__API_KEY_FILE", file.path().to_str().unwrap());
    let cluster = Cluster::with(setup, 3, &[option]).await;
    let guests = cluster.guests(2).await;
    for (path, code) in [("/api/disconnect", 3503), ("/api/revoke", 3500)] {
        let mut sessions = Vec::new();
        for n in 0..3 {
            sessions.push(Client::connect(cluster.node(n), &guests[0]).await);
        }
        let mut other = Client::connect(cluster.node(1), &guests[1]).await;
        let body = json!({ "user": guests[0].id });
        let order = cluster
            .node(0)
            .ask(Method::POST, path, |it| it.header("X-API-Key", key.as_str()).json(&body));
        assert_eq!(order.await.status, 200);
        for session in &mut sessions {
            assert_eq!(within("the session ends", session.closed()).await.0, code);
        }
        other.settle().await;
    }
    for n in 0..3 {
        assert_eq!(cluster.node(n).get("/api/me", &guests[0]).await.0, 401);
        let address = cluster.node(n).address;
        assert!(Client::try_connect(address, &guests[0]).await.is_none(), "and nobody comes in");
    }
    let without = Cluster::start(Setup::Postgres, 1).await;
    let body = json!({ "user": "x" });
    let shape = |it: reqwest::RequestBuilder| it.header("X-API-Key", "k").json(&body);
    let answer = without.node(0).ask(Method::POST, "/api/revoke", shape).await;
    assert_eq!(answer.status, 501, "without a key of theirs, nodes take no orders");
}
