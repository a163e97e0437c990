//! The database folds a shared log as `domain/fold.rs` says, whatever the runs that it is given.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use chat_protocol::client::Paging;
use chat_protocol::{ErrorCode, Event, Offset, RoomId};
use chat_server::domain::log_record::Record;
use chat_server::store::postgres::PgStore;
use chat_server::store::projection::{Base, Cursor, KnownId, Projection, ProjectionError, Source};
use chat_server::store::{Directory, History};
use futures_util::future::join;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::{database, open, sql};
use crate::kit::eventually;
use crate::ports::FakeClock;
use crate::ports::log_model::{Model, START_MS, log_of, message, said};
use crate::ports::store::{person, refused};

/// What a projection begins from, as the model has it.
fn base(model: &Model) -> Base {
    let oldest = model.partition.bucket().saturating_sub(1);
    let ids = model.ids.iter().filter(|(_, (bucket, _))| *bucket >= oldest);
    let ids = ids.map(|(id, (bucket, offset))| (*bucket, *id, *offset));
    let mut base = Base {
        partition: model.partition,
        checksum: model.checksum,
        tops: model.tops.iter().map(|(room, top)| (room.clone(), *top)).collect(),
        ids: ids.map(|(bucket, id, offset)| KnownId { bucket, id, offset }).collect(),
    };
    sort(&mut base);
    base
}

fn sort(base: &mut Base) {
    base.tops.sort_by(|a, b| a.0.cmp(&b.0));
    base.ids.sort_by_key(|it| (it.id, it.bucket));
}

/// What the database has of the rooms, as it stands in its tables: nobody is shown a room that only the log knows.
fn rows(url: &str, model: &Model) -> String {
    let ids: Vec<_> = model.tops.keys().map(|id| format!("'{id}'")).collect();
    sql(
        url,
        &format!(
            "SELECT r.id, e.\"offset\", e.kind, e.time, encode(e.id, 'hex'), e.author_name, e.client_id, \
             convert_from(e.body, 'UTF8') FROM events e JOIN rooms r ON r.no = e.room_no \
             WHERE r.id IN ({}) ORDER BY r.id, e.\"offset\"",
            ids.join(", ")
        ),
    )
}

fn expected_rows(model: &Model) -> String {
    let row = |((room, offset), event): (&(RoomId, Offset), &Event)| {
        let time = event.time;
        match (&event.body, event.id) {
            (chat_protocol::EventBody::MessageCreated { client_id, text }, Some(id)) => {
                let id = id.to_string().replace('-', "");
                format!("{room}|{offset}|1|{time}|{id}|a|{client_id}|{text}")
            }
            (chat_protocol::EventBody::Void { of }, None) => {
                let of = of.map_or("null".to_owned(), |of| of.to_string());
                format!("{room}|{offset}|0|{time}||||{of}")
            }
            _ => panic!("{event:?}"),
        }
    };
    model.events.iter().map(row).collect::<Vec<_>>().join("\n")
}

/// Applies the log from where the projection stands, in runs of `step`, each with a record before it once more.
async fn play(store: &PgStore, partition: u32, log: &[Record], step: usize) -> Cursor {
    let mut cursor = store.cursor(partition).await.unwrap();
    loop {
        let done = usize::try_from(cursor.next).unwrap();
        if done == log.len() {
            return cursor;
        }
        let run = &log[done.saturating_sub(1)..(done + step).min(log.len())];
        cursor = store.apply(partition, run).await.unwrap();
    }
}

