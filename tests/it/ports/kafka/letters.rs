//! Dead letters: copied before they are passed, told by their place, shown once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use chat_server::domain::dead_letter::LetterPlace;
use chat_server::domain::log_record::Record;
use chat_server::journal::Journal;
use chat_server::journal::kafka::{
    DeadLetters, KafkaOptions, KafkaProducer, KafkaReader, Passing, Shelf, Topic,
};
use chat_server::store::projection::{Cursor, Projection, ProjectionError};
use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use super::projection::read_all;
use super::{Written, clock, messages, shared};

/// A projection that moves its cursor, or is away for some calls.
#[derive(Default)]
struct Folded {
    next: AtomicU64,
    away: AtomicU32,
}

#[async_trait]
impl Projection for Folded {
    fn name(&self) -> &'static str {
        "folded"
    }

    fn idle_check(&self) -> Duration {
        Duration::from_secs(1)
    }

    async fn cursor(&self, _: u32) -> Result<Cursor, ProjectionError> {
        Ok(Cursor { next: self.next.load(Ordering::Relaxed), checksum: None })
    }

    async fn apply(&self, partition: u32, run: &[Record]) -> Result<Cursor, ProjectionError> {
        if self.away.load(Ordering::Relaxed) > 0 {
            self.away.fetch_sub(1, Ordering::Relaxed);
            return Err(ProjectionError::Unavailable("away".to_owned()));
        }
        self.next.store(run.last().unwrap().log_offset + 1, Ordering::Relaxed);
        self.cursor(partition).await
    }
}

/// A log with letters in it, and where they go.
struct Post {
    log: Written,
    options: KafkaOptions,
    letters: Arc<DeadLetters>,
    folded: Arc<Folded>,
}

impl Post {
    async fn start() -> Self {
        let log = Written::start(shared(1)).await;
        let topic = format!("{}.dead", log.options.topic);
        let options = KafkaOptions { topic, ..log.options.clone() };
        let letters = Arc::new(DeadLetters::start(&options, clock()).await.unwrap());
        Self { log, options, letters, folded: Arc::default() }
    }

    /// A node's life: it knows nothing of what the one before it has copied.
    fn node(&self) -> Passing {
        Passing::new(self.folded.clone(), self.letters.clone())
    }

    fn write_foreign(&self, key: &[u8], value: &[u8]) {
        let config = ClientConfig::new()
            .set("bootstrap.servers", &self.log.options.brokers)
            .set("message.max.bytes", "2000000")
            .clone();
        let foreign: BaseProducer = config.create().unwrap();
        let own = Header { key: "chat-offset", value: Some("their own") };
        let headers = OwnedHeaders::new().insert(own);
        let record = BaseRecord::<[u8], [u8]>::to(&self.log.options.topic);
        let record = record.partition(0).key(key).payload(value).headers(headers);
        foreign.send(record).map_err(|(err, _)| err).unwrap();
        foreign.flush(Duration::from_secs(20)).unwrap();
    }

    async fn run(&self) -> Vec<Record> {
        let reader = KafkaReader::start(&self.log.options, &self.log.topic, "p", clock()).unwrap();
        read_all(&reader, &self.log.producer, 0, 0).await
    }

    fn shelf(&self) -> Shelf {
        Shelf::new(self.options.clone(), clock())
    }

    /// Copies there are, those of one letter counted each.
    async fn copies(&self) -> u64 {
        let topic = Topic::ensure(&self.options, None, clock()).await.unwrap();
        KafkaProducer::start(&self.options, topic, clock()).unwrap().end_of(0).await.unwrap()
    }
}

