//! Promises of the directory: users, rooms and members, and the events that tell of them.

use chat_protocol::client::Paging;
use chat_protocol::object::{Role, RoomKind, User};
use chat_protocol::{ClientId, ErrorCode, EventBody, RoomId, UserId};
use chat_server::domain::record::Change;
use chat_server::store::Changed;

use super::{add, changed, kinds, paging, past, person, refused, remove, room, say, state, user};
use crate::ports::postgres::PgSubject;
use crate::ports::sqlite::SqliteSubject;
use crate::ports::{Subject, promises};

promises! { sqlite: super::SqliteSubject::start(); postgres: super::PgSubject::start().await;
    a_user_is_made_once_and_may_be_renamed
    events_keep_the_name_of_then
    a_room_begins_with_its_creation_and_the_joining_of_its_members
    creating_a_room_again_gives_the_first_one
    creating_another_room_under_the_same_client_id_is_refused
    a_room_with_unknown_members_is_not_made
    kinds_that_are_not_offered_are_refused
    an_update_is_told_to_the_room_once
    joining_twice_and_leaving_twice_changes_nothing_more
    everyone_is_a_member_of_general
    rooms_are_listed_by_name_with_general_first
    members_are_listed_by_name_with_their_count
    a_cursor_that_is_none_is_a_bad_request
    the_directory_survives_a_restart
}

fn create(id: &str, name: &str, by: &chat_protocol::object::Person, members: &[UserId]) -> Change {
    Change::CreateRoom {
        room: RoomId::parse(id).unwrap(),
        state: state(name, RoomKind::Public),
        creator: by.clone(),
        members: members.to_vec(),
        client_id: ClientId::parse("c-1").unwrap(),
    }
}

pub async fn a_user_is_made_once_and_may_be_renamed(subject: &mut dyn Subject) {
    let store = subject.store();
    let id = person("a").id;
    assert_eq!(store.user(&id).await, Ok(None));
    let first = User { id: id.clone(), name: "a".into(), guest: false };
    let made = store.change(Change::CreateUser(first.clone())).await;
    assert_eq!(made, Ok(Changed::User(first.clone())));
    let again = User { name: "b".into(), ..first.clone() };
    assert_eq!(store.change(Change::CreateUser(again)).await, Ok(Changed::User(first.clone())));
    let rename = |user: &UserId| Change::RenameUser { user: user.clone(), name: "c".into() };
    let renamed = User { name: "c".into(), ..first };
    assert_eq!(store.change(rename(&id)).await, Ok(Changed::User(renamed.clone())));
    assert_eq!(store.user(&id).await, Ok(Some(renamed)));
    assert_eq!(store.change(rename(&person("x").id)).await, refused(ErrorCode::BadRequest));
}

pub async fn events_keep_the_name_of_then(subject: &mut dyn Subject) {
    let store = subject.store();
    let author = user(&*store, "a").await;
    say(&*store, &RoomId::general(), &author, "1").await;
    let rename = Change::RenameUser { user: author.id.clone(), name: "b".into() };
    store.change(rename).await.unwrap();
    assert_eq!(past(&*store, &RoomId::general()).await[1].user, Some(author));
}

pub async fn a_room_begins_with_its_creation_and_the_joining_of_its_members(
    subject: &mut dyn Subject,
) {
    let store = subject.store();
    let (a, b, c) = (user(&*store, "a").await, user(&*store, "b").await, user(&*store, "c").await);
    let members = [b.id.clone(), a.id.clone(), c.id.clone(), b.id.clone()]; // some named twice
    let made = changed(store.change(create("r", "name", &a, &members)).await);
    assert_eq!((made.head, made.messages, made.member_count), (4, 0, 3));
    assert_eq!((made.role, &made.state), (Some(Role::Owner), &state("name", RoomKind::Public)));
    let past = past(&*store, &made.id).await;
    let joined = "member.joined";
    assert_eq!(kinds(&past), ["room.created", joined, joined, joined]);
    for (event, member) in past[1..].iter().zip([&a, &b, &c]) {
        assert_eq!(event.body, EventBody::MemberJoined(member.clone()));
    }
    assert!(past.iter().all(|it| it.user.as_ref() == Some(&a)));
    assert_eq!(store.room(&made.id, &a.id).await, Ok(made));
}

