//! What a new log begins with: its epoch, and the room `general`, which nobody made.

use chat_protocol::object::{RoomKind, RoomState};
use chat_protocol::{Epoch, EventBody, MessageId, RoomId};
use rand::distr::{Alphanumeric, SampleString};

use super::group::Placing;
use super::rows;
use crate::store::StoreError;

/// The generation that a log begins with; an operator raises it when the log was lost or replaced.
pub const GENERATION: i32 = 0;
/// The form of records that a log begins with.
pub const RECORD_VERSION: i32 = 1;
/// Random characters of an epoch: 62^8 make a chance meeting of two logs' epochs impossible in practice.
const EPOCH_CHARS: usize = 8;

/// What is told of `general` when it begins.
pub struct General {
    pub room: RoomId,
    pub state: RoomState,
    id: MessageId,
    body: EventBody,
}

/// Draws an epoch.
///
/// # Errors
/// Never, as far as epochs may hold letters and digits.
pub fn draw_epoch() -> Result<Epoch, StoreError> {
    let random = Alphanumeric.sample_string(&mut rand::rng(), EPOCH_CHARS);
    read_epoch(&format!("{GENERATION}.{random}"))
}

/// # Errors
/// A row of a newer version.
pub fn read_epoch(text: &str) -> Result<Epoch, StoreError> {
    Epoch::parse(text).map_err(|_| rows::unreadable("an epoch"))
}

impl General {
    /// # Errors
    /// Never, as far as a UUID is a message's id.
    pub fn new() -> Result<Self, StoreError> {
        let state =
            RoomState { name: "General".to_owned(), kind: RoomKind::General, topic: String::new() };
        // Nobody made it, so nobody can compute its id: any fresh one will do.
        let id = MessageId::from_slice(uuid::Uuid::now_v7().as_bytes());
        let id = id.ok_or_else(|| rows::unreadable("an id"))?;
        let body = EventBody::RoomCreated(state.clone());
        Ok(Self { room: RoomId::general(), state, id, body })
    }

    /// Its first event.
    pub fn created(&self) -> Placing<'_> {
        Placing { room: &self.room, author: None, id: self.id, client_id: None, body: &self.body }
    }
}
