//! Each property alone: a history that breaks only it is caught by it, and by nothing else.

use chat_checker::{
    Answer, Attempt, Counted, Event, History, Live, Message, Place, Property, Resume, RoomLog,
    STORIES_MAX, Subscription, Symbol, check,
};

use crate::world::{Size, recorded};

/// One room with events 1 to 4, the messages of `ann` at 2, 3 and 4, all acked; one reader who
/// saw it from its beginning.
struct Scene {
    history: History,
    room: Symbol,
    ann: Symbol,
    reader: Symbol,
    epoch: Symbol,
}

impl Scene {
    fn new() -> Self {
        let mut history = History::default();
        let room = history.name("room");
        let ann = history.name("ann");
        let reader = history.name("reader");
        let epoch = history.name("epoch");
        history.logs.push(RoomLog { room, epoch, head: 0, events: Vec::new() });
        let mut scene = Self { history, room, ann, reader, epoch };
        scene.subscribe(0, None);
        scene.append("room.created", None);
        for n in 0..3 {
            let message = scene.message(n);
            let id = scene.append("message.created", Some(message));
            scene.attempt(message, Some(id));
        }
        scene.settle();
        scene
    }

    fn message(&mut self, n: u64) -> Message {
        let client_id = self.history.name(&format!("client-{n}"));
        Message { author: self.ann, client_id, text_hash: n }
    }

    fn append(&mut self, kind: &str, message: Option<Message>) -> Symbol {
        let offset = self.history.logs[0].head + 1;
        let id = self.history.name(&format!("event-{offset}"));
        let kind = self.history.name(kind);
        let event = Event { offset, kind, id: Some(id), time_ms: Some(1000 + offset), message };
        self.history.logs[0].head = offset;
        self.history.logs[0].events.push(event);
        self.receive(event);
        id
    }

    fn attempt(&mut self, message: Message, acked: Option<Symbol>) {
        let durability = self.history.name("fsync");
        let answer = acked.map_or(Answer::Refused, |id| Answer::Acked { id, durability });
        let Message { author, client_id, text_hash } = message;
        let attempt = Attempt { room: self.room, author, client_id, text_hash, answer };
        self.history.attempts.push(attempt);
    }

    fn receive(&mut self, event: Event) {
        let (reader, room) = (self.reader, self.room);
        self.history.live.push(Live::Received { reader, room, event });
    }

    fn settle(&mut self) {
        let (reader, room) = (self.reader, self.room);
        self.history.live.push(Live::Settled { reader, room });
    }

    fn subscribe(&mut self, offset: u64, resume: Option<(u64, bool)>) {
        let epoch = self.epoch;
        let resume = resume.map(|(offset, recovered)| {
            let asked = Place { epoch, offset };
            Resume { asked, recovered }
        });
        let subscription = Subscription { at: Place { epoch, offset }, resume };
        let (reader, room) = (self.reader, self.room);
        self.history.live.push(Live::Subscribed { reader, room, subscription });
    }

    fn log(&mut self) -> &mut RoomLog {
        &mut self.history.logs[0]
    }

    /// Lets a change of the log show in what the reader saw, so that only the log is wrong.
    fn as_the_log_says(&mut self) {
        let events = self.history.logs[0].events.clone();
        self.history.live.clear();
        self.subscribe(0, None);
        for event in events {
            self.receive(event);
        }
    }

    #[track_caller]
    fn breaks(&self, property: Property) {
        let verdict = check(&self.history);
        let broken: Vec<_> = verdict.totals.keys().collect();
        assert_eq!(broken, [&property], "{verdict}");
        assert!(!verdict.violations[0].story.is_empty());
    }
}

#[test]
fn a_clean_history_passes_and_is_counted() {
    let verdict = check(&Scene::new().history);
    assert!(verdict.is_clean(), "{verdict}");
    assert_eq!(verdict.counts.log_events, 4);
    assert_eq!(verdict.counts.live_events, 4);
    assert_eq!(verdict.counts.acked["fsync"], 3);
    assert_eq!(verdict.counts.readers, 1);
}

#[test]
fn clean_worlds_pass() {
    for seed in 0..50 {
        let verdict = check(&recorded(seed, &Size { rooms: 4, readers: 5, turns: 400 }));
        assert!(verdict.is_clean(), "seed {seed}: {verdict}");
        assert!(verdict.counts.resumes_recovered > 0 && verdict.counts.refused > 0);
    }
}

#[test]
fn an_acked_message_that_history_lacks() {
    let mut scene = Scene::new();
    let message = scene.message(99);
    let id = scene.history.name("event-99");
    scene.attempt(message, Some(id));
    scene.breaks(Property::AckedMissing);
}