#[test]
fn the_database_folds_as_the_one_rule_says() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let url = database();
    let (one, other) = runtime.block_on(async {
        let (one, _) = open(&url, FakeClock::start()).await;
        (one, open(&url, FakeClock::start()).await.0)
    });
    let partitions = AtomicU32::new(100); // each log has one of its own; more than the database was founded with
    let log = prop::collection::vec(said(Just(0)), 1..40);
    let mut runner = TestRunner::new(ProptestConfig {
        cases: 48,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let outcome = runner.run(&(log, 1..9usize, 1..9usize), |(said, step, other_step)| {
        let partition = partitions.fetch_add(1, Ordering::Relaxed);
        let log = log_of(partition, &said);
        let model = Model::of(&log);
        runtime.block_on(async {
            // Two that project at once: each run is folded by one of them.
            let (cursor, _) =
                join(play(&one, partition, &log, step), play(&other, partition, &log, other_step))
                    .await;
            prop_assert_eq!(
                cursor,
                Cursor { next: model.partition.next, checksum: model.checksum }
            );
            let mut found = one.base(partition).await.unwrap();
            sort(&mut found);
            prop_assert_eq!(found, base(&model));
            if !model.tops.is_empty() {
                prop_assert_eq!(rows(&url, &model), expected_rows(&model));
            }
            Ok(())
        })
    });
    outcome.unwrap();
}

/// A store that was given a log of `count` messages.
async fn folded(count: u64) -> (Arc<PgStore>, String, Vec<Record>) {
    let url = database();
    let (store, _) = open(&url, FakeClock::start()).await;
    let room = RoomId::parse("7-r").unwrap();
    let log: Vec<_> =
        (0..=count).map(|i| message(i, START_MS + i, START_MS, &room, &i.to_string())).collect();
    let cursor = store.apply(7, &log[..usize::try_from(count).unwrap()]).await.unwrap();
    assert_eq!(cursor.next, count);
    (store, url, log)
}

#[tokio::test]
async fn a_run_beyond_the_cursor_changes_nothing() {
    let (store, _, log) = folded(3).await;
    let before = store.base(7).await.unwrap();
    let later = message(5, START_MS, START_MS, &RoomId::parse("7-r").unwrap(), "5");
    assert_eq!(store.apply(7, &[later]).await, Err(ProjectionError::Elsewhere));
    assert_eq!(store.apply(7, &log[..3]).await.unwrap(), store.cursor(7).await.unwrap());
    assert_eq!(store.base(7).await.unwrap(), before);
    assert_eq!(store.apply(7, &[]).await.unwrap().next, 3);
}

// A plan is kept as long as its connection. One that was made of a table with a thousand rows went through all ids of a
// bucket for each run: so much for a busy log that the run timed out, and never came through again.
#[tokio::test]
async fn whether_ids_are_known_is_looked_up_by_them_and_not_by_their_bucket() {
    let (url, clock) = (database(), FakeClock::start());
    let room = RoomId::parse("7-r").unwrap();
    let record = |n| message(n, START_MS, START_MS, &room, &n.to_string());
    let log: Vec<_> = (0..2000).map(record).collect();
    for run in log.chunks(1000) {
        let store = open(&url, clock.clone()).await.0;
        store.apply(7, run).await.unwrap();
        store.close().await;
    }
    let scans = |index: &str| {
        sql(
            &url,
            &format!("SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = '{index}'"),
        )
    };
    // What a connection did is told when it ends.
    let told = async || (scans("events_by_id").parse::<u64>().unwrap() >= 2).then_some(());
    eventually("both runs are told of", told).await;
    assert_eq!(scans("events_by_bucket"), "0");
}

#[tokio::test]
async fn a_record_of_a_newer_version_stops_the_run_before_it() {
    let (store, _, mut log) = folded(3).await;
    log.push(Record::decode(4, START_MS, b"7-r", b"chat\xffwhatever"));
    log.push(message(5, START_MS, START_MS, &RoomId::parse("7-r").unwrap(), "5"));
    assert_eq!(store.apply(7, &log[3..]).await.unwrap().next, 4);
    assert_eq!(store.apply(7, &log[4..]).await, Err(ProjectionError::Newer(0xff)));
    assert_eq!(store.cursor(7).await.unwrap().next, 4);
}

#[tokio::test]
async fn a_room_that_only_the_log_knows_is_shown_to_nobody() {
    let (store, url, _) = folded(3).await;
    let (room, viewer) = (RoomId::parse("7-r").unwrap(), person("a").id);
    assert_eq!(store.head(&room).await, Ok(None));
    assert_eq!(store.room(&room, &viewer).await, refused(ErrorCode::RoomNotFound));
    let rooms = store.rooms(&viewer, Paging::default()).await.unwrap();
    assert_eq!(rooms.items.len(), 1, "general");
    assert_eq!(sql(&url, "SELECT messages FROM room_top ORDER BY messages DESC LIMIT 1"), "3");
}

#[tokio::test]
async fn a_projection_stands_where_it_stood_after_a_restart() {
    let (store, url, log) = folded(3).await;
    let (before, base) = (store.cursor(7).await.unwrap(), store.base(7).await.unwrap());
    store.close().await;
    let closed = store.apply(7, &log[3..]).await;
    assert!(matches!(closed, Err(ProjectionError::Unavailable(_))), "{closed:?}");
    let (store, _) = open(&url, FakeClock::start()).await;
    assert_eq!(store.cursor(7).await.unwrap(), before);
    assert_eq!(store.base(7).await.unwrap(), base);
    assert_eq!(store.apply(7, &log).await.unwrap().next, 4);
}

#[tokio::test]
async fn a_run_whose_rows_can_t_be_written_moves_no_cursor() {
    let (store, url, log) = folded(3).await;
    let before = store.base(7).await.unwrap();
    sql(&url, "ALTER TABLE events ADD CONSTRAINT none_more CHECK (false) NOT VALID");
    let failed = store.apply(7, &log[3..]).await;
    assert!(matches!(failed, Err(ProjectionError::Unavailable(_))), "{failed:?}");
    assert_eq!(store.base(7).await.unwrap(), before);
    sql(&url, "ALTER TABLE events DROP CONSTRAINT none_more");
    assert_eq!(store.apply(7, &log[3..]).await.unwrap().next, 4);
    assert_eq!(sql(&url, "SELECT count(*) FROM events WHERE p = 7"), "4");
}
