//! Users, rooms and members, as a viewer may see them.

use std::sync::Arc;

use async_trait::async_trait;
use chat_protocol::client::Paging;
use chat_protocol::object::{List, Member, ReadUpTo, Role, Room, RoomKind, User};
use chat_protocol::{Epoch, Offset, RoomId, UserId};
use diesel::prelude::*;

use super::super::schema::{members, read_marks, revocations, room_top, rooms, users};
use super::super::{SqliteStore, closed};
use super::lookup;
use crate::domain::record::{Change, ReadMark};
use crate::domain::revocation::Revocation;
use crate::store::job::Job;
use crate::store::rules::cursor::Page;
use crate::store::rules::read::{self, Marked};
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
            let kept = lookup::read_mark(conn, row.no, &viewer)?;
            let position = lookup::position(conn, row.no)?;
            Ok(lookup::to_reader(
                conn,
                &viewer,
                Marked::of(&row, standing, kept, position, &epoch),
            )?)
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
        let asker = change.asker().cloned();
        let (job, answer) = Job::change(change);
        self.queue(job)?;
        match (answer.await.unwrap_or_else(|_| Err(closed()))?, asker) {
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
        {
            let full = |_| StoreError::Unavailable("too many read marks wait".to_owned());
            let _permit = self.marks.try_acquire().map_err(full)?;
            let (job, answer) = Job::mark(moved);
            self.queue(job)?;
            answer.await.unwrap_or_else(|_| Err(closed()))?;
        }
        read::up_to(&self.room(&mark.room, &mark.user).await?)
    }
}

impl SqliteStore {
    /// A room as a change has made it, with how far its asker has read it.
    async fn read_by(&self, room: Room, asker: UserId) -> Result<Room, StoreError> {
        let read = self.read(move |conn| {
            let row = lookup::room(conn, &room.id)?;
            let standing = row.standing(lookup::member(conn, row.no, &asker)?);
            let kept = lookup::read_mark(conn, row.no, &asker)?;
            Ok(lookup::to_reader(conn, &asker, Marked::new(row.no, room, standing, kept))?)
        });
        read.await
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
            let kept = lookup::read_mark(conn, row.no, viewer)?;
            let position = lookup::position(conn, row.no)?;
            let marked = Marked::of(&row, row.standing(None), kept, position, epoch);
            Some(lookup::to_reader(conn, viewer, marked)?)
        }
    };
    let after = page.after.clone().unwrap_or_default();
    let mine = members::room_no.eq(rooms::no).and(members::user_id.eq(viewer.to_string()));
    let marks = read_marks::room_no.eq(rooms::no).and(read_marks::user_id.eq(viewer.to_string()));
    let rows: Vec<list::RoomItem> = rooms::table
        .inner_join(room_top::table)
        .left_join(members::table.on(mine))
        .left_join(read_marks::table.on(marks))
        .filter(rooms::kind.ne(rows::GENERAL))
        .filter(rooms::kind.eq(rows::PUBLIC).or(members::joined.is_not_null()))
        // The first half lets the index begin there, the second decides among equal names.
        .filter(rooms::name.ge(&after.name))
        .filter(rooms::name.gt(&after.name).or(rooms::id.gt(&after.id)))
        .order((rooms::name.asc(), rooms::id.asc()))
        .limit(page.rows())
        .select((
            rooms::id,
            (rooms::no, rooms::name, rooms::kind, rooms::topic, rooms::member_count),
            (room_top::offset, room_top::messages),
            (members::role, members::joined).nullable(),
            read_marks::offset.nullable(),
        ))
        .load(conn)?;
    let mut items = Vec::from_iter(general);
    for row in rows {
        items.push(lookup::to_reader(conn, viewer, list::room(row, epoch)?)?);
    }
    Ok(list::rooms(items, page))
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
