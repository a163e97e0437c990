//! Nodes on a Redis that is several servers: sentinels or a cluster put another in the place of one that dies.

use std::time::Duration;

use rstest::rstest;
use tokio::task::block_in_place;

use super::talk::Talk;
use super::{Cluster, Setup};

/// What choosing another server may take.
const CHOSEN_WITHIN: Duration = Duration::from_secs(30);

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn people_talk_on_while_another_server_takes_the_place_of_the_first(
    #[values(Setup::Sentinels, Setup::RedisCluster)] setup: Setup,
) {
    let mut cluster = Cluster::start(setup, 3).await;
    let talk = Talk::begin(&cluster).await;
    block_in_place(|| match (&mut cluster.sentinel, &mut cluster.redis_cluster) {
        (Some(set), _) => {
            let old = set.primary().unwrap();
            set.servers[old].kill().unwrap();
            set.wait_for_other_primary(old, CHOSEN_WITHIN).unwrap();
            // The old one comes back, and follows.
            set.servers[old].start_again().unwrap();
        }
        (_, Some(servers)) => {
            let old = servers.master_of("x").unwrap();
            servers.servers[old].kill().unwrap();
            servers.wait_for_other_master("x", old, CHOSEN_WITHIN).unwrap();
            servers.servers[old].start_again().unwrap();
        }
        _ => panic!("no such Redis"),
    });
    talk.goes_on(&cluster).await;
    talk.end(&cluster).await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn who_is_where_is_known_whichever_server_has_it(
    #[values(Setup::Sentinels, Setup::RedisCluster)] setup: Setup,
) {
    let cluster = Cluster::with(setup, 2, super::presence::OFTEN).await;
    let mut members = super::presence::one_each(&cluster, 3).await;
    super::presence::counts(&mut members, 3, 3).await;
    for member in &mut members {
        member.tick_where(|it| it["count"] == 3).await;
    }
}
