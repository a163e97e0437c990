//! Whoever folds, and however often: each run once.

use chat_server::bus::redis::{RedisProjection, RedisTail};
use chat_server::domain::log_record::Record;
use chat_server::store::projection::{Cursor, Projection, ProjectionError};
use chat_server::store::tailed::{Tail, TailPart};

use super::*;

fn projection(url: &str, epoch: &Epoch) -> RedisProjection {
    RedisProjection::new(redis(url, epoch), Arc::new(Given::default()))
}

async fn tail(url: &str, epoch: &Epoch, room: &RoomId) -> TailPart {
    RedisTail::new(redis(url, epoch)).tail(room, 0).await.unwrap().unwrap()
}

fn log(room: &RoomId, count: u64) -> Vec<Record> {
    (0..count).map(|n| message(n, 1_764_000_000_000 + n, room, &n.to_string())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_is_ahead_of_a_redis_that_was_rolled_back_folds_nothing_before_the_rest() {
    let (epoch, room) = (new_epoch(), room("0-a"));
    let log = log(&room, 12);
    let primary = blocking(|| Server::start(Durability::Quick).unwrap()).await;
    let (primary, replica) = blocking(move || {
        let replica = Server::replica_of(&primary, Durability::Quick).unwrap();
        (primary, replica)
    })
    .await;
    let before = projection(&primary.url(), &epoch);
    before.cursor(0).await.unwrap();
    before.apply(0, &log[..5]).await.unwrap();
    let primary = blocking(move || {
        primary.wait_copied(std::time::Duration::from_secs(20)).unwrap();
        primary
    })
    .await;
    replica.promote().unwrap();
    before.apply(0, &log[5..10]).await.unwrap();
    let first_life = tail(&primary.url(), &epoch, &room).await;

    // The replica takes over without the last five. The relay goes on where it was.
    let after = projection(&replica.url(), &epoch);
    assert_eq!(after.apply(0, &log[10..]).await, Err(ProjectionError::Elsewhere));
    let cursor = after.cursor(0).await.unwrap();
    assert_eq!(cursor, Cursor { next: 5, checksum: Some(log[4].checksum) });
    assert_eq!(tail(&replica.url(), &epoch, &room).await.top, 5);

    // It attaches again: the same places as before, for whoever had seen them.
    let cursor = after.apply(0, &log[5..]).await.unwrap();
    assert_eq!(cursor, Cursor { next: 12, checksum: Some(log[11].checksum) });
    let second_life = tail(&replica.url(), &epoch, &room).await;
    assert_eq!(second_life.events[..10], first_life.events);
    assert_eq!(second_life.top, 12);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_relays_at_once_give_each_place_once() {
    let (url, epoch, room) = (shared_server().url(), new_epoch(), room("0-a"));
    let bus = bus(&url, &epoch, Arc::new(KnownHeads::of_nothing())).await;
    bus.watch(&room).await;
    let log = Arc::new(log(&room, 250));
    let relays = [3, 7].map(|step| {
        let (log, relay) = (log.clone(), projection(&url, &epoch));
        tokio::spawn(async move {
            let mut next = relay.cursor(0).await.unwrap().next;
            while let Some(run) =
                log.get(usize::try_from(next).unwrap()..).filter(|r| !r.is_empty())
            {
                next = match relay.apply(0, &run[..run.len().min(step)]).await {
                    Ok(cursor) => cursor.next,
                    Err(ProjectionError::Elsewhere) => relay.cursor(0).await.unwrap().next,
                    Err(error) => panic!("{error}"),
                };
            }
        })
    });
    for relay in relays {
        relay.await.unwrap();
    }
    let tail = tail(&url, &epoch, &room).await;
    let offsets = |events: &[Event]| events.iter().map(|event| event.offset).collect::<Vec<_>>();
    assert_eq!(offsets(&tail.events), (1..=250).collect::<Vec<_>>());
    assert_eq!(published(&bus, 250).await, (1..=250).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_record_of_a_newer_version_stops_the_run_before_it() {
    let (url, epoch, room) = (shared_server().url(), new_epoch(), room("0-a"));
    let relay = projection(&url, &epoch);
    relay.cursor(0).await.unwrap();
    let mut log = log(&room, 3);
    log.insert(2, Record::decode(2, 1_764_000_000_000, b"0-a", b"chat\xffwhatever"));
    assert_eq!(relay.apply(0, &log).await.unwrap().next, 2);
    assert_eq!(relay.apply(0, &log[2..]).await, Err(ProjectionError::Newer(0xff)));
    assert_eq!(tail(&url, &epoch, &room).await.top, 2);
}

/// The offsets of what comes, up to `last`: each that was published, as often as it was.
async fn published(bus: &RedisBus, last: Offset) -> Vec<Offset> {
    let mut offsets = Vec::new();
    while offsets.last() != Some(&last) {
        let run = next(bus, "an event", |incoming| match incoming {
            Incoming::Events(run) => Some(run),
            _ => None,
        });
        offsets.extend(run.await.iter().map(|event| event.offset));
    }
    offsets
}

#[tokio::test]
async fn a_run_that_is_repeated_changes_nothing() {
    let (url, epoch, room) = (shared_server().url(), new_epoch(), room("0-a"));
    let (relay, log) = (projection(&url, &epoch), log(&room, 8));
    relay.cursor(0).await.unwrap();
    let bus = bus(&url, &epoch, Arc::new(KnownHeads::of_nothing())).await;
    bus.watch(&room).await;
    let cursor = relay.apply(0, &log[..6]).await.unwrap();
    let once = tail(&url, &epoch, &room).await;
    for from in [0, 3, 5] {
        assert_eq!(relay.apply(0, &log[from..6]).await, Ok(cursor));
    }
    assert_eq!(tail(&url, &epoch, &room).await, once);
    // One that overlaps is folded from where the cursor is.
    relay.apply(0, &log[2..]).await.unwrap();
    assert_eq!(published(&bus, 8).await, [1, 2, 3, 4, 5, 6, 7, 8]);
}

#[tokio::test]
async fn keys_that_are_no_rooms_only_move_the_cursor() {
    let (url, epoch) = (shared_server().url(), new_epoch());
    let relay = projection(&url, &epoch);
    relay.cursor(0).await.unwrap();
    let foreign = ["", "no room", "\0"].iter().zip(0..);
    let foreign = foreign.map(|(key, at)| Record::decode(at, 5, key.as_bytes(), b""));
    let log: Vec<_> = foreign.chain([message(3, 7, &room("0-a"), "c")]).collect();
    let cursor = relay.apply(0, &log).await.unwrap();
    assert_eq!(cursor, Cursor { next: 4, checksum: Some(log[3].checksum) });
    let tail = tail(&url, &epoch, &room("0-a")).await;
    assert_eq!((tail.top, tail.events[0].time), (1, 7));
}

#[tokio::test]
async fn a_run_beyond_what_one_call_folds_is_folded_whole() {
    let (url, epoch, room) = (shared_server().url(), new_epoch(), room("0-a"));
    let relay = projection(&url, &epoch);
    relay.cursor(0).await.unwrap();
    // Holes in the log where the calls meet, and values that make a call full before its records do.
    let log: Vec<_> = (0..450)
        .map(|n| message(n + 10 * (n / 150), 1_764_000_000_000, &room, &n.to_string()))
        .collect();
    let cursor = relay.apply(0, &log).await.unwrap();
    assert_eq!(cursor.next, log.last().unwrap().log_offset + 1);
    assert_eq!(tail(&url, &epoch, &room).await.top, 450);
}
