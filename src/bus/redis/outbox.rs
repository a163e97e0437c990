//! What this node has committed and tells the others: bounded, published by a task of its own, dropped where it is too
//! much. Nobody waits for it, since whoever misses it finds out by comparing.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chat_protocol::{Event, EventBody, RoomId};
use futures_util::future::join_all;
use redis::{Pipeline, Value};
use tokio::sync::Notify;

use super::connection::{Redis, Result};
use super::payload;
use crate::bus::Passing;

/// Events that may wait.
const WAITING_MAX: usize = 16 * 1024;
/// Bytes that they may have, estimated.
const WAITING_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Events that are published at once.
const BATCH_MAX: usize = 512;

/// What is kept nowhere and may wait.
const PASSING_MAX: usize = 1024;

#[derive(Default)]
struct State {
    waiting: VecDeque<Arc<Event>>,
    bytes: usize,
    passing: Vec<Passing>,
}

/// What is published at once.
#[derive(Default)]
struct Batch {
    events: Vec<Arc<Event>>,
    passing: Vec<Passing>,
}

/// Where a channel is served, what it is called, and what is said there.
type Said = (String, String, Vec<u8>);

impl Batch {
    async fn said(&self, redis: &Redis) -> Vec<Said> {
        let mut said = Vec::with_capacity(self.events.len() + self.passing.len());
        for event in &self.events {
            if let Some(payload) = payload::encode(event) {
                said.extend(in_room(redis, &event.room, payload).await);
            }
        }
        for it in &self.passing {
            let payload = payload::passing(it);
            match it {
                Passing::InRoom(it) => said.extend(in_room(redis, &it.room, payload).await),
                Passing::ToUser(it) => {
                    let keys = redis.keys.of_user(&it.user);
                    said.push((keys.slot, keys.channel, payload));
                }
            }
        }
        said
    }
}

async fn in_room(redis: &Redis, room: &RoomId, payload: Vec<u8>) -> Option<Said> {
    let keys = redis.keys_of(room).await?;
    Some((keys.prefix().to_owned(), keys.channel(room), payload))
}

/// See the module.
#[derive(Default)]
pub struct Outbox {
    state: Mutex<State>,
    filled: Notify,
}

/// What an event costs while it waits.
fn cost(event: &Event) -> usize {
    let text = match &event.body {
        EventBody::MessageCreated { text, .. } => text.len(),
        _ => 0,
    };
    size_of::<Event>() + text
}

impl Outbox {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes as many as there is room for. Never blocks.
    pub fn put(&self, run: &[Arc<Event>]) {
        {
            let mut state = self.state();
            for event in run {
                let bytes = state.bytes + cost(event);
                if state.waiting.len() >= WAITING_MAX || bytes > WAITING_BYTES_MAX {
                    break;
                }
                state.bytes = bytes;
                state.waiting.push_back(event.clone());
            }
        }
        self.filled.notify_one();
    }

    /// Takes it if there is room. Never blocks.
    pub fn put_passing(&self, it: Passing) {
        {
            let mut state = self.state();
            if state.passing.len() < PASSING_MAX {
                state.passing.push(it);
            }
        }
        self.filled.notify_one();
    }

    async fn take(&self) -> Batch {
        loop {
            let filled = self.filled.notified();
            {
                let mut state = self.state();
                let count = state.waiting.len().min(BATCH_MAX);
                if count > 0 || !state.passing.is_empty() {
                    let events: Vec<_> = state.waiting.drain(..count).collect();
                    state.bytes -= events.iter().map(|event| cost(event)).sum::<usize>();
                    return Batch { events, passing: std::mem::take(&mut state.passing) };
                }
            }
            filled.await;
        }
    }

    /// Publishes what comes, for as long as the task lives.
    pub async fn keep_empty(self: Arc<Self>, redis: Arc<Redis>) {
        loop {
            let batch = self.take().await;
            if let Err(err) = publish(&redis, &batch).await {
                tracing::debug!(%err, events = batch.events.len(), "events not published");
            }
        }
    }
}

/// Publishes events, those of a room in their order. What is served together goes out as one.
async fn publish(redis: &Redis, batch: &Batch) -> Result<()> {
    let mut by_slot: HashMap<String, Pipeline> = HashMap::new();
    for (slot, channel, payload) in batch.said(redis).await {
        let pipeline = by_slot.entry(slot).or_default();
        pipeline.cmd(redis.config.publish()).arg(channel).arg(payload);
    }
    let connection = redis.connection().await?;
    let published = join_all(by_slot.values().map(|pipeline| {
        let mut connection = connection.clone();
        async move { pipeline.query_async::<Value>(&mut connection).await }
    }));
    published.await.into_iter().try_for_each(|published| published.map(drop))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use chat_protocol::RoomId;

    use super::*;

    #[tokio::test]
    async fn what_does_not_fit_is_dropped_and_the_rest_keeps_its_order() {
        let event = |offset| {
            let (room, body) = (RoomId::general(), EventBody::Void { of: None });
            Arc::new(Event { room, offset, time: 1, id: None, user: None, body })
        };
        let outbox = Outbox::default();
        let run: Vec<_> = (1..=WAITING_MAX as u64 + 10).map(event).collect();
        outbox.put(&run);
        let mut taken = Vec::new();
        while taken.len() < WAITING_MAX {
            taken.extend(outbox.take().await.events);
        }
        assert_eq!(taken, run[..WAITING_MAX]);
        assert_eq!(outbox.state().bytes, 0);
        outbox.put(&run[..1]);
        assert_eq!(outbox.take().await.events, run[..1]);
    }
}
