//! What is this store's own: its file, its writer's failures. The contract is in `tests/it/ports/store/`.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};

use chat_protocol::object::{Person, User};
use chat_protocol::{ClientId, Event, RoomId, UserId};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use tempfile::TempDir;

use super::schema::events;
use super::*;
use crate::clock::SystemClock;
use crate::domain::record::Change;
use crate::store::{Directory, History, PageLimit, Range};

const ALL: PageLimit = PageLimit { events: usize::MAX, bytes: usize::MAX };

fn open_with(
    directory: &Path,
    options: SqliteOptions,
    on_commit: OnCommit,
) -> Result<SqliteStore, OpenError> {
    let clock = Arc::new(SystemClock::start());
    SqliteStore::open(&directory.join("chat.db"), options, clock, on_commit)
}

fn open(directory: &Path) -> Result<SqliteStore, OpenError> {
    open_with(directory, SqliteOptions::default(), Box::new(|_| {}))
}

/// A second connection, as an operator's tool has it.
fn tool(directory: &Path) -> SqliteConnection {
    SqliteConnection::establish(directory.join("chat.db").to_str().unwrap()).unwrap()
}

fn author() -> Person {
    Person { id: UserId::parse("a").unwrap(), name: "a".into() }
}

fn draft(client_id: usize, text: &str) -> Draft {
    let client_id = ClientId::parse(&client_id.to_string()).unwrap();
    Draft::message(RoomId::general(), author(), client_id, text.to_owned())
}

async fn say(store: &SqliteStore, client_id: usize) -> Result<Committed, StoreError> {
    store.commit(vec![draft(client_id, "hi")]).await.remove(0)
}

/// The number of events in `general`, which must have no hole.
async fn events_in_general(store: &SqliteStore) -> usize {
    let page = store.page(&RoomId::general(), None, Range::Newest, ALL).await.unwrap();
    assert!(page.events.iter().map(|it| it.offset).eq(1..=page.head));
    page.events.len()
}

fn unavailable<T>(answer: &Result<T, StoreError>, why: &str) -> bool {
    matches!(answer, Err(StoreError::Unavailable(text)) if text.contains(why))
}

#[test]
fn a_missing_directory_is_named() {
    let directory = TempDir::new().unwrap();
    let missing = directory.path().join("missing");
    assert!(matches!(open(&missing), Err(OpenError::NoDirectory(it)) if it == missing));
}

#[test]
fn what_can_not_be_written_is_named() {
    let directory = TempDir::new().unwrap();
    std::fs::create_dir(directory.path().join("chat.db")).unwrap();
    assert!(matches!(open(directory.path()), Err(OpenError::NotWritable(..))));
}

#[test]
fn a_file_that_is_no_database_is_left_alone() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("chat.db");
    std::fs::write(&file, "not a database at all, whatever its name says".repeat(20)).unwrap();
    let before = std::fs::read(&file).unwrap();
    assert!(matches!(open(directory.path()), Err(OpenError::NotADatabase(_))));
    assert_eq!(std::fs::read(&file).unwrap(), before);
}

