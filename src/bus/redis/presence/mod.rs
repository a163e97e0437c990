//! RedisNodes: who is where, kept in Redis under a partition's names; changes are published on the room's own channel.
//!
//! Of a room there are: for each node a hash of its sessions with their users; two hashes of the users, with the number of
//! their sessions and with what they are called; and a sorted set of the nodes by when they are given up. One script
//! changes all of it, so it never disagrees with itself. It ends by itself when nobody has reported for long.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chat_protocol::object::{Occupant, Person};
use chat_protocol::server::Crowd;
use chat_protocol::{RoomId, UserId};

use super::connection::{Redis, Unreachable};
use super::script::Script;
use crate::domain::rpc::fresh_id;
use crate::nodes::{Nodes, OCCUPANTS_MAX, Report, Reported};
use crate::store::StoreError;

/// See the module.
pub struct RedisNodes {
    redis: Arc<Redis>,
    node: String,
    lasts: Duration,
    report: Script,
    list: Script,
}

impl RedisNodes {
    /// What this node reports is believed for `lasts`.
    pub fn new(redis: Arc<Redis>, lasts: Duration) -> Self {
        let (report, list) = (include_str!("report.lua"), include_str!("list.lua"));
        let node = fresh_id();
        Self { redis, node, lasts, report: Script::new(report), list: Script::new(list) }
    }

    async fn list(&self, room: &RoomId, max: usize) -> Result<Vec<Vec<u8>>, StoreError> {
        let Some(place) = self.redis.keys_of(room).await.map(|keys| keys.presence(room)) else {
            return Ok(Vec::new());
        };
        let mut connection = self.redis.connection().await?;
        let arguments = [place.prefix.clone().into_bytes(), max.to_string().into_bytes()];
        let listed = self.list.call(&mut connection, &[place.nodes()], &arguments).await;
        Ok(listed.map_err(Unreachable::from)?)
    }
}

#[async_trait]
impl Nodes for RedisNodes {
    async fn report(&self, report: &Report) -> Result<Reported, StoreError> {
        let keys = self.redis.keys_of(&report.room).await;
        let place = keys.map(|keys| keys.presence(&report.room));
        let place = place.ok_or_else(|| StoreError::Unavailable("no partition yet".to_owned()))?;
        let mut arguments: Vec<Vec<u8>> = vec![
            place.prefix.clone().into(),
            place.channel.clone().into(),
            self.redis.config.publish().into(),
            report.room.as_str().into(),
            self.node.clone().into(),
            self.lasts.as_millis().to_string().into(),
            report.here.to_string().into(),
            u8::from(report.whole).to_string().into(),
            report.came.len().to_string().into(),
        ];
        for it in &report.came {
            let person = chat_protocol::json::encode(&it.user);
            arguments.extend([it.client.clone().into(), it.user.id.to_string().into(), person]);
        }
        arguments.extend(report.went.iter().map(|client| client.clone().into_bytes()));
        let mut connection = self.redis.connection().await?;
        let taken = self.report.call(&mut connection, &[place.nodes()], &arguments).await;
        let (here, users): (usize, u32) = taken.map_err(Unreachable::from)?;
        Ok(Reported { wants_whole: here != report.here, users, tick: None })
    }

    async fn crowd(&self, room: &RoomId) -> Result<Crowd, StoreError> {
        let listed = self.list(room, 0).await?;
        let number = |at: usize| {
            let text = listed.get(at).and_then(|number| str::from_utf8(number).ok());
            text.and_then(|text| text.parse().ok()).unwrap_or(0)
        };
        Ok(Crowd { sessions: number(0), users: number(1) })
    }

    async fn occupants(&self, room: &RoomId) -> Result<Option<Vec<Occupant>>, StoreError> {
        let listed = self.list(room, OCCUPANTS_MAX).await?;
        let Some(entries) = listed.get(2..) else { return Ok(Some(Vec::new())) };
        let number = str::from_utf8(&listed[0]).ok().and_then(|number| number.parse().ok());
        if number.unwrap_or(0) > OCCUPANTS_MAX {
            return Ok(None);
        }
        Ok(Some(entries.chunks_exact(3).filter_map(occupant).collect()))
    }
}

/// A session, its user, and how Redis has them.
fn occupant(entry: &[Vec<u8>]) -> Option<Occupant> {
    let [client, user, person] = entry else { return None };
    let (client, id) = (str::from_utf8(client).ok()?, str::from_utf8(user).ok()?);
    let named = serde_json::from_slice(person).ok();
    let user = match named {
        Some(person) => person,
        None if id.is_empty() => Person::nobody(),
        None => Person { id: UserId::parse(id).ok()?, name: id.to_owned() },
    };
    Some(Occupant { client: client.to_owned(), user })
}
