//! PORT: history and directory.
//!
//! What a store promises, whatever it is made of (the contract suite `tests/it/ports/store/` holds every
//! adapter to it):
//!
//! - Places come from the fold alone; offsets of a room begin at 1 and have no hole.
//! - What was answered is on disk as the named durability says, and stays across kill -9.
//! - A page has no hole, is ascending, and comes from one snapshot.
//! - A refusal changes nothing. `Unavailable` means unknown: the same again is safe.
//! - Nobody reads of a private room what lies before their latest join, or anything when they are not in it.

use std::sync::Arc;

use async_trait::async_trait;
use chat_protocol::client::{Anchor, Paging};
use chat_protocol::object::{HistoryPage, List, Member, ReadUpTo, Room, RoomKind, User};
use chat_protocol::{Epoch, ErrorCode, Event, MessageId, Offset, RoomId, UserId};

use crate::domain::record::{Change, Draft, ReadMark};
use crate::domain::revocation::Revocation;

pub use outbox::Outbox;

pub mod hinted;
mod job;
pub mod outbox;
pub mod postgres;
pub mod projection;
mod rules;
pub mod sqlite;
pub mod tailed;

/// Why a store did not do it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// It may not be done; nothing has changed.
    #[error("refused: {0}")]
    Refused(ErrorCode),
    /// The store can't promise now; whether it was done is unknown. The text says why, for the log.
    #[error("store unavailable: {0}")]
    Unavailable(String),
}

impl StoreError {
    /// What the client is told.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Refused(code) => *code,
            Self::Unavailable(_) => ErrorCode::Unavailable,
        }
    }
}

/// A draft that is in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    pub id: MessageId,
    /// The log had it already: this was a retry.
    pub repeat: bool,
}

/// A store that is the log itself.
#[async_trait]
pub trait Log: Send + Sync + 'static {
    /// Commits a group of drafts, answered one by one in order, after the commit. Each is resolved against the log
    /// and the drafts before it: a repeat is answered as the first was, [`ErrorCode::ClientIdReused`] if its content
    /// differs, [`ErrorCode::RoomNotFound`] if there is no such room. One draft never fails another.
    async fn commit(&self, drafts: Vec<Draft>) -> Vec<Result<Committed, StoreError>>;
}

/// Takes the events of a group, after its commit and before its answers. May block: then writing waits.
pub type OnCommit = Box<dyn Fn(&[Arc<Event>]) + Send>;

/// What a room is to its ChatRoom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    pub kind: RoomKind,
    /// Offset of its newest event.
    pub offset: Offset,
}

/// Where a membership begins whose event has no place in the log yet: beyond everything, so nothing is theirs to read.
pub const PENDING: Offset = i64::MAX.cast_unsigned();

/// A user's standing in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Membership {
    /// Offset of the latest join, [`PENDING`] while it is on its way; `None` for who is not a member. 1 where everyone is
    /// one by rule.
    pub joined: Option<Offset>,
    /// The room's newest offset when this was true.
    pub as_of: Offset,
}

/// Which stretch of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Range {
    Newest,
    /// Exclusive.
    Before(Anchor),
    /// Exclusive.
    After(Anchor),
    /// Inclusive, in the middle.
    Around(Anchor),
}

/// How much of it: whichever is reached first, but always at least one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageLimit {
    pub events: usize,
    /// Estimated bytes of the events as JSON.
    pub bytes: usize,
}

/// The rooms' past.
#[async_trait]
pub trait History: Send + Sync + 'static {
    /// The log's incarnation.
    fn epoch(&self) -> &Epoch;

    /// `None`: there is no such room.
    async fn head(&self, room: &RoomId) -> Result<Option<Head>, StoreError>;

    /// From one snapshot.
    ///
    /// # Errors
    /// [`ErrorCode::RoomNotFound`].
    async fn membership(&self, room: &RoomId, user: &UserId) -> Result<Membership, StoreError>;

    /// A page as `viewer` may see it; `None` is the server itself, which may see all.
    ///
    /// # Errors
    /// [`ErrorCode::RoomNotFound`]; [`ErrorCode::NotAMember`] in a private room;
    /// [`ErrorCode::BadRequest`] if an anchor's id is not in the room.
    async fn page(
        &self,
        room: &RoomId,
        viewer: Option<&UserId>,
        range: Range,
        limit: PageLimit,
    ) -> Result<HistoryPage, StoreError>;
}

/// What a change made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed {
    User(User),
    Room(Room),
    /// Left: the room is no longer the asker's to see.
    Gone,
}

/// Users, rooms and members.
#[async_trait]
pub trait Directory: Send + Sync + 'static {
    async fn user(&self, id: &UserId) -> Result<Option<User>, StoreError>;

    /// Everything that was ever revoked of a user.
    async fn revocations_of(&self, user: &UserId) -> Result<Vec<Revocation>, StoreError>;

    /// What was revoked after `since` (ms since the Unix epoch), whoever of, by numbers that no two have. What is committed
    /// late may have a lower one than what was seen already.
    async fn revocations_since(&self, since: u64) -> Result<Vec<(u64, Revocation)>, StoreError>;

    /// # Errors
    /// [`ErrorCode::RoomNotFound`]; [`ErrorCode::NotAMember`] for a private room that `viewer` is not in.
    async fn room(&self, room: &RoomId, viewer: &UserId) -> Result<Room, StoreError>;

    /// The rooms that `viewer` is in and the public ones, by name, `general` first.
    async fn rooms(&self, viewer: &UserId, paging: Paging) -> Result<List<Room>, StoreError>;

    /// The members by name, with their count. In `general`: every user.
    ///
    /// # Errors
    /// As [`Directory::room`].
    async fn members(
        &self,
        room: &RoomId,
        viewer: &UserId,
        paging: Paging,
    ) -> Result<List<Member>, StoreError>;

    /// Checks rights, changes, and commits with the events that rooms must see, in one transaction.
    ///
    /// # Errors
    /// [`ErrorCode::RoomNotFound`], [`ErrorCode::PermissionDenied`], [`ErrorCode::NotAMember`],
    /// [`ErrorCode::BadRequest`] (an unknown user among the members), [`ErrorCode::ClientIdReused`].
    async fn change(&self, change: Change) -> Result<Changed, StoreError>;

    /// Moves a member's mark on: never back, and never beyond the room's newest event. `reach` is how far the room is known
    /// to reach where the store lags behind it, else 0. Kept beside the log, which needs none of it.
    ///
    /// # Errors
    /// [`ErrorCode::RoomNotFound`], [`ErrorCode::NotAMember`].
    async fn mark_read(&self, mark: ReadMark, reach: Offset) -> Result<ReadUpTo, StoreError>;
}

/// What every node has, whether the store is the log or not.
pub trait Store: History + Directory {}
impl<T: History + Directory> Store for T {}

/// Which partition of a shared log a room's records are in.
#[async_trait]
pub trait Partitions: Send + Sync + 'static {
    /// `None`: there is no such room. Asked for every page and every event, so what is known must be remembered, which may
    /// be for ever; a "no" may not.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn partition_of(&self, room: &RoomId) -> Result<Option<u32>, StoreError>;
}
