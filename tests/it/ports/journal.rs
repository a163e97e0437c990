//! What `src/journal/mod.rs` promises.

use std::sync::Arc;

use chat_protocol::object::{Durability, RoomKind};
use chat_protocol::{ErrorCode, RoomId};
use chat_server::journal::direct::DirectJournal;
use chat_server::journal::{Committed, Journal, JournalError};
use chat_server::store::Log;

use super::postgres::PgSubject;
use super::sqlite::SqliteSubject;
use super::store::{draft, past, refused, room, user};
use super::{Subject, promises};

promises! { sqlite: super::Direct::on_sqlite(); postgres: super::Direct::on_postgres().await;
    the_durability_is_named
    what_was_answered_is_in_the_log_in_the_order_of_the_drafts
    answers_come_one_per_draft
    a_repeat_is_answered_with_the_same_id_and_makes_no_second_message
    a_refused_draft_fails_alone
    what_was_answered_survives_a_power_cut
    drafts_of_many_callers_all_get_their_places
}

/// A journal under test, and the store that shows what is in its log.
pub trait JournalSubject: Send {
    fn journal(&self) -> Arc<dyn Journal>;
    fn subject(&mut self) -> &mut dyn Subject;
    fn durability(&self) -> Durability;
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

impl<S: Subject> JournalSubject for Direct<S> {
    fn journal(&self) -> Arc<dyn Journal> {
        let log: Arc<dyn Log> = self.store.store();
        Arc::new(DirectJournal::new(log, self.durability))
    }

    fn subject(&mut self) -> &mut dyn Subject {
        &mut self.store
    }

    fn durability(&self) -> Durability {
        self.durability
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
    let store = journal.subject().store();
    let author = user(&*store, "a").await;
    let general = RoomId::general();
    let drafts: Vec<_> = (0..30).map(|i| draft(&general, &author, &i.to_string(), "x")).collect();
    let ids: Vec<_> = drafts.iter().map(|it| Some(it.id)).collect();
    let answers = journal.journal().append(drafts).await;
    assert_eq!(repeats(&answers), vec![false; 30]);
    let placed: Vec<_> = past(&*store, &general).await.iter().skip(1).map(|it| it.id).collect();
    assert_eq!(placed, ids);
}

pub async fn answers_come_one_per_draft(journal: &mut dyn JournalSubject) {
    let store = journal.subject().store();
    let author = user(&*store, "a").await;
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
    let store = journal.subject().store();
    let author = user(&*store, "a").await;
    let first = draft(&RoomId::general(), &author, "1", "hi");
    let mut answers = journal.journal().append(vec![first.clone(), first.clone()]).await;
    answers.extend(journal.journal().append(vec![first.clone()]).await);
    assert!(answers.iter().all(|it| it.as_ref().unwrap().id == first.id));
    assert_eq!(past(&*store, &RoomId::general()).await.len(), 2);
}

pub async fn a_refused_draft_fails_alone(journal: &mut dyn JournalSubject) {
    let store = journal.subject().store();
    let author = user(&*store, "a").await;
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
    assert_eq!(past(&*store, &RoomId::general()).await.len(), 2);
}

pub async fn what_was_answered_survives_a_power_cut(journal: &mut dyn JournalSubject) {
    let author = user(&*journal.subject().store(), "a").await;
    let drafts = (0..5).map(|i| draft(&RoomId::general(), &author, &i.to_string(), "x"));
    let answers = journal.journal().append(drafts.collect()).await;
    assert_eq!(repeats(&answers), vec![false; 5]);
    journal.subject().crash().await;
    let drafts = (0..6).map(|i| draft(&RoomId::general(), &author, &i.to_string(), "x"));
    let answers = journal.journal().append(drafts.collect()).await;
    assert_eq!(repeats(&answers), [true, true, true, true, true, false]);
    assert_eq!(past(&*journal.subject().store(), &RoomId::general()).await.len(), 7);
}

pub async fn drafts_of_many_callers_all_get_their_places(journal: &mut dyn JournalSubject) {
    let store = journal.subject().store();
    let author = user(&*store, "a").await;
    let busy = room(&*store, "busy", RoomKind::Public, &author, &[]).await;
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
    assert_eq!(past(&*store, &busy).await.len(), 2 + 400);
}