#[test]
fn a_database_of_another_program_is_left_alone() {
    let directory = TempDir::new().unwrap();
    tool(directory.path()).batch_execute("CREATE TABLE theirs (x)").unwrap();
    let before = std::fs::read(directory.path().join("chat.db")).unwrap();
    assert!(matches!(open(directory.path()), Err(OpenError::NotADatabase(_))));
    assert_eq!(std::fs::read(directory.path().join("chat.db")).unwrap(), before);
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused() {
    let directory = TempDir::new().unwrap();
    open(directory.path()).unwrap().close().await;
    let newer = "INSERT INTO __diesel_schema_migrations (version) VALUES ('9999')";
    tool(directory.path()).batch_execute(newer).unwrap();
    let refused = open(directory.path());
    assert!(matches!(refused, Err(OpenError::Newer(_, version)) if version == "9999"));
}

#[tokio::test]
async fn a_data_directory_belongs_to_one_store_until_it_is_closed() {
    let directory = TempDir::new().unwrap();
    let store = open(directory.path()).unwrap();
    assert!(matches!(open(directory.path()), Err(OpenError::Locked(_))));
    store.close().await;
    open(directory.path()).unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn the_files_are_private() {
    use std::os::unix::fs::PermissionsExt;
    let directory = TempDir::new().unwrap();
    let store = open(directory.path()).unwrap();
    say(&store, 1).await.unwrap();
    for file in std::fs::read_dir(directory.path()).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{file:?}");
    }
}

#[tokio::test]
async fn a_closed_store_answers_unavailable() {
    let directory = TempDir::new().unwrap();
    let store = open(directory.path()).unwrap();
    store.close().await;
    store.close().await;
    assert!(unavailable(&say(&store, 1).await, "closed"));
    assert!(unavailable(&store.user(&author().id).await, "closed"));
    assert!(unavailable(&store.head(&RoomId::general()).await, "closed"));
}

#[tokio::test]
async fn closing_finishes_what_is_queued_and_leaves_one_file() {
    let directory = TempDir::new().unwrap();
    let store = open(directory.path()).unwrap();
    let calls = futures_util::future::join_all((0..100).map(|i| say(&store, i)));
    let (answers, ()) = tokio::join!(calls, store.close()); // in this order
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert!(!directory.path().join("chat.db-wal").exists());
    let store = open(directory.path()).unwrap();
    assert_eq!(events_in_general(&store).await, 101);
}

#[tokio::test]
async fn a_store_that_is_only_dropped_gives_its_directory_back() {
    let directory = TempDir::new().unwrap();
    let store = open(directory.path()).unwrap();
    say(&store, 1).await.unwrap();
    drop(store);
    let clock = SystemClock::start();
    let store = loop {
        match open(directory.path()) {
            Ok(store) => break store,
            Err(OpenError::Locked(_)) if clock.monotonic_ms() < 10_000 => {
                tokio::task::yield_now().await;
            }
            Err(error) => panic!("{error}"),
        }
    };
    assert!(say(&store, 1).await.unwrap().repeat);
}

#[tokio::test]
async fn a_write_ahead_log_that_ends_anywhere_leaves_a_prefix_of_whole_groups() {
    let directory = TempDir::new().unwrap();
    let store = open(directory.path()).unwrap();
    for group in 0..10 {
        let drafts = (0..10).map(|i| draft(group * 10 + i, "hi"));
        store.commit(drafts.collect()).await;
    }
    let file = |name| directory.path().join(name);
    let (db, wal) = (std::fs::read(file("chat.db")), std::fs::read(file("chat.db-wal")));
    let (db, wal) = (db.unwrap(), wal.unwrap());
    let mut found = Vec::new();
    for end in (0..=wal.len()).rev().step_by(wal.len() / 23) {
        let copy = TempDir::new().unwrap();
        std::fs::write(copy.path().join("chat.db"), &db).unwrap();
        std::fs::write(copy.path().join("chat.db-wal"), &wal[..end]).unwrap();
        let store = open(copy.path()).unwrap();
        let events = events_in_general(&store).await;
        assert_eq!(events % 10, 1, "cut at {end}");
        assert_eq!(say(&store, 99).await.unwrap().repeat, events == 101);
        found.push(events);
    }
    assert_eq!(found.first(), Some(&101));
    assert!(found.is_sorted_by(|a, b| a >= b) && found.last() < Some(&51), "{found:?}");
}

#[tokio::test]
async fn a_statement_that_fails_fails_its_own_draft_only() {
    let directory = TempDir::new().unwrap();
    let store = open(directory.path()).unwrap();
    tool(directory.path())
        .batch_execute(
            "CREATE TRIGGER poison BEFORE INSERT ON events WHEN new.body = CAST('poison' AS BLOB)
             BEGIN SELECT RAISE(ABORT, 'poisoned'); END",
        )
        .unwrap();
    let texts = ["a", "b", "poison", "c", "poison", "d"];
    let drafts = texts.iter().enumerate().map(|(i, text)| draft(i, text));
    let mut drafts: Vec<Draft> = drafts.collect();
    drafts.push(draft(1, "b"));
    let answers = store.commit(drafts).await;
    for (i, text) in texts.iter().enumerate() {
        match *text {
            "poison" => assert!(unavailable(&answers[i], "poisoned"), "{answers:?}"),
            _ => assert!(!answers[i].as_ref().unwrap().repeat),
        }
    }
    assert!(answers[6].as_ref().unwrap().repeat);
    assert_eq!(events_in_general(&store).await, 5);
    assert!(!say(&store, 2).await.unwrap().repeat); // the failed one was not written
    assert_eq!(events_in_general(&store).await, 6);
}

#[tokio::test]
async fn a_full_disk_is_unavailable_and_ends_when_there_is_room_again() {
    let directory = TempDir::new().unwrap();
    let options = SqliteOptions { file_bytes_max: Some(1 << 20), ..SqliteOptions::default() };
    let store = open_with(directory.path(), options, Box::new(|_| {})).unwrap();
    let text = "x".repeat(10_000);
    let (mut committed, mut last) = (0, Ok(()));
    while last.is_ok() {
        last = store.commit(vec![draft(committed, &text)]).await.remove(0).map(drop);
        committed += usize::from(last.is_ok());
        assert!(committed < 110, "it never got full");
    }
    assert!(unavailable(&last, "full"), "{last:?}");
    let answers = store.commit(vec![draft(0, &text), draft(committed, &text)]).await;
    assert!(answers.iter().all(|it| unavailable(it, "full")), "{answers:?}");
    assert_eq!(events_in_general(&store).await, committed + 1);

    let mut tool = tool(directory.path());
    // What an operator may drop: nobody reads it again here.
    let oldest = events::offset.between(2, 20);
    diesel::delete(events::table.filter(oldest)).execute(&mut tool).unwrap();
    let after = store.commit(vec![draft(committed, &text)]).await.remove(0);
    assert!(!after.unwrap().repeat);
    let head = store.head(&RoomId::general()).await.unwrap().unwrap();
    assert_eq!(usize::try_from(head.offset), Ok(committed + 2));
}

#[tokio::test]
async fn a_panic_in_the_writer_leaves_nobody_waiting() {
    let directory = TempDir::new().unwrap();
    let once = AtomicBool::new(true);
    let hook = move |_: &[Arc<Event>]| assert!(!once.swap(false, Ordering::Relaxed), "on purpose");
    let store = open_with(directory.path(), SqliteOptions::default(), Box::new(hook)).unwrap();
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

#[tokio::test]
async fn events_are_handed_on_before_the_answer_and_what_waits_becomes_one_group() {
    let directory = TempDir::new().unwrap();
    let (hook, entries, let_go) = gate();
    let options = SqliteOptions { queue_ops_max: 50, ..SqliteOptions::default() };
    let store = Arc::new(open_with(directory.path(), options, hook).unwrap());
    let call = |i| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { say(&store, i).await })
    };
    let first = call(0);
    tokio::task::yield_now().await;
    assert_eq!(entries.recv().unwrap(), 1);
    assert!(!first.is_finished());
    let committed = events::table.count().get_result::<i64>(&mut tool(directory.path()));
    assert_eq!(committed, Ok(2), "the room's creation, and what is handed on");

    let waiting: Vec<_> = (1..=50).map(call).collect();
    tokio::task::yield_now().await;
    assert!(unavailable(&say(&store, 51).await, "queue is full"));
    let_go.send(()).unwrap();
    assert_eq!(entries.recv().unwrap(), 50);
    assert!(!first.await.unwrap().unwrap().repeat);
    assert!(waiting.iter().all(|it| !it.is_finished()));
    let_go.send(()).unwrap();
    for call in waiting {
        call.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_caller_that_gives_up_hurts_nobody() {
    let directory = TempDir::new().unwrap();
    let store = Arc::new(open(directory.path()).unwrap());
    let user = User { id: author().id, name: "a".into(), guest: true };
    store.change(Change::CreateUser(user)).await.unwrap();
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
