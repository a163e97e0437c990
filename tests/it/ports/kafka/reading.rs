//! What `src/journal/reader.rs` promises.

use std::collections::BTreeSet;
use std::time::Duration;

use chat_server::domain::fold::LogOffset;
use chat_server::domain::log_record::{Content, Record};
use chat_server::journal::Journal;
use chat_server::journal::kafka::KafkaReader;
use chat_server::journal::reader::{LogError, LogReader, LogStream};
use rdkafka::admin::AdminOptions;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use super::set_up::admin;
use super::{Written, clock, messages, shared, value};
use crate::kit::{eventually, within};

fn start(log: &Written, projection: &str) -> KafkaReader {
    KafkaReader::start(&log.options, &log.topic, projection, clock()).unwrap()
}

/// Waits until the reader's partitions are as wanted.
async fn assigned(reader: &KafkaReader, wanted: impl Fn(&BTreeSet<u32>) -> bool) -> BTreeSet<u32> {
    let mut assigned = reader.assigned();
    within("partitions are assigned", assigned.wait_for(wanted)).await.unwrap().clone()
}

async fn open(reader: &KafkaReader, partition: u32, from: LogOffset) -> Box<dyn LogStream> {
    assigned(reader, |it| it.contains(&partition)).await;
    reader.open(partition, from).await.unwrap()
}

/// The next `count` records, each of which must follow the one before.
async fn read(stream: &mut dyn LogStream, count: usize) -> Vec<Record> {
    let mut records: Vec<Record> = Vec::new();
    while records.len() < count {
        let more = within("a record comes", stream.next(count - records.len())).await.unwrap();
        assert!(!more.is_empty());
        records.extend(more);
    }
    assert!(records.windows(2).all(|two| two[1].log_offset == two[0].log_offset + 1));
    records
}

async fn write(log: &Written, room: &str, partition: u32, count: usize) {
    let room = log.room(room, partition);
    let answers = log.journal.append(messages(&room, count)).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
}

#[tokio::test]
async fn a_stream_begins_anywhere_and_waits_at_the_end() {
    let log = Written::start(shared(2)).await;
    write(&log, "a", 1, 100).await;
    let reader = start(&log, "store");
    for from in [0, 1, 57, 99] {
        let mut stream = open(&reader, 1, from).await;
        let records = read(&mut *stream, 100 - usize::try_from(from).unwrap()).await;
        assert_eq!(records[0].log_offset, from);
        assert_eq!(stream.end(), Some(100));
    }
    let mut stream = open(&reader, 1, 100).await;
    let (next, ()) =
        tokio::join!(within("a new record comes", stream.next(10)), write(&log, "a", 1, 1));
    assert_eq!(next.unwrap()[0].log_offset, 100);
}

#[tokio::test]
async fn a_stream_that_is_given_up_while_it_waits_loses_nothing() {
    let log = Written::start(shared(1)).await;
    let reader = start(&log, "store");
    let mut stream = open(&reader, 0, 1).await; // 0 is what made the producer ready
    for round in 0..20 {
        tokio::select! {
            biased;
            early = stream.next(10) => panic!("{early:?}"),
            () = tokio::task::yield_now() => {}
        }
        write(&log, "a", 0, 2).await;
        let records = read(&mut *stream, 2).await;
        assert_eq!(records[0].log_offset, 1 + 2 * round);
    }
}

#[tokio::test]
async fn how_far_the_log_reaches_is_known_to_who_is_behind() {
    let log = Written::start(shared(1)).await;
    write(&log, "a", 0, 50).await;
    let reader = start(&log, "store");
    let mut stream = open(&reader, 0, 1).await;
    eventually("the end is told", async || (stream.end() == Some(51)).then_some(())).await;
    assert_eq!(read(&mut *stream, 1).await[0].log_offset, 1);
    assert_eq!(stream.end(), Some(51));
    assert_eq!(log.producer.end_of(0).await, Ok(51));
}

#[tokio::test]
async fn a_slow_stream_stalls_no_other_and_has_no_hole() {
    const MANY: usize = 20_000; // more than a stream's queue holds
    let log = Written::start(shared(2)).await;
    for _ in 0..MANY / 1000 {
        write(&log, "slow", 1, 1000).await;
    }
    write(&log, "quick", 0, 1000).await;
    let reader = start(&log, "store");
    let mut slow = open(&reader, 1, 0).await;
    let first = read(&mut *slow, 1).await;
    let mut quick = open(&reader, 0, 1).await;
    read(&mut *quick, 1000).await;
    write(&log, "quick", 0, 1000).await;
    read(&mut *quick, 1000).await;
    let rest = read(&mut *slow, MANY - 1).await;
    assert_eq!((first[0].log_offset, rest[0].log_offset), (0, 1));
}

