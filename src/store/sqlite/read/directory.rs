//! Users, rooms and members, as a viewer may see them.

use std::sync::Arc;

use async_trait::async_trait;
use chat_protocol::client::Paging;
use chat_protocol::object::{List, Member, Role, Room, RoomKind, User};
use chat_protocol::{Epoch, RoomId, UserId};
use diesel::prelude::*;

use super::super::schema::{members, revocations, room_top, rooms, users};
use super::super::{SqliteStore, closed};
use super::lookup;
use crate::domain::record::Change;
use crate::domain::revocation::Revocation;
use crate::store::job::Job;
use crate::store::rules::cursor::Page;
use crate::store::rules::rows::RevocationRow;
use crate::store::rules::view::RoomRow;
use crate::store::rules::{list, rows};
use crate::store::{Changed, Directory, StoreError};

#[async_trait]
impl Directory for SqliteStore {
    async fn user(&self, id: &UserId) -> Result<Option<User>, StoreError> {
        let id = id.clone();
        self.read(move |conn| lookup::user(conn, &id)).await
    }

    async fn revocations_of(&self, user: &UserId) -> Result<Vec<Revocation>, StoreError> {
        let user = user.clone();
        let read = self.read(move |conn| {
            let of_them = revocations::table.filter(revocations::user_id.eq(user.as_str()));
            let found: Vec<RevocationRow> = of_them.load(conn)?;
            found.into_iter().map(|row| Ok(rows::revocation(row)?.1)).collect()
        });
        read.await
    }

    async fn revocations_since(&self, since: u64) -> Result<Vec<(u64, Revocation)>, StoreError> {
        let read = self.read(move |conn| {
            let late = revocations::table.filter(revocations::at.gt(since.cast_signed()));
            let found: Vec<RevocationRow> = late.load(conn)?;
            found.into_iter().map(rows::revocation).collect()
        });
        read.await
    }

    async fn room(&self, room: &RoomId, viewer: &UserId) -> Result<Room, StoreError> {
        let (room, viewer, epoch) = (room.clone(), viewer.clone(), Arc::clone(&self.epoch));
        let read = self.read(move |conn| {
            let row = lookup::room(conn, &room)?;
            let standing = row.allow(lookup::member(conn, row.no, &viewer)?)?;
            let position = lookup::position(conn, row.no)?;
            Ok(row.seen(standing.map(|it| it.role)).at(position, &epoch))
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
            let row = lookup::room(conn, &room)?;
            row.allow(lookup::member(conn, row.no, &viewer)?)?;
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

fn list_rooms(
    conn: &mut SqliteConnection,
    viewer: &UserId,
    page: &Page,
    epoch: &Epoch,
) -> Result<List<Room>, StoreError> {
    let general = match page.after {
        Some(_) => None,
        None => {
            let row = lookup::room(conn, &RoomId::general())?;
            let role = row.standing(None).map(|it| it.role);
            let position = lookup::position(conn, row.no)?;
            Some(row.seen(role).at(position, epoch))
        }
    };
    let after = page.after.clone().unwrap_or_default();
    let mine = members::room_no.eq(rooms::no).and(members::user_id.eq(viewer.as_str()));
    let rows: Vec<list::RoomItem> = rooms::table
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
            rooms::id,
            rooms::name,
            rooms::kind,
            rooms::topic,
            rooms::member_count,
            room_top::offset,
            room_top::messages,
            members::role.nullable(),
        ))
        .load(conn)?;
    list::rooms(general, rows, page, epoch)
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
    let rows: Vec<list::MemberItem> = if room.state.kind == RoomKind::General {
        let everyone: Vec<(String, String)> = users::table
            .filter(by_name)
            .order(order)
            .limit(page.rows())
            .select((users::id, users::name))
            .load(conn)?;
        let role = rows::role_code(Role::Member);
        everyone.into_iter().map(|(id, name)| (id, name, role)).collect()
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
    list::members(rows, page, room.member_count)
}
