//! Promises of the log: places, repeats, durability.

use chat_protocol::object::RoomKind;
use chat_protocol::{ErrorCode, EventBody, MessageId, RoomId};
use chat_server::clock::Clock;

use super::{draft, past, person, refused, room, say, send, user};
use crate::ports::postgres::PgSubject;
use crate::ports::sqlite::SqliteSubject;
use crate::ports::{Subject, promises};

promises! { sqlite: super::SqliteSubject::start(); postgres: super::PgSubject::start().await;
    a_new_log_begins_with_the_creation_of_general
    the_epoch_stays_the_same
    places_are_contiguous_over_many_rooms
    answers_come_in_the_order_of_the_drafts
    a_repeat_in_the_same_group_is_answered_as_the_first
    a_repeat_in_a_later_group_is_answered_as_the_first
    a_repeat_after_a_restart_is_answered_as_the_first
    other_content_under_the_same_client_id_is_refused_and_changes_nothing
    client_ids_belong_to_their_author_and_room
    a_draft_for_an_unknown_room_fails_alone
    what_was_answered_survives_a_power_cut
    the_log_goes_on_where_it_was_after_a_restart
    time_never_goes_back_when_the_clock_does
    what_is_handed_on_is_what_history_says
    messages_are_counted_and_other_events_are_not
    texts_come_back_as_they_were_written
}

pub async fn a_new_log_begins_with_the_creation_of_general(subject: &mut dyn Subject) {
    let store = subject.store();
    let past = past(&*store, &RoomId::general()).await;
    let [created] = &past[..] else { panic!("{past:?}") };
    assert!(created.user.is_none() && created.id.is_some());
    let EventBody::RoomCreated(state) = &created.body else { panic!("{created:?}") };
    assert_eq!(state.kind, RoomKind::General);
    let head = store.head(&RoomId::general()).await.unwrap().unwrap();
    assert_eq!((head.kind, head.offset), (RoomKind::General, 1));
}

pub async fn the_epoch_stays_the_same(subject: &mut dyn Subject) {
    let epoch = subject.store().epoch().clone();
    assert_eq!(epoch.as_str().len(), "0.12345678".len());
    assert!(epoch.as_str().starts_with("0."));
    subject.restart().await;
    assert_eq!(*subject.store().epoch(), epoch);
    subject.crash().await;
    assert_eq!(*subject.store().epoch(), epoch);
}

pub async fn places_are_contiguous_over_many_rooms(subject: &mut dyn Subject) {
    let store = subject.store();
    let author = user(&*store, "a").await;
    let mut rooms = Vec::new();
    for i in 0..100 {
        rooms.push(room(&*store, &format!("r{i}"), RoomKind::Public, &author, &[]).await);
    }
    for group in 0..10 {
        let drafts = (0..1000).map(|i| {
            let client_id = format!("{group}-{i}");
            draft(&rooms[(i * 7 + group) % rooms.len()], &author, &client_id, "text")
        });
        let answers = store.commit(drafts.collect()).await;
        assert!(answers.iter().all(|it| matches!(it, Ok(committed) if !committed.repeat)));
    }
    for room in &rooms {
        // Besides the creation and the creator's joining; `past` checks that there is no hole.
        assert_eq!(past(&*store, room).await.len(), 2 + 100, "{room}");
    }
}

pub async fn answers_come_in_the_order_of_the_drafts(subject: &mut dyn Subject) {
    let store = subject.store();
    let author = user(&*store, "a").await;
    let general = RoomId::general();
    let drafts: Vec<_> =
        (0..50).map(|i| draft(&general, &author, &i.to_string(), &i.to_string())).collect();
    let ids: Vec<MessageId> = drafts.iter().map(|it| it.id).collect();
    let answers = store.commit(drafts).await;
    let answered: Vec<MessageId> = answers.into_iter().map(|it| it.unwrap().id).collect();
    assert_eq!(answered, ids);
    let placed: Vec<_> = past(&*store, &general).await.iter().skip(1).map(|it| it.id).collect();
    assert_eq!(placed, ids.into_iter().map(Some).collect::<Vec<_>>());
}

