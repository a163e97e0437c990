//! What `src/store/mod.rs` promises.

mod direct;
mod directory;
mod history;
mod log;
mod open;
mod reading;
mod revocations;
mod rights;

use chat_protocol::client::{Anchor, Paging};
use chat_protocol::event::Removal;
use chat_protocol::object::{HistoryPage, Person, Room, RoomKind, RoomState, User};
use chat_protocol::{ClientId, ErrorCode, Event, Offset, RoomId, UserId};
use chat_server::domain::record::{Change, Draft};
use chat_server::store::{Changed, Committed, Directory, PageLimit, Range, StoreError};

use crate::ports::LogStore;

pub const ALL: PageLimit = PageLimit { events: 100_000, bytes: usize::MAX };

pub fn person(name: &str) -> Person {
    Person { id: UserId::parse(&format!("id-{name}")).unwrap(), name: name.to_owned() }
}

/// A person who exists.
pub async fn user(store: &(impl Directory + ?Sized), name: &str) -> Person {
    let Person { id, name } = person(name);
    let user = User { id: id.clone(), name: name.clone(), guest: true };
    store.change(Change::CreateUser(user)).await.unwrap();
    Person { id, name }
}

pub fn state(name: &str, kind: RoomKind) -> RoomState {
    RoomState { name: name.to_owned(), kind, topic: String::new() }
}

/// A room of `creator` with `members`.
pub async fn room(
    store: &dyn LogStore,
    id: &str,
    kind: RoomKind,
    creator: &Person,
    members: &[&Person],
) -> RoomId {
    let room = RoomId::parse(id).unwrap();
    let create = Change::CreateRoom {
        room: room.clone(),
        state: state(id, kind),
        creator: creator.clone(),
        members: members.iter().map(|it| it.id.clone()).collect(),
        client_id: ClientId::parse(id).unwrap(),
    };
    store.change(create).await.unwrap();
    room
}

pub fn add(room: &RoomId, by: &Person, member: &Person) -> Change {
    Change::AddMember { room: room.clone(), by: by.clone(), member: member.id.clone() }
}

pub fn remove(room: &RoomId, by: &Person, member: &Person) -> Change {
    let reason = if by.id == member.id { Removal::Left } else { Removal::Removed };
    Change::RemoveMember { room: room.clone(), by: by.clone(), member: member.id.clone(), reason }
}

pub fn draft(room: &RoomId, author: &Person, client_id: &str, text: &str) -> Draft {
    let client_id = ClientId::parse(client_id).unwrap();
    Draft::message(room.clone(), author.clone(), client_id, text.to_owned())
}

/// One message, committed.
pub async fn say(store: &dyn LogStore, room: &RoomId, author: &Person, client_id: &str) {
    let said = send(store, draft(room, author, client_id, client_id)).await.unwrap();
    assert!(!said.repeat, "{client_id} was there already");
}

pub async fn send(store: &dyn LogStore, draft: Draft) -> Result<Committed, StoreError> {
    let mut answers = store.commit(vec![draft]).await;
    assert_eq!(answers.len(), 1);
    answers.remove(0)
}

/// A room's whole past, which must have no hole.
pub async fn past(store: &dyn LogStore, room: &RoomId) -> Vec<Event> {
    let page = store.page(room, None, Range::Newest, ALL).await.unwrap();
    let expected: Vec<Offset> = (1..=page.head).collect();
    assert_eq!(offsets(&page), expected);
    page.events
}

pub fn offsets(page: &HistoryPage) -> Vec<Offset> {
    page.events.iter().map(|it| it.offset).collect()
}

pub fn at(offset: Offset) -> Anchor {
    Anchor::Offset(offset)
}

pub fn kinds(events: &[Event]) -> Vec<&'static str> {
    events.iter().map(|it| it.body.kind()).collect()
}

pub fn refused<T>(code: ErrorCode) -> Result<T, StoreError> {
    Err(StoreError::Refused(code))
}

pub fn paging(cursor: Option<String>, limit: u32) -> Paging {
    Paging { cursor, limit: Some(limit) }
}

/// The room that a change gave.
pub fn changed(changed: Result<Changed, StoreError>) -> Room {
    match changed {
        Ok(Changed::Room(room)) => room,
        other => panic!("no room: {other:?}"),
    }
}
