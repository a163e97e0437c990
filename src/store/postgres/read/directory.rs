//! Users, rooms and members, as a viewer may see them.

use std::sync::Arc;

use async_trait::async_trait;
use chat_protocol::client::Paging;
use chat_protocol::object::{List, Member, ReadUpTo, Role, Room, RoomKind, User};
use chat_protocol::{Epoch, Offset, RoomId, UserId};
use diesel::prelude::*;
use diesel::sql_types::Text;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::FutureExt;
use futures_util::future::{try_join, try_join3};

use super::super::PgStore;
use super::super::schema::{members, read_marks, revocations, room_top, rooms, users};
use super::lookup;
use crate::domain::record::{Change, ReadMark};
use crate::domain::revocation::Revocation;
use crate::store::rules::cursor::{Page, Place};
use crate::store::rules::read::{self, Marked};
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
                let kept = lookup::read_mark(conn, &room, &viewer);
                let ((row, position), found, kept) =
                    try_join3(lookup::room(conn, &room), found, kept).await?;
                let standing = row.allow(found)?;
                let marked = Marked::of(&row, standing, kept, position, &epoch);
                lookup::to_reader(conn, &viewer, marked).await
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
        let asker = change.asker().cloned();
        match (self.route_change(change).await?, asker) {
            (Changed::Room(room), Some(asker)) if room.role.is_some() => {
                // The change is made, whatever becomes of this.
                let read = self.read_by(room.clone(), asker).await;
                Ok(Changed::Room(read.unwrap_or(room)))
            }
            (changed, _) => Ok(changed),
        }
    }

    async fn mark_read(&self, mark: ReadMark, reach: Offset) -> Result<ReadUpTo, StoreError> {
        let before = self.room(&mark.room, &mark.user).await?;
        let Some(moved) = read::advance(&before, &mark, reach)? else {
            return read::up_to(&before);
        };
        self.keep_mark(moved).await?;
        read::up_to(&self.room(&mark.room, &mark.user).await?)
    }
}

impl PgStore {
    /// A room as a change has made it, with how far its asker has read it.
    async fn read_by(&self, room: Room, asker: UserId) -> Result<Room, StoreError> {
        let read = self.read(move |conn| {
            async move {
                let found = lookup::member(conn, &room.id, &asker);
                let kept = lookup::read_mark(conn, &room.id, &asker);
                let ((row, _), found, kept) =
                    try_join3(lookup::room(conn, &room.id), found, kept).await?;
                let marked = Marked::new(row.no, room, row.standing(found), kept);
                lookup::to_reader(conn, &asker, marked).await
            }
            .boxed()
        });
        read.await
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
            let general = RoomId::general();
            let kept = lookup::read_mark(conn, &general, viewer);
            let ((row, position), kept) = try_join(lookup::room(conn, &general), kept).await?;
            Some(Marked::of(&row, row.standing(None), kept, position, epoch))
        }
    };
    let (name, id) = after(page);
    let mine = members::room_no.eq(rooms::no).and(members::user_id.eq(viewer.to_string()));
    let marks = read_marks::room_no.eq(rooms::no).and(read_marks::user_id.eq(viewer.to_string()));
    let rows: Vec<list::RoomItem> = rooms::table
        .inner_join(room_top::table)
        .left_join(members::table.on(mine))
        .left_join(read_marks::table.on(marks))
        .filter(rooms::kind.ne(rows::GENERAL))
        .filter(rooms::kind.eq(rows::PUBLIC).or(members::joined.is_not_null()))
        // The first half lets the index begin there, the second decides among equal names.
        .filter(lower(rooms::name).ge(&name))
        .filter(lower(rooms::name).gt(&name).or(rooms::id.gt(&id)))
        .order((lower(rooms::name).asc(), rooms::id.asc()))
        .limit(page.rows())
        .select((
            rooms::id,
            (rooms::no, rooms::name, rooms::kind, rooms::topic, rooms::member_count),
            (room_top::offset, room_top::messages),
            (members::role, members::joined).nullable(),
            read_marks::offset.nullable(),
        ))
        .load(&mut conn)
        .await?;
    let mut items = Vec::from_iter(general);
    for row in rows {
        items.push(list::room(row, epoch)?);
    }
    Ok(list::rooms(lookup::all_to_reader(conn, viewer, items).await?, page))
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
