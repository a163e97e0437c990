//! Pages of a room's past.

use std::sync::Arc;

use async_trait::async_trait;
use chat_protocol::object::HistoryPage;
use chat_protocol::{Epoch, Event, MessageId, RoomId, UserId};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::FutureExt;
use futures_util::future::try_join;

use super::super::PgStore;
use super::super::schema::events;
use super::lookup;
use super::stretch::ReadStretch;
use crate::store::rules::page::{Reading, Seek, Stretch, Visible};
use crate::store::rules::rows::EventRow;
use crate::store::rules::view::RoomRow;
use crate::store::{Head, History, Membership, PageLimit, Range, StoreError};

#[async_trait]
impl History for PgStore {
    fn epoch(&self) -> &Epoch {
        &self.epoch
    }

    async fn head(&self, room: &RoomId) -> Result<Option<Head>, StoreError> {
        let room = room.clone();
        let read = self.read(move |conn| {
            async move {
                let found = lookup::find_room(conn, &room).await?;
                Ok(found.map(|(room, position)| Head {
                    kind: room.state.kind,
                    offset: position.offset,
                }))
            }
            .boxed()
        });
        read.await
    }

    async fn membership(&self, room: &RoomId, user: &UserId) -> Result<Membership, StoreError> {
        let (room, user) = (room.clone(), user.clone());
        let read = self.read(move |conn| {
            async move {
                let (room, found) =
                    try_join(lookup::room(conn, &room), lookup::member(conn, &room, &user)).await?;
                let (room, position) = room;
                let joined = room.standing(found).map(|it| it.joined);
                Ok(Membership { joined, as_of: position.offset })
            }
            .boxed()
        });
        read.await
    }

    async fn page(
        &self,
        room: &RoomId,
        viewer: Option<&UserId>,
        range: Range,
        limit: PageLimit,
    ) -> Result<HistoryPage, StoreError> {
        let (room, viewer) = (room.clone(), viewer.cloned());
        let epoch = Arc::clone(&self.epoch);
        let read = self.read(move |conn| {
            async move {
                let (room, visible) = visible(conn, &room, viewer.as_ref()).await?;
                let at = match Seek::of(&range)? {
                    Seek::At(offset) => offset,
                    Seek::Id(id) => visible.anchor(locate(conn, &room, id).await?)?,
                };
                let mut reading = Reading::begin(visible, &range, at, limit);
                while let Some(stretch) = reading.stretch() {
                    reading.take(read_stretch(conn, &room, stretch).await?)?;
                }
                Ok(reading.page((*epoch).clone()))
            }
            .boxed()
        });
        read.await
    }
}

async fn visible(
    conn: &AsyncPgConnection,
    room: &RoomId,
    viewer: Option<&UserId>,
) -> Result<(RoomRow, Visible), StoreError> {
    let Some(viewer) = viewer else {
        let (room, position) = lookup::room(conn, room).await?;
        return Ok((room, Visible::whole(position.offset)));
    };
    let ((room, position), found) =
        try_join(lookup::room(conn, room), lookup::member(conn, room, viewer)).await?;
    let visible = Visible::to(&room, found, position.offset)?;
    Ok((room, visible))
}

async fn locate(
    mut conn: &AsyncPgConnection,
    room: &RoomRow,
    id: MessageId,
) -> QueryResult<Option<i64>> {
    events::table
        .filter(events::id.eq(&id.as_bytes()[..]))
        .filter(events::room_no.eq(room.no))
        .select(events::offset)
        .first(&mut conn)
        .await
        .optional()
}

async fn read_stretch(
    mut conn: &AsyncPgConnection,
    room: &RoomRow,
    stretch: Stretch,
) -> Result<Vec<Result<Event, StoreError>>, StoreError> {
    let query = ReadStretch {
        room_no: room.no,
        first: stretch.first.cast_signed(),
        last: stretch.last.cast_signed(),
        newest_first: stretch.newest_first,
        bytes: i64::try_from(stretch.bytes).unwrap_or(i64::MAX),
    };
    let rows: Vec<EventRow> = query.load(&mut conn).await?;
    Ok(rows.into_iter().map(|row| row.into_event(room.id.clone())).collect())
}
