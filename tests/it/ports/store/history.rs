//! Promises of history: pages without holes, from one snapshot, and only what the viewer may see.

use chat_protocol::client::Anchor;
use chat_protocol::object::RoomKind;
use chat_protocol::{ErrorCode, Offset, RoomId};
use chat_server::store::{PageLimit, Range};

use super::{ALL, add, at, draft, offsets, past, refused, remove, room, say, send, user};
use crate::ports::postgres::PgSubject;
use crate::ports::sqlite::SqliteSubject;
use crate::ports::{LogStore, Subject, promises};

promises! { sqlite: super::SqliteSubject::start(); postgres: super::PgSubject::start().await;
    the_newest_page_ends_at_the_head
    paging_backwards_meets_every_event_once
    paging_forwards_meets_every_event_once
    pages_beyond_the_ends_are_empty_and_lead_back
    around_has_its_event_in_the_middle_and_fills_up_at_the_ends
    an_anchor_may_be_the_id_of_a_message
    an_id_that_is_not_in_the_room_is_a_bad_request
    bytes_limit_a_page_but_never_to_nothing
    a_page_of_an_unknown_room_is_refused
    a_private_room_is_read_from_the_latest_join_on
    a_public_room_is_read_from_its_beginning_by_anyone
    membership_tells_the_latest_join_and_when_it_was_true
    membership_is_one_snapshot_while_others_change
    a_page_is_one_snapshot_while_others_write
}

const fn events(events: usize) -> PageLimit {
    PageLimit { events, bytes: usize::MAX }
}

/// `general` with messages up to `head`.
async fn general(store: &dyn LogStore, head: Offset) -> RoomId {
    let author = user(store, "a").await;
    let general = RoomId::general();
    for i in 2..=head {
        say(store, &general, &author, &i.to_string()).await;
    }
    general
}

pub async fn the_newest_page_ends_at_the_head(subject: &mut dyn Subject) {
    let store = subject.store();
    let room = general(&*store, 10).await;
    let page = store.page(&room, None, Range::Newest, events(3)).await.unwrap();
    assert_eq!(offsets(&page), [8, 9, 10]);
    assert_eq!((page.prev, page.next, page.head), (Some(8), None, 10));
    assert_eq!(page.epoch, *store.epoch());
}

pub async fn paging_backwards_meets_every_event_once(subject: &mut dyn Subject) {
    let store = subject.store();
    let room = general(&*store, 10).await;
    let mut seen = Vec::new();
    let mut range = Range::Newest;
    loop {
        let page = store.page(&room, None, range, events(4)).await.unwrap();
        seen.splice(0..0, offsets(&page));
        let Some(prev) = page.prev else { break };
        range = Range::Before(at(prev));
    }
    assert_eq!(seen, (1..=10).collect::<Vec<_>>());
}

pub async fn paging_forwards_meets_every_event_once(subject: &mut dyn Subject) {
    let store = subject.store();
    let room = general(&*store, 10).await;
    let (mut seen, mut next) = (Vec::new(), Some(0));
    while let Some(after) = next {
        let page = store.page(&room, None, Range::After(at(after)), events(4)).await.unwrap();
        seen.extend(offsets(&page));
        next = page.next;
    }
    assert_eq!(seen, (1..=10).collect::<Vec<_>>());
}

pub async fn pages_beyond_the_ends_are_empty_and_lead_back(subject: &mut dyn Subject) {
    let store = subject.store();
    let room = general(&*store, 5).await;
    for old in [0, 1] {
        let page = store.page(&room, None, Range::Before(at(old)), ALL).await.unwrap();
        assert_eq!((offsets(&page), page.prev, page.next), (vec![], None, Some(0)));
    }
    for new in [5, 6, Offset::MAX] {
        let page = store.page(&room, None, Range::After(at(new)), ALL).await.unwrap();
        assert_eq!((offsets(&page), page.prev, page.next), (vec![], Some(6), None));
    }
    let page = store.page(&room, None, Range::Before(at(Offset::MAX)), ALL).await.unwrap();
    assert_eq!(offsets(&page), [1, 2, 3, 4, 5]);
}

pub async fn around_has_its_event_in_the_middle_and_fills_up_at_the_ends(
    subject: &mut dyn Subject,
) {
    let store = subject.store();
    let room = general(&*store, 10).await;
    for (middle, expected) in [
        (5, 3..=7),
        (1, 1..=5),
        (2, 1..=5),
        (10, 6..=10),
        (9, 6..=10),
        (0, 1..=5),
        (Offset::MAX, 6..=10),
    ] {
        let page = store.page(&room, None, Range::Around(at(middle)), events(5)).await.unwrap();
        assert_eq!(offsets(&page), expected.clone().collect::<Vec<_>>(), "around {middle}");
        assert_eq!(page.prev, (*expected.start() > 1).then_some(*expected.start()));
        assert_eq!(page.next, (*expected.end() < 10).then_some(*expected.end()));
    }
}

