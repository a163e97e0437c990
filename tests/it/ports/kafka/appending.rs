//! What a Kafka journal promises beyond the contract that all journals share.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chat_protocol::{ErrorCode, MessageId, RoomId};
use chat_server::domain::fold::SKEW_MS_MAX;
use chat_server::domain::log_record::{Content, Record};
use chat_server::journal::kafka::{
    KafkaJournal, KafkaOptions, KafkaProducer, KafkaReader, SetUpError,
};
use chat_server::journal::{Journal, JournalError};

use rand::distr::{Alphanumeric, SampleString};

use super::projection::read_all;
use super::set_up::make;
use super::{Written, clock, message, messages, shared};
use crate::kit::{eventually, within};
use crate::ports::FakeClock;
use crate::ports::store::{draft, person, refused};

fn id(record: &Record) -> Option<MessageId> {
    match &record.content {
        Content::Draft(checked) => Some(checked.draft.id),
        Content::Unreadable(_) | Content::Newer(_) => None,
    }
}

#[tokio::test]
async fn a_room_keeps_its_order_under_concurrency() {
    let log = Arc::new(Written::start(shared(2)).await);
    let rooms: Vec<_> = (0..6).map(|i| log.room(&format!("room-{i}"), i % 2)).collect();
    let senders: Vec<_> = rooms
        .iter()
        .map(|room| {
            let (log, room) = (log.clone(), room.clone());
            tokio::spawn(async move {
                let mut ids = Vec::new();
                for _ in 0..40 {
                    let drafts = messages(&room, 25);
                    ids.extend(drafts.iter().map(|it| it.id));
                    let answers = log.journal.append(drafts).await;
                    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
                }
                (room, ids)
            })
        })
        .collect();
    let reader = KafkaReader::start(&log.options, &log.topic, "order", clock()).unwrap();
    let mut read = read_all(&reader, &log.producer, 0, 0).await;
    for (i, sender) in senders.into_iter().enumerate() {
        let (room, ids) = sender.await.unwrap();
        let partition = u32::try_from(i).unwrap() % 2;
        read = read_all(&reader, &log.producer, partition, 0).await;
        let of_room = read.iter().filter(|it| it.room.as_ref() == Some(&room));
        let in_log: Vec<_> = of_room.filter_map(id).collect();
        assert_eq!(in_log, ids, "{room}");
    }
    assert!(read.iter().all(|it| it.timestamp > 0));
}

#[tokio::test]
async fn a_rooms_partition_is_asked_for_once_but_a_no_each_time() {
    let log = Written::start(shared(2)).await;
    let room = log.room("a", 1);
    for _ in 0..3 {
        let answers = log.journal.append(messages(&room, 3)).await;
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    }
    assert_eq!(log.rooms.asked.load(Ordering::Relaxed), 1);
    let nowhere = RoomId::parse("nowhere").unwrap();
    for _ in 0..2 {
        let answers = log.journal.append(messages(&nowhere, 2)).await;
        assert_eq!(answers, [refused(ErrorCode::RoomNotFound), refused(ErrorCode::RoomNotFound)]);
    }
    assert_eq!(log.rooms.asked.load(Ordering::Relaxed), 3);
    log.room("nowhere", 0);
    assert!(log.journal.append(messages(&nowhere, 1)).await[0].is_ok());
}

