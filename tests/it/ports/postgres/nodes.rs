//! Several nodes on one database: one order, one message for one client id, one answer to who was first.

use std::sync::Arc;

use chat_protocol::object::{Person, RoomKind, User};
use chat_protocol::{ClientId, ErrorCode, Event, RoomId, UserId};
use chat_server::domain::record::Change;
use chat_server::store::postgres::PgStore;
use chat_server::store::{Changed, Directory, History, Log, StoreError};
use futures_util::future::{join, join_all};

use super::{HandedOn, SERVER, database, open, sql, unavailable};
use crate::kit::within;
use crate::ports::FakeClock;
use crate::ports::store::{add, changed, draft, kinds, past, person, refused, room, send, user};

struct Nodes {
    url: String,
    stores: [Arc<PgStore>; 2],
    handed_on: [HandedOn; 2],
}

impl Nodes {
    async fn start() -> Self {
        let (url, clock) = (database(), FakeClock::start());
        let (a, from_a) = open(&url, clock.clone()).await;
        let (b, from_b) = open(&url, clock).await;
        Self { url, stores: [a, b], handed_on: [from_a, from_b] }
    }

    /// Has both make a change at the same time.
    async fn both(&self, make: impl Fn(usize) -> Change) -> [Result<Changed, StoreError>; 2] {
        let [a, b] = &self.stores;
        join(a.change(make(0)), b.change(make(1))).await.into()
    }
}

#[tokio::test]
async fn two_nodes_commit_to_the_same_rooms_in_one_order() {
    let nodes = Nodes::start().await;
    let author = user(&*nodes.stores[0], "a").await;
    let mut rooms = vec![RoomId::general()];
    for i in 0..5 {
        let id = format!("r{i}");
        rooms.push(room(&*nodes.stores[i % 2], &id, RoomKind::Public, &author, &[]).await);
    }
    let callers = (0..8).map(|caller| {
        let (store, rooms, author) = (&nodes.stores[caller % 2], &rooms, &author);
        async move {
            for group in 0..10 {
                let drafts = (0..30).map(|i| {
                    let client_id = format!("{caller}-{group}-{i}");
                    draft(&rooms[(i + group) % rooms.len()], author, &client_id, "x")
                });
                let answers = store.commit(drafts.collect()).await;
                assert!(answers.iter().all(|it| matches!(it, Ok(it) if !it.repeat)), "{answers:?}");
            }
        }
    });
    join_all(callers).await;
    let mut handed_on: Vec<Arc<Event>> = Vec::new();
    for events in &nodes.handed_on {
        handed_on.extend(events.lock().unwrap().iter().cloned());
    }
    for room in &rooms {
        // `past` checks that there is no hole; each event was handed on once, by the node that has committed it.
        let past = past(&*nodes.stores[0], room).await;
        let mut seen: Vec<&Event> = handed_on.iter().map(|it| &**it).collect();
        seen.retain(|it| it.room == *room);
        seen.sort_by_key(|it| it.offset);
        let founding = usize::from(room.is_general()); // nobody's commit
        assert_eq!(seen, past.iter().skip(founding).collect::<Vec<_>>());
        assert!(past.is_sorted_by_key(|it| it.time));
        assert!(past.len() > 390, "{room}: {}", past.len());
    }
    for handed_on in &nodes.handed_on {
        // What one node hands on of a room comes in the room's order.
        let handed_on = handed_on.lock().unwrap();
        for room in &rooms {
            let offsets = handed_on.iter().filter(|it| it.room == *room).map(|it| it.offset);
            assert!(offsets.is_sorted_by(|a, b| a < b));
        }
    }
}

#[tokio::test]
async fn the_same_message_through_two_nodes_at_once_is_one_message() {
    let nodes = Nodes::start().await;
    let author = user(&*nodes.stores[0], "a").await;
    let drafts = |group: usize| {
        let author = author.clone();
        (0..20).map(move |i| draft(&RoomId::general(), &author, &format!("{group}-{i}"), "x"))
    };
    for group in 0..20 {
        let [a, b] = &nodes.stores;
        let (from_a, from_b) =
            join(a.commit(drafts(group).collect()), b.commit(drafts(group).collect())).await;
        for (a, b) in from_a.into_iter().zip(from_b) {
            let (a, b) = (a.unwrap(), b.unwrap());
            assert_eq!(a.id, b.id);
            assert_ne!(a.repeat, b.repeat, "one of them is the first");
        }
    }
    assert_eq!(past(&*nodes.stores[0], &RoomId::general()).await.len(), 401);
}

#[tokio::test]
async fn a_client_id_is_reused_through_another_node_in_vain() {
    let nodes = Nodes::start().await;
    let author = user(&*nodes.stores[0], "a").await;
    let general = RoomId::general();
    send(&*nodes.stores[0], draft(&general, &author, "1", "hi")).await.unwrap();
    let again = send(&*nodes.stores[1], draft(&general, &author, "1", "hi")).await.unwrap();
    assert!(again.repeat);
    let reused = send(&*nodes.stores[1], draft(&general, &author, "1", "bye")).await;
    assert_eq!(reused, refused(ErrorCode::ClientIdReused));
}