#[test]
fn an_ack_with_another_id() {
    let mut scene = Scene::new();
    let message = scene.message(0);
    scene.history.attempts.retain(|attempt| attempt.client_id != message.client_id);
    let id = scene.history.name("event-99");
    scene.attempt(message, Some(id));
    scene.breaks(Property::AckedChanged);
}

#[test]
fn one_message_acked_twice_under_two_ids() {
    let mut scene = Scene::new();
    let message = scene.message(0);
    let id = scene.history.name("event-99");
    scene.attempt(message, Some(id));
    scene.breaks(Property::AckedChanged);
}

#[test]
fn an_acked_text_that_history_has_changed() {
    let mut scene = Scene::new();
    let mut message = scene.message(0);
    message.text_hash = 77;
    let id = scene.history.name("event-2");
    scene.attempt(message, Some(id));
    scene.breaks(Property::AckedChanged);
}

#[test]
fn a_message_that_is_there_twice() {
    let mut scene = Scene::new();
    scene.history.live.pop();
    let message = scene.message(1);
    scene.append("message.created", Some(message));
    scene.breaks(Property::Doubled);
}

#[test]
fn an_event_id_that_is_there_twice() {
    let mut scene = Scene::new();
    scene.history.live.pop();
    scene.append("room.updated", None);
    let id = scene.history.logs[0].events[0].id;
    scene.log().events[4].id = id;
    scene.as_the_log_says();
    scene.breaks(Property::Doubled);
}

#[test]
fn a_message_that_nobody_sent() {
    let mut scene = Scene::new();
    scene.history.live.pop();
    let message = scene.message(5);
    scene.append("message.created", Some(message));
    scene.breaks(Property::Unsent);
}

#[test]
fn a_refused_message_that_is_there() {
    let mut scene = Scene::new();
    scene.history.live.pop();
    let message = scene.message(5);
    scene.append("message.created", Some(message));
    scene.attempt(message, None);
    scene.breaks(Property::RefusedPresent);
}

#[test]
fn a_refusal_of_other_text_under_a_used_client_id_is_right() {
    let mut scene = Scene::new();
    let mut message = scene.message(0);
    message.text_hash = 1234;
    scene.attempt(message, None);
    assert!(check(&scene.history).is_clean());
}

#[test]
fn a_head_that_history_does_not_reach() {
    let mut scene = Scene::new();
    scene.history.live.pop();
    scene.log().head = 5;
    scene.breaks(Property::LogHole);
}

#[test]
fn a_history_out_of_order() {
    let mut scene = Scene::new();
    for event in &mut scene.log().events {
        event.time_ms = None;
    }
    scene.as_the_log_says();
    scene.log().events.swap(1, 2);
    scene.breaks(Property::LogHole);
}

#[test]
fn a_time_that_goes_back() {
    let mut scene = Scene::new();
    scene.log().events[2].time_ms = Some(1);
    scene.as_the_log_says();
    scene.breaks(Property::TimeBack);
}

#[test]
fn a_reader_whose_events_have_a_hole() {
    let mut scene = Scene::new();
    scene.history.live.remove(2);
    scene.breaks(Property::LiveHole);
}

#[test]
fn a_reader_who_resumes_beyond_what_it_saw() {
    let mut scene = Scene::new();
    scene.history.live.truncate(3);
    scene.subscribe(3, Some((3, true)));
    let last = scene.history.logs[0].events[3];
    scene.receive(last);
    scene.breaks(Property::LiveHole);
}

#[test]
fn a_reader_who_is_shown_a_place_again() {
    let mut scene = Scene::new();
    let again = scene.history.live[2];
    scene.history.live.insert(3, again);
    scene.breaks(Property::LiveRepeat);
}

#[test]
fn a_reader_who_never_subscribed() {
    let mut scene = Scene::new();
    scene.history.live.truncate(2);
    scene.history.live.remove(0);
    scene.breaks(Property::LiveUninvited);
}

#[test]
fn a_place_that_is_one_event_live_and_another_in_history() {
    let mut scene = Scene::new();
    let other = scene.history.name("event-99");
    let Live::Received { event, .. } = &mut scene.history.live[2] else { unreachable!() };
    event.id = Some(other);
    scene.breaks(Property::LiveDiffers);
}

#[test]
fn a_text_that_is_one_live_and_another_in_history() {
    let mut scene = Scene::new();
    let Live::Received { event, .. } = &mut scene.history.live[2] else { unreachable!() };
    event.message.as_mut().unwrap().text_hash += 1;
    scene.breaks(Property::LiveDiffers);
}

#[test]
fn an_event_that_history_does_not_have() {
    let mut scene = Scene::new();
    let mut event = scene.history.logs[0].events[3];
    event.offset = 5;
    scene.receive(event);
    scene.breaks(Property::LivePhantom);
}

