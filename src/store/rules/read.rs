//! What a room is to one reader: how far they have read, and what that leaves unread, which is counted from the places of
//! messages and never kept; what a direct room is called.

use chat_protocol::object::{ReadUpTo, Room, RoomKind};
use chat_protocol::{Epoch, ErrorCode, Offset};

use super::view::{Position, RoomRow, Standing};
use crate::domain::record::ReadMark;
use crate::mutants;
use crate::store::{PENDING, StoreError};

/// A room with its reader's mark, if they are a member. What is unread has still to be counted.
#[derive(Debug)]
pub struct Marked {
    pub no: i64,
    pub room: Room,
}

impl Marked {
    /// A room as it is stored to somebody of this standing, who has `kept` this mark.
    pub fn of(
        row: &RoomRow,
        standing: Option<Standing>,
        kept: Option<i64>,
        position: Position,
        epoch: &Epoch,
    ) -> Self {
        let room = row.seen(standing.map(|it| it.role)).at(position, epoch);
        Self::new(row.no, room, standing, kept)
    }

    /// The same where the room is as a change has made it.
    pub fn new(no: i64, mut room: Room, standing: Option<Standing>, kept: Option<i64>) -> Self {
        let kept = kept.map(i64::cast_unsigned);
        room.read = standing.map(|it| mark(room.state.kind, it.joined, kept, room.head));
        Self { no, room }
    }

    /// The place up to which its messages have to be counted; none where nothing can be unread.
    pub fn counts_to(&self) -> Option<i64> {
        self.room.read.filter(|read| *read < self.room.head).map(Offset::cast_signed)
    }

    /// Is the room called by the name of whom its reader has there?
    pub fn is_direct(&self) -> bool {
        self.room.state.kind == RoomKind::Direct
    }

    /// Calls it so.
    pub fn call(&mut self, name: Option<String>) {
        self.room.state.name = name.unwrap_or_default();
    }

    /// The room, which has `up_to` messages up to where [`Marked::counts_to`] says.
    pub fn counted(mut self, up_to: Option<i64>) -> Room {
        let unread = match self.counts_to() {
            Some(read) if mutants::is("unread-by-places") => self.room.head - read.cast_unsigned(),
            Some(_) => self.room.messages.saturating_sub(up_to.unwrap_or(0).cast_unsigned()),
            None => 0,
        };
        self.room.unread = self.room.read.map(|_| unread);
        self.room
    }
}

/// Who has never said what they have read has read what came before they joined. In `general` a mark is kept for everyone
/// who comes; who came before marks were kept has read all of it.
fn mark(kind: RoomKind, joined: Offset, kept: Option<Offset>, head: Offset) -> Offset {
    match (kind, kept) {
        (RoomKind::General, kept) => kept.unwrap_or(head),
        (_, kept) => kept.unwrap_or(0).max(if joined == PENDING { head } else { joined }),
    }
}

/// What is to be kept of `mark`, given its reader's room as it is. The room may reach as far as `reach` beyond what the
/// store has of it. `None`: nothing is.
///
/// # Errors
/// [`ErrorCode::NotAMember`].
pub fn advance(
    room: &Room,
    mark: &ReadMark,
    reach: Offset,
) -> Result<Option<ReadMark>, StoreError> {
    let read = room.read.ok_or(StoreError::Refused(ErrorCode::NotAMember))?;
    let offset = mark.offset.min(room.head.max(reach));
    Ok((offset > read).then(|| ReadMark { offset, ..mark.clone() }))
}

/// What a reader is told of a room that they see.
///
/// # Errors
/// [`ErrorCode::NotAMember`].
pub fn up_to(room: &Room) -> Result<ReadUpTo, StoreError> {
    match (room.read, room.unread) {
        (Some(offset), Some(unread)) => Ok(ReadUpTo { offset, unread }),
        _ => Err(StoreError::Refused(ErrorCode::NotAMember)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_begins_where_nothing_was_missed() {
        let general = RoomKind::General;
        assert_eq!(mark(general, 1, None, 9), 9, "who came before marks were kept");
        assert_eq!(mark(general, 1, Some(0), 9), 0);
        assert_eq!(mark(RoomKind::Private, 4, None, 9), 4);
        assert_eq!(mark(RoomKind::Private, 4, Some(7), 9), 7);
        assert_eq!(mark(RoomKind::Private, 8, Some(7), 9), 8, "the mark of an earlier stay");
        assert_eq!(mark(RoomKind::Private, PENDING, None, 9), 9, "a joining without a place");
    }
}
