//! Users, rooms and members, as a viewer may see them.

use std::sync::Arc;

use async_trait::async_trait;
use chat_protocol::client::Paging;
use chat_protocol::object::{List, Member, Role, Room, RoomKind, RoomState, User};
use chat_protocol::{Epoch, RoomId, UserId};
use diesel::prelude::*;

use super::super::schema::{members, room_top, rooms, users};
use super::super::write::Job;
use super::super::{SqliteStore, closed, rows};
use super::cursor::{Page, Place};
use super::view::{self, Position, RoomRow, Standing};
use crate::domain::record::Change;
use crate::store::{Changed, Directory, StoreError};

#[async_trait]
impl Directory for SqliteStore {
    async fn user(&self, id: &UserId) -> Result<Option<User>, StoreError> {
        let id = id.clone();
        self.read(move |conn| view::user(conn, &id)).await
    }

    async fn room(&self, room: &RoomId, viewer: &UserId) -> Result<Room, StoreError> {
        let (room, viewer, epoch) = (room.clone(), viewer.clone(), Arc::clone(&self.epoch));
        let read = self.read(move |conn| {
            let row = view::room(conn, &room)?;
            let standing = view::allow(conn, &row, &viewer)?;
            let position = view::position(conn, row.no)?;
            Ok(view::object(row, position, standing, &epoch))
        });
        read.await
    }

    async fn rooms(&self, viewer: &UserId, paging: Paging) -> Result<List<Room>, StoreError> {
        let page = Page::of(&paging)?;
        let (viewer, epoch) = (viewer.clone(), Arc::clone(&self.epoch));
        self.read(move |conn| list_rooms(conn, &viewer, &page, &epoch)).await
    }

    async fn members(
        &self,
        room: &RoomId,
        viewer: &UserId,
        paging: Paging,
    ) -> Result<List<Member>, StoreError> {
        let page = Page::of(&paging)?;
        let (room, viewer) = (room.clone(), viewer.clone());
        let read = self.read(move |conn| {
            let row = view::room(conn, &room)?;
            view::allow(conn, &row, &viewer)?;
            list_members(conn, &row, &page)
        });
        read.await
    }

    async fn change(&self, change: Change) -> Result<Changed, StoreError> {
        let (job, answer) = Job::change(change);
        self.queue(job)?;
        answer.await.unwrap_or_else(|_| Err(closed()))
    }
}

type ListedRoom = (i64, String, String, i16, String, i64, i64, i64, Option<i16>, Option<i64>);

fn list_rooms(
    conn: &mut SqliteConnection,
    viewer: &UserId,
    page: &Page,
    epoch: &Epoch,
) -> Result<List<Room>, StoreError> {
    let mut items = Vec::new();
    if page.after.is_none() {
        let general = view::room(conn, &RoomId::general())?;
        let standing = view::standing(conn, &general, viewer)?;
        let position = view::position(conn, general.no)?;
        items.push(view::object(general, position, standing, epoch));
    }
    let after = page.after.clone().unwrap_or_default();
    let mine = members::room_no.eq(rooms::no).and(members::user_id.eq(viewer.as_str()));
    let rows: Vec<ListedRoom> = rooms::table
        .inner_join(room_top::table)
        .left_join(members::table.on(mine))
        .filter(rooms::kind.ne(rows::GENERAL))
        .filter(rooms::kind.eq(rows::PUBLIC).or(members::joined.is_not_null()))
        // The first half lets the index begin there, the second decides among equal names.
        .filter(rooms::name.ge(&after.name))
        .filter(rooms::name.gt(&after.name).or(rooms::id.gt(&after.id)))
        .order((rooms::name.asc(), rooms::id.asc()))
        .limit(page.rows())
        .select((
            rooms::no,
            rooms::id,
            rooms::name,
            rooms::kind,
            rooms::topic,
            rooms::member_count,
            room_top::offset,
            room_top::messages,
            members::role.nullable(),
            members::joined.nullable(),
        ))
        .load(conn)?;
    for row in rows {
        items.push(listed(row, epoch)?);
    }
    // Only the first page has `general`, before every name; the place after it is the very beginning.
    let next = page.cut(&mut items, |room| match room.state.kind {
        RoomKind::General => Place::default(),
        _ => Place { name: room.state.name.clone(), id: room.id.to_string() },
    });
    Ok(List { items, next, count: None })
}

fn listed(row: ListedRoom, epoch: &Epoch) -> Result<Room, StoreError> {
    let (no, id, name, kind, topic, member_count, offset, messages, role, joined) = row;
    let standing = match (role, joined) {
        (Some(role), Some(joined)) => {
            Some(Standing { role: rows::role(role)?, joined: joined.cast_unsigned() })
        }
        _ => None,
    };
    let state = RoomState { name, kind: rows::room_kind(kind)?, topic };
    let id = rows::room_id(&id)?;
    let room = RoomRow { no, id, state, member_count: member_count.cast_unsigned() };
    let position = Position { offset: offset.cast_unsigned(), messages: messages.cast_unsigned() };
    Ok(view::object(room, position, standing, epoch))
}

fn list_members(
    conn: &mut SqliteConnection,
    room: &RoomRow,
    page: &Page,
) -> Result<List<Member>, StoreError> {
    let after = page.after.clone().unwrap_or_default();
    let by_name =
        users::name.ge(&after.name).and(users::name.gt(&after.name).or(users::id.gt(&after.id)));
    let order = (users::name.asc(), users::id.asc());
    let rows: Vec<(String, String, i16)> = if room.state.kind == RoomKind::General {
        let everyone: Vec<(String, String)> = users::table
            .filter(by_name)
            .order(order)
            .limit(page.rows())
            .select((users::id, users::name))
            .load(conn)?;
        everyone.into_iter().map(|(id, name)| (id, name, rows::MEMBER)).collect()
    } else {
        members::table
            .inner_join(users::table)
            .filter(members::room_no.eq(room.no))
            .filter(by_name)
            .order(order)
            .limit(page.rows())
            .select((users::id, users::name, members::role))
            .load(conn)?
    };
    let mut items = Vec::with_capacity(rows.len());
    for (id, name, role) in rows {
        let role: Role = rows::role(role)?;
        items.push(Member { id: rows::user_id(&id)?, name, role });
    }
    let next = page.cut(&mut items, |it| Place { name: it.name.clone(), id: it.id.to_string() });
    Ok(List { items, next, count: Some(room.member_count) })
}
