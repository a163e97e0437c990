//! Promises of read marks: they only move on, and what is unread is what comes after them.

use chat_protocol::client::Paging;
use chat_protocol::object::{Person, ReadUpTo, RoomKind};
use chat_protocol::{ErrorCode, Offset, RoomId};
use chat_server::domain::record::ReadMark;
use chat_server::store::StoreError;

use super::{add, changed, refused, remove, room, say, user};
use crate::ports::postgres::PgSubject;
use crate::ports::sqlite::SqliteSubject;
use crate::ports::{LogStore, Subject, promises};

promises! { sqlite: super::SqliteSubject::start(); postgres: super::PgSubject::start().await;
    what_is_unread_is_the_messages_above_the_mark
    a_mark_never_goes_back_and_never_beyond_the_room
    a_mark_beyond_a_store_that_lags_is_kept_as_far_as_the_room_reaches
    who_joins_has_read_what_came_before
    who_is_new_has_read_all_of_general
    only_members_have_marks
    marks_survive_a_restart
    marks_that_are_made_at_the_same_time_leave_the_furthest
}

async fn mark(
    store: &dyn LogStore,
    room: &RoomId,
    user: &Person,
    offset: Offset,
) -> Result<ReadUpTo, StoreError> {
    store.mark_read(ReadMark { room: room.clone(), user: user.id.clone(), offset }, 0).await
}

/// As the room and the list of rooms say it, which is the same.
async fn read(store: &dyn LogStore, room: &RoomId, user: &Person) -> Option<(Offset, u64)> {
    let seen = store.room(room, &user.id).await.unwrap();
    let list = store.rooms(&user.id, Paging::default()).await.unwrap();
    assert!(list.items.contains(&seen), "{seen:?} in {:?}", list.items);
    seen.read.zip(seen.unread)
}

const fn up_to(offset: Offset, unread: u64) -> Result<ReadUpTo, StoreError> {
    Ok(ReadUpTo { offset, unread })
}

pub async fn what_is_unread_is_the_messages_above_the_mark(subject: &mut dyn Subject) {
    let store = subject.store();
    let (a, b, c) = (user(&*store, "a").await, user(&*store, "b").await, user(&*store, "c").await);
    for (id, kind) in [("open", RoomKind::Public), ("own", RoomKind::Private)] {
        let room = room(&*store, id, kind, &a, &[&b]).await; // places 1 to 3
        say(&*store, &room, &a, "1").await;
        store.change(add(&room, &a, &c)).await.unwrap(); // no message
        say(&*store, &room, &b, "2").await;
        say(&*store, &room, &a, "3").await;
        assert_eq!(read(&*store, &room, &a).await, Some((2, 3)), "one's own too");
        assert_eq!(read(&*store, &room, &b).await, Some((3, 3)));
        for (offset, unread) in [(4, 2), (5, 2), (6, 1), (7, 0)] {
            assert_eq!(mark(&*store, &room, &b, offset).await, up_to(offset, unread));
            assert_eq!(read(&*store, &room, &b).await, Some((offset, unread)));
        }
        assert_eq!(read(&*store, &room, &a).await, Some((2, 3)), "nobody else's mark");
    }
}

pub async fn a_mark_never_goes_back_and_never_beyond_the_room(subject: &mut dyn Subject) {
    let store = subject.store();
    let (a, general) = (user(&*store, "a").await, RoomId::general());
    for client_id in ["1", "2", "3"] {
        say(&*store, &general, &a, client_id).await;
    }
    assert_eq!(mark(&*store, &general, &a, 3).await, up_to(3, 1));
    for offset in [0, 1, 2, 3] {
        assert_eq!(mark(&*store, &general, &a, offset).await, up_to(3, 1));
    }
    assert_eq!(mark(&*store, &general, &a, Offset::MAX).await, up_to(4, 0));
    say(&*store, &general, &a, "4").await;
    assert_eq!(read(&*store, &general, &a).await, Some((4, 1)), "what came later is unread");
}

