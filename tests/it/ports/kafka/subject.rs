//! A Kafka journal as a subject of the journal's contract; a projection in memory shows what is in its log.

use std::sync::Arc;

use async_trait::async_trait;
use chat_protocol::object::{Durability, Person};
use chat_protocol::{MessageId, RoomId};
use chat_server::journal::Journal;
use chat_server::journal::kafka::{KafkaJournal, KafkaOptions, KafkaProducer, Topic};

use super::projection::Projection;
use super::{Rooms, clock, shared};
use crate::ports::journal::JournalSubject;
use crate::ports::store::person;

pub struct KafkaSubject {
    options: KafkaOptions,
    topic: Topic,
    rooms: Arc<Rooms>,
    life: Life,
}

/// What is gone when the node is.
struct Life {
    journal: Arc<KafkaJournal>,
    projection: Arc<Projection>,
}

impl KafkaSubject {
    pub async fn start() -> Self {
        let options = shared(2);
        let topic = Topic::ensure(&options, None, clock()).await.unwrap();
        let rooms = Arc::new(Rooms::default());
        rooms.add("general", 0);
        let life = Life::begin(&options, &topic, &rooms).await;
        Self { options, topic, rooms, life }
    }
}

impl Life {
    async fn begin(options: &KafkaOptions, topic: &Topic, rooms: &Arc<Rooms>) -> Self {
        let producer = KafkaProducer::start(options, topic.clone(), clock()).unwrap();
        let producer = Arc::new(producer);
        let projection = Arc::new(Projection::start(options, topic, producer.clone()));
        // From now on both are quick.
        producer.ready().await.unwrap();
        projection.catch_up().await;
        let known = projection.clone();
        let journal = Arc::new(KafkaJournal::new(producer, rooms.clone(), known, clock()));
        Self { journal, projection }
    }
}

#[async_trait]
impl JournalSubject for KafkaSubject {
    fn journal(&self) -> Arc<dyn Journal> {
        self.life.journal.clone()
    }

    fn durability(&self) -> Durability {
        Durability::Broker
    }

    async fn person(&mut self, name: &str) -> Person {
        person(name)
    }

    async fn room(&mut self, id: &str, _: &Person) -> RoomId {
        self.rooms.add(id, 1)
    }

    async fn messages(&mut self, room: &RoomId) -> Vec<MessageId> {
        let events = self.life.projection.events(room).await;
        events.into_iter().filter(|it| it.body.is_message()).filter_map(|it| it.id).collect()
    }

    /// Of the node: the next one knows what the brokers know.
    async fn crash(&mut self) {
        self.life = Life::begin(&self.options, &self.topic, &self.rooms).await;
    }
}
