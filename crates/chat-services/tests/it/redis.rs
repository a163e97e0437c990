use std::net::TcpListener;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use chat_services::{Durability, Error, Redis, RedisCluster, Reply, Sentinel};

const COPIED_WITHIN: Duration = Duration::from_secs(20);
const FAILED_OVER_WITHIN: Duration = Duration::from_secs(60);

fn text(text: &str) -> Reply {
    Reply::Text(text.to_owned())
}

#[test]
fn a_durable_server_has_after_kill_9_what_it_acknowledged() {
    let mut redis = Redis::start(Durability::Durable).unwrap();
    redis.ask(&["SET", "key", "value"]).unwrap();
    redis.kill().unwrap();
    redis.ask(&["PING"]).unwrap_err();
    redis.start_again().unwrap();
    assert_eq!(redis.ask(&["GET", "key"]).unwrap(), text("value"));

    redis.wipe().unwrap();
    assert_eq!(redis.ask(&["GET", "key"]).unwrap(), Reply::Nil);
    redis.stop().unwrap();
    let listener = TcpListener::bind(redis.address()).unwrap();
    assert!(matches!(redis.start_again(), Err(Error::AddressInUse { .. })));
    drop(listener);
    redis.start_again().unwrap();
}

#[test]
fn a_paused_server_answers_when_it_is_resumed() {
    let redis = Redis::start(Durability::Quick).unwrap();
    redis.pause().unwrap();
    thread::scope(|scope| {
        let (tell, told) = mpsc::channel();
        let redis = &redis;
        scope.spawn(move || tell.send(redis.ask(&["PING"]).unwrap()));
        // It connects, and waits for an answer that can't come.
        let answer = told.recv_timeout(Duration::from_millis(300));
        assert_eq!(answer, Err(mpsc::RecvTimeoutError::Timeout));
        redis.resume().unwrap();
        assert_eq!(told.recv().unwrap(), text("PONG"));
    });
}

#[test]
fn a_replica_has_a_copy_and_can_be_promoted() {
    let mut primary = Redis::start(Durability::Quick).unwrap();
    primary.ask(&["SET", "key", "value"]).unwrap();
    let replica = Redis::replica_of(&primary, Durability::Quick).unwrap();
    assert_eq!(replica.ask(&["GET", "key"]).unwrap(), text("value"));
    replica.ask(&["SET", "key", "other"]).unwrap_err();

    primary.kill().unwrap();
    replica.promote().unwrap();
    replica.ask(&["SET", "key", "other"]).unwrap();
    primary.start_again().unwrap();
    primary.follow(&replica).unwrap();
    assert_eq!(primary.ask(&["GET", "key"]).unwrap(), text("other"));
}

#[test]
fn sentinels_choose_another_primary() {
    let mut set = Sentinel::start(Durability::Quick).unwrap();
    let old = set.primary().unwrap();
    set.servers[old].ask(&["SET", "key", "value"]).unwrap();
    set.servers[old].wait_copied(COPIED_WITHIN).unwrap();
    set.servers[old].kill().unwrap();
    let new = set.wait_for_other_primary(old, FAILED_OVER_WITHIN).unwrap();
    assert_eq!(set.servers[new].ask(&["GET", "key"]).unwrap(), text("value"));
    set.servers[new].ask(&["SET", "key", "other"]).unwrap();

    // The old one is told that it is a replica now. A machine too busy may have them change back.
    set.servers[old].start_again().unwrap();
    set.wait_ready(FAILED_OVER_WITHIN).unwrap();
    let replicas = set.servers.iter().filter(|server| server.follows().unwrap().is_some());
    assert_eq!(replicas.count(), 1);
}

#[test]
fn a_cluster_replaces_a_master_that_was_killed() {
    let mut cluster = RedisCluster::start(Durability::Quick).unwrap();
    let old = cluster.master_of("key").unwrap();
    cluster.servers[old].ask(&["SET", "key", "value"]).unwrap();
    cluster.servers[old].wait_copied(COPIED_WITHIN).unwrap();
    cluster.servers[old].kill().unwrap();
    let new = cluster.wait_for_other_master("key", old, FAILED_OVER_WITHIN).unwrap();
    assert_eq!(cluster.servers[new].ask(&["GET", "key"]).unwrap(), text("value"));

    cluster.servers[old].start_again().unwrap();
    cluster.wait_ready(FAILED_OVER_WITHIN).unwrap();
    assert_eq!(cluster.servers[old].follows().unwrap(), Some(cluster.servers[new].port()));
}
