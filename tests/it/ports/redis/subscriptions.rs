//! What comes, whatever becomes of the connections.

use std::time::Duration;

use chat_server::bus::redis::keys::Keys;

use super::*;

async fn server() -> Server {
    blocking(|| Server::start(Durability::Quick).unwrap()).await
}

/// A server, a bus over it and what it takes for certain.
async fn world() -> (Server, Epoch, RedisBus, Arc<KnownHeads>) {
    let (server, epoch) = (server().await, new_epoch());
    let heads = Arc::new(KnownHeads::of_nothing());
    let bus = bus(&server.url(), &epoch, heads.clone()).await;
    next_gap(&bus).await; // of the first connection
    (server, epoch, bus, heads)
}

/// Relays an event until it comes: what is published while something isn't connected is lost.
async fn goes_on(bus: &RedisBus, room: &RoomId, offset: Offset) {
    is_up(bus).await;
    eventually("an event comes", async || {
        bus.relay(&[event(room, offset)]);
        let came = tokio::time::timeout(Duration::from_millis(300), next_event(bus, room)).await;
        came.ok().filter(|event| event.offset == offset)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_published_right_after_watch_returns_comes() {
    let (server, epoch, bus, _) = world().await;
    let client = redis::Client::open(server.url()).unwrap();
    let mut raw = client.get_multiplexed_async_connection().await.unwrap();
    let keys = Keys::new(&epoch).of(0);
    for n in 0..200 {
        let room = room(&format!("0-{n}"));
        bus.watch(&room).await;
        let mut publish = redis::cmd("PUBLISH");
        publish.arg(keys.channel(&room)).arg("1:1:v:");
        let heard: u32 = publish.query_async(&mut raw).await.unwrap();
        assert_eq!(heard, 1, "{room} is subscribed");
        assert_eq!(next_event(&bus, &room).await.offset, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_watched_does_not_come() {
    let (server, epoch, bus, _) = world().await;
    let (here, gone) = (room("0-here"), room("0-gone"));
    bus.watch(&here).await;
    bus.watch(&gone).await;
    bus.unwatch(&gone);
    let channel = Keys::new(&epoch).of(0).channel(&gone);
    let numbers = || server.ask(&["PUBSUB", "NUMSUB", &channel]).unwrap();
    eventually("nobody listens", async || {
        (numbers().list()[1] == chat_services::Reply::Int(0)).then_some(())
    })
    .await;
    bus.relay(&[event(&gone, 1), event(&here, 1)]);
    let first = next(&bus, "an event", |incoming| match incoming {
        Incoming::Events(run) => Some(run[0].room.clone()),
        _ => None,
    });
    assert_eq!(first.await, here);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_killed_is_replaced_and_a_gap_told() {
    let (server, _, bus, _) = world().await;
    let rooms: Vec<_> = (0..1200).map(|n| room(&format!("0-{n}"))).collect();
    for room in &rooms {
        bus.watch(room).await;
    }
    server.ask(&["CLIENT", "KILL", "TYPE", "pubsub"]).unwrap();
    next_gap(&bus).await;
    // The gap was told when every room was subscribed again, and not before.
    bus.relay(&rooms.iter().map(|room| event(room, 1)).collect::<Vec<_>>());
    let mut came = 0;
    while came < rooms.len() {
        came += next(&bus, "an event", |incoming| match incoming {
            Incoming::Events(run) => Some(run.len()),
            _ => None,
        })
        .await;
    }
    server.ask(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]).unwrap();
    // Commands have a connection of their own, replaced within a second.
    goes_on(&bus, &rooms[0], 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_away_and_comes_back_empty_is_taken_up_again() {
    let (mut server, _, bus, heads) = world().await;
    let room = room("0-a");
    bus.watch(&room).await;
    goes_on(&bus, &room, 1).await;
    let mut server = blocking(move || {
        server.kill().unwrap();
        server
    })
    .await;
    eventually("the loss is noticed", async || (!bus.is_up()).then_some(())).await;
    // Where the log is elsewhere, rooms go on by what is known there.
    heads.set(&room, 2);
    let told = next(&bus, "heads", |incoming| match incoming {
        Incoming::Heads(heads) => Some(heads),
        _ => None,
    });
    assert_eq!(told.await, [(room.clone(), 2)]);
    // Where it isn't, they are told to look for themselves, again and again.
    *heads.0.lock().unwrap() = None;
    next_gap(&bus).await;
    next_gap(&bus).await;
    let added = super::room("0-b");
    bus.watch(&added).await; // returns at once
    *heads.0.lock().unwrap() = Some(HashMap::new());
    let _server = blocking(move || {
        server.start_again().unwrap();
        server
    })
    .await;
    is_up(&bus).await;
    next_gap(&bus).await;
    goes_on(&bus, &room, 3).await;
    goes_on(&bus, &added, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_answers_no_more_is_noticed_and_tried_again() {
    let (server, _, bus, _) = world().await;
    let room = room("0-a");
    bus.watch(&room).await;
    server.pause().unwrap();
    eventually("the silence is noticed", async || (!bus.is_up()).then_some(())).await;
    server.resume().unwrap();
    is_up(&bus).await;
    next_gap(&bus).await;
    goes_on(&bus, &room, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_too_slow_is_told_of_a_gap_and_goes_on() {
    let (server, epoch, bus, _) = world().await;
    let room = room("0-a");
    bus.watch(&room).await;
    let client = redis::Client::open(server.url()).unwrap();
    let mut raw = client.get_multiplexed_async_connection().await.unwrap();
    let channel = Keys::new(&epoch).of(0).channel(&room);
    for start in (1..=40_000).step_by(1000) {
        let mut batch = redis::pipe();
        for offset in start..start + 1000 {
            batch.cmd("PUBLISH").arg(&channel).arg(format!("{offset}:1:v:"));
        }
        batch.exec_async(&mut raw).await.unwrap();
    }
    // Confirmed on the same connection: everything before has come.
    bus.watch(&super::room("0-b")).await;
    let (mut last, mut came) = (0, 0);
    next(&bus, "a gap", |incoming| match incoming {
        Incoming::Events(run) => {
            for event in run {
                assert!(event.offset > last);
                last = event.offset;
                came += 1;
            }
            None
        }
        Incoming::Gap => Some(()),
        Incoming::Heads(_) | Incoming::Passing(_) => None,
    })
    .await;
    assert!(came < 40_000, "some were dropped: {came}");
    goes_on(&bus, &room, 50_000).await;
}

#[tokio::test]
async fn a_last_event_that_was_lost_is_told_as_a_head_and_once() {
    let (_server, _, bus, heads) = world().await;
    let (a, b) = (room("0-a"), room("0-b"));
    bus.watch(&a).await;
    bus.watch(&b).await;
    goes_on(&bus, &a, 5).await;
    heads.set(&a, 5);
    heads.set(&b, 7);
    let told = |incoming| match incoming {
        Incoming::Heads(heads) => Some(heads),
        _ => None,
    };
    assert_eq!(next(&bus, "heads", told).await, [(b.clone(), 7)]);
    heads.set(&b, 8);
    assert_eq!(next(&bus, "heads", told).await, [(b, 8)]);
}

#[tokio::test]
async fn a_room_whose_partition_is_not_known_yet_is_watched_as_soon_as_it_is() {
    let (server, epoch) = (server().await, new_epoch());
    let partitions = Arc::new(ByName::default());
    let config = RedisConfig::parse(&server.url()).unwrap();
    let redis = Redis::start(config, &epoch, partitions.clone());
    let bus = RedisBus::start(redis, Arc::new(KnownHeads::of_nothing()));
    is_up(&bus).await;
    next_gap(&bus).await;
    partitions.is_away.store(true, Ordering::Relaxed);
    let room = room("3-a");
    bus.watch(&room).await;
    partitions.is_away.store(false, Ordering::Relaxed);
    next_gap(&bus).await;
    goes_on(&bus, &room, 1).await;
}
