//! PORT: a projection of a shared log, folded run by run.
//!
//! What a projection promises, whatever it is made of:
//!
//! - Its cursor decides. A run is applied only where it begins at the cursor, or overlaps it: what was folded before is
//!   left out. So two that project at once, or one that wakes up late, change nothing.
//! - Cursor, places and whatever is made of the events change together, or not at all.
//! - Places come from [`crate::domain::fold::fold`] or what is proven equal to it.

use std::time::Duration;

use async_trait::async_trait;
use chat_protocol::{EventBody, MessageId, Offset, RoomId};

use crate::domain::fold::{LogOffset, Partition, Top};
use crate::domain::log_record::Record;
use crate::store::StoreError;

/// Where a projection stands in a partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// The log offset of the next record to fold.
    pub next: LogOffset,
    /// Checksum of the record before it; `None` at the beginning.
    pub checksum: Option<u64>,
}

/// Why a run was not applied. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProjectionError {
    /// The run begins beyond the cursor, or the cursor was moved: go on from there.
    #[error("the projection stands elsewhere")]
    Elsewhere,
    /// A record of a version that this node can't read. The partition stops until the node is upgraded.
    #[error("a record of version {0}: this node must be upgraded")]
    Newer(u8),
    /// Whether it was applied is unknown; the same again is safe.
    #[error("the projection can't be reached: {0}")]
    Unavailable(String),
}

/// See the module.
#[async_trait]
pub trait Projection: Send + Sync + 'static {
    /// What it is called in logs and metrics.
    fn name(&self) -> &'static str;

    /// After how long without records its cursor is looked at: as often as it may vanish without anyone noticing.
    fn idle_check(&self) -> Duration;

    /// Where it stands; builds it first if there is nothing.
    ///
    /// # Errors
    /// [`ProjectionError::Unavailable`].
    async fn cursor(&self, partition: u32) -> Result<Cursor, ProjectionError>;

    /// Folds a run of records of one partition, ascending, and tells where it stands then: in front of the first record of
    /// a newer version, if there is one.
    ///
    /// # Errors
    /// [`ProjectionError`].
    async fn apply(&self, partition: u32, run: &[Record]) -> Result<Cursor, ProjectionError>;
}

/// What a projection knows of one partition: enough for another one to go on from there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Base {
    pub partition: Partition,
    /// Of the record before `partition.next`; `None` at the beginning.
    pub checksum: Option<u64>,
    /// Every room that has a place.
    pub tops: Vec<(RoomId, Top)>,
    /// The ids in the partition's newest bucket and in the one before.
    pub ids: Vec<KnownId>,
}

/// An id that was given a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownId {
    pub bucket: u64,
    pub id: MessageId,
    pub offset: Offset,
}

/// A projection that another one can be built from.
#[async_trait]
pub trait Source: Send + Sync + 'static {
    /// All of it from one snapshot.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn base(&self, partition: u32) -> Result<Base, StoreError>;
}

/// What a projection says of an id, however old, all from one snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookedUp {
    /// How far it has folded the id's partition.
    pub partition: Partition,
    /// What stands under the id.
    pub body: Option<EventBody>,
}

/// A projection that remembers every id.
#[async_trait]
pub trait LookUp: Send + Sync + 'static {
    /// What there is under `id` in a room of this partition.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn look_up(
        &self,
        partition: u32,
        room: &RoomId,
        id: MessageId,
    ) -> Result<LookedUp, StoreError>;
}
