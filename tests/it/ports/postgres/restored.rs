//! Where the log is elsewhere: what the outbox tells comes back with places, and a restored backup learns what it has lost.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chat_protocol::client::Paging;
use chat_protocol::object::{Durability, Person, RoomKind, User};
use chat_protocol::{ClientId, RoomId, UserId};
use chat_server::domain::log_record::{Checked, Content, Record, encode};
use chat_server::domain::record::{Change, Draft};
use chat_server::journal::{Committed, Journal, JournalError};
use chat_server::store::postgres::{LogAt, OpenError, PgOptions, PgStore};
use chat_server::store::projection::Projection;
use chat_server::store::{Directory, History, Outbox, PENDING, PageLimit, Range, StoreError};
use futures_util::future::join_all;

use super::{SERVER, database, open, sql};
use crate::ports::FakeClock;
use crate::ports::store::{add, person, remove, state, user};

const T: u64 = 1_764_000_000_000;

/// A log in memory, of the one partition that there is.
#[derive(Default)]
struct MemoryLog(Mutex<Vec<Record>>);

#[async_trait]
impl Journal for MemoryLog {
    fn durability(&self) -> Durability {
        Durability::Broker
    }

    async fn append(&self, drafts: Vec<Draft>) -> Vec<Result<Committed, JournalError>> {
        let mut log = self.0.lock().unwrap();
        let append = |draft: Draft| {
            let (id, key) = (draft.id, draft.room.to_string());
            let value = encode(&Checked { at: T, draft });
            let at = log.len() as u64;
            log.push(Record::decode(at, T + at, key.as_bytes(), &value));
            Ok(Committed { id, repeat: false })
        };
        drafts.into_iter().map(append).collect()
    }
}

impl MemoryLog {
    async fn hear(self: &Arc<Self>, store: &PgStore) {
        while store.tell(self.clone()).await.unwrap() > 0 {}
    }

    /// Folds all that the store has not folded yet.
    async fn fold_into(&self, store: &PgStore) {
        let next = usize::try_from(store.cursor(0).await.unwrap().next).unwrap();
        let run = self.0.lock().unwrap()[next..].to_vec();
        store.apply(0, &run).await.unwrap();
    }
}

async fn elsewhere(url: &str) -> Arc<PgStore> {
    let options = PgOptions { log: LogAt::Elsewhere, partitions: 1, ..PgOptions::new(url) };
    Arc::new(PgStore::open(options, FakeClock::start(), Box::new(|_| {})).await.unwrap())
}

/// Who makes the changes isn't the one that tells of them: a change waits for the log.
async fn change(store: &PgStore, log: &Arc<MemoryLog>, change: Change) {
    let telling = async {
        loop {
            store.filled().await;
            log.hear(store).await;
        }
    };
    tokio::select! {
        changed = store.change(change) => drop(changed.unwrap()),
        () = telling => {}
    }
}

async fn make(
    store: &PgStore,
    log: &Arc<MemoryLog>,
    id: &str,
    by: &Person,
    members: &[&Person],
) -> RoomId {
    let room = RoomId::parse(id).unwrap();
    let create = Change::CreateRoom {
        room: room.clone(),
        state: state(id, RoomKind::Private),
        creator: by.clone(),
        members: members.iter().map(|it| it.id.clone()).collect(),
        client_id: ClientId::parse(id).unwrap(),
    };
    change(store, log, create).await;
    room
}

