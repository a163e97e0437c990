//! The same over sentinels and over a cluster, while servers die.

use std::time::Duration;

use chat_server::bus::redis::keys::Keys;
use chat_server::bus::redis::{RedisHeads, RedisProjection};
use chat_server::domain::log_record::Record;
use chat_server::store::projection::Projection;
use chat_services::{RedisCluster, Reply, Sentinel};

use super::*;

/// Folds `log` into its partition as a relay does: from where it stands, again and again, until all is in.
async fn fold_all(projection: &RedisProjection, partition: u32, log: &[Record]) {
    let end = log.last().unwrap().log_offset + 1;
    eventually("everything is folded", async || {
        let next = usize::try_from(projection.cursor(partition).await.ok()?.next).unwrap();
        let run = log.get(next..)?;
        let cursor = projection.apply(partition, run).await.ok()?;
        (cursor.next == end).then_some(())
    })
    .await;
}

fn log(room: &RoomId, count: u64) -> Vec<Record> {
    (0..count).map(|n| message(n, 1_764_000_000_000 + n, room, &n.to_string())).collect()
}

/// Takes what comes until each of `rooms` is known to reach `offset`, by its event or by its head.
async fn all_reach(bus: &RedisBus, rooms: &[RoomId], offset: Offset) {
    let mut rest: Vec<_> = rooms.to_vec();
    next(bus, "every room", |incoming| {
        match incoming {
            Incoming::Events(run) => {
                rest.retain(|room| !run.iter().any(|it| it.room == *room && it.offset == offset));
            }
            Incoming::Heads(heads) => {
                rest.retain(|room| !heads.iter().any(|it| it.0 == *room && it.1 >= offset));
            }
            Incoming::Gap | Incoming::Passing(_) => {}
        }
        rest.is_empty().then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sentinels_put_another_server_in_the_place_of_one_that_died() {
    let mut set = blocking(|| Sentinel::start(Durability::Quick).unwrap()).await;
    let (epoch, room) = (new_epoch(), room("0-a"));
    let redis = redis(&set.url(), &epoch);
    let bus = RedisBus::start(redis.clone(), Arc::new(RedisHeads::new(redis.clone())));
    let projection = RedisProjection::new(redis, Arc::new(Given::default()));
    let log = log(&room, 20);
    is_up(&bus).await;
    bus.watch(&room).await;
    fold_all(&projection, 0, &log[..10]).await;
    all_reach(&bus, std::slice::from_ref(&room), 10).await;

    let _set = blocking(move || {
        let old = set.primary().unwrap();
        set.servers[old].kill().unwrap();
        set.wait_for_other_primary(old, Duration::from_secs(30)).unwrap();
        set
    })
    .await;
    fold_all(&projection, 0, &log).await;
    is_up(&bus).await;
    all_reach(&bus, std::slice::from_ref(&room), 20).await;
    let more = self::log(&room, 21);
    fold_all(&projection, 0, &more).await;
    assert_eq!(next_event(&bus, &room).await.offset, 21);
}

/// Gives the slot of `key` to another master.
fn move_slot(cluster: &RedisCluster, key: &str) {
    let from = cluster.master_of(key).unwrap();
    let is_other = |n: &usize| *n != from && cluster.servers[*n].is_primary().unwrap();
    let to = (0..cluster.servers.len()).find(is_other).unwrap();
    let ask = |n: usize, words: &[&str]| match cluster.servers[n].ask(words).unwrap() {
        Reply::Text(text) => text,
        Reply::Int(number) => number.to_string(),
        other => panic!("{other:?}"),
    };
    let slot = ask(from, &["CLUSTER", "KEYSLOT", key]);
    let [from_id, to_id] = [from, to].map(|n| ask(n, &["CLUSTER", "MYID"]));
    ask(to, &["CLUSTER", "SETSLOT", &slot, "IMPORTING", &from_id]);
    ask(from, &["CLUSTER", "SETSLOT", &slot, "MIGRATING", &to_id]);
    for n in [to, from] {
        ask(n, &["CLUSTER", "SETSLOT", &slot, "NODE", &to_id]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_goes_on_when_a_slot_moves_and_when_a_master_dies() {
    let cluster = blocking(|| RedisCluster::start(Durability::Quick).unwrap()).await;
    let epoch = new_epoch();
    let redis = redis(&cluster.url(), &epoch);
    let bus = RedisBus::start(redis.clone(), Arc::new(RedisHeads::new(redis.clone())));
    let projection = RedisProjection::new(redis, Arc::new(Given::default()));
    let rooms: Vec<_> = (0..8).map(|n| room(&format!("{n}-a"))).collect();
    let logs: Vec<_> = rooms.iter().map(|room| log(room, 20)).collect();
    is_up(&bus).await;
    for room in &rooms {
        bus.watch(room).await;
    }
    // What is published in a shard comes, from a script and from a node.
    for (partition, log) in (0..).zip(&logs) {
        fold_all(&projection, partition, &log[..10]).await;
    }
    all_reach(&bus, &rooms, 10).await;
    bus.relay(&rooms.iter().map(|room| event(room, 11)).collect::<Vec<_>>());
    all_reach(&bus, &rooms, 11).await;

    // The slot of a partition that has nothing yet goes to another server, and its room with it.
    let moving = room("20-a");
    bus.watch(&moving).await;
    let key = Keys::new(&epoch).of(20).top();
    let mut cluster = blocking(move || {
        move_slot(&cluster, &key);
        cluster
    })
    .await;
    eventually("its events come from there", async || {
        bus.relay(&[event(&moving, 1)]);
        let next = tokio::time::timeout(Duration::from_millis(300), next_event(&bus, &moving));
        next.await.ok()
    })
    .await;

    let top = Keys::new(&epoch).of(0).top();
    let _cluster = blocking(move || {
        let old = cluster.master_of(&top).unwrap();
        cluster.servers[old].kill().unwrap();
        cluster.wait_for_other_master(&top, old, Duration::from_secs(30)).unwrap();
        cluster
    })
    .await;
    for (partition, log) in (0..).zip(&logs) {
        fold_all(&projection, partition, log).await;
    }
    all_reach(&bus, &rooms, 20).await;
    is_up(&bus).await;
    let more = log(&rooms[0], 21);
    fold_all(&projection, 0, &more).await;
    assert_eq!(next_event(&bus, &rooms[0]).await.offset, 21);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_nothing_to_say_says_it_once_a_second() {
    // It asked as fast as it was answered: nobody watches the layout of a server that stands alone, and a watch without a
    // watcher is over at once, always.
    let server = blocking(|| Server::start(Durability::Quick).unwrap()).await;
    let _bus = bus(&server.url(), &new_epoch(), Arc::new(KnownHeads::of_nothing())).await;
    let beats = || {
        let stats = server.ask(&["INFO", "commandstats"]).unwrap();
        let pings = stats.text().unwrap().split("cmdstat_ping:calls=").nth(1).unwrap_or("0,");
        pings.split(',').next().unwrap().parse::<u64>().unwrap()
    };
    let (began, before) = (tokio::time::Instant::now(), beats());
    eventually("some more beats", async || (beats() >= before + 6).then_some(())).await;
    // Of two connections, one for commands and one that listens.
    assert!(began.elapsed() >= Duration::from_millis(1500), "{:?}", began.elapsed());
}
