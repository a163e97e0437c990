//! How far rooms reach by what has been folded into Redis: who knows for certain where Redis is the first to fold the log.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use chat_protocol::{Offset, RoomId};
use futures_util::future::join_all;

use super::connection::{Connection, Redis, Unreachable};
use crate::bus::Heads;
use crate::store::StoreError;

/// Rooms that are asked for at once.
const ROOMS_MAX: usize = 1000;

/// See the module.
pub struct RedisHeads {
    redis: Arc<Redis>,
}

impl RedisHeads {
    /// Asks this Redis.
    pub const fn new(redis: Arc<Redis>) -> Self {
        Self { redis }
    }
}

/// What a room's field of `top` says: `<offset>:<log offset>`.
pub fn offset_of(field: &str) -> Option<Offset> {
    field.split(':').next()?.parse().ok()
}

/// How far rooms of one partition reach.
async fn ask(
    mut connection: Connection,
    top: &str,
    rooms: &[&RoomId],
) -> Result<Vec<(RoomId, Offset)>, Unreachable> {
    let mut ask = redis::cmd("HMGET");
    ask.arg(top);
    for room in rooms {
        ask.arg(room.as_str());
    }
    let fields: Vec<Option<String>> = ask.query_async(&mut connection).await?;
    let heads = rooms.iter().zip(fields);
    Ok(heads.filter_map(|(room, field)| Some(((*room).clone(), offset_of(&field?)?))).collect())
}

#[async_trait]
impl Heads for RedisHeads {
    async fn heads(&self, rooms: &[RoomId]) -> Result<Vec<(RoomId, Offset)>, StoreError> {
        let mut by_top: HashMap<String, Vec<&RoomId>> = HashMap::new();
        for room in rooms {
            if let Some(keys) = self.redis.keys_of(room).await {
                by_top.entry(keys.top()).or_default().push(room);
            }
        }
        let connection = self.redis.connection().await?;
        let questions = by_top
            .iter()
            .flat_map(|(top, rooms)| rooms.chunks(ROOMS_MAX).map(move |rooms| (top, rooms)));
        let asked = questions.map(|(top, rooms)| ask(connection.clone(), top, rooms));
        let mut heads = Vec::new();
        for found in join_all(asked).await {
            heads.extend(found?);
        }
        Ok(heads)
    }
}
