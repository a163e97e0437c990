//! What a node's writers promise, whatever happens to one group.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};

use chat_protocol::object::RoomKind;
use chat_protocol::{Event, RoomId};
use chat_server::domain::record::Draft;
use chat_server::store::postgres::{PgOptions, PgStore};
use chat_server::store::{Committed, Directory, History, Log, OnCommit, StoreError};
use futures_util::future::join_all;

use super::{database, open, sql, unavailable};
use crate::kit::within;
use crate::ports::FakeClock;
use crate::ports::store::{draft, past, person, room, send, user};

async fn open_with(options: PgOptions, on_commit: OnCommit) -> PgStore {
    PgStore::open(options, FakeClock::start(), on_commit).await.unwrap()
}

fn message(i: usize, text: &str) -> Draft {
    draft(&RoomId::general(), &person("a"), &i.to_string(), text)
}

async fn say(store: &PgStore, i: usize) -> Result<Committed, StoreError> {
    send(store, message(i, "hi")).await
}

async fn events_in_general(store: &PgStore) -> usize {
    past(store, &RoomId::general()).await.len()
}

#[tokio::test]
async fn a_statement_that_fails_fails_its_own_draft_only() {
    let url = database();
    let (store, handed_on) = open(&url, FakeClock::start()).await;
    let author = user(&*store, "a").await;
    sql(
        &url,
        "CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         IF new.body = 'poison' THEN RAISE 'poisoned'; END IF; RETURN new; END $$; \
         CREATE TRIGGER poison BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION poison()",
    );
    let texts = ["a", "b", "poison", "c", "poison", "d"];
    let mut drafts: Vec<Draft> =
        texts.iter().enumerate().map(|(i, text)| message(i, text)).collect();
    drafts.push(message(1, "b"));
    drafts.push(message(2, "poison"));
    let answers = store.commit(drafts).await;
    for (i, text) in texts.iter().enumerate() {
        match *text {
            "poison" => assert!(unavailable(&answers[i], "poisoned"), "{answers:?}"),
            _ => assert!(!answers[i].as_ref().unwrap().repeat),
        }
    }
    assert!(answers[6].as_ref().unwrap().repeat);
    assert!(unavailable(&answers[7], "poisoned"), "it is no repeat of what was undone");
    assert_eq!(events_in_general(&store).await, 5);
    assert!(!say(&store, 2).await.unwrap().repeat);
    let handed_on: Vec<Event> = handed_on.lock().unwrap().iter().map(|it| (**it).clone()).collect();
    assert_eq!(handed_on, past(&*store, &RoomId::general()).await[1..]);

    sql(&url, "ALTER TABLE members ADD CHECK (user_id <> 'id-b')");
    let poisoned = user(&*store, "b").await;
    let open = room(&*store, "open", RoomKind::Public, &author, &[]).await;
    let (join, sends) = tokio::join!(
        store.change(crate::ports::store::add(&open, &poisoned, &poisoned)),
        join_all((0..9).map(|i| send(&*store, draft(&open, &author, &i.to_string(), "hi"))))
    );
    assert!(unavailable(&join, "members_user_id_check"), "{join:?}");
    assert!(sends.iter().all(Result::is_ok), "{sends:?}");
    assert_eq!(past(&*store, &open).await.len(), 2 + 9);
}

#[tokio::test]
async fn a_panic_in_the_hook_leaves_nobody_waiting() {
    let once = AtomicBool::new(true);
    let hook = move |_: &[Arc<Event>]| assert!(!once.swap(false, Ordering::Relaxed), "on purpose");
    let store = open_with(PgOptions::new(database()), Box::new(hook)).await;
    assert!(unavailable(&say(&store, 1).await, "panicked"));
    // "Unavailable" is "unknown": here it was in the log.
    assert!(say(&store, 1).await.unwrap().repeat);
    assert!(!say(&store, 2).await.unwrap().repeat);
    assert_eq!(events_in_general(&store).await, 3);
}

/// A hook that says how many events it got, and then waits to be let go.
fn gate() -> (OnCommit, Receiver<usize>, Sender<()>) {
    let (entered, entries) = mpsc::channel();
    let (let_go, gate) = mpsc::channel();
    let hook = move |events: &[Arc<Event>]| {
        entered.send(events.len()).unwrap();
        gate.recv().unwrap();
    };
    (Box::new(hook), entries, let_go)
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_handed_on_before_the_answer_and_what_waits_becomes_one_group() {
    let (hook, entries, let_go) = gate();
    let options = PgOptions { queue_ops_max: 50, ..PgOptions::new(database()) };
    let store = Arc::new(open_with(options, hook).await);
    let call = |i| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { say(&store, i).await })
    };
    let first = call(0);
    assert_eq!(entries.recv().unwrap(), 1);
    assert!(!first.is_finished());

    let waiting: Vec<_> = (1..=51).map(call).collect();
    // One of them finds the queue full; which one is the runtime's choice.
    within("the queue is full", async {
        while !waiting.iter().any(tokio::task::JoinHandle::is_finished) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let_go.send(()).unwrap();
    assert_eq!(entries.recv().unwrap(), 50);
    assert!(!first.await.unwrap().unwrap().repeat);
    assert_eq!(waiting.iter().filter(|it| !it.is_finished()).count(), 50);
    let_go.send(()).unwrap();
    let answers = join_all(waiting).await;
    let full =
        answers.into_iter().map(Result::unwrap).filter(|it| unavailable(it, "queue is full"));
    assert_eq!(full.count(), 1);
}

#[tokio::test]
async fn closing_finishes_what_is_queued() {
    let (url, clock) = (database(), FakeClock::start());
    let (store, handed_on) = open(&url, clock.clone()).await;
    say(&store, 0).await.unwrap(); // so that it knows where the room belongs
    let calls = join_all((1..100).map(|i| say(&store, i)));
    let (answers, ()) = tokio::join!(calls, store.close()); // in this order
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(handed_on.lock().unwrap().len(), 100);
    let (store, _) = open(&url, clock).await;
    assert_eq!(events_in_general(&store).await, 101);
}

#[tokio::test]
async fn a_closed_store_answers_unavailable() {
    let (store, _) = open(&database(), FakeClock::start()).await;
    store.close().await;
    store.close().await;
    assert!(unavailable(&say(&store, 1).await, "closed"));
    assert!(unavailable(&store.user(&person("a").id).await, "closed"));
    assert!(unavailable(&store.head(&RoomId::general()).await, "closed"));
}

#[tokio::test]
async fn a_store_that_is_only_dropped_is_gone_and_another_goes_on() {
    let (url, clock) = (database(), FakeClock::start());
    let (store, _) = open(&url, clock.clone()).await;
    say(&store, 1).await.unwrap();
    drop(store);
    let mine = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'chat-server' \
         AND datname = current_database()";
    within("its connections end", async {
        while sql(&url, mine) != "0" {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let (store, _) = open(&url, clock).await;
    assert!(say(&store, 1).await.unwrap().repeat);
}

#[tokio::test]
async fn a_caller_that_gives_up_hurts_nobody() {
    let (store, _) = open(&database(), FakeClock::start()).await;
    user(&*store, "a").await;
    for i in 0..200 {
        let store = Arc::clone(&store);
        let call = tokio::spawn(async move {
            say(&store, i).await.unwrap();
            events_in_general(&store).await;
        });
        for _ in 0..i % 5 {
            tokio::task::yield_now().await;
        }
        call.abort();
        assert!(call.await.map_or_else(|it| it.is_cancelled(), |()| true));
    }
    events_in_general(&store).await;
    store.close().await;
}