#[tokio::test]
async fn what_can_t_be_read_is_copied_as_it_came_and_everything_else_is_not() {
    let post = Post::start().await;
    let room = post.log.room("a", 0);
    post.log.journal.append(messages(&room, 2)).await;
    post.write_foreign(b"a", b"\xffpoison");
    post.write_foreign(b"no room!", b"");
    post.log.journal.append(messages(&room, 2)).await;
    let run = post.run().await;
    let cursor = post.node().apply(0, &run).await.unwrap();
    assert_eq!(cursor.next, 7, "the node's own probe, and what was written");
    let letters = post.shelf().newest(10).await.unwrap();
    let seen: Vec<_> =
        letters.iter().map(|it| (it.place.to_string(), it.reason.as_str(), &*it.value)).collect();
    let expected = [
        ("0:3".to_owned(), "foreign", &b"\xffpoison"[..]),
        ("0:4".to_owned(), "no-room", &b""[..]),
    ];
    assert_eq!(seen, expected);
    assert_eq!((&*letters[0].key, letters[0].timestamp), (&b"a"[..], run[3].timestamp));
    let theirs = ("chat-offset".to_owned(), Some(b"their own".to_vec()));
    assert_eq!(letters[0].headers, [theirs], "what a letter brought is not taken for ours");
    assert_eq!(post.shelf().newest(1).await.unwrap(), letters[1..], "the newest");
    let place = LetterPlace { partition: 0, log_offset: 4 };
    assert_eq!(post.shelf().find(place).await.unwrap().as_ref(), Some(&letters[1]));
    let nobody = LetterPlace { partition: 1, log_offset: 4 };
    assert_eq!(post.shelf().find(nobody).await.unwrap(), None);
}

#[tokio::test]
async fn a_crash_between_copy_and_cursor_leaves_two_copies_of_one_letter() {
    let post = Post::start().await;
    post.write_foreign(b"a", b"poison");
    let run = post.run().await;
    post.folded.away.store(3, Ordering::Relaxed);
    let node = post.node();
    for _ in 0..2 {
        let away = ProjectionError::Unavailable("away".to_owned());
        assert_eq!(node.apply(0, &run).await, Err(away));
    }
    assert_eq!(post.copies().await, 1, "tried again, it isn't copied again");
    let after_a_crash = post.node();
    after_a_crash.apply(0, &run).await.unwrap_err();
    assert_eq!(after_a_crash.apply(0, &run).await.unwrap().next, 2);
    assert_eq!(post.copies().await, 2);
    let letters = post.shelf().newest(10).await.unwrap();
    assert_eq!(letters.len(), 1);
    // What was passed is forgotten: a projection that was put back has it copied again.
    after_a_crash.apply(0, &run).await.unwrap();
    assert_eq!(post.copies().await, 3);
    assert_eq!(post.shelf().newest(10).await.unwrap(), letters);
}

#[tokio::test]
async fn nothing_is_passed_whose_copy_could_not_be_written() {
    let post = Post::start().await;
    let room = post.log.room("a", 0);
    post.log.journal.append(messages(&room, 1)).await;
    let readable = post.run().await;
    post.write_foreign(b"a", b"poison");
    let run = post.run().await;
    post.letters.close(Duration::from_secs(5)).await;
    let refused = post.node().apply(0, &run).await.unwrap_err();
    assert!(
        matches!(&refused, ProjectionError::Unavailable(why) if why.contains(".dead")),
        "{refused}"
    );
    assert_eq!(post.folded.next.load(Ordering::Relaxed), 0);
    assert_eq!(post.node().apply(0, &readable).await.unwrap().next, 2, "others need no copy");
}

#[tokio::test]
async fn a_letter_that_is_too_long_to_be_kept_stops_nothing_and_is_told_of() {
    let post = Post::start().await;
    post.write_foreign(b"a", &[b'x'; 1_040_000]);
    post.write_foreign(b"a", b"short");
    let run = post.run().await;
    assert_eq!(post.node().apply(0, &run).await.unwrap().next, 3);
    let letters = post.shelf().newest(10).await.unwrap();
    let places: Vec<_> = letters.iter().map(|it| (it.place.log_offset, it.is_cut())).collect();
    assert_eq!(places, [(2, false), (1, true)]);
    assert_eq!((letters[1].value.len(), letters[1].value_bytes), (0, 1_040_000));
}

#[tokio::test]
async fn nothing_behind_a_record_of_a_newer_version_is_judged() {
    let post = Post::start().await;
    post.write_foreign(b"a", b"chat\x09whatever");
    post.write_foreign(b"a", b"poison");
    let run = post.run().await;
    post.node().apply(0, &run).await.unwrap();
    assert_eq!(post.copies().await, 0);
}
