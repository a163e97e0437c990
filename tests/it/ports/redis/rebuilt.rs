//! A Redis that was emptied is built again, from another projection.

use chat_protocol::MessageId;
use chat_server::bus::redis::keys::Keys;
use chat_server::bus::redis::{RedisHeads, RedisProjection, RedisTail};
use chat_server::domain::fold::{BUCKET_MS, Partition, Top};
use chat_server::store::projection::{Cursor, KnownId, Projection};
use chat_server::store::tailed::Tail;

use super::*;

const START_MS: u64 = 1_764_000_000_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_was_emptied_gives_the_same_places_again() {
    let (server, epoch) =
        (blocking(|| Server::start(Durability::Quick).unwrap()).await, new_epoch());
    let (redis, room) = (redis(&server.url(), &epoch), room("0-a"));
    let log: Vec<_> = (0..10)
        .map(|n| message(n, START_MS + n, &room, &(n % 8).to_string())) // 8 and 9 repeat 0 and 1
        .collect();
    let tail = RedisTail::new(redis.clone());
    let first = RedisProjection::new(redis.clone(), Arc::new(Given::default()));
    first.cursor(0).await.unwrap();
    first.apply(0, &log).await.unwrap();
    let before = tail.tail(&room, 0).await.unwrap().unwrap();
    server.wipe().unwrap();

    // The database has folded less of the log than Redis had.
    let bucket = START_MS / BUCKET_MS;
    let id = |n: u64| match &log[usize::try_from(n).unwrap()].content {
        chat_server::domain::log_record::Content::Draft(checked) => checked.draft.id,
        other => panic!("{other:?}"),
    };
    let base = Base {
        partition: Partition { next: 4, time: START_MS + 3 },
        checksum: Some(log[3].checksum),
        tops: vec![(room.clone(), Top { offset: 4, log_offset: Some(3) })],
        ids: (0..4).map(|n| KnownId { bucket, id: id(n), offset: n + 1 }).collect(),
    };
    let again = RedisProjection::new(redis, Arc::new(Given(base)));
    let cursor = again.cursor(0).await.unwrap();
    assert_eq!(cursor, Cursor { next: 4, checksum: Some(log[3].checksum) });
    again.apply(0, &log[2..]).await.unwrap();
    let after = tail.tail(&room, 0).await.unwrap().unwrap();
    assert_eq!(after.top, 10);
    assert_eq!(after.events, before.events[4..]);
    let left = server.ask(&["KEYS", "*staged*"]).unwrap();
    assert!(left.list().is_empty(), "{left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_rooms_are_rebuilt_and_by_one_of_those_who_try() {
    let (url, epoch) = (shared_server().url(), new_epoch());
    let redis = redis(&url, &epoch);
    let bucket = START_MS / BUCKET_MS;
    let rooms: Vec<_> = (0..10_000).map(|n| room(&format!("0-{n}"))).collect();
    let top = |n: u64| Top { offset: n + 1, log_offset: Some(n) };
    let base = Base {
        partition: Partition { next: 10_000, time: START_MS },
        checksum: Some(u64::MAX),
        tops: rooms.iter().cloned().zip((0..).map(top)).collect(),
        ids: (0..20_000_u64)
            .map(|n| {
                let id = MessageId::from_slice(&u128::from(n).to_be_bytes()).unwrap();
                KnownId { bucket: bucket - n % 2, id, offset: 1 }
            })
            .collect(),
    };
    let rebuilding = (0..3).map(|_| {
        let projection = RedisProjection::new(redis.clone(), Arc::new(Given(base.clone())));
        tokio::spawn(async move { projection.cursor(0).await.unwrap() })
    });
    for cursor in rebuilding.collect::<Vec<_>>() {
        let expected = Cursor { next: 10_000, checksum: Some(u64::MAX) };
        assert_eq!(within("it is rebuilt", cursor).await.unwrap(), expected);
    }
    let heads = RedisHeads::new(redis).heads(&rooms).await.unwrap();
    assert_eq!(heads, rooms.iter().cloned().zip(1..).collect::<Vec<_>>());
    let keys = Keys::new(&epoch).of(0);
    for bucket in [bucket, bucket - 1] {
        let count = shared_server().ask(&["HLEN", &keys.bucket(bucket)]).unwrap();
        assert_eq!(count, chat_services::Reply::Int(10_000));
        let life = shared_server().ask(&["TTL", &keys.bucket(bucket)]).unwrap();
        assert_eq!(life, chat_services::Reply::Int(-1), "it is there to stay");
    }
    let left = shared_server().ask(&["KEYS", &format!("*{epoch}*staged*")]).unwrap();
    assert!(left.list().is_empty(), "{left:?}");
}
