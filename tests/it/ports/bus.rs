//! What `src/bus/mod.rs` promises.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Waker};
use std::thread;
use std::time::Duration;

use chat_protocol::{Event, EventBody, Hint, HintBody, Offset, RoomId, UserId};
use chat_server::bus::local::LocalBus;
use chat_server::bus::{Bus, Incoming, Passing, Run};
use tokio::time::timeout;

use super::promises;

promises! {
    local: super::Local(std::sync::Arc::default());
    redis: super::super::redis::bus::RedisSubject::start().await;
    events_come_in_the_order_of_the_log
    the_end_is_known_whatever_is_lost
    a_receiver_that_gives_up_loses_nothing
    a_new_receiver_goes_on_where_the_last_was
    a_hint_comes_to_who_has_sessions_of_its_user
}

// What one node alone can promise besides.
promises! {
    local_alone: super::Local(std::sync::Arc::default());
    nothing_is_lost_or_repeated
    a_full_bus_makes_the_log_wait
}

/// A bus under test.
pub trait BusSubject: Send {
    fn bus(&self) -> Arc<dyn Bus>;

    /// From now on, who knows for certain says that the room reaches so far.
    fn log_reaches(&self, _: &RoomId, _: Offset) {}
}

struct Local(Arc<LocalBus>);

impl BusSubject for Local {
    fn bus(&self) -> Arc<dyn Bus> {
        self.0.clone()
    }
}

/// Far more runs than any bus holds.
const MANY: Offset = 5_000;
/// What is not there by then will not come.
const PATIENCE: Duration = Duration::from_secs(20);

fn event(offset: Offset) -> Arc<Event> {
    let (room, body) = (RoomId::general(), EventBody::Void { of: None });
    Arc::new(Event { room, offset, time: 1, id: None, user: None, body })
}

