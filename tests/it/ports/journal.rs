//! What `src/journal/mod.rs` promises.

use std::sync::Arc;

use async_trait::async_trait;
use chat_protocol::object::{Durability, Person, RoomKind};
use chat_protocol::{ErrorCode, MessageId, RoomId};
use chat_server::journal::direct::DirectJournal;
use chat_server::journal::{Committed, Journal, JournalError};
use chat_server::store::Log;

use super::kafka::subject::KafkaSubject;
use super::postgres::PgSubject;
use super::sqlite::SqliteSubject;
use super::store::{draft, past, refused, room, user};
use super::{Subject, promises};

promises! { sqlite: super::Direct::on_sqlite(); postgres: super::Direct::on_postgres().await;
    kafka: super::KafkaSubject::start().await;
    the_durability_is_named
    what_was_answered_is_in_the_log_in_the_order_of_the_drafts
    answers_come_one_per_draft
    a_repeat_is_answered_with_the_same_id_and_makes_no_second_message
    a_refused_draft_fails_alone
    what_was_answered_survives_a_power_cut
    drafts_of_many_callers_all_get_their_places
}

/// A journal under test, and what shows what is in its log.
#[async_trait]
pub trait JournalSubject: Send {
    fn journal(&self) -> Arc<dyn Journal>;
    fn durability(&self) -> Durability;

    /// Someone who may speak.
    async fn person(&mut self, name: &str) -> Person;

    /// A new room, beside the general one, which is there.
    async fn room(&mut self, id: &str, creator: &Person) -> RoomId;

    /// A room's messages, in the order of the log; what takes a place and says nothing is left out.
    async fn messages(&mut self, room: &RoomId) -> Vec<MessageId>;

    /// Begins again with what was durable at this moment, as after a power cut.
    async fn crash(&mut self);
}

/// A store's own log.
struct Direct<S> {
    store: S,
    durability: Durability,
}

impl Direct<SqliteSubject> {
    fn on_sqlite() -> Self {
        Self { store: SqliteSubject::start(), durability: Durability::Fsync }
    }
}

impl Direct<PgSubject> {
    async fn on_postgres() -> Self {
        Self { store: PgSubject::start().await, durability: Durability::Database }
    }
}

#[async_trait]
impl<S: Subject> JournalSubject for Direct<S> {
    fn journal(&self) -> Arc<dyn Journal> {
        let log: Arc<dyn Log> = self.store.store();
        Arc::new(DirectJournal::new(log, self.durability))
    }

    fn durability(&self) -> Durability {
        self.durability
    }

    async fn person(&mut self, name: &str) -> Person {
        user(&*self.store.store(), name).await
    }

    async fn room(&mut self, id: &str, creator: &Person) -> RoomId {
        room(&*self.store.store(), id, RoomKind::Public, creator, &[]).await
    }

    async fn messages(&mut self, room: &RoomId) -> Vec<MessageId> {
        let events = past(&*self.store.store(), room).await;
        events.into_iter().filter(|it| it.body.is_message()).filter_map(|it| it.id).collect()
    }

    async fn crash(&mut self) {
        self.store.crash().await;
    }
}

fn repeats(answers: &[Result<Committed, JournalError>]) -> Vec<bool> {
    answers.iter().map(|it| it.as_ref().unwrap().repeat).collect()
}

pub async fn the_durability_is_named(journal: &mut dyn JournalSubject) {
    assert_eq!(journal.journal().durability(), journal.durability());
}

pub async fn what_was_answered_is_in_the_log_in_the_order_of_the_drafts(
    journal: &mut dyn JournalSubject,
) {
    let author = journal.person("a").await;
    let general = RoomId::general();
    let drafts: Vec<_> = (0..30).map(|i| draft(&general, &author, &i.to_string(), "x")).collect();
    let ids: Vec<_> = drafts.iter().map(|it| it.id).collect();
    let answers = journal.journal().append(drafts).await;
    assert_eq!(repeats(&answers), vec![false; 30]);
    assert_eq!(journal.messages(&general).await, ids);
}

pub async fn answers_come_one_per_draft(journal: &mut dyn JournalSubject) {
    let author = journal.person("a").await;
    assert_eq!(journal.journal().append(Vec::new()).await, []);
    let drafts: Vec<_> =
        (0..3).map(|i| draft(&RoomId::general(), &author, &i.to_string(), "x")).collect();
    let ids: Vec<_> = drafts.iter().map(|it| it.id).collect();
    let answers = journal.journal().append(drafts).await;
    assert_eq!(answers.into_iter().map(|it| it.unwrap().id).collect::<Vec<_>>(), ids);
}

pub async fn a_repeat_is_answered_with_the_same_id_and_makes_no_second_message(
    journal: &mut dyn JournalSubject,
) {
    let author = journal.person("a").await;
    let first = draft(&RoomId::general(), &author, "1", "hi");
    let mut answers = journal.journal().append(vec![first.clone(), first.clone()]).await;
    answers.extend(journal.journal().append(vec![first.clone()]).await);
    assert!(answers.iter().all(|it| it.as_ref().unwrap().id == first.id));
    assert_eq!(journal.messages(&RoomId::general()).await.len(), 1);
}

pub async fn a_refused_draft_fails_alone(journal: &mut dyn JournalSubject) {
    let author = journal.person("a").await;
    let nowhere = RoomId::parse("nowhere").unwrap();
    let drafts = vec![
        draft(&nowhere, &author, "1", "hi"),
        draft(&RoomId::general(), &author, "2", "hi"),
        draft(&RoomId::general(), &author, "2", "bye"),
    ];
    let answers = journal.journal().append(drafts).await;
    assert_eq!(answers[0], refused(ErrorCode::RoomNotFound));
    assert!(answers[1].is_ok());
    assert_eq!(answers[2], refused(ErrorCode::ClientIdReused));
    assert_eq!(journal.messages(&RoomId::general()).await.len(), 1);
}

pub async fn what_was_answered_survives_a_power_cut(journal: &mut dyn JournalSubject) {
    let author = journal.person("a").await;
    let drafts = (0..5).map(|i| draft(&RoomId::general(), &author, &i.to_string(), "x"));
    let answers = journal.journal().append(drafts.collect()).await;
    assert_eq!(repeats(&answers), vec![false; 5]);
    journal.crash().await;
    let drafts = (0..6).map(|i| draft(&RoomId::general(), &author, &i.to_string(), "x"));
    let answers = journal.journal().append(drafts.collect()).await;
    assert_eq!(repeats(&answers), [true, true, true, true, true, false]);
    assert_eq!(journal.messages(&RoomId::general()).await.len(), 6);
}

pub async fn drafts_of_many_callers_all_get_their_places(journal: &mut dyn JournalSubject) {
    let author = journal.person("a").await;
    let busy = journal.room("busy", &author).await;
    let callers: Vec<_> = (0..20)
        .map(|caller| {
            let (journal, author, busy) = (journal.journal(), author.clone(), busy.clone());
            tokio::spawn(async move {
                for i in 0..20 {
                    let client_id = format!("{caller}-{i}");
                    let answers =
                        journal.append(vec![draft(&busy, &author, &client_id, "x")]).await;
                    assert_eq!(repeats(&answers), [false]);
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    assert_eq!(journal.messages(&busy).await.len(), 400);
}
