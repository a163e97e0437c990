//! Tailed: a store that lags behind its log, completed by the newest events of whoever folds the log sooner.
//!
//! A page is the store's rows and what the tail has above them, never with a hole: where the tail doesn't reach down to the
//! store, only the store's rows are given. Rights are the store's, and what the tail says of the viewer since.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chat_protocol::client::{Anchor, Paging};
use chat_protocol::object::{HistoryPage, List, Member, ReadUpTo, Room, RoomKind, User};
use chat_protocol::{Epoch, ErrorCode, Event, EventBody, Offset, RoomId, UserId};

use tokio::time::{Instant, sleep};

use super::rules::page::{Reading, Seek, Stretch, Visible};
use super::{Changed, Directory, Head, History, Membership, PENDING, PageLimit, Range, StoreError};
use crate::domain::record::{Change, ReadMark};
use crate::domain::revocation::Revocation;

/// How long a joining that is on its way is waited for: less than the four seconds within which every reply leaves.
const PLACED_WITHIN: Duration = Duration::from_secs(3);
/// How often it is looked for: it takes some milliseconds.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// The newest events of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TailPart {
    /// How far the room reaches.
    pub top: Offset,
    /// Ascending. What comes before a hole is of no use, but what it says of members is.
    pub events: Vec<Event>,
}

/// Whoever keeps them.
#[async_trait]
pub trait Tail: Send + Sync + 'static {
    /// What it has after `after`; `None` where nothing is known of the room.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn tail(&self, room: &RoomId, after: Offset) -> Result<Option<TailPart>, StoreError>;
}

/// See the module.
pub struct Tailed<S> {
    store: Arc<S>,
    tail: Arc<dyn Tail>,
}

impl<S> Tailed<S> {
    /// The store, completed.
    pub const fn new(store: Arc<S>, tail: Arc<dyn Tail>) -> Self {
        Self { store, tail }
    }

    /// What lies above `after`. A tail that can't be had leaves what the store has: it is late then, and never wrong.
    async fn above(&self, room: &RoomId, after: Offset) -> Option<TailPart> {
        match self.tail.tail(room, after).await {
            Ok(part) => part.filter(|part| part.top > after),
            Err(err) => {
                tracing::debug!(%err, "the store is on its own");
                None
            }
        }
    }
}

impl TailPart {
    /// How far it goes on from `from` without a hole.
    fn reach(&self, from: Offset) -> Offset {
        self.events.iter().fold(from, |reach, event| match event.offset == reach + 1 {
            true => event.offset,
            false => reach,
        })
    }

    /// What a user is, given what the store says. A joining that is on its way comes after all that is here.
    fn completes(&self, stored: Membership, user: &UserId) -> Membership {
        let later = self.events.iter().rev().take_while(|event| event.offset > stored.as_of);
        let mut said = later.filter_map(|event| match &event.body {
            EventBody::MemberJoined(member) if member.id == *user => Some(Some(event.offset)),
            EventBody::RoomCreated(state) if state.kind == RoomKind::Direct => {
                stored.joined.map(|_| Some(event.offset)) // whom it was made for
            }
            EventBody::MemberRemoved { member, .. } if member.id == *user => Some(None),
            _ => None,
        });
        match said.next() {
            Some(None) if stored.joined == Some(PENDING) => stored,
            Some(joined) => Membership { joined, as_of: self.top },
            // Nothing has changed as far as it can be seen without a hole.
            None => Membership { as_of: self.reach(stored.as_of), ..stored },
        }
    }
}

/// What can't be given yet, and will come.
fn not_yet() -> StoreError {
    StoreError::Unavailable("the store lags, and the tail doesn't reach down to it".to_owned())
}

/// A room where the store has everything up to `head`, and the tail what is above.
struct Joint<'a, S> {
    store: &'a S,
    room: &'a RoomId,
    head: Head,
    above: TailPart,
}

