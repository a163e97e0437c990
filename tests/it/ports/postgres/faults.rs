//! The server dies, stops, or falls silent. Each test has one of its own.

use std::sync::Arc;
use std::time::Duration;

use chat_protocol::object::User;
use chat_protocol::{RoomId, UserId};
use chat_server::domain::record::Change;
use chat_server::store::postgres::PgStore;
use chat_server::store::{Directory, History, Log, StoreError};
use chat_services::{Durability, Postgres};
use futures_util::future::join_all;
use tokio::time::timeout;

use super::open;
use crate::kit::within;
use crate::ports::FakeClock;
use crate::ports::store::{draft, past, person, send, user};

/// Whoever asks is answered by then, whatever has become of the database.
const ANSWERED_WITHIN: Duration = Duration::from_secs(3);

async fn node(durability: Durability) -> (Postgres, Arc<PgStore>) {
    let server = Postgres::start(durability).unwrap();
    let url = server.create_database("chat").unwrap();
    // An operator's choice for other programs, which must not reach us.
    server.query("chat", "ALTER DATABASE chat SET synchronous_commit = off").unwrap();
    let (store, _) = open(&url, FakeClock::start()).await;
    (server, store)
}

/// Every kind of question is answered "unavailable", and soon.
async fn all_unavailable(store: &PgStore) {
    let general = RoomId::general();
    let new = User { id: UserId::parse("new").unwrap(), name: "new".into(), guest: true };
    let commit = async { send(store, draft(&general, &person("a"), "away", "hi")).await.map(drop) };
    let head = async { store.head(&general).await.map(drop) };
    let change = async { store.change(Change::CreateUser(new)).await.map(drop) };
    let asked = async { <[_; 3]>::from(tokio::join!(commit, head, change)) };
    let answers = timeout(ANSWERED_WITHIN, asked).await.expect("all are answered in time");
    let unavailable = |it: &Result<_, _>| matches!(it, Err(StoreError::Unavailable(_)));
    assert!(answers.iter().all(unavailable), "{answers:?}");
}

/// And once it is back, all of it works, without anyone's doing.
async fn works_again(store: &PgStore) {
    let general = RoomId::general();
    within("it works again", async {
        while send(store, draft(&general, &person("a"), "back", "hi")).await.is_err()
            || store.head(&general).await.is_err()
        {
            tokio::task::yield_now().await;
        }
    })
    .await;
    user(store, "later").await;
    assert!(send(store, draft(&general, &person("a"), "back", "hi")).await.unwrap().repeat);
}

#[tokio::test]
async fn kill_9_of_the_server_loses_nothing_that_was_answered() {
    let (mut server, store) = node(Durability::Durable).await;
    user(&*store, "a").await;
    for round in 0..2 {
        let callers: Vec<_> = (0..8)
            .map(|caller| {
                let store = Arc::clone(&store);
                tokio::spawn(async move {
                    let mut answered = Vec::new();
                    for i in 0.. {
                        let client_id = format!("{round}-{caller}-{i}");
                        let drafts = vec![draft(&RoomId::general(), &person("a"), &client_id, "x")];
                        match store.commit(drafts).await.remove(0) {
                            Ok(committed) => answered.push((client_id, committed.id)),
                            Err(_) => break,
                        }
                    }
                    answered
                })
            })
            .collect();
        within("some are answered", async {
            while store.head(&RoomId::general()).await.unwrap().unwrap().offset < 200 {
                tokio::task::yield_now().await;
            }
        })
        .await;
        server.kill().unwrap();
        let answered = within("all hear of it", join_all(callers)).await;
        server.start_again().unwrap();
        works_again(&store).await;
        let past = past(&*store, &RoomId::general()).await;
        for (client_id, id) in answered.into_iter().flat_map(Result::unwrap) {
            let there = past.iter().filter(|it| it.id == Some(id)).count();
            assert_eq!(there, 1, "{client_id}");
        }
    }
}

#[tokio::test]
async fn a_database_that_is_away_is_unavailable_until_it_is_back() {
    let (mut server, store) = node(Durability::Quick).await;
    user(&*store, "a").await;
    store.head(&RoomId::general()).await.unwrap();
    server.stop().unwrap();
    all_unavailable(&store).await;
    all_unavailable(&store).await; // with no connection to begin with
    server.start_again().unwrap();
    works_again(&store).await;
}

#[tokio::test]
async fn a_database_that_falls_silent_is_unavailable_until_it_speaks() {
    let (mut server, store) = node(Durability::Quick).await;
    user(&*store, "a").await;
    store.head(&RoomId::general()).await.unwrap();
    server.pause().unwrap();
    all_unavailable(&store).await;
    all_unavailable(&store).await;
    server.resume();
    works_again(&store).await;
}

#[tokio::test]
async fn a_restart_of_the_database_between_two_messages_is_not_noticed() {
    let (mut server, store) = node(Durability::Durable).await;
    let author = user(&*store, "a").await;
    send(&*store, draft(&RoomId::general(), &author, "1", "hi")).await.unwrap();
    server.stop().unwrap();
    server.start_again().unwrap();
    send(&*store, draft(&RoomId::general(), &author, "2", "hi")).await.unwrap();
    assert_eq!(past(&*store, &RoomId::general()).await.len(), 3);
}