#[tokio::test]
async fn what_one_node_changes_the_other_reads() {
    let nodes = Nodes::start().await;
    let [a, b] = &nodes.stores;
    let (owner, guest) = (user(&**a, "a").await, user(&**b, "b").await);
    let own = room(&**a, "own", RoomKind::Private, &owner, &[]).await;
    assert_eq!(b.room(&own, &guest.id).await, refused(ErrorCode::NotAMember));
    let seen = changed(a.change(add(&own, &owner, &guest)).await);
    assert_eq!((seen.head, seen.member_count), (3, 2));
    assert_eq!(b.membership(&own, &guest.id).await.unwrap().joined, Some(3));
    send(&**b, draft(&own, &guest, "1", "hi")).await.unwrap();
    assert_eq!(a.head(&own).await.unwrap().unwrap().offset, 4);
}

#[tokio::test]
async fn a_user_who_comes_to_two_nodes_at_once_is_one_user() {
    let nodes = Nodes::start().await;
    for i in 0..20 {
        let id = UserId::parse(&format!("u{i}")).unwrap();
        let make = |node: usize| {
            let name = format!("from {node}");
            Change::CreateUser(User { id: id.clone(), name, guest: true })
        };
        let [a, b] = nodes.both(make).await;
        assert_eq!(a.unwrap(), b.unwrap());
    }
    let viewer = person("a").id;
    let general = nodes.stores[0].room(&RoomId::general(), &viewer).await.unwrap();
    assert_eq!(general.member_count, 20);
}

#[tokio::test]
async fn a_room_that_is_asked_for_twice_at_once_is_one_room() {
    let nodes = Nodes::start().await;
    let author = user(&*nodes.stores[0], "a").await;
    for i in 0..20 {
        // As a client's retry does it: another id, drawn by another node, under the same client id.
        let [a, b] = nodes.both(|node| create(&author, i, node)).await;
        let (a, b) = (changed(a), changed(b));
        assert_eq!(a, b);
        let past = past(&*nodes.stores[0], &a.id).await;
        assert_eq!(kinds(&past), ["room.created", "member.joined"]);
    }
    assert_eq!(sql(&nodes.url, "SELECT count(*) FROM rooms"), "21");
}

fn create(author: &Person, i: usize, node: usize) -> Change {
    Change::CreateRoom {
        room: RoomId::parse(&format!("r{i}-{node}")).unwrap(),
        state: crate::ports::store::state("room", RoomKind::Public),
        creator: author.clone(),
        members: Vec::new(),
        client_id: ClientId::parse(&format!("c-{i}")).unwrap(),
    }
}

#[tokio::test]
async fn who_joins_through_two_nodes_at_once_joins_once() {
    let nodes = Nodes::start().await;
    let (a, b) = (user(&*nodes.stores[0], "a").await, user(&*nodes.stores[0], "b").await);
    let open = room(&*nodes.stores[0], "open", RoomKind::Public, &a, &[]).await;
    let [one, other] = nodes.both(|_| add(&open, &b, &b)).await;
    assert_eq!(changed(one), changed(other));
    let past = past(&*nodes.stores[1], &open).await;
    assert_eq!(kinds(&past), ["room.created", "member.joined", "member.joined"]);
}

#[tokio::test]
async fn a_partition_that_is_held_for_long_is_unavailable_and_the_others_go_on() {
    let nodes = Nodes::start().await;
    let [a, b] = &nodes.stores;
    let author = user(&**a, "a").await;
    let p = sql(&nodes.url, "SELECT partition FROM rooms WHERE id = 'general'");
    let mut other = None;
    for i in 0.. {
        let room = room(&**a, &format!("r{i}"), RoomKind::Public, &author, &[]).await;
        if sql(&nodes.url, &format!("SELECT partition FROM rooms WHERE id = '{room}'")) != p {
            other = Some(room);
            break;
        }
    }
    // As a node does that is stopped in the middle of a group; the server has no use for its silence.
    let database = nodes.url.rsplit('/').next().unwrap().to_owned();
    let holding = tokio::task::spawn_blocking(move || {
        let hold = format!("SELECT FROM log_part WHERE p = {p} FOR UPDATE; SELECT pg_sleep(4)");
        SERVER.query(&database, &format!("BEGIN; {hold}")).unwrap();
    });
    let held = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(4)' AND state = 'active' \
         AND pid <> pg_backend_pid() AND wait_event = 'PgSleep' AND datname = current_database()";
    within("it is held", async {
        while sql(&nodes.url, held) != "1" {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let general = draft(&RoomId::general(), &author, "1", "hi");
    let answer = within("a refusal", send(&**b, general.clone())).await;
    assert!(unavailable(&answer, "lock timeout"), "{answer:?}");
    assert!(!holding.is_finished());
    send(&**b, draft(&other.unwrap(), &author, "1", "hi")).await.unwrap();
    holding.await.unwrap();
    assert!(!send(&**b, general).await.unwrap().repeat);
}