#[tokio::test]
async fn only_an_id_that_the_fold_may_have_forgotten_is_looked_up() {
    let log = Written::start(shared(1)).await;
    let room = log.room("a", 0);
    assert!(log.journal.append(messages(&room, 5)).await.iter().all(Result::is_ok));
    assert_eq!(log.known.asked.load(Ordering::Relaxed), 0);
    let ann = person("ann");
    let old = uuid::Builder::from_unix_timestamp_millis(1_600_000_000_000, &[1; 10]).into_uuid();
    let drafts = vec![
        message(&room, &ann, "x"),
        draft(&room, &ann, "mine", "x"),
        draft(&room, &ann, &old.to_string(), "x"),
    ];
    assert!(log.journal.append(drafts).await.iter().all(Result::is_ok));
    assert_eq!(log.known.asked.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_node_whose_clock_is_wrong_acknowledges_nothing() {
    let log = Written::start(shared(1)).await;
    let room = log.room("a", 0);
    let wrong = FakeClock::start();
    let producer =
        Arc::new(KafkaProducer::start(&log.options, log.topic.clone(), wrong.clone()).unwrap());
    assert!(
        matches!(producer.ready().await, Err(SetUpError::Clock { by_ms }) if by_ms > SKEW_MS_MAX)
    );
    let journal = KafkaJournal::new(producer, log.rooms.clone(), log.known.clone(), wrong.clone());
    let answers = journal.append(messages(&room, 2)).await;
    assert!(
        answers.iter().all(|it| matches!(it, Err(JournalError::Unavailable(_)))),
        "{answers:?}"
    );
    wrong.set(clock().now_ms());
    let answers = journal.append(messages(&room, 2)).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
}

#[tokio::test]
async fn what_is_too_long_for_kafka_is_refused_alone() {
    let log = Written::start(shared(1)).await;
    let room = log.room("a", 0);
    let (ann, long) = (person("ann"), "x".repeat(2 * 1024 * 1024));
    let drafts = vec![message(&room, &ann, &long), message(&room, &ann, "short")];
    let answers = log.journal.append(drafts).await;
    assert_eq!(answers[0], refused(ErrorCode::TextTooLong));
    assert!(answers[1].is_ok());
}

#[tokio::test]
async fn what_a_full_queue_can_t_take_is_unavailable_and_the_rest_is_taken() {
    let narrow = BTreeMap::from([("queue.buffering.max.messages".to_owned(), "10".to_owned())]);
    let log = Written::start(KafkaOptions { properties: narrow, ..shared(1) }).await;
    let drafts = messages(&log.room("a", 0), 2000);
    let answers = log.journal.append(drafts.clone()).await;
    let is_full = |it: &Result<_, _>| matches!(it, Err(JournalError::Unavailable(_)));
    assert!(answers.iter().any(is_full), "it was never full");
    let taken = drafts.iter().zip(&answers).filter(|(_, answer)| answer.is_ok());
    let taken: Vec<_> = taken.map(|(draft, _)| draft.id).collect();
    assert!(taken.len() >= 10 && answers.iter().all(|it| it.is_ok() || is_full(it)));
    let reader = KafkaReader::start(&log.options, &log.topic, "after", clock()).unwrap();
    let read = read_all(&reader, &log.producer, 0, 0).await;
    assert_eq!(read.iter().filter_map(id).collect::<Vec<_>>(), taken);
}

#[tokio::test]
async fn a_producer_that_breaks_is_followed_by_another() {
    // To refuse a record is what breaks a producer that is told to leave no gap. There are other reasons, but none that
    // can be made to happen.
    let strict = BTreeMap::from([("enable.gapless.guarantee".to_owned(), "true".to_owned())]);
    let options = KafkaOptions { properties: strict, ..shared(1) };
    let (stamped, short) =
        (("message.timestamp.type", "LogAppendTime"), ("max.message.bytes", "600000"));
    make(&options, &[stamped, short]).await;
    let log = within("the topic is known", Written::start(options)).await;
    let room = log.room("a", 0);
    let (ann, long) = (person("ann"), Alphanumeric.sample_string(&mut rand::rng(), 900_000));
    let answers = log.journal.append(vec![message(&room, &ann, &long)]).await;
    assert!(matches!(answers[..], [Err(JournalError::Unavailable(_))]), "{answers:?}");
    let draft = message(&room, &ann, "short");
    let taken = async || log.journal.append(vec![draft.clone()]).await.remove(0).ok();
    eventually("another one goes on", taken).await;
}

#[tokio::test]
async fn a_journal_that_closes_writes_what_it_has_and_takes_no_more() {
    let log = Arc::new(Written::start(shared(1)).await);
    let room = log.room("a", 0);
    let (journal, drafts) = (log.clone(), messages(&room, 1000));
    let ids: Vec<_> = drafts.iter().map(|it| it.id).collect();
    let appended = tokio::spawn(async move { journal.journal.append(drafts).await });
    tokio::task::yield_now().await; // they are queued
    log.journal.close(Duration::from_secs(10)).await;
    let answers = appended.await.unwrap();
    assert!(answers.iter().all(Result::is_ok), "{:?}", answers.first());
    let late = log.journal.append(messages(&room, 1)).await;
    assert!(matches!(late[..], [Err(JournalError::Unavailable(_))]), "{late:?}");

    let other = Written::start(log.options.clone()).await;
    let reader = KafkaReader::start(&log.options, &log.topic, "after", clock()).unwrap();
    let read = read_all(&reader, &other.producer, 0, 0).await;
    assert_eq!(read.iter().filter_map(id).collect::<Vec<_>>(), ids);
}