pub async fn an_anchor_may_be_the_id_of_a_message(subject: &mut dyn Subject) {
    let store = subject.store();
    let room = general(&*store, 6).await;
    let fourth = past(&*store, &room).await[3].id.unwrap();
    let id = || Anchor::Id(fourth.to_string());
    let page = store.page(&room, None, Range::Before(id()), ALL).await.unwrap();
    assert_eq!(offsets(&page), [1, 2, 3]);
    let page = store.page(&room, None, Range::After(id()), ALL).await.unwrap();
    assert_eq!(offsets(&page), [5, 6]);
    let page = store.page(&room, None, Range::Around(id()), events(3)).await.unwrap();
    assert_eq!(offsets(&page), [3, 4, 5]);
}

pub async fn an_id_that_is_not_in_the_room_is_a_bad_request(subject: &mut dyn Subject) {
    let store = subject.store();
    let (a, b) = (user(&*store, "a").await, user(&*store, "b").await);
    let other = room(&*store, "other", RoomKind::Private, &a, &[]).await;
    say(&*store, &other, &a, "1").await;
    let said = past(&*store, &other).await[2].id.unwrap();
    store.change(add(&other, &a, &b)).await.unwrap();
    let anchor = |id: &str| Range::Around(Anchor::Id(id.to_owned()));
    let general = RoomId::general();
    for bad in ["", "x", "67900ecb-0c9d-8db3-8ab2-5f7e07b3db48", &said.to_string()] {
        let page = store.page(&general, None, anchor(bad), ALL).await;
        assert_eq!(page, refused(ErrorCode::BadRequest), "{bad}");
    }
    // In the room, but before the viewer's time: as if it were not.
    let page = store.page(&other, Some(&b.id), anchor(&said.to_string()), ALL).await;
    assert_eq!(page, refused(ErrorCode::BadRequest));
    assert!(store.page(&other, Some(&a.id), anchor(&said.to_string()), ALL).await.is_ok());
}

pub async fn bytes_limit_a_page_but_never_to_nothing(subject: &mut dyn Subject) {
    let store = subject.store();
    let author = user(&*store, "a").await;
    let general = RoomId::general();
    for i in 2..=9 {
        let text = "x".repeat(1000);
        send(&*store, draft(&general, &author, &i.to_string(), &text)).await.unwrap();
    }
    for range in [Range::Newest, Range::Before(at(9)), Range::After(at(2)), Range::Around(at(5))] {
        let tiny = PageLimit { events: 100, bytes: 1 };
        let page = store.page(&general, None, range.clone(), tiny).await.unwrap();
        assert_eq!(page.events.len(), 1, "{range:?}");
        let some = PageLimit { events: 100, bytes: 4000 };
        let page = store.page(&general, None, range.clone(), some).await.unwrap();
        assert!((2..=4).contains(&page.events.len()), "{range:?}: {}", page.events.len());
    }
    let tiny = PageLimit { events: 0, bytes: 0 };
    let page = store.page(&general, None, Range::Around(at(5)), tiny).await.unwrap();
    assert_eq!(offsets(&page), [5]);
}

pub async fn a_page_of_an_unknown_room_is_refused(subject: &mut dyn Subject) {
    let store = subject.store();
    let (nowhere, a) = (RoomId::parse("nowhere").unwrap(), user(&*store, "a").await);
    let page = store.page(&nowhere, None, Range::Newest, ALL).await;
    assert_eq!(page, refused(ErrorCode::RoomNotFound));
    assert_eq!(store.membership(&nowhere, &a.id).await, refused(ErrorCode::RoomNotFound));
    assert_eq!(store.head(&nowhere).await, Ok(None));
}

