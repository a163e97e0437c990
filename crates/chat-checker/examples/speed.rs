//! How fast the check is: `cargo run --release -p chat-checker --example speed`.

use std::time::Instant;

use chat_checker::{
    Answer, Attempt, Event, History, Live, Message, Place, RoomLog, Subscription, check,
};

const ROOMS: u64 = 100;
const READERS: usize = 50;
const MESSAGES: u64 = 2_000;

fn main() {
    let history = history();
    let records = history.live.len() + history.attempts.len();
    let started = Instant::now();
    let verdict = check(&history);
    let took = started.elapsed();
    print!("{verdict}");
    println!("{records} records in {took:?}");
}

fn history() -> History {
    let mut history = History::default();
    let (epoch, author, durability) =
        (history.name("epoch"), history.name("author"), history.name("fsync"));
    let kind = history.name("message.created");
    let readers: Vec<_> = (0..READERS).map(|n| history.name(&format!("reader-{n}"))).collect();
    for n in 0..ROOMS {
        let room = history.name(&format!("room-{n}"));
        let mut events = Vec::new();
        for offset in 1..=MESSAGES {
            let id = history.name(&format!("event-{n}-{offset}"));
            let client_id = history.name(&format!("client-{n}-{offset}"));
            let text_hash = offset;
            let message = Some(Message { author, client_id, text_hash });
            events.push(Event { offset, kind, id: Some(id), time_ms: Some(offset), message });
            let answer = Answer::Acked { id, durability };
            history.attempts.push(Attempt { room, author, client_id, text_hash, answer });
        }
        for reader in &readers {
            let (reader, at) = (*reader, Place { epoch, offset: 0 });
            let subscription = Subscription { at, resume: None };
            history.live.push(Live::Subscribed { reader, room, subscription });
            let received = |event: &Event| Live::Received { reader, room, event: *event };
            history.live.extend(events.iter().map(received));
        }
        history.logs.push(RoomLog { room, epoch, head: MESSAGES, events });
    }
    history
}
