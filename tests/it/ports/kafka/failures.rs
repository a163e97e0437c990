//! Brokers that die under load. Each test has brokers of its own.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chat_protocol::object::Durability;
use chat_protocol::{EventBody, MessageId, RoomId};
use chat_server::domain::fold::LogOffset;
use chat_server::domain::log_record::Record;
use chat_server::domain::record::Draft;
use chat_server::journal::kafka::KafkaReader;
use chat_server::journal::reader::{LogError, LogReader};
use chat_server::journal::{Journal, JournalError};
use chat_services::Kafka;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::Instant;

use super::projection::Projection;
use super::{Written, clock, message, messages, options};
use crate::kit::within;
use crate::ports::store::person;

/// Every reply leaves within 4 s, so a journal must know by then.
const ANSWER_WITHIN: Duration = Duration::from_secs(4);

/// Sends one message after the other until told to stop, each again until it is acknowledged.
fn send(log: Arc<Written>, room: RoomId, stop: Arc<AtomicBool>) -> JoinHandle<Vec<MessageId>> {
    tokio::spawn(async move {
        let (ann, mut acked) = (person("ann"), Vec::new());
        while !stop.load(Ordering::Relaxed) {
            let draft = message(&room, &ann, "x");
            acked.push(draft.id);
            within("it is acknowledged", until_acknowledged(&log, draft)).await;
        }
        acked
    })
}

async fn until_acknowledged(log: &Written, draft: Draft) {
    loop {
        let asked = Instant::now();
        let answer = log.journal.append(vec![draft.clone()]).await.remove(0);
        assert!(asked.elapsed() < ANSWER_WITHIN, "{:?}", asked.elapsed());
        match answer {
            Ok(_) => return,
            Err(JournalError::Unavailable(_)) => {}
            Err(refused) => panic!("{refused}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_three_brokers_one_may_be_killed_and_nothing_acknowledged_is_lost() {
    let mut kafka = spawn_blocking(|| Kafka::start(3).unwrap()).await.unwrap();
    let log = Arc::new(Written::start(options(kafka.bootstrap(), 3, 3)).await);
    assert_eq!(log.journal.durability(), Durability::Replicated);
    let rooms: Vec<_> = (0..3).map(|i| log.room(&format!("room-{i}"), i)).collect();
    let projection = Projection::start(&log.options, &log.topic, log.producer.clone());
    let stop = Arc::new(AtomicBool::new(false));
    let senders: Vec<_> =
        rooms.iter().map(|room| send(log.clone(), room.clone(), stop.clone())).collect();
    projection.catch_up().await;
    kafka = spawn_blocking(move || {
        kafka.brokers[0].kill().unwrap();
        kafka
    })
    .await
    .unwrap();
    // All partitions are led again.
    for room in &rooms {
        within("sends go on", until_acknowledged(&log, message(room, &person("bob"), "x"))).await;
    }
    let _kafka = spawn_blocking(move || {
        kafka.brokers[0].start_again().unwrap();
        kafka
    })
    .await
    .unwrap();
    stop.store(true, Ordering::Relaxed);
    for (room, sender) in rooms.iter().zip(senders) {
        let acked = sender.await.unwrap();
        let events = projection.events(room).await;
        let messages: Vec<_> = events.iter().filter(|it| it.body.is_message()).collect();
        let ids: HashSet<_> = messages.iter().filter_map(|it| it.id).collect();
        assert_eq!(ids.len(), messages.len(), "a message is there twice");
        assert!(acked.iter().all(|id| ids.contains(id)), "an acknowledged message is missing");
        let by_ann = messages.iter().filter(|it| it.user.as_ref() == Some(&person("ann")));
        assert!(by_ann.filter_map(|it| it.id).eq(acked), "the order is another");
        let is_unreadable = |body: &EventBody| matches!(body, EventBody::Void { of: None });
        assert!(!events.iter().any(|it| is_unreadable(&it.body)));
    }
}

/// Refused within the time that an answer may take.
async fn is_unavailable(log: &Written, drafts: Vec<Draft>) {
    let asked = Instant::now();
    let answers = log.journal.append(drafts).await;
    assert!(asked.elapsed() < ANSWER_WITHIN, "{:?}", asked.elapsed());
    assert!(
        answers.iter().all(|it| matches!(it, Err(JournalError::Unavailable(_)))),
        "{answers:?}"
    );
}

/// Reads partition 0 up to `end`; a reader that was without brokers for long is given its partitions anew.
async fn read_on(reader: &KafkaReader, read: &mut Vec<Record>, end: LogOffset) {
    let mut assigned = reader.assigned();
    loop {
        let next = read.last().map_or(0, |it| it.log_offset + 1);
        within("it is assigned", assigned.wait_for(|it| it.contains(&0))).await.unwrap();
        let Ok(mut stream) = reader.open(0, next).await else { continue };
        loop {
            if read.last().is_some_and(|it| it.log_offset + 1 >= end) {
                return;
            }
            match within("reading goes on", stream.next(1000)).await {
                Ok(records) => read.extend(records),
                Err(LogError::TakenAway) => break,
                Err(err) => panic!("{err}"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_brokers_sends_are_unavailable_and_all_goes_on_when_they_are_back() {
    let mut kafka = spawn_blocking(|| Kafka::start(1).unwrap()).await.unwrap();
    let log = Written::start(options(kafka.bootstrap(), 1, 1)).await;
    let room = log.room("a", 0);
    assert!(log.journal.append(messages(&room, 1)).await[0].is_ok());
    let reader = KafkaReader::start(&log.options, &log.topic, "store", clock()).unwrap();
    let mut read = Vec::new();
    read_on(&reader, &mut read, 1).await;

    kafka.brokers[0].kill().unwrap();
    let lost = message(&room, &person("ann"), "x");
    let (many, end) = (messages(&room, 50), log.producer.end_of(0));
    let ((), (), end) =
        tokio::join!(is_unavailable(&log, vec![lost.clone()]), is_unavailable(&log, many), end);
    assert!(matches!(end, Err(JournalError::Unavailable(_))), "{end:?}");
    let kafka = spawn_blocking(move || {
        kafka.brokers[0].start_again().unwrap();
        kafka
    })
    .await
    .unwrap();

    within("sends go on", until_acknowledged(&log, lost)).await;
    let end = log.producer.end_of(0).await.unwrap();
    read_on(&reader, &mut read, end).await;
    assert!(read.iter().map(|it| it.log_offset).eq(0..end));
    drop(kafka);
    // A reader ends without brokers, too.
    within("it ends", reader.close(Duration::from_secs(20))).await;
    assert!(reader.open(0, 0).await.is_err());
}
