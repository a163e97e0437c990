//! What a bus asks of the store: which partition rooms belong to, and how far they reach.

use async_trait::async_trait;
use chat_protocol::{Offset, RoomId};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use futures_util::FutureExt;

use super::PgStore;
use super::schema::{log_meta, room_top, rooms};
use crate::bus::Heads;
use crate::store::rules::rows;
use crate::store::{Partitions, StoreError};

#[async_trait]
impl Heads for PgStore {
    async fn heads(&self, rooms: &[RoomId]) -> Result<Vec<(RoomId, Offset)>, StoreError> {
        let ids: Vec<String> = rooms.iter().map(ToString::to_string).collect();
        let read = self.read(move |conn| {
            let rows = rooms::table
                .inner_join(room_top::table)
                .filter(rooms::id.eq_any(ids))
                .select((rooms::id, room_top::offset));
            async move { Ok(rows.load::<(String, i64)>(conn).await?) }.boxed()
        });
        let head = |(id, offset): (String, i64)| Ok((rows::room_id(&id)?, offset.cast_unsigned()));
        read.await?.into_iter().map(head).collect()
    }
}

impl PgStore {
    /// The version that records are written in now. It is raised by an operator, once every node can read it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn record_version(&self) -> Result<i32, StoreError> {
        let read = self.read(|conn| {
            let version = log_meta::table.select(log_meta::record_version);
            async move { Ok(version.first(conn).await?) }.boxed()
        });
        read.await
    }
}

#[async_trait]
impl Partitions for PgStore {
    async fn partition_of(&self, room: &RoomId) -> Result<Option<u32>, StoreError> {
        let found = self.find_partitions(std::iter::once(room)).await?;
        Ok(found.get(room).map(|p| p.cast_unsigned()))
    }
}
