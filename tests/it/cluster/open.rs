//! An open channel is one log, whichever nodes its people are on.

use rstest::rstest;
use serde_json::{Value, json};

use super::{Cluster, Setup};
use crate::kit::Client;

#[rstest]
#[tokio::test]
async fn everyone_sees_one_order_of_an_open_channel_on_every_node_and_resumes_on_another(
    #[values(Setup::Postgres, Setup::PostgresAndRedis)] setup: Setup,
) {
    const EACH: usize = 20;
    const CHANNEL: &str = "a:b=c!\"}:d";
    let options = [("CHAT__PROTOCOL__OPEN_CHANNELS", "true")];
    let cluster = Cluster::with(setup, 2, &options).await;
    let guests = cluster.guests(2).await;
    let mut clients = Vec::new();
    let mut place = Value::Null;
    for (n, guest) in guests.iter().enumerate() {
        let mut client = Client::connect(cluster.node(n), guest).await;
        place = client.call("subscribe", json!({ "channel": CHANNEL })).await.unwrap();
        clients.push(client);
    }
    for m in 0..EACH {
        for (n, client) in clients.iter_mut().enumerate() {
            let data = json!({ "channel": CHANNEL, "data": [n, m] });
            client.call("publish", data).await.unwrap();
        }
    }
    let mut seen = Vec::new();
    for client in &mut clients {
        let mut all = Vec::new();
        for offset in 1..=2 * EACH {
            let mut push = client.push().await;
            assert_eq!(
                (&push["channel"], &push["pub"]["offset"]),
                (&json!(CHANNEL), &json!(offset))
            );
            let user = push["pub"]["data"][0].as_u64().unwrap();
            assert_eq!(push["pub"]["info"]["user"], guests[usize::try_from(user).unwrap()].id);
            all.push(push["pub"].take());
        }
        seen.push(all);
    }
    assert_eq!(seen[0], seen[1]);
    let mut late = Client::connect(cluster.node(1), &guests[0]).await;
    let from = json!({ "channel": CHANNEL, "recover": true, "epoch": place["epoch"], "offset": 0 });
    let answer = late.call("subscribe", from).await.unwrap();
    assert_eq!((&answer["recovered"], &answer["publications"]), (&json!(true), &json!(seen[0])));
    let presence = late.call("presence", json!({ "channel": CHANNEL })).await;
    assert!(presence.is_ok(), "{presence:?}");
}
