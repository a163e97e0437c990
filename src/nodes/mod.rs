//! PORT: who is in which room, all nodes together.
//!
//! Each node reports the sessions that it has, and how many those are; what is kept elsewhere about them may be thrown away
//! at any time, since a report that doesn't add up is answered by asking for all of it. A node that reports nothing of a
//! room for three heartbeats is gone from it, with its sessions. The contract suite `tests/it/ports/nodes.rs` holds
//! every adapter to this.

use async_trait::async_trait;
use chat_protocol::RoomId;
use chat_protocol::ephemeral::PresenceTick;
use chat_protocol::object::Occupant;
use chat_protocol::server::Crowd;

pub use crate::domain::presence::Report;
use crate::store::StoreError;

pub mod local;

/// Occupants of a room that one answer lists at most; of more there is only the number.
pub const OCCUPANTS_MAX: usize = 1000;
/// Users that a tick names as a sample.
pub const SAMPLE_MAX: usize = 10;

/// What follows from a report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reported {
    /// It doesn't add up with what was reported before: a whole one is wanted.
    pub wants_whole: bool,
    /// Users in the room now.
    pub users: u32,
    /// How the room has changed, where other nodes aren't told by the bus.
    pub tick: Option<PresenceTick>,
}

/// See the module.
#[async_trait]
pub trait Nodes: Send + Sync + 'static {
    /// Takes a report. One without changes is a heartbeat. Those of one room come one after the other.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: it may have been taken; a whole one mends that.
    async fn report(&self, report: &Report) -> Result<Reported, StoreError>;

    /// How many are in a room.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn crowd(&self, room: &RoomId) -> Result<Crowd, StoreError>;

    /// Everyone in a room; `None` if they are more than [`OCCUPANTS_MAX`].
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn occupants(&self, room: &RoomId) -> Result<Option<Vec<Occupant>>, StoreError>;
}
