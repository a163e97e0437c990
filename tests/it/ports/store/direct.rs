//! Promises of direct rooms: two people, for ever.

use chat_protocol::client::Paging;
use chat_protocol::object::{Person, Role, RoomKind};
use chat_protocol::{ClientId, ErrorCode, EventBody, RoomId};
use chat_server::domain::record::Change;

use super::{add, changed, past, person, refused, remove, room, say, state, user};
use crate::ports::postgres::PgSubject;
use crate::ports::sqlite::SqliteSubject;
use crate::ports::{Subject, promises};

promises! { sqlite: super::SqliteSubject::start(); postgres: super::PgSubject::start().await;
    whoever_asks_gets_the_one_room_of_the_two
    both_ask_at_the_same_time_and_one_room_is_made
    both_read_a_direct_room_from_its_beginning_and_nobody_else_does
    a_direct_room_is_called_by_the_other_and_listed_for_both
    nobody_comes_to_a_direct_room_or_leaves_it
    a_direct_room_is_made_of_two_who_exist
}

fn direct(by: &Person, other: &Person) -> Change {
    let room = RoomId::direct(&by.id, &other.id);
    Change::CreateRoom {
        client_id: ClientId::parse(room.as_str()).unwrap(),
        room,
        state: state("", RoomKind::Direct),
        creator: by.clone(),
        members: vec![other.id.clone()],
    }
}

pub async fn whoever_asks_gets_the_one_room_of_the_two(subject: &mut dyn Subject) {
    let (a, b) = (user(&*subject.store(), "a").await, user(&*subject.store(), "b").await);
    let made = changed(subject.store().change(direct(&a, &b)).await);
    assert_eq!((made.head, made.member_count, made.role), (1, 2, Some(Role::Member)));
    assert_eq!((made.read, made.unread), (Some(1), Some(0)));
    subject.restart().await;
    let store = subject.store();
    assert_eq!(changed(store.change(direct(&a, &b)).await), made);
    let to_b = changed(store.change(direct(&b, &a)).await);
    assert_eq!((&to_b.id, to_b.head, to_b.member_count), (&made.id, 1, 2));
    assert_eq!(store.room(&made.id, &a.id).await, Ok(made.clone()));
    let events = past(&*store, &made.id).await;
    assert_eq!(events.len(), 1, "no member events");
    assert_eq!(events[0].body, EventBody::RoomCreated(state("", RoomKind::Direct)));
    assert_eq!(events[0].user, Some(a));
}

pub async fn both_ask_at_the_same_time_and_one_room_is_made(subject: &mut dyn Subject) {
    let store = subject.store();
    let (a, b) = (user(&*store, "a").await, user(&*store, "b").await);
    let asks = (0..6).map(|n| {
        let change = if n % 2 == 0 { direct(&a, &b) } else { direct(&b, &a) };
        store.change(change)
    });
    for answer in futures_util::future::join_all(asks).await {
        let made = changed(answer);
        assert_eq!((made.head, made.member_count), (1, 2));
    }
    assert_eq!(past(&*store, &RoomId::direct(&a.id, &b.id)).await.len(), 1);
}

pub async fn both_read_a_direct_room_from_its_beginning_and_nobody_else_does(
    subject: &mut dyn Subject,
) {
    let store = subject.store();
    let (a, b, c) = (user(&*store, "a").await, user(&*store, "b").await, user(&*store, "c").await);
    let room = changed(store.change(direct(&a, &b)).await).id;
    say(&*store, &room, &a, "1").await;
    for member in [&a, &b] {
        let page = store.page(&room, Some(&member.id), super::Range::Newest, super::ALL).await;
        assert_eq!(super::offsets(&page.unwrap()), [1, 2]);
        assert_eq!(store.membership(&room, &member.id).await.unwrap().joined, Some(1));
        assert_eq!(store.room(&room, &member.id).await.unwrap().unread, Some(1));
    }
    assert_eq!(store.membership(&room, &c.id).await.unwrap().joined, None);
    assert_eq!(store.room(&room, &c.id).await, refused(ErrorCode::NotAMember));
    let page = store.page(&room, Some(&c.id), super::Range::Newest, super::ALL).await;
    assert_eq!(page, refused(ErrorCode::NotAMember));
}

