//! What this node has committed and tells the others: bounded, published by a task of its own, dropped where it is too
//! much. Nobody waits for it, since whoever misses it finds out by comparing.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chat_protocol::{Ephemeral, Event, EventBody, RoomId};
use futures_util::future::join_all;
use redis::{Pipeline, Value};
use tokio::sync::Notify;

use super::connection::{Redis, Result};
use super::payload;

/// Events that may wait.
const WAITING_MAX: usize = 16 * 1024;
/// Bytes that they may have, estimated.
const WAITING_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Events that are published at once.
const BATCH_MAX: usize = 512;

/// Ephemerals that may wait.
const EPHEMERALS_MAX: usize = 1024;

#[derive(Default)]
struct State {
    waiting: VecDeque<Arc<Event>>,
    bytes: usize,
    ephemerals: Vec<Ephemeral>,
}

/// What is published at once.
#[derive(Default)]
struct Batch {
    events: Vec<Arc<Event>>,
    ephemerals: Vec<Ephemeral>,
}

impl Batch {
    /// Rooms, and what is said on their channels.
    fn payloads(&self) -> impl Iterator<Item = (&RoomId, Vec<u8>)> {
        let events = self.events.iter().filter_map(|it| Some((&it.room, payload::encode(it)?)));
        let ephemerals = self.ephemerals.iter().map(|it| (&it.room, payload::ephemeral(it)));
        events.chain(ephemerals)
    }
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
    pub fn put_ephemeral(&self, it: Ephemeral) {
        {
            let mut state = self.state();
            if state.ephemerals.len() < EPHEMERALS_MAX {
                state.ephemerals.push(it);
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
                if count > 0 || !state.ephemerals.is_empty() {
                    let events: Vec<_> = state.waiting.drain(..count).collect();
                    state.bytes -= events.iter().map(|event| cost(event)).sum::<usize>();
                    return Batch { events, ephemerals: std::mem::take(&mut state.ephemerals) };
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

/// Publishes events, those of a room in their order. What is of one partition goes out as one.
async fn publish(redis: &Redis, batch: &Batch) -> Result<()> {
    let mut by_partition: HashMap<String, Pipeline> = HashMap::new();
    for (room, payload) in batch.payloads() {
        let Some(keys) = redis.keys_of(room).await else { continue };
        let pipeline = by_partition.entry(keys.prefix().to_owned()).or_default();
        pipeline.cmd(redis.config.publish()).arg(keys.channel(room)).arg(payload);
    }
    let connection = redis.connection().await?;
    let published = join_all(by_partition.values().map(|pipeline| {
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
