//! A direct room is one room, whichever nodes its two people are on.

use chat_protocol::{RoomId, UserId};
use rstest::rstest;
use serde_json::{Value, json};

use super::{Cluster, Setup};
use crate::kit::{Client, within};

#[rstest]
#[tokio::test]
async fn two_who_begin_on_two_nodes_are_in_one_room(
    #[values(Setup::Postgres, Setup::Kafka)] setup: Setup,
) {
    let cluster = Cluster::start(setup, 2).await;
    let guests = cluster.guests(2).await;
    let [one, other] = [0, 1].map(|n| UserId::parse(&guests[n].id).unwrap());
    let id = RoomId::direct(&one, &other).to_string();
    let begin = async |n: usize| {
        let mut client = Client::connect(cluster.node(n), &guests[n]).await;
        let data = json!({ "kind": "direct", "members": [guests[1 - n].id] });
        let room = client.rpc("room.create", data).await.unwrap();
        (client, room)
    };
    let both = async { tokio::join!(begin(0), begin(1)) };
    let ((mut one, seen_by_one), (mut other, seen_by_other)) = within("both begin", both).await;
    for (seen, name) in [(&seen_by_one, "Guest 1"), (&seen_by_other, "Guest 0")] {
        assert_eq!((&seen["id"], &seen["name"]), (&json!(id), &json!(name)));
        assert_eq!((&seen["member_count"], &seen["role"]), (&json!(2), &json!("member")));
    }
    one.subscribe(&id).await;
    other.subscribe(&id).await;
    one.say_now(&id, "from one").await;
    assert_eq!(other.event().await["text"], "from one");
    other.say_now(&id, "from the other").await;
    let is_said = async |client: &mut Client, text: &str| {
        while client.event().await["text"] != *text {}
    };
    is_said(&mut one, "from the other").await;
    let history = cluster.node(1).history(&id, &guests[0]).await;
    let told = |event: &Value| (event["type"] == "room.created", event["text"].clone());
    let told: Vec<_> = history.iter().filter(|it| it["type"] != "void").map(told).collect();
    let expected =
        [(true, Value::Null), (false, json!("from one")), (false, json!("from the other"))];
    assert_eq!(told, expected, "made once, and before anything was said");
    assert_eq!(history[0]["offset"], 1);
}