pub async fn a_direct_room_is_called_by_the_other_and_listed_for_both(subject: &mut dyn Subject) {
    let store = subject.store();
    let (a, b, c) = (user(&*store, "a").await, user(&*store, "b").await, user(&*store, "c").await);
    room(&*store, "own", RoomKind::Private, &a, &[]).await;
    for other in [&b, &c] {
        store.change(direct(&a, other)).await.unwrap();
    }
    let names = async |who: &Person, limit| {
        let (mut names, mut cursor) = (Vec::new(), None);
        loop {
            let page = store.rooms(&who.id, super::paging(cursor, limit)).await.unwrap();
            names.extend(page.items.into_iter().map(|it| it.state.name));
            cursor = page.next;
            if cursor.is_none() {
                names.sort();
                return names;
            }
        }
    };
    for limit in [1, 2, 3, 200] {
        assert_eq!(names(&a, limit).await, ["General", "b", "c", "own"], "{limit} a page");
        assert_eq!(names(&b, limit).await, ["General", "a"]);
    }
    let rename = Change::RenameUser { user: b.id.clone(), name: "bee".into() };
    store.change(rename).await.unwrap();
    assert_eq!(names(&a, 200).await, ["General", "bee", "c", "own"]);
    let members = store.members(&RoomId::direct(&a.id, &b.id), &a.id, Paging::default()).await;
    let members: Vec<_> = members.unwrap().items.into_iter().map(|it| (it.name, it.role)).collect();
    assert_eq!(members, [("a".to_owned(), Role::Member), ("bee".to_owned(), Role::Member)]);
}

pub async fn nobody_comes_to_a_direct_room_or_leaves_it(subject: &mut dyn Subject) {
    let store = subject.store();
    let (a, b, c) = (user(&*store, "a").await, user(&*store, "b").await, user(&*store, "c").await);
    let made = changed(store.change(direct(&a, &b)).await);
    let room = &made.id;
    let update = |by: &Person| Change::UpdateRoom {
        room: room.clone(),
        by: by.clone(),
        name: Some("x".into()),
        topic: None,
    };
    for change in [update(&a), add(room, &a, &c), remove(room, &a, &a), remove(room, &b, &a)] {
        assert_eq!(store.change(change).await, refused(ErrorCode::PermissionDenied));
    }
    for change in [add(room, &c, &c), remove(room, &c, &c), remove(room, &c, &a)] {
        assert_eq!(store.change(change).await, refused(ErrorCode::PermissionDenied));
    }
    for change in [update(&c), add(room, &c, &a)] {
        assert_eq!(store.change(change).await, refused(ErrorCode::NotAMember));
    }
    assert_eq!(changed(store.change(add(room, &a, &a)).await), made, "who is in it already");
    assert_eq!(store.room(room, &a.id).await, Ok(made));
}

pub async fn a_direct_room_is_made_of_two_who_exist(subject: &mut dyn Subject) {
    let store = subject.store();
    let (a, b, x) = (user(&*store, "a").await, user(&*store, "b").await, person("x"));
    let mut elsewhere = direct(&a, &b);
    if let Change::CreateRoom { room, .. } = &mut elsewhere {
        *room = RoomId::parse("elsewhere").unwrap();
    }
    for change in [direct(&a, &a), direct(&a, &x), direct(&x, &a), elsewhere] {
        assert_eq!(store.change(change).await, refused(ErrorCode::BadRequest));
    }
    assert_eq!(store.head(&RoomId::direct(&a.id, &x.id)).await, Ok(None));
}