pub async fn a_private_room_is_read_from_the_latest_join_on(subject: &mut dyn Subject) {
    let store = subject.store();
    let (a, b) = (user(&*store, "a").await, user(&*store, "b").await);
    let own = room(&*store, "own", RoomKind::Private, &a, &[&b]).await; // b joins at 3
    let seen = || async { store.page(&own, Some(&b.id), Range::Before(at(99)), ALL).await };
    say(&*store, &own, &a, "4").await;
    let page = seen().await.unwrap();
    assert_eq!((offsets(&page), page.prev), (vec![3, 4], None));
    let page = store.page(&own, Some(&b.id), Range::After(at(0)), ALL).await.unwrap();
    assert_eq!(offsets(&page), [3, 4]);

    store.change(remove(&own, &a, &b)).await.unwrap(); // at 5
    assert_eq!(seen().await, refused(ErrorCode::NotAMember));
    say(&*store, &own, &a, "6").await;
    store.change(add(&own, &a, &b)).await.unwrap(); // at 7
    say(&*store, &own, &a, "8").await;
    assert_eq!(offsets(&seen().await.unwrap()), [7, 8]);
    let around = store.page(&own, Some(&b.id), Range::Around(at(2)), ALL).await.unwrap();
    assert_eq!((offsets(&around), around.prev), (vec![7, 8], None));
    let page = store.page(&own, Some(&a.id), Range::Newest, ALL).await.unwrap();
    assert_eq!(offsets(&page), [2, 3, 4, 5, 6, 7, 8]);
}

pub async fn a_public_room_is_read_from_its_beginning_by_anyone(subject: &mut dyn Subject) {
    let store = subject.store();
    let (a, b) = (user(&*store, "a").await, user(&*store, "b").await);
    let open = room(&*store, "open", RoomKind::Public, &a, &[]).await;
    say(&*store, &open, &a, "3").await;
    let page = store.page(&open, Some(&b.id), Range::Newest, ALL).await.unwrap();
    assert_eq!(offsets(&page), [1, 2, 3]);
}

pub async fn membership_tells_the_latest_join_and_when_it_was_true(subject: &mut dyn Subject) {
    let store = subject.store();
    let (a, b) = (user(&*store, "a").await, user(&*store, "b").await);
    let open = room(&*store, "open", RoomKind::Public, &a, &[]).await;
    let standing = |of| {
        let (store, open) = (&store, &open);
        async move {
            let it = store.membership(open, of).await.unwrap();
            (it.joined, it.as_of)
        }
    };
    assert_eq!(standing(&a.id).await, (Some(2), 2));
    assert_eq!(standing(&b.id).await, (None, 2));
    store.change(add(&open, &b, &b)).await.unwrap();
    say(&*store, &open, &b, "4").await;
    assert_eq!(standing(&b.id).await, (Some(3), 4));
    store.change(remove(&open, &b, &b)).await.unwrap();
    assert_eq!(standing(&b.id).await, (None, 5));
    store.change(add(&open, &b, &b)).await.unwrap();
    assert_eq!(standing(&b.id).await, (Some(6), 6));
    let everywhere = store.membership(&RoomId::general(), &b.id).await.unwrap();
    assert_eq!((everywhere.joined, everywhere.as_of), (Some(1), 1));
}

pub async fn membership_is_one_snapshot_while_others_change(subject: &mut dyn Subject) {
    let store = subject.store();
    let (a, b) = (user(&*store, "a").await, user(&*store, "b").await);
    let open = room(&*store, "open", RoomKind::Public, &a, &[]).await;
    let changing = tokio::spawn({
        let (store, open, b) = (store.clone(), open.clone(), b.clone());
        async move {
            for _ in 0..100 {
                store.change(add(&open, &b, &b)).await.unwrap();
                store.change(remove(&open, &b, &b)).await.unwrap();
            }
        }
    });
    let mut as_of = 0;
    while as_of < 202 {
        let it = store.membership(&open, &b.id).await.unwrap();
        assert!(it.as_of >= as_of);
        as_of = it.as_of;
        // The room's own events are 1 and 2; then b joins at every odd place, and leaves at the next one.
        let joined = (as_of > 2 && as_of % 2 == 1).then_some(as_of);
        assert_eq!(it.joined, joined, "as of {as_of}");
    }
    changing.await.unwrap();
}

pub async fn a_page_is_one_snapshot_while_others_write(subject: &mut dyn Subject) {
    let store = subject.store();
    let author = user(&*store, "a").await;
    let general = RoomId::general();
    let writing = tokio::spawn({
        let (store, general) = (store.clone(), general.clone());
        async move {
            for group in 0..100 {
                let drafts =
                    (0..10).map(|i| draft(&general, &author, &format!("{group}-{i}"), "x"));
                store.commit(drafts.collect()).await;
            }
        }
    });
    let mut head = 0;
    while head < 1001 {
        let page = store.page(&general, None, Range::Newest, events(40)).await.unwrap();
        assert!(page.head >= head);
        head = page.head;
        let first = head.saturating_sub(39).max(1);
        assert_eq!(offsets(&page), (first..=head).collect::<Vec<_>>());
    }
    writing.await.unwrap();
}