pub async fn a_repeat_in_the_same_group_is_answered_as_the_first(subject: &mut dyn Subject) {
    let store = subject.store();
    let author = user(&*store, "a").await;
    let first = draft(&RoomId::general(), &author, "1", "hi");
    let other = draft(&RoomId::general(), &author, "1", "bye");
    let answers = store.commit(vec![first.clone(), first.clone(), other, first.clone()]).await;
    let repeats: Vec<_> =
        answers.iter().map(|it| it.as_ref().map(|it| (it.id, it.repeat))).collect();
    let reused = chat_server::store::StoreError::Refused(ErrorCode::ClientIdReused);
    let id = first.id;
    assert_eq!(repeats, [Ok((id, false)), Ok((id, true)), Err(&reused), Ok((id, true))]);
    assert_eq!(past(&*store, &RoomId::general()).await.len(), 2);
}

pub async fn a_repeat_in_a_later_group_is_answered_as_the_first(subject: &mut dyn Subject) {
    let store = subject.store();
    let author = user(&*store, "a").await;
    let first = draft(&RoomId::general(), &author, "1", "hi");
    assert!(!send(&*store, first.clone()).await.unwrap().repeat);
    let again = send(&*store, first.clone()).await.unwrap();
    assert!(again.repeat);
    assert_eq!(again.id, first.id);
    assert_eq!(past(&*store, &RoomId::general()).await.len(), 2);
}

pub async fn a_repeat_after_a_restart_is_answered_as_the_first(subject: &mut dyn Subject) {
    let author = user(&*subject.store(), "a").await;
    let first = draft(&RoomId::general(), &author, "1", "hi");
    send(&*subject.store(), first.clone()).await.unwrap();
    subject.restart().await;
    let again = send(&*subject.store(), first.clone()).await.unwrap();
    assert!(again.repeat);
    assert_eq!(again.id, first.id);
    assert_eq!(past(&*subject.store(), &RoomId::general()).await.len(), 2);
}

pub async fn other_content_under_the_same_client_id_is_refused_and_changes_nothing(
    subject: &mut dyn Subject,
) {
    let store = subject.store();
    let author = user(&*store, "a").await;
    send(&*store, draft(&RoomId::general(), &author, "1", "hi")).await.unwrap();
    let before = past(&*store, &RoomId::general()).await;
    let reused = send(&*store, draft(&RoomId::general(), &author, "1", "bye")).await;
    assert_eq!(reused, refused(ErrorCode::ClientIdReused));
    assert_eq!(past(&*store, &RoomId::general()).await, before);
}

pub async fn client_ids_belong_to_their_author_and_room(subject: &mut dyn Subject) {
    let store = subject.store();
    let (a, b) = (user(&*store, "a").await, user(&*store, "b").await);
    let other = room(&*store, "other", RoomKind::Public, &a, &[]).await;
    say(&*store, &RoomId::general(), &a, "1").await;
    say(&*store, &RoomId::general(), &b, "1").await;
    say(&*store, &other, &a, "1").await;
}

pub async fn a_draft_for_an_unknown_room_fails_alone(subject: &mut dyn Subject) {
    let store = subject.store();
    let author = user(&*store, "a").await;
    let nowhere = RoomId::parse("nowhere").unwrap();
    let drafts = vec![
        draft(&RoomId::general(), &author, "1", "hi"),
        draft(&nowhere, &author, "2", "hi"),
        draft(&RoomId::general(), &author, "3", "hi"),
    ];
    let answers = store.commit(drafts).await;
    assert!(answers[0].is_ok() && answers[2].is_ok());
    assert_eq!(answers[1], refused(ErrorCode::RoomNotFound));
    assert_eq!(past(&*store, &RoomId::general()).await.len(), 3);
    assert_eq!(store.head(&nowhere).await, Ok(None));
}

