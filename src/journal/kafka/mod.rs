//! Kafka as the log: a message exists when the in-sync replicas of its room's partition have it.
//!
//! A record's key is its room, its value [`crate::domain::log_record::encode`], its partition the room's own. What the
//! log can't tell by itself is asked of two collaborators: where a room lives ([`crate::store::Partitions`]), and whether
//! the log has an id already that the fold may have forgotten ([`Known`]).

use async_trait::async_trait;
use chat_protocol::{EventBody, MessageId, RoomId};

use super::JournalError;

mod append;
mod batch;
mod dead_letters;
mod error;
mod known;
mod look_up;
mod options;
mod plan;
mod producer;
mod reader;
mod survey;
mod topic;
mod trouble;

pub use append::KafkaJournal;
pub use dead_letters::{DeadLetters, Passing, Shelf, ShelfError};
pub use error::SetUpError;
pub use known::StoreKnown;
pub use options::KafkaOptions;
pub use producer::KafkaProducer;
pub use reader::KafkaReader;
pub use topic::Topic;

/// What is in the log already, however old.
#[async_trait]
pub trait Known: Send + Sync + 'static {
    /// What the log has under an id. `Ok(None)` must be true of everything that was in the log before the call; where
    /// that can't be said, for a projection that is behind, the answer is `Unavailable`. Answer quickly, the latter above
    /// all: a whole group of drafts waits, and the journal gives up after a second.
    ///
    /// # Errors
    /// [`JournalError::Unavailable`].
    async fn find(&self, room: &RoomId, id: MessageId) -> Result<Option<Found>, JournalError>;
}

/// What stands under an id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// What it says; `None` if it was erased: then whatever is sent again under the id counts as the same.
    pub body: Option<EventBody>,
}
