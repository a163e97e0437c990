//! A projection in memory: what the log says, by the fold.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chat_protocol::{Event, EventBody, MessageId, Offset, RoomId};
use chat_server::domain::fold::{Folded, LogOffset, Partition, Top, fold};
use chat_server::domain::log_record::{Content, Record, place, void};
use chat_server::journal::JournalError;
use chat_server::journal::kafka::{Found, KafkaOptions, KafkaProducer, KafkaReader, Known, Topic};
use chat_server::journal::reader::LogReader;
use tokio::sync::watch;

use super::clock;
use crate::kit::within;

/// Reads a whole topic.
pub struct Projection {
    state: Arc<Mutex<State>>,
    moved: watch::Receiver<()>,
    producer: Arc<KafkaProducer>,
    partitions: u32,
    _reader: Arc<KafkaReader>,
}

#[derive(Default)]
struct State {
    partitions: HashMap<u32, Partition>,
    tops: HashMap<RoomId, Top>,
    known: HashMap<MessageId, (Offset, EventBody)>,
    events: HashMap<RoomId, Vec<Event>>,
}

impl Projection {
    pub fn start(options: &KafkaOptions, topic: &Topic, producer: Arc<KafkaProducer>) -> Self {
        let name = format!("projection-{}", uuid::Uuid::now_v7());
        let reader = Arc::new(KafkaReader::start(options, topic, &name, clock()).unwrap());
        let (tell, moved) = watch::channel(());
        let (tell, state) = (Arc::new(tell), Arc::new(Mutex::new(State::default())));
        for partition in 0..topic.partitions {
            tokio::spawn(follow(reader.clone(), partition, state.clone(), tell.clone()));
        }
        Self { state, moved, producer, partitions: topic.partitions, _reader: reader }
    }

    /// Returns when all that is in the log now is folded.
    pub async fn catch_up(&self) {
        for partition in 0..self.partitions {
            let end = self.producer.end_of(partition).await.unwrap();
            let mut moved = self.moved.clone();
            let is_there = |_: &()| {
                let state = self.state.lock().unwrap();
                state.partitions.get(&partition).map_or(0, |it| it.next) >= end
            };
            within("a projection catches up", moved.wait_for(is_there)).await.unwrap();
        }
    }

    /// A room's events, after catching up.
    pub async fn events(&self, room: &RoomId) -> Vec<Event> {
        self.catch_up().await;
        self.state.lock().unwrap().events.get(room).cloned().unwrap_or_default()
    }
}

async fn follow(
    reader: Arc<KafkaReader>,
    partition: u32,
    state: Arc<Mutex<State>>,
    tell: Arc<watch::Sender<()>>,
) {
    let mut assigned = reader.assigned();
    let is_ours = |ours: &BTreeSet<u32>| ours.contains(&partition);
    within("a partition is assigned", assigned.wait_for(is_ours)).await.unwrap();
    let mut stream = reader.open(partition, 0).await.unwrap();
    loop {
        let Ok(records) = stream.next(500).await else { return };
        let mut state = state.lock().unwrap();
        for record in records {
            state.fold(partition, record);
        }
        drop(state);
        tell.send_replace(());
    }
}

impl State {
    fn fold(&mut self, partition: u32, record: Record) {
        let header = record.header();
        let at = self.partitions.entry(partition).or_default();
        let Some(room) = record.room.clone() else {
            at.next = at.next.max(record.log_offset + 1);
            return;
        };
        let top = self.tops.entry(room.clone()).or_default();
        let known = |_: &Partition, id: &MessageId| self.known.get(id).map(|(offset, _)| *offset);
        let event = match (fold(at, top, header, known), record.content) {
            (Folded::Event { offset, time, .. }, Content::Draft(checked)) => {
                self.known.insert(checked.draft.id, (offset, checked.draft.body.clone()));
                place(checked.draft, offset, time)
            }
            (Folded::Void { offset, time, of }, _) => void(room.clone(), offset, time, of),
            other => panic!("a log gives each record once: {other:?}"),
        };
        self.events.entry(room).or_default().push(event);
    }
}

#[async_trait]
impl Known for Projection {
    async fn find(&self, _: &RoomId, id: MessageId) -> Result<Option<Found>, JournalError> {
        self.catch_up().await;
        let state = self.state.lock().unwrap();
        Ok(state.known.get(&id).map(|(_, body)| Found { body: Some(body.clone()) }))
    }
}

/// Where the next record of a partition will stand, and all before it.
pub async fn read_all(
    reader: &KafkaReader,
    producer: &KafkaProducer,
    partition: u32,
    from: LogOffset,
) -> Vec<Record> {
    let end = producer.end_of(partition).await.unwrap();
    let mut assigned = reader.assigned();
    let is_ours = |ours: &BTreeSet<u32>| ours.contains(&partition);
    within("a partition is assigned", assigned.wait_for(is_ours)).await.unwrap();
    let mut stream = reader.open(partition, from).await.unwrap();
    let mut records = Vec::new();
    while from + (records.len() as LogOffset) < end {
        records.extend(within("a record comes", stream.next(1000)).await.unwrap());
    }
    records
}
