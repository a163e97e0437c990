//! Pages of a room's past, read row by row as far as they go.

use std::sync::Arc;

use async_trait::async_trait;
use chat_protocol::object::HistoryPage;
use chat_protocol::{Epoch, MessageId, RoomId, UserId};
use diesel::connection::DefaultLoadingMode;
use diesel::prelude::*;

use super::super::SqliteStore;
use super::super::schema::events;
use super::lookup;
use crate::store::rules::page::{Reading, Seek, Stretch, Visible};
use crate::store::rules::rows::EventRow;
use crate::store::rules::view::RoomRow;
use crate::store::{Head, History, Membership, PageLimit, Range, StoreError};

#[async_trait]
impl History for SqliteStore {
    fn epoch(&self) -> &Epoch {
        &self.epoch
    }

    async fn head(&self, room: &RoomId) -> Result<Option<Head>, StoreError> {
        let room = room.clone();
        let read = self.read(move |conn| {
            let Some(room) = lookup::find_room(conn, &room)? else { return Ok(None) };
            let offset = lookup::position(conn, room.no)?.offset;
            Ok(Some(Head { kind: room.state.kind, offset }))
        });
        read.await
    }

    async fn membership(&self, room: &RoomId, user: &UserId) -> Result<Membership, StoreError> {
        let (room, user) = (room.clone(), user.clone());
        let read = self.read(move |conn| {
            let room = lookup::room(conn, &room)?;
            let standing = room.standing(lookup::member(conn, room.no, &user)?);
            let as_of = lookup::position(conn, room.no)?.offset;
            Ok(Membership { joined: standing.map(|it| it.joined), as_of })
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
            let room = lookup::room(conn, &room)?;
            let visible = visible(conn, &room, viewer.as_ref())?;
            let at = match Seek::of(&range)? {
                Seek::At(offset) => offset,
                Seek::Id(id) => visible.anchor(locate(conn, &room, id)?)?,
            };
            let mut reading = Reading::begin(visible, &range, at, limit);
            while let Some(stretch) = reading.stretch() {
                read_stretch(conn, &room, stretch, &mut reading)?;
            }
            Ok(reading.page((*epoch).clone()))
        });
        read.await
    }
}

fn visible(
    conn: &mut SqliteConnection,
    room: &RoomRow,
    viewer: Option<&UserId>,
) -> Result<Visible, StoreError> {
    let found = match viewer {
        Some(viewer) => Some(lookup::member(conn, room.no, viewer)?),
        None => None,
    };
    let head = lookup::position(conn, room.no)?.offset;
    found.map_or(Ok(Visible::whole(head)), |found| Visible::to(room, found, head))
}

fn locate(conn: &mut SqliteConnection, room: &RoomRow, id: MessageId) -> QueryResult<Option<i64>> {
    events::table
        .filter(events::id.eq(&id.as_bytes()[..]))
        .filter(events::room_no.eq(room.no))
        .select(events::offset)
        .first(conn)
        .optional()
}

fn read_stretch(
    conn: &mut SqliteConnection,
    room: &RoomRow,
    stretch: Stretch,
    reading: &mut Reading,
) -> Result<(), StoreError> {
    let rows = events::table
        .filter(events::room_no.eq(room.no))
        .filter(events::offset.ge(stretch.first.cast_signed()))
        .filter(events::offset.le(stretch.last.cast_signed()))
        .select((
            events::offset,
            events::kind,
            events::id,
            events::author,
            events::author_name,
            events::client_id,
            events::body,
            events::time,
        ));
    let event = |row: QueryResult<EventRow>| row?.into_event(room.id.clone());
    if stretch.newest_first {
        let rows = rows.order(events::offset.desc());
        reading.take(rows.load_iter::<EventRow, DefaultLoadingMode>(conn)?.map(event))
    } else {
        let rows = rows.order(events::offset.asc());
        reading.take(rows.load_iter::<EventRow, DefaultLoadingMode>(conn)?.map(event))
    }
}
