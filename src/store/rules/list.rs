//! Lists of rooms and members, made of the rows of a page.

use chat_protocol::Epoch;
use chat_protocol::object::{List, Member, Room, RoomKind, RoomState};

use super::cursor::{Page, Place};
use super::rows;
use super::view::{Position, Seen};
use crate::store::StoreError;

/// Id, name, kind, topic and count of members of a room; its place and count of messages; the viewer's role.
pub type RoomItem = (String, String, i16, String, i64, i64, i64, Option<i16>);
/// Id, name and role of a member.
pub type MemberItem = (String, String, i16);

/// `general` is on the first page only, before all others.
///
/// # Errors
/// A row that this version can't read.
pub fn rooms(
    general: Option<Room>,
    rows: Vec<RoomItem>,
    page: &Page,
    epoch: &Epoch,
) -> Result<List<Room>, StoreError> {
    let mut items = Vec::from_iter(general);
    for row in rows {
        items.push(room(row, epoch)?);
    }
    // The place after `general` is the very beginning of the others.
    let next = page.cut(&mut items, |room| match room.state.kind {
        RoomKind::General => Place::default(),
        _ => Place { name: room.state.name.clone(), id: room.id.to_string() },
    });
    Ok(List { items, next, count: None })
}

fn room(row: RoomItem, epoch: &Epoch) -> Result<Room, StoreError> {
    let (id, name, kind, topic, member_count, offset, messages, role) = row;
    let seen = Seen {
        id: rows::room_id(&id)?,
        state: RoomState { name, kind: rows::room_kind(kind)?, topic },
        member_count: member_count.cast_unsigned(),
        role: role.map(rows::role).transpose()?,
    };
    Ok(seen.at(Position::read((offset, messages)), epoch))
}

/// Of `count` members in all.
///
/// # Errors
/// A row that this version can't read.
pub fn members(rows: Vec<MemberItem>, page: &Page, count: u64) -> Result<List<Member>, StoreError> {
    let mut items = Vec::with_capacity(rows.len());
    for (id, name, role) in rows {
        items.push(Member { id: rows::user_id(&id)?, name, role: rows::role(role)? });
    }
    let next = page.cut(&mut items, |it| Place { name: it.name.clone(), id: it.id.to_string() });
    Ok(List { items, next, count: Some(count) })
}