pub async fn creating_a_room_again_gives_the_first_one(subject: &mut dyn Subject) {
    let a = user(&*subject.store(), "a").await;
    let first = changed(subject.store().change(create("r", "name", &a, &[])).await);
    let update = Change::UpdateRoom {
        room: first.id.clone(),
        by: a.clone(),
        name: Some("newer".into()),
        topic: None,
    };
    subject.store().change(update).await.unwrap();
    subject.restart().await;
    let store = subject.store();
    let again = changed(store.change(create("other", "name", &a, &[])).await);
    assert_eq!((again.id, again.state.name.as_str()), (first.id, "newer"));
    assert_eq!(store.head(&RoomId::parse("other").unwrap()).await, Ok(None));
}

pub async fn creating_another_room_under_the_same_client_id_is_refused(subject: &mut dyn Subject) {
    let store = subject.store();
    let (a, b) = (user(&*store, "a").await, user(&*store, "b").await);
    store.change(create("r", "name", &a, &[])).await.unwrap();
    let reused = store.change(create("s", "other", &a, &[])).await;
    assert_eq!(reused, refused(ErrorCode::ClientIdReused));
    assert_eq!(store.head(&RoomId::parse("s").unwrap()).await, Ok(None));
    // Client ids belong to their creator; a room id that is taken doesn't.
    assert!(store.change(create("s", "other", &b, &[])).await.is_ok());
    let c = user(&*store, "c").await;
    let taken = store.change(create("r", "mine", &c, &[])).await;
    assert_eq!(taken, refused(ErrorCode::BadRequest));
}

pub async fn a_room_with_unknown_members_is_not_made(subject: &mut dyn Subject) {
    let store = subject.store();
    let (a, x) = (user(&*store, "a").await, person("x"));
    let bad = refused(ErrorCode::BadRequest);
    assert_eq!(store.change(create("r", "name", &a, std::slice::from_ref(&x.id))).await, bad);
    assert_eq!(store.change(create("r", "name", &x, &[])).await, bad);
    assert_eq!(store.head(&RoomId::parse("r").unwrap()).await, Ok(None));
    assert!(store.change(create("r", "name", &a, &[])).await.is_ok());
}

pub async fn kinds_that_are_not_offered_are_refused(subject: &mut dyn Subject) {
    let store = subject.store();
    let a = user(&*store, "a").await;
    let mut change = create("r", "name", &a, &[]);
    if let Change::CreateRoom { state, .. } = &mut change {
        state.kind = RoomKind::General;
    }
    assert_eq!(store.change(change).await, refused(ErrorCode::NotAvailable));
}

pub async fn an_update_is_told_to_the_room_once(subject: &mut dyn Subject) {
    let store = subject.store();
    let a = user(&*store, "a").await;
    let own = room(&*store, "own", RoomKind::Private, &a, &[]).await;
    let update = |name: Option<&str>, topic: Option<&str>| Change::UpdateRoom {
        room: own.clone(),
        by: a.clone(),
        name: name.map(str::to_owned),
        topic: topic.map(str::to_owned),
    };
    let seen = changed(store.change(update(None, Some("t"))).await);
    assert_eq!((seen.head, seen.state.name.as_str(), seen.state.topic.as_str()), (3, "own", "t"));
    let same = changed(store.change(update(Some("own"), Some("t"))).await);
    assert_eq!(same, seen);
    let past = past(&*store, &own).await;
    assert_eq!(past[2].body, EventBody::RoomUpdated(seen.state));
}

pub async fn joining_twice_and_leaving_twice_changes_nothing_more(subject: &mut dyn Subject) {
    let store = subject.store();
    let (a, b) = (user(&*store, "a").await, user(&*store, "b").await);
    let open = room(&*store, "open", RoomKind::Public, &a, &[]).await;
    for _ in 0..2 {
        let seen = changed(store.change(add(&open, &b, &b)).await);
        assert_eq!((seen.head, seen.member_count, seen.role), (3, 2, Some(Role::Member)));
    }
    for _ in 0..2 {
        assert_eq!(store.change(remove(&open, &b, &b)).await, Ok(Changed::Gone));
        let seen = store.room(&open, &b.id).await.unwrap();
        assert_eq!((seen.head, seen.member_count, seen.role), (4, 1, None));
    }
    let seen = changed(store.change(remove(&open, &a, &b)).await);
    assert_eq!((seen.head, seen.role), (4, Some(Role::Owner)));
}

