//! PORT: the journal, where a message becomes durable.
//!
//! What a journal promises, whatever it is made of (the contract suite `tests/it/ports/journal.rs` holds every adapter
//! to it):
//!
//! - `Ok` means: the draft is in the log, as durable as [`Journal::durability`] says, and its place in its room is
//!   fixed for ever. The acknowledgement to the author is this and nothing else.
//! - Answers come one per draft, in the order of the drafts. Drafts of one call that are for one room get places in
//!   that order.
//! - The same again (same room, author and client id) never makes a second message, and is answered with the same id.
//! - One draft never fails another. A refusal changes nothing. `Unavailable` means unknown: the record may or may not
//!   be in the log, now or in a while; the same again is safe and settles it.

use async_trait::async_trait;
use chat_protocol::object::Durability;

use crate::domain::record::Draft;

pub mod direct;
pub mod kafka;
pub mod reader;

pub use crate::store::{Committed, StoreError as JournalError};

/// Where drafts become durable.
#[async_trait]
pub trait Journal: Send + Sync + 'static {
    /// What `Ok` is worth.
    fn durability(&self) -> Durability;

    /// Appends drafts; see the promises above.
    ///
    /// # Errors
    /// Per draft: [`JournalError::Refused`] with `RoomNotFound` or `ClientIdReused` where the journal can know it, else
    /// [`JournalError::Unavailable`].
    async fn append(&self, drafts: Vec<Draft>) -> Vec<Result<Committed, JournalError>>;
}
