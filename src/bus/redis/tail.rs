//! The rooms' newest events, as Redis has them: what completes a store that lags.

use std::sync::Arc;

use async_trait::async_trait;
use chat_protocol::{Event, Offset, RoomId};

use super::connection::{Redis, Unreachable};
use super::keys::{PartitionKeys, entry, offset_of};
use super::{heads, payload};
use crate::store::StoreError;
use crate::store::tailed::{Tail, TailPart};

/// Events that are read at once; a tail is shorter.
const EVENTS_MAX: usize = 1000;

/// See the module.
pub struct RedisTail {
    redis: Arc<Redis>,
}

/// An entry of a stream: its id, and its fields and values.
type Entry = (String, Vec<Vec<u8>>);

impl RedisTail {
    /// The tails of this Redis.
    pub const fn new(redis: Arc<Redis>) -> Self {
        Self { redis }
    }

    async fn read(
        &self,
        keys: &PartitionKeys,
        room: &RoomId,
        after: Offset,
    ) -> Result<Option<TailPart>, Unreachable> {
        let mut connection = self.redis.connection().await?;
        let mut ask = redis::pipe();
        // Both as of one moment, so that what is read belongs to the top.
        ask.atomic().cmd("HGET").arg(keys.top()).arg(room.as_str());
        ask.cmd("XRANGE").arg(keys.tail(room)).arg(entry(after + 1)).arg("+");
        ask.arg("COUNT").arg(EVENTS_MAX);
        let (field, entries): (Option<String>, Vec<Entry>) =
            ask.query_async(&mut connection).await?;
        let Some(top) = field.as_deref().and_then(heads::offset_of) else { return Ok(None) };
        let events = entries.iter().filter_map(|entry| read_entry(room, entry));
        Ok(Some(TailPart { top, events: events.take_while(|it| it.offset <= top).collect() }))
    }
}

/// `None` for what this version can't read: a hole, as if it had never been there.
fn read_entry(room: &RoomId, (id, fields): &Entry) -> Option<Event> {
    let event = payload::decode(room, fields.get(1)?)?;
    (Some(event.offset) == offset_of(id)).then_some(event)
}

#[async_trait]
impl Tail for RedisTail {
    async fn tail(&self, room: &RoomId, after: Offset) -> Result<Option<TailPart>, StoreError> {
        let Some(keys) = self.redis.keys_of(room).await else { return Ok(None) };
        Ok(self.read(&keys, room, after).await?)
    }
}