impl<S: History> Joint<'_, S> {
    /// From where on a user may read.
    async fn floor(&self, viewer: Option<&UserId>) -> Result<Offset, StoreError> {
        let Some(user) = viewer else { return Ok(1) };
        if matches!(self.head.kind, RoomKind::General | RoomKind::Public) {
            return Ok(1);
        }
        let stored = self.store.membership(self.room, user).await?;
        match self.above.completes(stored, user).joined {
            Some(PENDING) => Err(not_yet()),
            Some(joined) => Ok(joined.max(1)),
            None => Err(StoreError::Refused(ErrorCode::NotAMember)),
        }
    }

    /// The offset that a range is anchored to.
    async fn locate(&self, range: &Range, floor: Offset) -> Result<Offset, StoreError> {
        let id = match Seek::of(range)? {
            Seek::At(offset) => return Ok(offset),
            Seek::Id(id) => id,
        };
        let above = self.above.events.iter().find(|event| event.id == Some(id));
        let offset = match above {
            Some(event) => event.offset,
            None => {
                // A page of one event around it is it.
                let around = Range::Around(Anchor::Id(id.to_string()));
                let one = PageLimit { events: 1, bytes: usize::MAX };
                let page = self.store.page(self.room, None, around, one).await?;
                page.events.first().map_or(0, |event| event.offset)
            }
        };
        match offset >= floor {
            true => Ok(offset),
            false => Err(StoreError::Refused(ErrorCode::BadRequest)),
        }
    }

    async fn page(
        &self,
        viewer: Option<&UserId>,
        range: &Range,
        limit: PageLimit,
    ) -> Result<HistoryPage, StoreError> {
        let floor = self.floor(viewer).await?;
        let reach = self.above.reach(self.head.offset);
        let at = self.locate(range, floor).await?;
        let wants_more = matches!(range, Range::After(_)) && at >= reach && reach < self.above.top;
        if wants_more || floor > reach + 1 {
            return Err(not_yet());
        }
        let mut reading = Reading::begin(Visible::from(floor, reach), range, at, limit);
        while let Some(stretch) = reading.stretch() {
            let events = self.read(stretch).await?;
            reading.take(events.into_iter().map(Ok))?;
        }
        Ok(reading.page(self.store.epoch().clone()))
    }

    /// The events of a stretch, in its order.
    async fn read(&self, stretch: Stretch) -> Result<Vec<Event>, StoreError> {
        let Stretch { first, last, newest_first, bytes } = stretch;
        let mut events = Vec::new();
        if first <= self.head.offset {
            let stored_last = last.min(self.head.offset);
            let range = match newest_first {
                true => Range::Before(Anchor::Offset(stored_last + 1)),
                false => Range::After(Anchor::Offset(first - 1)),
            };
            let count = usize::try_from(stored_last - first + 1).unwrap_or(usize::MAX);
            let limit = PageLimit { events: count, bytes };
            events = self.store.page(self.room, None, range, limit).await?.events;
        }
        // A page that bytes have cut short ends before what is above: nothing may follow it.
        let read_to = events.last().map_or(first - 1, |event| event.offset);
        if read_to >= last.min(self.head.offset) || newest_first {
            let above = self.above.events.iter();
            events.extend(above.filter(|it| (first..=last).contains(&it.offset)).cloned());
        }
        if newest_first {
            events.reverse();
        }
        Ok(events)
    }
}

impl<S: History> Tailed<S> {
    /// A user's standing as far as it can be told now.
    async fn membership_now(&self, room: &RoomId, user: &UserId) -> Result<Membership, StoreError> {
        let stored = self.store.membership(room, user).await?;
        if room.is_general() {
            return Ok(stored); // everyone is a member there
        }
        let above = self.above(room, stored.as_of).await;
        Ok(above.map_or(stored, |above| above.completes(stored, user)))
    }

    /// A page for the server itself from what the tail alone has.
    async fn page_above(
        &self,
        room: &RoomId,
        range: &Range,
        limit: PageLimit,
        why: StoreError,
    ) -> Result<HistoryPage, StoreError> {
        let Range::After(Anchor::Offset(after)) = *range else { return Err(why) };
        let part = self.tail.tail(room, after).await.ok().flatten().ok_or_else(|| why.clone())?;
        let reach = part.reach(after);
        if reach == after && part.top > after {
            return Err(why);
        }
        let mut reading = Reading::begin(Visible::whole(reach), range, after, limit);
        if let Some(stretch) = reading.stretch() {
            reading
                .take(part.events.into_iter().take_while(|it| it.offset <= stretch.last).map(Ok))?;
        }
        Ok(reading.page(self.store.epoch().clone()))
    }
}

#[async_trait]
impl<S: History> History for Tailed<S> {
    fn epoch(&self) -> &Epoch {
        self.store.epoch()
    }

    async fn head(&self, room: &RoomId) -> Result<Option<Head>, StoreError> {
        let Some(head) = self.store.head(room).await? else { return Ok(None) };
        let above = self.above(room, head.offset).await;
        let offset = above.map_or(head.offset, |above| above.top);
        Ok(Some(Head { offset, ..head }))
    }

    async fn membership(&self, room: &RoomId, user: &UserId) -> Result<Membership, StoreError> {
        let late = Instant::now() + PLACED_WITHIN;
        loop {
            let membership = self.membership_now(room, user).await?;
            if membership.joined != Some(PENDING) {
                return Ok(membership);
            }
            if Instant::now() >= late {
                return Err(StoreError::Unavailable("a joining has no place yet".to_owned()));
            }
            sleep(LOOK_EVERY).await;
        }
    }

    async fn page(
        &self,
        room: &RoomId,
        viewer: Option<&UserId>,
        range: Range,
        limit: PageLimit,
    ) -> Result<HistoryPage, StoreError> {
        let head = match self.store.head(room).await {
            Ok(Some(head)) => head,
            Ok(None) => return Err(StoreError::Refused(ErrorCode::RoomNotFound)),
            Err(why) if viewer.is_none() => return self.page_above(room, &range, limit, why).await,
            Err(why) => return Err(why),
        };
        match self.above(room, head.offset).await {
            None => self.store.page(room, viewer, range, limit).await,
            Some(above) => {
                let joint = Joint { store: &*self.store, room, head, above };
                joint.page(viewer, &range, limit).await
            }
        }
    }
}

/// The directory has no tail: what is changed in it is there at once.
#[async_trait]
impl<S: History + Directory> Directory for Tailed<S> {
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
        self.store.change(change).await
    }

    /// What somebody was shown may be beyond the store; a mark there is kept as long as the tail knows of it.
    async fn mark_read(&self, mark: ReadMark, reach: Offset) -> Result<ReadUpTo, StoreError> {
        let head = self.head(&mark.room).await?;
        let reach = head.map_or(reach, |head| head.offset.max(reach));
        self.store.mark_read(mark, reach).await
    }
}