pub async fn what_was_answered_survives_a_power_cut(subject: &mut dyn Subject) {
    let author = user(&*subject.store(), "a").await;
    let own = room(&*subject.store(), "own", RoomKind::Private, &author, &[]).await;
    for i in 0..20 {
        say(&*subject.store(), &own, &author, &i.to_string()).await;
        say(&*subject.store(), &RoomId::general(), &author, &i.to_string()).await;
    }
    let before = past(&*subject.store(), &own).await;
    subject.crash().await;
    let store = subject.store();
    assert_eq!(past(&*store, &own).await, before);
    assert_eq!(past(&*store, &RoomId::general()).await.len(), 21);
    say(&*store, &own, &author, "after").await;
    assert_eq!(past(&*store, &own).await.len(), before.len() + 1);
    assert!(send(&*store, draft(&own, &author, "19", "19")).await.unwrap().repeat);
}

pub async fn the_log_goes_on_where_it_was_after_a_restart(subject: &mut dyn Subject) {
    let author = user(&*subject.store(), "a").await;
    for i in 0..3 {
        say(&*subject.store(), &RoomId::general(), &author, &i.to_string()).await;
        subject.restart().await;
    }
    assert_eq!(past(&*subject.store(), &RoomId::general()).await.len(), 4);
}

pub async fn time_never_goes_back_when_the_clock_does(subject: &mut dyn Subject) {
    let author = user(&*subject.store(), "a").await;
    let now = subject.clock().now_ms();
    for (i, at) in [now + 5, now - 60_000, 0, now + 9].into_iter().enumerate() {
        subject.clock().set(at);
        say(&*subject.store(), &RoomId::general(), &author, &i.to_string()).await;
        if i == 1 {
            subject.restart().await; // log time is kept, not only remembered
        }
    }
    let times: Vec<u64> =
        past(&*subject.store(), &RoomId::general()).await.iter().map(|it| it.time).collect();
    assert_eq!(times, [now, now + 5, now + 5, now + 5, now + 9]);
}

pub async fn what_is_handed_on_is_what_history_says(subject: &mut dyn Subject) {
    let store = subject.store();
    let (a, b) = (user(&*store, "a").await, user(&*store, "b").await);
    let own = room(&*store, "own", RoomKind::Private, &a, &[&b]).await;
    say(&*store, &own, &b, "1").await;
    send(&*store, draft(&own, &b, "1", "1")).await.unwrap(); // a repeat is no event
    say(&*store, &own, &a, "2").await;
    let handed_on: Vec<_> = subject.handed_on().iter().map(|it| (**it).clone()).collect();
    assert_eq!(handed_on, past(&*store, &own).await);
}

pub async fn messages_are_counted_and_other_events_are_not(subject: &mut dyn Subject) {
    let author = user(&*subject.store(), "a").await;
    let own = room(&*subject.store(), "own", RoomKind::Public, &author, &[]).await;
    say(&*subject.store(), &own, &author, "1").await;
    subject.restart().await;
    say(&*subject.store(), &own, &author, "2").await;
    let seen = subject.store().room(&own, &author.id).await.unwrap();
    assert_eq!((seen.head, seen.messages), (4, 2));
}

pub async fn texts_come_back_as_they_were_written(subject: &mut dyn Subject) {
    let store = subject.store();
    let author = user(&*store, "Zoë \u{1F469}\u{200D}\u{1F680}").await;
    assert_ne!(author, person("a"));
    let texts = [" a\n\"b\"\\ ", "日本語", "\u{202e}x", &"x".repeat(60_000)];
    for (i, text) in texts.iter().enumerate() {
        send(&*store, draft(&RoomId::general(), &author, &i.to_string(), text)).await.unwrap();
    }
    let past = past(&*store, &RoomId::general()).await;
    for (event, expected) in past[1..].iter().zip(texts) {
        let EventBody::MessageCreated { text, .. } = &event.body else { panic!("{event:?}") };
        assert_eq!(text, expected);
        assert_eq!(event.user.as_ref(), Some(&author));
    }
}
