use super::*;
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::domain::log_record::Content;
use async_trait::async_trait;
use tokio::sync::watch;

/// A log of one partition in memory.
struct Log {
    records: watch::Sender<Vec<Record>>,
    begins_at: LogOffset,
    assigned: watch::Sender<BTreeSet<u32>>,
}

impl Log {
    fn new(count: u64) -> Arc<Self> {
        let records = watch::Sender::new((0..count).map(record).collect());
        Arc::new(Self { records, begins_at: 0, assigned: watch::Sender::new(BTreeSet::from([0])) })
    }
}

fn record(at: LogOffset) -> Record {
    Record::decode(at, at, b"tea", at.to_string().as_bytes())
}

#[async_trait]
impl LogReader for Log {
    fn assigned(&self) -> watch::Receiver<BTreeSet<u32>> {
        self.assigned.subscribe()
    }

    async fn open(&self, _: u32, from: LogOffset) -> Result<Box<dyn LogStream>, LogError> {
        let begins_at = self.begins_at;
        match from < begins_at {
            true => Err(LogError::Truncated { begins_at }),
            false => Ok(Box::new(Reading { records: self.records.subscribe(), from })),
        }
    }
}

struct Reading {
    records: watch::Receiver<Vec<Record>>,
    from: LogOffset,
}

#[async_trait]
impl LogStream for Reading {
    async fn next(&mut self, max: usize) -> Result<Vec<Record>, LogError> {
        let from = self.from;
        let later = |record: &&Record| record.log_offset >= from;
        let there = self.records.wait_for(|all| all.iter().any(|r| later(&r))).await;
        let there = there.map_err(|_| LogError::TakenAway)?;
        let run: Vec<Record> = there.iter().filter(later).take(max).cloned().collect();
        self.from = run.last().map_or(from, |last| last.log_offset + 1);
        Ok(run)
    }

    fn end(&self) -> Option<LogOffset> {
        self.records.borrow().last().map(|last| last.log_offset + 1)
    }
}

/// Writes down what was folded.
#[derive(Default)]
struct Folded {
    cursor: Mutex<Cursor>,
    places: watch::Sender<Vec<LogOffset>>,
    /// Applications that fail before one works.
    failing: AtomicUsize,
}

impl Folded {
    async fn reaches(&self, count: usize) -> Vec<LogOffset> {
        let mut places = self.places.subscribe();
        let reached = places.wait_for(|places| places.len() >= count);
        tokio::time::timeout(Duration::from_secs(20), reached).await.unwrap().unwrap().clone()
    }
}

#[async_trait]
impl Projection for Folded {
    fn name(&self) -> &'static str {
        "test"
    }

    fn idle_check(&self) -> Duration {
        Duration::from_millis(5)
    }

    async fn cursor(&self, _: u32) -> Result<Cursor, ProjectionError> {
        Ok(*self.cursor.lock().unwrap())
    }

    async fn apply(&self, _: u32, run: &[Record]) -> Result<Cursor, ProjectionError> {
        let failing = self.failing.load(Ordering::SeqCst);
        if failing > 0 {
            self.failing.store(failing - 1, Ordering::SeqCst);
            return Err(ProjectionError::Unavailable("away".into()));
        }
        let mut cursor = self.cursor.lock().unwrap();
        if run[0].log_offset != cursor.next {
            return Err(ProjectionError::Elsewhere);
        }
        let is_newer = |record: &Record| matches!(record.content, Content::Newer(_));
        let run: Vec<_> = run.iter().take_while(|it| !is_newer(it)).collect();
        let Some(last) = run.last() else { return Err(ProjectionError::Newer(9)) };
        *cursor = Cursor { next: last.log_offset + 1, checksum: Some(last.checksum) };
        self.places.send_modify(|places| places.extend(run.iter().map(|r| r.log_offset)));
        Ok(*cursor)
    }
}

fn start(log: &Arc<Log>, folded: &Arc<Folded>) -> actix::Addr<Projector> {
    Projector::new(log.clone(), folded.clone()).start()
}

