//! Promises of open channels: a room that is made once, by nobody, whose first event is its first publication.

use chat_protocol::object::RoomKind;
use chat_protocol::{ClientId, ErrorCode, EventBody, RoomId};
use chat_server::domain::record::{Change, Draft};
use chat_server::store::{Changed, Head};

use super::{paging, past, refused, send, user};
use crate::ports::postgres::PgSubject;
use crate::ports::sqlite::SqliteSubject;
use crate::ports::{Subject, promises};

promises! { sqlite: super::SqliteSubject::start(); postgres: super::PgSubject::start().await;
    an_open_channel_is_made_once_however_many_ask_and_stands_at_its_beginning
    what_is_published_reads_back_as_it_was_from_offset_1
}

fn channel() -> RoomId {
    RoomId::open("a:b=\"c").unwrap()
}

pub async fn an_open_channel_is_made_once_however_many_ask_and_stands_at_its_beginning(
    subject: &mut dyn Subject,
) {
    let store = subject.store();
    let a = user(&*store, "a").await;
    assert_eq!(store.head(&channel()).await, Ok(None));
    let data = Draft::data(channel(), None, "1".into()).unwrap();
    assert_eq!(send(&*store, data).await, refused(ErrorCode::RoomNotFound));
    let asks = (0..6).map(|_| store.change(Change::OpenChannel(channel())));
    for answer in futures_util::future::join_all(asks).await {
        assert_eq!(answer, Ok(Changed::Gone));
    }
    let head = Head { kind: RoomKind::Open, offset: 0 };
    assert_eq!(store.head(&channel()).await, Ok(Some(head)));
    let listed = store.rooms(&a.id, paging(None, 200)).await.unwrap();
    assert_eq!(listed.items.len(), 1, "general alone");
}

pub async fn what_is_published_reads_back_as_it_was_from_offset_1(subject: &mut dyn Subject) {
    let a = user(&*subject.store(), "a").await;
    subject.store().change(Change::OpenChannel(channel())).await.unwrap();
    let mut bodies = Vec::new();
    for (author, client) in [(Some(a.clone()), Some("c")), (None, Some("d")), (None, None)] {
        let mut draft = Draft::data(channel(), author, r#"{"n": 1.0}"#.into()).unwrap();
        let client = client.map(|it| ClientId::parse(it).unwrap());
        draft.body = EventBody::DataPublished { client, data: r#"{"n": 1.0}"#.into() };
        bodies.push((draft.author.clone(), draft.body.clone()));
        assert!(!send(&*subject.store(), draft).await.unwrap().repeat);
    }
    subject.restart().await;
    let store = subject.store();
    let read = past(&*store, &channel()).await;
    let read: Vec<_> = read.into_iter().map(|it| (it.user, it.body)).collect();
    assert_eq!(read, bodies);
    assert_eq!(store.head(&channel()).await.unwrap().unwrap().offset, 3);
}