/// Relays `offsets`, one run each, from a thread of its own; counts the runs that the bus has taken.
fn relay(
    bus: Arc<dyn Bus>,
    offsets: impl Iterator<Item = Offset> + Send + 'static,
) -> (thread::JoinHandle<()>, Arc<AtomicUsize>) {
    let taken = Arc::new(AtomicUsize::new(0));
    let count = taken.clone();
    let log = thread::spawn(move || {
        for offset in offsets {
            bus.relay(&[event(offset)]);
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    (log, taken)
}

/// The next events; what else comes says nothing about them.
async fn next(bus: &dyn Bus) -> Run {
    let events = async {
        loop {
            if let Incoming::Events(run) = bus.next().await {
                return run;
            }
        }
    };
    timeout(PATIENCE, events).await.expect("the next run comes")
}

/// The offsets that come, up to `last`.
async fn receive(bus: &dyn Bus, last: Offset) -> Vec<Offset> {
    let mut offsets = Vec::new();
    while offsets.last() != Some(&last) {
        let run = next(bus).await;
        offsets.extend(run.iter().map(|event| event.offset));
    }
    offsets
}

pub async fn events_come_in_the_order_of_the_log(bus: &mut dyn BusSubject) {
    let bus = bus.bus();
    bus.watch(&RoomId::general()).await;
    let log = bus.clone();
    let runs = [vec![1, 2, 3], vec![4], vec![5, 6]];
    let relay = move || {
        for run in runs {
            log.relay(&run.into_iter().map(event).collect::<Vec<_>>());
        }
    };
    thread::spawn(relay).join().unwrap();
    assert_eq!(receive(&*bus, 6).await, [1, 2, 3, 4, 5, 6]);
}

pub async fn the_end_is_known_whatever_is_lost(subject: &mut dyn BusSubject) {
    let bus = subject.bus();
    bus.watch(&RoomId::general()).await;
    let (log, _) = relay(bus.clone(), 1..=MANY);
    let (mut last, mut reaches) = (0, 0);
    let mut log = Some(log);
    while last.max(reaches) < MANY {
        match timeout(PATIENCE, bus.next()).await.expect("the end is told") {
            Incoming::Events(run) => {
                for event in run {
                    assert!(event.offset > last, "{} after {last}", event.offset);
                    last = event.offset;
                }
            }
            Incoming::Heads(heads) => reaches = heads.iter().map(|(_, head)| *head).max().unwrap(),
            Incoming::Gap | Incoming::Passing(_) => {}
        }
        if log.as_ref().is_some_and(thread::JoinHandle::is_finished) {
            log.take().unwrap().join().unwrap();
            subject.log_reaches(&RoomId::general(), MANY);
        }
    }
}

pub async fn nothing_is_lost_or_repeated(bus: &mut dyn BusSubject) {
    let bus = bus.bus();
    let (log, _) = relay(bus.clone(), 1..=MANY);
    assert_eq!(receive(&*bus, MANY).await, (1..=MANY).collect::<Vec<_>>());
    log.join().unwrap();
}

pub async fn a_full_bus_makes_the_log_wait(bus: &mut dyn BusSubject) {
    let bus = bus.bus();
    let (log, taken) = relay(bus.clone(), 1..=MANY);
    // A relay that didn't wait would be through by the time that the first thousand have been received.
    let mut received = 0;
    while received < 1_000 {
        received += next(&*bus).await.len();
        let ahead = taken.load(Ordering::SeqCst).saturating_sub(received);
        assert!(ahead < 1_000, "{ahead} runs wait");
    }
    assert!(!log.is_finished(), "it waits for the receiver");
    receive(&*bus, MANY).await;
    log.join().unwrap();
}

pub async fn a_receiver_that_gives_up_loses_nothing(bus: &mut dyn BusSubject) {
    let bus = bus.bus();
    bus.watch(&RoomId::general()).await;
    let mut offsets = Vec::new();
    let (log, _) = relay(bus.clone(), 1..=200);
    while offsets.last() != Some(&200) {
        // Begun, looked at once and dropped: it has given its run, or taken none.
        let given = {
            let mut next = pin!(bus.next());
            next.as_mut().poll(&mut Context::from_waker(Waker::noop()))
        };
        match given {
            std::task::Poll::Ready(Incoming::Events(run)) => {
                offsets.extend(run.iter().map(|event| event.offset))
            }
            _ => {
                let run = next(&*bus).await;
                offsets.extend(run.iter().map(|event| event.offset));
            }
        }
    }
    assert_eq!(offsets, (1..=200).collect::<Vec<_>>());
    log.join().unwrap();
}

pub async fn a_new_receiver_goes_on_where_the_last_was(bus: &mut dyn BusSubject) {
    let bus = bus.bus();
    bus.watch(&RoomId::general()).await;
    let (first_part, _) = relay(bus.clone(), 1..=100);
    let first = bus.clone();
    let first = tokio::spawn(async move { receive(&*first, 100).await }).await.unwrap();
    first_part.join().unwrap();
    let (second_part, _) = relay(bus.clone(), 101..=300);
    let second = tokio::spawn({
        let bus = bus.clone();
        async move {
            std::future::pending::<()>().await;
            drop(bus)
        }
    });
    second.abort(); // a life that never got to read
    let third = tokio::spawn(async move { receive(&*bus, 300).await }).await.unwrap();
    assert_eq!([first, third].concat(), (1..=300).collect::<Vec<_>>());
    second_part.join().unwrap();
}

pub async fn a_hint_comes_to_who_has_sessions_of_its_user(bus: &mut dyn BusSubject) {
    let bus = bus.bus();
    let hint = |user: &str, offset| {
        let body = HintBody::ReadMarked { room: RoomId::general(), offset, unread: 0 };
        Hint { user: UserId::parse(user).unwrap(), body }
    };
    let users = ["u", "{p0}:general", "\u{00fc} }:{u1"];
    for user in users {
        bus.watch_user(&UserId::parse(user).unwrap()).await;
    }
    for (user, offset) in users.into_iter().zip(1..) {
        bus.pass_on(Passing::ToUser(hint(user, offset)));
        let told = async {
            loop {
                if let Incoming::Passing(all) = bus.next().await {
                    return all;
                }
            }
        };
        let told = timeout(PATIENCE, told).await.expect("the hint comes");
        assert_eq!(told, [Passing::ToUser(hint(user, offset))]);
    }
}