pub async fn a_mark_beyond_a_store_that_lags_is_kept_as_far_as_the_room_reaches(
    subject: &mut dyn Subject,
) {
    let store = subject.store();
    let (a, general) = (user(&*store, "a").await, RoomId::general());
    let beyond = ReadMark { room: general.clone(), user: a.id.clone(), offset: 9 };
    assert_eq!(store.mark_read(beyond, 3).await, up_to(3, 0));
    say(&*store, &general, &a, "1").await;
    assert_eq!(read(&*store, &general, &a).await, Some((3, 0)));
    say(&*store, &general, &a, "2").await;
    assert_eq!(read(&*store, &general, &a).await, Some((3, 0)));
    say(&*store, &general, &a, "3").await;
    assert_eq!(read(&*store, &general, &a).await, Some((3, 1)));
}

pub async fn who_joins_has_read_what_came_before(subject: &mut dyn Subject) {
    let store = subject.store();
    let (a, b) = (user(&*store, "a").await, user(&*store, "b").await);
    let open = room(&*store, "open", RoomKind::Public, &a, &[]).await;
    say(&*store, &open, &a, "1").await;
    let joined = changed(store.change(add(&open, &b, &b)).await);
    assert_eq!((joined.read, joined.unread), (Some(4), Some(0)));
    say(&*store, &open, &a, "2").await;
    let again = changed(store.change(add(&open, &b, &b)).await);
    assert_eq!((again.read, again.unread), (Some(4), Some(1)), "who asks is told the same");
    store.change(remove(&open, &b, &b)).await.unwrap();
    say(&*store, &open, &a, "3").await;
    let back = changed(store.change(add(&open, &b, &b)).await);
    assert_eq!((back.read, back.unread), (Some(8), Some(0)), "by the latest join");
}

pub async fn who_is_new_has_read_all_of_general(subject: &mut dyn Subject) {
    let store = subject.store();
    let (a, general) = (user(&*store, "a").await, RoomId::general());
    say(&*store, &general, &a, "1").await;
    let b = user(&*store, "b").await;
    assert_eq!(read(&*store, &general, &b).await, Some((2, 0)));
    say(&*store, &general, &a, "2").await;
    user(&*store, "b").await; // again: nobody new
    assert_eq!(read(&*store, &general, &b).await, Some((2, 1)));
    assert_eq!(read(&*store, &general, &a).await, Some((1, 2)));
}

pub async fn only_members_have_marks(subject: &mut dyn Subject) {
    let store = subject.store();
    let (a, b) = (user(&*store, "a").await, user(&*store, "b").await);
    let open = room(&*store, "open", RoomKind::Public, &a, &[]).await;
    let own = room(&*store, "own", RoomKind::Private, &a, &[]).await;
    assert_eq!(mark(&*store, &open, &b, 1).await, refused(ErrorCode::NotAMember));
    assert_eq!(mark(&*store, &own, &b, 1).await, refused(ErrorCode::NotAMember));
    let nowhere = RoomId::parse("nowhere").unwrap();
    assert_eq!(mark(&*store, &nowhere, &b, 1).await, refused(ErrorCode::RoomNotFound));
    assert_eq!(read(&*store, &open, &b).await, None);
}

pub async fn marks_survive_a_restart(subject: &mut dyn Subject) {
    let (a, general) = (user(&*subject.store(), "a").await, RoomId::general());
    for client_id in ["1", "2"] {
        say(&*subject.store(), &general, &a, client_id).await;
    }
    assert_eq!(mark(&*subject.store(), &general, &a, 2).await, up_to(2, 1));
    subject.restart().await;
    assert_eq!(read(&*subject.store(), &general, &a).await, Some((2, 1)));
    subject.crash().await;
    assert_eq!(read(&*subject.store(), &general, &a).await, Some((2, 1)));
}

pub async fn marks_that_are_made_at_the_same_time_leave_the_furthest(subject: &mut dyn Subject) {
    let store = subject.store();
    let (a, general) = (user(&*store, "a").await, RoomId::general());
    for n in 0..20 {
        say(&*store, &general, &a, &n.to_string()).await;
    }
    let offsets = [7, 19, 3, 12, 20, 5, 18];
    let marks = offsets.map(|offset| mark(&*store, &general, &a, offset));
    for (offset, marked) in offsets.into_iter().zip(futures_util::future::join_all(marks).await) {
        let marked = marked.unwrap();
        assert!(marked.offset >= offset, "{marked:?} after {offset}");
        assert_eq!(marked.unread, 21 - marked.offset);
    }
    assert_eq!(read(&*store, &general, &a).await, Some((20, 1)));
}