pub async fn everyone_is_a_member_of_general(subject: &mut dyn Subject) {
    let store = subject.store();
    let (a, b) = (user(&*store, "a").await, user(&*store, "b").await);
    user(&*store, "a").await; // again: still one
    let general = RoomId::general();
    let seen = store.room(&general, &a.id).await.unwrap();
    assert_eq!((seen.member_count, seen.role, seen.head), (2, Some(Role::Member), 1));
    assert_eq!(changed(store.change(add(&general, &a, &a)).await), seen);
    assert_eq!(changed(store.change(add(&general, &a, &b)).await), seen);
    let list = store.members(&general, &a.id, Paging::default()).await.unwrap();
    let names: Vec<_> = list.items.iter().map(|it| (it.name.as_str(), it.role)).collect();
    assert_eq!(names, [("a", Role::Member), ("b", Role::Member)]);
    assert_eq!(list.count, Some(2));
}

pub async fn rooms_are_listed_by_name_with_general_first(subject: &mut dyn Subject) {
    let store = subject.store();
    let (a, b) = (user(&*store, "a").await, user(&*store, "b").await);
    for (id, kind) in
        [("zoo", RoomKind::Public), ("Bar", RoomKind::Private), ("alp", RoomKind::Private)]
    {
        room(&*store, id, kind, &a, &[]).await;
    }
    let listed = |viewer: UserId, limit| {
        let store = store.clone();
        async move {
            let (mut names, mut cursor) = (Vec::new(), None);
            loop {
                let page = store.rooms(&viewer, paging(cursor, limit)).await.unwrap();
                assert!(page.items.len() <= usize::try_from(limit).unwrap());
                names.extend(page.items.into_iter().map(|it| (it.state.name, it.role)));
                cursor = page.next;
                if cursor.is_none() {
                    return names;
                }
            }
        }
    };
    let (owner, member) = (Some(Role::Owner), Some(Role::Member));
    let named = |rooms: &[(&str, Option<Role>)]| -> Vec<_> {
        rooms.iter().map(|(name, role)| ((*name).to_owned(), *role)).collect()
    };
    let mine = named(&[("General", member), ("alp", owner), ("Bar", owner), ("zoo", owner)]);
    for limit in [1, 2, 3, 4, 200] {
        assert_eq!(listed(a.id.clone(), limit).await, mine, "{limit} a page");
    }
    assert_eq!(listed(b.id.clone(), 1).await, named(&[("General", member), ("zoo", None)]));
}

pub async fn members_are_listed_by_name_with_their_count(subject: &mut dyn Subject) {
    let store = subject.store();
    let a = user(&*store, "m").await;
    let (b, c, d) = (user(&*store, "z").await, user(&*store, "K").await, user(&*store, "a").await);
    let own = room(&*store, "own", RoomKind::Private, &a, &[&b, &c, &d]).await;
    let (mut names, mut cursor) = (Vec::new(), None);
    loop {
        let page = store.members(&own, &a.id, paging(cursor, 3)).await.unwrap();
        assert_eq!(page.count, Some(4));
        names.extend(page.items.into_iter().map(|it| (it.name, it.role == Role::Owner)));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    let expected = [("a", false), ("K", false), ("m", true), ("z", false)];
    assert_eq!(names, expected.map(|(name, owner)| (name.to_owned(), owner)));
}

pub async fn a_cursor_that_is_none_is_a_bad_request(subject: &mut dyn Subject) {
    let store = subject.store();
    let a = user(&*store, "a").await;
    let bad = || paging(Some("nonsense!".into()), 1);
    assert_eq!(store.rooms(&a.id, bad()).await, refused(ErrorCode::BadRequest));
    let members = store.members(&RoomId::general(), &a.id, bad()).await;
    assert_eq!(members, refused(ErrorCode::BadRequest));
}

pub async fn the_directory_survives_a_restart(subject: &mut dyn Subject) {
    let (a, b) = (user(&*subject.store(), "a").await, user(&*subject.store(), "b").await);
    let own = room(&*subject.store(), "own", RoomKind::Private, &a, &[&b]).await;
    let before = subject.store().room(&own, &b.id).await.unwrap();
    subject.restart().await;
    assert_eq!(subject.store().room(&own, &b.id).await, Ok(before.clone()));
    subject.crash().await;
    assert_eq!(subject.store().room(&own, &b.id).await, Ok(before));
}
