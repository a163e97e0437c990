//! PORT: events with their places, to every node that has members of their rooms.
//!
//! A bus may lose, delay or repeat; it never lies about a place. A room detects a gap by the offsets and fills it from
//! the store, so nothing depends on the bus but speed. What a bus can't know to have come it tells as a head or a gap, so
//! a loss is found within seconds, the last event of a room included. The contract suite `tests/it/ports/bus.rs` holds
//! every adapter to it.

use std::sync::Arc;

use async_trait::async_trait;
use chat_protocol::{Ephemeral, Event, Hint, Offset, RoomId, UserId};
use serde::{Deserialize, Serialize};

use crate::store::StoreError;

pub mod local;
pub mod postgres;
pub mod redis;

/// Events in the order of the log. Cheap to share: an event is made once per node.
pub type Run = Vec<Arc<Event>>;

/// What came.
#[derive(Clone, Debug)]
pub enum Incoming {
    Events(Run),
    /// These rooms reach at least so far: whoever has less has missed something.
    Heads(Vec<(RoomId, Offset)>),
    /// Anything may have been lost: every room compares itself with the store.
    Gap,
    /// Said to whoever is there, and kept nowhere.
    Passing(Vec<Passing>),
}

/// What is kept nowhere: whoever isn't there has missed nothing that they don't ask for when they come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Passing {
    InRoom(Ephemeral),
    ToUser(Hint),
}

/// The relay between whoever commits and whoever delivers.
#[async_trait]
pub trait Bus: Send + Sync + 'static {
    /// Hands over events that are in the log, in its order. Called from the thread that committed; may block it while
    /// receivers are behind, which is how they slow the log down.
    fn relay(&self, run: &[Arc<Event>]);

    /// Passes on what is kept nowhere to every node that watches its room or user, this one too. Never blocks; what is too
    /// much is dropped, and nobody looks for it.
    fn pass_on(&self, it: Passing);

    /// What comes next, in the order of the log as far as the bus kept it. One receiver at a time; cancel-safe.
    async fn next(&self) -> Incoming;

    /// This node has use for a room's events. Returns when those relayed from now on will come, or a gap will be told.
    async fn watch(&self, room: &RoomId);

    /// This node has no use for a room's events any more. Never blocks.
    fn unwatch(&self, room: &RoomId);

    /// This node has sessions of a user. Returns when the hints that are passed on from now on will come; or after a second,
    /// since nobody can be let in sooner.
    async fn watch_user(&self, user: &UserId);

    /// It has none any more. Never blocks.
    fn unwatch_user(&self, user: &UserId);
}

/// Where rooms stand, from whoever knows for certain: what a bus that can lose events compares with.
#[async_trait]
pub trait Heads: Send + Sync + 'static {
    /// The newest offsets of those rooms that there are.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn heads(&self, rooms: &[RoomId]) -> Result<Vec<(RoomId, Offset)>, StoreError>;
}
