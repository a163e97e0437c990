//! Who may see and change what. A refusal changes nothing.

use chat_protocol::client::Paging;
use chat_protocol::object::RoomKind;
use chat_protocol::{ClientId, ErrorCode, EventBody, RoomId};
use chat_server::domain::record::Change;
use chat_server::store::Changed;

use super::{add, changed, past, person, refused, remove, room, user};
use crate::ports::postgres::PgSubject;
use crate::ports::sqlite::SqliteSubject;
use crate::ports::{Subject, promises};

promises! { sqlite: super::SqliteSubject::start(); postgres: super::PgSubject::start().await;
    nobody_outside_sees_or_changes_a_private_room
    only_the_owner_updates_a_room
    only_the_owner_adds_and_removes_others
    anyone_joins_a_public_room_and_nobody_a_private_one
    nobody_leaves_general
    the_last_owner_may_leave
    who_left_a_private_room_sees_it_no_more_by_making_it_again
    unknown_rooms_and_users_are_refused
}

fn update(room: &RoomId, by: &chat_protocol::object::Person) -> Change {
    let name = Some("changed".to_owned());
    Change::UpdateRoom { room: room.clone(), by: by.clone(), name, topic: None }
}

pub async fn nobody_outside_sees_or_changes_a_private_room(subject: &mut dyn Subject) {
    let store = subject.store();
    let (a, b) = (user(&*store, "a").await, user(&*store, "b").await);
    let own = room(&*store, "own", RoomKind::Private, &a, &[]).await;
    let before = store.room(&own, &a.id).await;
    assert_eq!(store.room(&own, &b.id).await, refused(ErrorCode::NotAMember));
    let members = store.members(&own, &b.id, Paging::default()).await;
    assert_eq!(members, refused(ErrorCode::NotAMember));
    for change in [update(&own, &b), add(&own, &b, &a), remove(&own, &b, &a)] {
        assert_eq!(store.change(change).await, refused(ErrorCode::NotAMember));
    }
    assert_eq!(store.room(&own, &a.id).await, before);
}

pub async fn only_the_owner_updates_a_room(subject: &mut dyn Subject) {
    let store = subject.store();
    let (a, b, c) = (user(&*store, "a").await, user(&*store, "b").await, user(&*store, "c").await);
    let open = room(&*store, "open", RoomKind::Public, &a, &[&b]).await;
    for (room, by) in [(&open, &b), (&open, &c), (&RoomId::general(), &a)] {
        let answer = store.change(update(room, by)).await;
        assert_eq!(answer, refused(ErrorCode::PermissionDenied));
    }
    assert_eq!(past(&*store, &open).await.len(), 3);
    assert_eq!(changed(store.change(update(&open, &a)).await).state.name, "changed");
}

pub async fn only_the_owner_adds_and_removes_others(subject: &mut dyn Subject) {
    let store = subject.store();
    let (a, b, c) = (user(&*store, "a").await, user(&*store, "b").await, user(&*store, "c").await);
    for (id, kind) in [("open", RoomKind::Public), ("own", RoomKind::Private)] {
        let room = room(&*store, id, kind, &a, &[&b]).await;
        for change in [add(&room, &b, &c), remove(&room, &b, &a)] {
            assert_eq!(store.change(change).await, refused(ErrorCode::PermissionDenied));
        }
        assert_eq!(changed(store.change(add(&room, &a, &c)).await).member_count, 3);
        assert_eq!(changed(store.change(remove(&room, &a, &c)).await).member_count, 2);
        let last = past(&*store, &room).await.pop().unwrap();
        assert!(matches!(last.body, EventBody::MemberRemoved { member, .. } if member == c));
        assert_eq!(last.user, Some(a.clone()));
    }
}

pub async fn anyone_joins_a_public_room_and_nobody_a_private_one(subject: &mut dyn Subject) {
    let store = subject.store();
    let (a, b) = (user(&*store, "a").await, user(&*store, "b").await);
    let open = room(&*store, "open", RoomKind::Public, &a, &[]).await;
    let own = room(&*store, "own", RoomKind::Private, &a, &[]).await;
    assert_eq!(changed(store.change(add(&open, &b, &b)).await).member_count, 2);
    let answer = store.change(add(&own, &b, &b)).await;
    assert_eq!(answer, refused(ErrorCode::PermissionDenied));
    store.change(add(&own, &a, &b)).await.unwrap();
    assert_eq!(changed(store.change(add(&own, &b, &b)).await).head, 3);
}

pub async fn nobody_leaves_general(subject: &mut dyn Subject) {
    let store = subject.store();
    let (a, b) = (user(&*store, "a").await, user(&*store, "b").await);
    for change in [remove(&RoomId::general(), &a, &a), remove(&RoomId::general(), &a, &b)] {
        assert_eq!(store.change(change).await, refused(ErrorCode::PermissionDenied));
    }
    assert_eq!(past(&*store, &RoomId::general()).await.len(), 1);
}

pub async fn the_last_owner_may_leave(subject: &mut dyn Subject) {
    let store = subject.store();
    let (a, b) = (user(&*store, "a").await, user(&*store, "b").await);
    let open = room(&*store, "open", RoomKind::Public, &a, &[&b]).await;
    assert_eq!(store.change(remove(&open, &a, &a)).await, Ok(Changed::Gone));
    let answer = store.change(update(&open, &a)).await;
    assert_eq!(answer, refused(ErrorCode::PermissionDenied));
    assert_eq!(store.room(&open, &b.id).await.unwrap().member_count, 1);
}

pub async fn who_left_a_private_room_sees_it_no_more_by_making_it_again(subject: &mut dyn Subject) {
    let store = subject.store();
    let (a, b) = (user(&*store, "a").await, user(&*store, "b").await);
    let own = room(&*store, "own", RoomKind::Private, &a, &[&b]).await;
    assert_eq!(store.change(remove(&own, &a, &a)).await, Ok(Changed::Gone));
    let again = Change::CreateRoom {
        room: RoomId::parse("other").unwrap(),
        state: super::state("own", RoomKind::Private),
        creator: a.clone(),
        members: vec![b.id],
        client_id: ClientId::parse("own").unwrap(),
    };
    assert_eq!(store.change(again).await, refused(ErrorCode::NotAMember));
}

pub async fn unknown_rooms_and_users_are_refused(subject: &mut dyn Subject) {
    let store = subject.store();
    let (a, x) = (user(&*store, "a").await, person("x"));
    let nowhere = RoomId::parse("nowhere").unwrap();
    for change in [update(&nowhere, &a), add(&nowhere, &a, &a), remove(&nowhere, &a, &a)] {
        assert_eq!(store.change(change).await, refused(ErrorCode::RoomNotFound));
    }
    assert_eq!(store.room(&nowhere, &a.id).await, refused(ErrorCode::RoomNotFound));
    let own = room(&*store, "own", RoomKind::Private, &a, &[]).await;
    for change in [add(&own, &a, &x), remove(&own, &a, &x)] {
        assert_eq!(store.change(change).await, refused(ErrorCode::BadRequest));
    }
}
