//! Users, rooms and members, as a viewer may see them.

use std::sync::Arc;

use async_trait::async_trait;
use chat_protocol::client::Paging;
use chat_protocol::object::{List, Member, Role, Room, RoomKind, User};
use chat_protocol::{Epoch, RoomId, UserId};
use diesel::prelude::*;
use diesel::sql_types::Text;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::FutureExt;
use futures_util::future::try_join;

use super::super::PgStore;
use super::super::schema::{members, revocations, room_top, rooms, users};
use super::lookup;
use crate::domain::record::Change;
use crate::domain::revocation::Revocation;
use crate::store::rules::cursor::{Page, Place};
use crate::store::rules::rows::RevocationRow;
use crate::store::rules::view::RoomRow;
use crate::store::rules::{list, rows};
use crate::store::{Changed, Directory, StoreError};

diesel::define_sql_function!(fn lower(text: Text) -> Text);

#[async_trait]
impl Directory for PgStore {
    async fn user(&self, id: &UserId) -> Result<Option<User>, StoreError> {
        let id = id.clone();
        let read = self
            .read(move |conn| async move { Ok(lookup::users(conn, &[&id]).await?.pop()) }.boxed());
        read.await
    }

    async fn revocations_of(&self, user: &UserId) -> Result<Vec<Revocation>, StoreError> {
        let user = user.clone();
        let read = self.read(move |mut conn| {
            async move {
                let of_them = revocations::table.filter(revocations::user_id.eq(user.as_str()));
                let found: Vec<RevocationRow> = of_them.load(&mut conn).await?;
                found.into_iter().map(|row| Ok(rows::revocation(row)?.1)).collect()
            }
            .boxed()
        });
        read.await
    }

    async fn revocations_since(&self, since: u64) -> Result<Vec<(u64, Revocation)>, StoreError> {
        let read = self.read(move |mut conn| {
            async move {
                let late = revocations::table.filter(revocations::at.gt(since.cast_signed()));
                let found: Vec<RevocationRow> = late.load(&mut conn).await?;
                found.into_iter().map(rows::revocation).collect()
            }
            .boxed()
        });
        read.await
    }

    async fn room(&self, room: &RoomId, viewer: &UserId) -> Result<Room, StoreError> {
        let (room, viewer, epoch) = (room.clone(), viewer.clone(), Arc::clone(&self.epoch));
        let read = self.read(move |conn| {
            async move {
                let found = lookup::member(conn, &room, &viewer);
                let ((row, position), found) = try_join(lookup::room(conn, &room), found).await?;
                let standing = row.allow(found)?;
                Ok(row.seen(standing.map(|it| it.role)).at(position, &epoch))
            }
            .boxed()
        });
        read.await
    }

    async fn rooms(&self, viewer: &UserId, paging: Paging) -> Result<List<Room>, StoreError> {
        let page = Page::of(&paging)?;
        let (viewer, epoch) = (viewer.clone(), Arc::clone(&self.epoch));
        let read = self.read(move |conn| {
            async move { list_rooms(conn, &viewer, &page, &epoch).await }.boxed()
        });
        read.await
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
            async move {
                let found = lookup::member(conn, &room, &viewer);
                let ((row, _), found) = try_join(lookup::room(conn, &room), found).await?;
                row.allow(found)?;
                list_members(conn, &row, &page).await
            }
            .boxed()
        });
        read.await
    }

    async fn change(&self, change: Change) -> Result<Changed, StoreError> {
        self.route_change(change).await
    }
}

async fn list_rooms(
    mut conn: &AsyncPgConnection,
    viewer: &UserId,
    page: &Page,
    epoch: &Epoch,
) -> Result<List<Room>, StoreError> {
    let general = match page.after {
        Some(_) => None,
        None => {
            let (row, position) = lookup::room(conn, &RoomId::general()).await?;
            let role = row.standing(None).map(|it| it.role);
            Some(row.seen(role).at(position, epoch))
        }
    };
    let (name, id) = after(page);
    let mine = members::room_no.eq(rooms::no).and(members::user_id.eq(viewer.as_str()));
    let rows: Vec<list::RoomItem> = rooms::table
        .inner_join(room_top::table)
        .left_join(members::table.on(mine))
        .filter(rooms::kind.ne(rows::GENERAL))
        .filter(rooms::kind.eq(rows::PUBLIC).or(members::joined.is_not_null()))
        // The first half lets the index begin there, the second decides among equal names.
        .filter(lower(rooms::name).ge(&name))
        .filter(lower(rooms::name).gt(&name).or(rooms::id.gt(&id)))
        .order((lower(rooms::name).asc(), rooms::id.asc()))
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
        .load(&mut conn)
        .await?;
    list::rooms(general, rows, page, epoch)
}

async fn list_members(
    mut conn: &AsyncPgConnection,
    room: &RoomRow,
    page: &Page,
) -> Result<List<Member>, StoreError> {
    let (name, id) = after(page);
    let by_name =
        lower(users::name).ge(&name).and(lower(users::name).gt(&name).or(users::id.gt(&id)));
    let order = (lower(users::name).asc(), users::id.asc());
    let rows: Vec<list::MemberItem> = if room.state.kind == RoomKind::General {
        let everyone: Vec<(String, String)> = users::table
            .filter(by_name)
            .order(order)
            .limit(page.rows())
            .select((users::id, users::name))
            .load(&mut conn)
            .await?;
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
            .load(&mut conn)
            .await?
    };
    list::members(rows, page, room.member_count)
}

/// The place that a page begins after, its name as the index has it.
fn after(page: &Page) -> (String, String) {
    let Place { name, id } = page.after.clone().unwrap_or_default();
    (name.to_ascii_lowercase(), id)
}
