//! Lists of rooms and members, made of the rows of a page.

use chat_protocol::Epoch;
use chat_protocol::object::{List, Member, Room, RoomKind};

use super::cursor::{Page, Place};
use super::read::Marked;
use super::rows;
use super::view::{Position, RoomColumns, RoomRow, Standing};
use crate::store::StoreError;

/// A room's id and columns; its place and count of messages; the viewer's role and joining, and their mark.
pub type RoomItem = (String, RoomColumns, (i64, i64), Option<(i16, i64)>, Option<i64>);
/// Id, name and role of a member.
pub type MemberItem = (String, String, i16);

/// The rooms of a page.
pub fn rooms(mut items: Vec<Room>, page: &Page) -> List<Room> {
    // The place after `general` is the very beginning of the others.
    let next = page.cut(&mut items, |room| match room.state.kind {
        RoomKind::General => Place::default(),
        // Its name is the reader's alone: the store has none.
        RoomKind::Direct => Place { name: String::new(), id: room.id.to_string() },
        _ => Place { name: room.state.name.clone(), id: room.id.to_string() },
    });
    List { items, next, count: None }
}

/// A row of the page, but for what is unread.
///
/// # Errors
/// A row that this version can't read.
pub fn room(row: RoomItem, epoch: &Epoch) -> Result<Marked, StoreError> {
    let (id, columns, position, member, kept) = row;
    let row = RoomRow::read(rows::room_id(&id)?, columns)?;
    let standing = member.map(Standing::read).transpose()?;
    Ok(Marked::of(&row, standing, kept, Position::read(position), epoch))
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
