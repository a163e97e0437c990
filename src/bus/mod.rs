//! PORT: events with their places, to every node that has members of their rooms.
//!
//! A bus may lose, delay or repeat; it never lies about a place. A room detects a gap by the offsets and fills it from
//! the store, so nothing depends on the bus but speed. The contract suite `tests/it/ports/bus.rs` holds every adapter
//! to it.

use std::sync::Arc;

use async_trait::async_trait;
use chat_protocol::Event;

pub mod local;

/// What came. Cheap to share: an event is made once per node.
pub type Run = Vec<Arc<Event>>;

/// The relay between whoever commits and whoever delivers.
#[async_trait]
pub trait Bus: Send + Sync + 'static {
    /// Hands over events that are in the log, in its order. Called from the thread that committed; may block it while
    /// receivers are behind, which is how they slow the log down.
    fn relay(&self, run: &[Arc<Event>]);

    /// The next events, in the order of the log as far as the bus kept it. One receiver at a time; cancel-safe.
    async fn next(&self) -> Run;
}
