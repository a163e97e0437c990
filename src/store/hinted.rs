//! Hinted: a store that lets users know, on their own channels, what was changed of theirs.
//!
//! A hint says where to look, after it was done. It may be lost with the bus, come twice, or tell what was so already:
//! nothing is decided by it.

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use chat_protocol::client::Paging;
use chat_protocol::object::{
    HistoryPage, List, Member, Person, ReadUpTo, Room, RoomKind, RoomState, User,
};
use chat_protocol::{Epoch, Hint, HintBody, Offset, RoomId, UserId};

use super::{Changed, Directory, Head, History, Membership, PageLimit, Range, Store, StoreError};
use crate::bus::{Bus, Passing};
use crate::domain::record::{Change, ReadMark};
use crate::domain::revocation::Revocation;

/// See the module.
pub struct Hinted {
    store: Arc<dyn Store>,
    bus: Arc<dyn Bus>,
}

impl Hinted {
    /// The store, whose changes are told on `bus`.
    pub const fn new(store: Arc<dyn Store>, bus: Arc<dyn Bus>) -> Self {
        Self { store, bus }
    }

    fn tell(&self, user: UserId, body: HintBody) {
        self.bus.pass_on(Passing::ToUser(Hint { user, body }));
    }
}

/// Whom a change concerns, and what they are told when it is done.
fn hints(change: Change, changed: &Changed) -> Vec<(UserId, HintBody)> {
    match (change, changed) {
        (Change::RenameUser { user, .. }, Changed::User(renamed)) => {
            vec![(user, HintBody::UserUpdated { user: renamed.clone() })]
        }
        (Change::CreateRoom { room, state, creator, members, .. }, Changed::Room(made)) => {
            match is_new(&room, &state, made) {
                true => joined(&made.id, &creator, members),
                false => Vec::new(),
            }
        }
        (Change::AddMember { by, member, .. }, Changed::Room(room))
            if room.state.kind != RoomKind::General =>
        {
            let body = HintBody::MemberJoined { room: room.id.clone(), user: by };
            vec![(member, body)]
        }
        (Change::RemoveMember { room, by, member, reason }, _) => {
            vec![(member, HintBody::MemberRemoved { room, user: by, reason })]
        }
        _ => Vec::new(),
    }
}

/// Was it made just now? Of a room that was there, everyone has been told. One of two people is told of until something is
/// said in it, since whoever asks for it may want to.
fn is_new(asked: &RoomId, state: &RoomState, made: &Room) -> bool {
    made.id == *asked && (state.kind != RoomKind::Direct || made.messages == 0)
}

fn joined(room: &RoomId, creator: &Person, members: Vec<UserId>) -> Vec<(UserId, HintBody)> {
    let body = HintBody::MemberJoined { room: room.clone(), user: creator.clone() };
    let all: HashSet<UserId> = std::iter::once(creator.id.clone()).chain(members).collect();
    all.into_iter().map(|user| (user, body.clone())).collect()
}

#[async_trait]
impl Directory for Hinted {
    async fn user(&self, id: &UserId) -> Result<Option<User>, StoreError> {
        self.store.user(id).await
    }

    async fn revocations_of(&self, user: &UserId) -> Result<Vec<Revocation>, StoreError> {
        self.store.revocations_of(user).await
    }

    async fn revocations_since(&self, since: u64) -> Result<Vec<(u64, Revocation)>, StoreError> {
        self.store.revocations_since(since).await
    }

    async fn room(&self, room: &RoomId, viewer: &UserId) -> Result<Room, StoreError> {
        self.store.room(room, viewer).await
    }

    async fn rooms(&self, viewer: &UserId, paging: Paging) -> Result<List<Room>, StoreError> {
        self.store.rooms(viewer, paging).await
    }

    async fn members(
        &self,
        room: &RoomId,
        viewer: &UserId,
        paging: Paging,
    ) -> Result<List<Member>, StoreError> {
        self.store.members(room, viewer, paging).await
    }

    async fn change(&self, change: Change) -> Result<Changed, StoreError> {
        let changed = self.store.change(change.clone()).await?;
        for (user, body) in hints(change, &changed) {
            self.tell(user, body);
        }
        Ok(changed)
    }

    async fn mark_read(&self, mark: ReadMark, reach: Offset) -> Result<ReadUpTo, StoreError> {
        let (room, user) = (mark.room.clone(), mark.user.clone());
        let ReadUpTo { offset, unread } = self.store.mark_read(mark, reach).await?;
        self.tell(user, HintBody::ReadMarked { room, offset, unread });
        Ok(ReadUpTo { offset, unread })
    }
}

#[async_trait]
impl History for Hinted {
    fn epoch(&self) -> &Epoch {
        self.store.epoch()
    }

    async fn head(&self, room: &RoomId) -> Result<Option<Head>, StoreError> {
        self.store.head(room).await
    }

    async fn membership(&self, room: &RoomId, user: &UserId) -> Result<Membership, StoreError> {
        self.store.membership(room, user).await
    }

    async fn page(
        &self,
        room: &RoomId,
        viewer: Option<&UserId>,
        range: Range,
        limit: PageLimit,
    ) -> Result<HistoryPage, StoreError> {
        self.store.page(room, viewer, range, limit).await
    }
}