#[test]
fn a_reader_from_whom_the_end_is_withheld() {
    let mut scene = Scene::new();
    let last = scene.history.live.len() - 2;
    scene.history.live.remove(last);
    scene.breaks(Property::LiveUnfinished);
}

#[test]
fn a_resume_from_a_place_that_nobody_asked_for() {
    let mut scene = Scene::new();
    scene.subscribe(2, Some((3, true)));
    scene.breaks(Property::ResumeMoved);
}

#[test]
fn a_resume_denied_although_history_has_it() {
    let mut scene = Scene::new();
    scene.subscribe(4, Some((2, false)));
    scene.breaks(Property::ResumeDenied);
}

#[test]
fn a_resume_denied_for_another_epoch_is_honest() {
    let mut scene = Scene::new();
    let other = scene.history.name("another epoch");
    scene.subscribe(4, Some((2, false)));
    let Some(Live::Subscribed { subscription, .. }) = scene.history.live.last_mut() else {
        unreachable!()
    };
    subscription.resume.as_mut().unwrap().asked.epoch = other;
    assert!(check(&scene.history).is_clean());
}

#[test]
fn an_epoch_that_changes() {
    let mut scene = Scene::new();
    scene.epoch = scene.history.name("another epoch");
    scene.subscribe(4, None);
    scene.breaks(Property::EpochChanged);
}

#[test]
fn a_lost_room_is_one_story_of_many_and_all_are_counted() {
    let mut history = recorded(1, &Size { rooms: 1, readers: 2, turns: 300 });
    history.logs.clear();
    let verdict = check(&history);
    let missing = verdict.total(Property::AckedMissing);
    assert!(missing > 200, "{missing}");
    let told = verdict.violations.iter().filter(|v| v.property == Property::AckedMissing);
    assert_eq!(told.count(), STORIES_MAX);
}

#[test]
fn a_recovery_with_a_hole() {
    let mut scene = Scene::new();
    scene.history.live.pop();
    scene.subscribe(1, Some((1, true)));
    for at in [2, 3] {
        let event = scene.history.logs[0].events[at];
        scene.receive(event);
    }
    scene.breaks(Property::RecoveredHole);
}

#[test]
fn a_recovery_from_another_log() {
    let mut scene = Scene::new();
    let other = scene.history.name("another epoch");
    scene.subscribe(2, Some((2, true)));
    let Some(Live::Subscribed { subscription, .. }) = scene.history.live.last_mut() else {
        unreachable!()
    };
    subscription.resume.as_mut().unwrap().asked.epoch = other;
    scene.breaks(Property::ResumeMoved);
}

#[test]
fn a_reader_who_sees_more_after_its_removal() {
    let mut scene = Scene::new();
    let (reader, room) = (scene.reader, scene.room);
    scene.history.live.insert(3, Live::Revoked { reader, room, at: 2 });
    scene.breaks(Property::AfterRevoked);
}

#[test]
fn a_reader_who_is_told_too_late_that_it_was_removed() {
    let mut scene = Scene::new();
    let (reader, room) = (scene.reader, scene.room);
    scene.history.live.push(Live::Revoked { reader, room, at: 3 });
    scene.breaks(Property::AfterRevoked);
}

#[test]
fn who_was_removed_is_not_waited_for_and_may_come_back() {
    let mut scene = Scene::new();
    scene.history.live.truncate(3);
    let (reader, room) = (scene.reader, scene.room);
    scene.history.live.push(Live::Revoked { reader, room, at: 2 });
    scene.settle();
    assert!(check(&scene.history).is_clean());
    scene.subscribe(3, None);
    let last = scene.history.logs[0].events[3];
    scene.receive(last);
    scene.settle();
    let verdict = check(&scene.history);
    assert!(verdict.is_clean(), "{verdict}");
    assert_eq!(verdict.counts.revocations, 1);
}

#[test]
fn what_is_unread_is_the_messages_above_the_mark() {
    // Events 1 to 4, of which the first is no message.
    for (head, mark, unread, is_right) in [
        (4, 0, 3, true),
        (4, 1, 3, true),
        (4, 3, 1, true),
        (3, 2, 1, true),
        (4, 4, 0, true),
        (4, 0, 4, false),
        (4, 3, 0, false),
        (3, 4, 0, false),
        (5, 3, 1, false),
    ] {
        let mut scene = Scene::new();
        let (reader, room) = (scene.reader, scene.room);
        let counted = Counted { head, mark, unread };
        scene.history.live.push(Live::Counted { reader, room, counted });
        if is_right {
            assert!(check(&scene.history).is_clean(), "{counted:?}");
        } else {
            scene.breaks(Property::UnreadWrong);
        }
    }
}