#[tokio::test]
async fn what_can_t_be_read_is_passed_on_as_such() {
    let log = Written::start(shared(1)).await;
    let room = log.room("a", 0);
    let good = messages(&room, 1).remove(0);
    let newer = [b"chat" as &[u8], &[9], b"{}"].concat();
    let values: [(&[u8], Option<&[u8]>); 5] = [
        (b"a", Some(b"poison")),
        (b"a", None),
        (b"no room!", Some(b"chat\x01{}")),
        (b"a", Some(&newer)),
        (b"a", Some(&value(&good))),
    ];
    let foreign: BaseProducer =
        ClientConfig::new().set("bootstrap.servers", &log.options.brokers).create().unwrap();
    for (key, payload) in values {
        let mut record = BaseRecord::<[u8], [u8]>::to(&log.options.topic).partition(0).key(key);
        record.payload = payload;
        foreign.send(record).map_err(|(err, _)| err).unwrap();
    }
    foreign.flush(Duration::from_secs(20)).unwrap();
    let reader = start(&log, "store");
    let mut stream = open(&reader, 0, 1).await;
    let read = read(&mut *stream, 5).await;
    let rooms: Vec<_> = read.iter().map(|it| it.room.is_some()).collect();
    assert_eq!(rooms, [true, true, false, true, true]);
    let contents: Vec<_> = read.into_iter().map(|it| it.content).collect();
    assert!(contents[..3].iter().all(|it| matches!(it, Content::Unreadable(_))), "{contents:?}");
    assert_eq!(contents[3], Content::Newer(9));
    assert!(matches!(&contents[4], Content::Draft(it) if it.draft == good), "{contents:?}");
}

#[tokio::test]
async fn a_log_that_lost_its_beginning_or_its_end_says_so() {
    let log = Written::start(shared(1)).await;
    write(&log, "a", 0, 20).await; // and one before them
    let mut before = TopicPartitionList::new();
    before.add_partition_offset(&log.options.topic, 0, Offset::Offset(8)).unwrap();
    admin(&log.options).delete_records(&before, &AdminOptions::new()).await.unwrap();
    let reader = start(&log, "store");

    let mut stream = open(&reader, 0, 3).await;
    let begins = LogError::Truncated { begins_at: 8 };
    for _ in 0..2 {
        assert_eq!(within("it is told", stream.next(10)).await, Err(begins.clone()));
    }
    let mut stream = open(&reader, 0, 30).await;
    assert_eq!(within("it is told", stream.next(10)).await, Err(LogError::Shorter { ends_at: 21 }));
    let mut stream = open(&reader, 0, 8).await;
    assert_eq!(read(&mut *stream, 13).await[0].log_offset, 8);
}

#[tokio::test]
async fn a_partition_is_read_by_one_stream_and_only_by_who_has_it() {
    let log = Written::start(shared(1)).await;
    write(&log, "a", 0, 10).await;
    let reader = start(&log, "store");
    let mut first = open(&reader, 0, 1).await;
    read(&mut *first, 3).await;
    let mut second = open(&reader, 0, 1).await;
    assert_eq!(within("the first ends", first.next(1)).await, Err(LogError::TakenAway));
    read(&mut *second, 10).await;
    drop(first); // which is not the one that reads
    write(&log, "a", 0, 1).await;
    read(&mut *second, 1).await;
    assert_eq!(reader.open(7, 0).await.err(), Some(LogError::TakenAway));
    reader.close(Duration::from_secs(10)).await;
    assert!(matches!(within("it ends", second.next(1)).await, Err(LogError::Unavailable(_))));
    assert!(matches!(reader.open(0, 0).await, Err(LogError::Unavailable(_))));
}

#[tokio::test]
async fn two_readers_share_and_the_one_that_stays_takes_over() {
    let log = Written::start(shared(4)).await;
    let all = BTreeSet::from([0, 1, 2, 3]);
    for partition in 0..4 {
        write(&log, &format!("room-{partition}"), partition, 10).await;
    }
    let one = start(&log, "store");
    assigned(&one, |it| *it == all).await;
    let mut streams = Vec::new();
    for partition in 0..4 {
        let mut stream = open(&one, partition, 0).await;
        read(&mut *stream, 10).await;
        streams.push(stream);
    }
    let two = start(&log, "store");
    let of_two = assigned(&two, |it| it.len() == 2).await;
    let of_one = assigned(&one, |it| it.len() == 2).await;
    assert_eq!(of_one.union(&of_two).copied().collect::<BTreeSet<_>>(), all);
    for (partition, mut stream) in (0..4).zip(streams) {
        if of_two.contains(&partition) {
            let taken = within("it is taken away", stream.next(1)).await;
            assert_eq!(taken, Err(LogError::TakenAway));
            stream = open(&two, partition, 5).await;
            read(&mut *stream, 5).await;
        }
        let before = log.producer.end_of(partition).await.unwrap();
        write(&log, &format!("room-{partition}"), partition, 1).await;
        assert!(read(&mut *stream, 1).await[0].log_offset <= before);
    }
    drop(one);
    assigned(&two, |it| *it == all).await;
    for partition in 0..4 {
        let mut stream = open(&two, partition, 3).await;
        read(&mut *stream, 8).await;
    }
}