#[actix_rt::test]
async fn everything_is_folded_once_and_in_order_and_so_is_what_comes() {
    let (log, folded) = (Log::new(2500), Arc::new(Folded::default()));
    let _projector = start(&log, &folded);
    folded.reaches(2500).await;
    log.records.send_modify(|all| all.push(record(2500)));
    assert_eq!(folded.reaches(2501).await, (0..2501).collect::<Vec<_>>());
}

#[actix_rt::test]
async fn a_projection_that_is_away_is_waited_for() {
    let (log, folded) = (Log::new(3), Arc::new(Folded::default()));
    folded.failing.store(3, Ordering::SeqCst);
    let _projector = start(&log, &folded);
    assert_eq!(folded.reaches(3).await, [0, 1, 2]);
}

#[actix_rt::test]
async fn one_that_was_emptied_while_nothing_came_is_built_again() {
    let (log, folded) = (Log::new(3), Arc::new(Folded::default()));
    let _projector = start(&log, &folded);
    folded.reaches(3).await;
    *folded.cursor.lock().unwrap() = Cursor::default();
    assert_eq!(folded.reaches(6).await, [0, 1, 2, 0, 1, 2]);
}

#[actix_rt::test]
async fn another_log_is_not_folded() {
    let (log, folded) = (Log::new(5), Arc::new(Folded::default()));
    *folded.cursor.lock().unwrap() = Cursor { next: 3, checksum: Some(record(99).checksum) };
    let follower = Follower { partition: 0, reader: log, projection: folded.clone() };
    let mut backoff = Backoff::new(RETRY_LEAST, RETRY_GREATEST);
    let stop = follower.attach_and_fold(&mut backoff).await;
    assert!(matches!(stop, Stop::Operator(why) if why.contains("another log")));
    assert!(folded.places.borrow().is_empty());
}

#[actix_rt::test]
async fn a_record_that_this_node_can_t_read_yet_stops_the_partition_even_if_nothing_comes_after_it()
{
    let (log, folded) = (Log::new(3), Arc::new(Folded::default()));
    log.records.send_modify(|all| all.push(Record::decode(3, 3, b"tea", b"chat\x09whatever")));
    let follower = Follower { partition: 0, reader: log, projection: folded.clone() };
    let mut backoff = Backoff::new(RETRY_LEAST, RETRY_GREATEST);
    assert!(matches!(follower.attach_and_fold(&mut backoff).await, Stop::Elsewhere));
    assert!(matches!(follower.attach_and_fold(&mut backoff).await, Stop::Operator(_)));
    assert_eq!(*folded.places.borrow(), [0, 1, 2]);
}

#[actix_rt::test]
async fn a_log_that_begins_where_the_projection_stands_goes_on() {
    let mut log = Log::new(6);
    Arc::get_mut(&mut log).unwrap().begins_at = 4;
    let folded = Arc::new(Folded::default());
    *folded.cursor.lock().unwrap() = Cursor { next: 4, checksum: Some(record(3).checksum) };
    let _projector = start(&log, &folded);
    assert_eq!(folded.reaches(2).await, [4, 5]);
}

#[actix_rt::test]
async fn a_log_that_begins_after_it_stops_it() {
    let mut log = Log::new(6);
    Arc::get_mut(&mut log).unwrap().begins_at = 5;
    let folded = Arc::new(Folded::default());
    *folded.cursor.lock().unwrap() = Cursor { next: 4, checksum: Some(record(3).checksum) };
    let follower = Follower { partition: 0, reader: log, projection: folded };
    let mut backoff = Backoff::new(RETRY_LEAST, RETRY_GREATEST);
    assert!(matches!(follower.attach_and_fold(&mut backoff).await, Stop::Operator(_)));
}

#[actix_rt::test]
async fn a_partition_that_was_taken_away_is_let_go_and_taken_up_again() {
    let (log, folded) = (Log::new(1), Arc::new(Folded::default()));
    let _projector = start(&log, &folded);
    folded.reaches(1).await;
    log.assigned.send_replace(BTreeSet::new());
    while log.records.receiver_count() > 0 {
        tokio::task::yield_now().await;
    }
    log.records.send_modify(|all| all.push(record(1)));
    log.assigned.send_replace(BTreeSet::from([0]));
    assert_eq!(folded.reaches(2).await, [0, 1]);
}