/// All that a member is told of a room.
async fn told(store: &PgStore, room: &RoomId, viewer: &Person) -> String {
    let room_object = store.room(room, &viewer.id).await;
    let members = store.members(room, &viewer.id, Paging { cursor: None, limit: None }).await;
    let membership = store.membership(room, &viewer.id).await;
    let limit = PageLimit { events: 100, bytes: 100_000 };
    let page = store.page(room, Some(&viewer.id), Range::Newest, limit).await;
    format!("{room_object:?}\n{members:?}\n{membership:?}\n{page:?}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_backup_learns_the_changes_since_from_the_log() {
    let (url, log) = (database(), Arc::new(MemoryLog::default()));
    let store = elsewhere(&url).await;
    let (ann, bob, carl) = (person("ann"), person("bob"), person("carl"));
    for it in [&ann, &bob] {
        user(&*store, &it.name).await;
    }
    let tea = make(&store, &log, "tea", &ann, &[&bob]).await;
    log.fold_into(&store).await;
    store.close().await;
    drop(store);
    let backup = SERVER.create_database("restored").unwrap();
    SERVER.query("postgres", "DROP DATABASE restored").unwrap();
    let name = url.rsplit('/').next().unwrap();
    SERVER.query("postgres", &format!("CREATE DATABASE restored TEMPLATE {name}")).unwrap();

    let store = elsewhere(&url).await;
    user(&*store, "carl").await;
    change(&store, &log, add(&tea, &ann, &carl)).await;
    change(&store, &log, remove(&tea, &ann, &bob)).await;
    let id = UserId::parse("01890a5d-ac96-774b-bcce-b302099a8057").unwrap();
    let guest = Person { id, name: "dora".to_owned() };
    let made = User { id: guest.id.clone(), name: guest.name.clone(), guest: true };
    store.change(Change::CreateUser(made)).await.unwrap();
    change(&store, &log, add(&tea, &ann, &guest)).await;
    let (room, name) = (tea.clone(), Some("Green tea".to_owned()));
    change(&store, &log, Change::UpdateRoom { room, by: ann.clone(), name, topic: None }).await;
    let milk = make(&store, &log, "milk", &carl, &[&ann]).await;
    log.fold_into(&store).await;

    let restored = elsewhere(&backup).await;
    assert!(restored.room(&milk, &ann.id).await.is_err());
    log.fold_into(&restored).await;
    for (room, viewer) in [(&tea, &ann), (&tea, &bob), (&tea, &carl), (&milk, &ann), (&milk, &carl)]
    {
        assert_eq!(told(&restored, room, viewer).await, told(&store, room, viewer).await);
    }
    // The log doesn't say who is a guest, and an operator's token must not find one under its user's id.
    for (person, is_guest) in [(&carl, false), (&guest, true)] {
        assert_eq!(restored.user(&person.id).await.unwrap().unwrap().guest, is_guest);
    }
    // Changes go on where they had come to.
    change(&restored, &log, add(&tea, &ann, &bob)).await;
    log.fold_into(&restored).await;
    assert!(
        restored.membership(&tea, &bob.id).await.unwrap().joined.is_some_and(|it| it < PENDING)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_joining_shows_nothing_until_it_has_its_place() {
    let (url, log) = (database(), Arc::new(MemoryLog::default()));
    let store = elsewhere(&url).await;
    let (ann, bob) = (person("ann"), person("bob"));
    for it in [&ann, &bob] {
        user(&*store, &it.name).await;
    }
    let tea = make(&store, &log, "tea", &ann, &[]).await;
    log.fold_into(&store).await;
    change(&store, &log, add(&tea, &ann, &bob)).await; // told, but not folded
    assert_eq!(store.membership(&tea, &bob.id).await.unwrap().joined, Some(PENDING));
    let limit = PageLimit { events: 100, bytes: 100_000 };
    let page = store.page(&tea, Some(&bob.id), Range::Newest, limit).await;
    assert!(matches!(page, Err(StoreError::Unavailable(_))), "{page:?}");
    log.fold_into(&store).await;
    assert_eq!(store.membership(&tea, &bob.id).await.unwrap().joined, Some(3));
    let page = store.page(&tea, Some(&bob.id), Range::Newest, limit).await.unwrap();
    assert_eq!(page.events.iter().map(|it| it.offset).collect::<Vec<_>>(), [3]);
    assert_eq!(sql(&url, "SELECT count(*) FROM outbox").trim(), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_tell_keep_a_rooms_order_and_tell_each_change_once() {
    let (url, log) = (database(), Arc::new(MemoryLog::default()));
    let (one, other) = (elsewhere(&url).await, elsewhere(&url).await);
    let ann = person("ann");
    user(&*one, "ann").await;
    let tea = make(&one, &log, "tea", &ann, &[]).await;
    let before = log.0.lock().unwrap().len();
    let rename = |n: usize| {
        let (room, by, name) = (tea.clone(), ann.clone(), Some(format!("Tea {n}")));
        Change::UpdateRoom { room, by, name, topic: None }
    };
    let changes = join_all((0..20).map(|n| one.change(rename(n))));
    let telling = async {
        while log.0.lock().unwrap().len() < before + 20 {
            let (a, b) = tokio::join!(one.tell(log.clone()), other.tell(log.clone()));
            assert!(a.is_ok() && b.is_ok(), "{a:?} {b:?}");
        }
    };
    let (changed, ()) = tokio::join!(changes, telling);
    assert!(changed.iter().all(Result::is_ok), "{changed:?}");
    let log = log.0.lock().unwrap();
    let versions: Vec<_> = log[before..].iter().map(version).collect();
    assert_eq!(versions, (3..23).map(Some).collect::<Vec<_>>());
}

fn version(record: &Record) -> Option<u64> {
    match &record.content {
        Content::Draft(checked) => checked.draft.change,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_keeps_to_the_log_that_it_was_founded_for() {
    let (here, there) = (database(), database());
    drop(open(&here, FakeClock::start()).await);
    drop(elsewhere(&there).await);
    let open = |url: &str, log| {
        let options = PgOptions { log, ..PgOptions::new(url) };
        PgStore::open(options, FakeClock::start(), Box::new(|_| {}))
    };
    let refused = open(&here, LogAt::Elsewhere).await.map(|_| ());
    assert!(matches!(refused, Err(OpenError::LogIsHere(_))));
    let refused = open(&there, LogAt::Here).await.map(|_| ());
    assert!(matches!(refused, Err(OpenError::LogIsElsewhere(_))));
}
