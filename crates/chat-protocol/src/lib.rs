//! The wire of Scalable Chat: what a client and a server say to each other, and nothing else.
//!
//! | module | holds |
//! | --- | --- |
//! | [`ids`] | identifiers with their alphabets and lengths; the identity of a message |
//! | [`text`] | names and texts that people write, checked |
//! | [`codes`] | the one table of error codes and the one of close codes |
//! | [`client`] | commands: client to server |
//! | [`server`] | replies and pushes: server to client |
//! | [`mod@format`] | how both are encoded |
//! | [`json`], [`protobuf`] | the format that is text, and the one that is bytes |
//! | [`event`] | what happens in a room: the typed data of a publication |
//! | [`ephemeral`] | what is said in a room and kept nowhere |
//! | [`comings`] | who comes and goes, one by one |
//! | [`hint`] | the same in a user's own channel |
//! | [`channel`] | whose channel something is said in |
//! | [`object`] | room and user objects, pages |
//! | [`publication`] | an event encoded once, its bytes shared by all sessions |
//!
//! Pure: no clock, no I/O, no runtime. `docs/PROTOCOL.md` is the same in prose, held to this code by a test.

pub mod channel;
pub mod client;
pub mod codes;
pub mod comings;
pub mod ephemeral;
pub mod event;
pub mod format;
pub mod hint;
pub mod ids;
pub mod json;
pub mod object;
mod payloads;
pub mod protobuf;
pub mod publication;
pub mod server;
pub mod text;

pub use channel::Channel;
pub use codes::{CloseCode, ErrorCode};
pub use ephemeral::{Ephemeral, EphemeralBody};
pub use event::{Event, EventBody};
pub use format::Format;
pub use hint::{Hint, HintBody};
pub use ids::{ClientId, Epoch, MessageId, Offset, RoomId, UserId};
pub use publication::Publication;
