//! Protobuf: the protocol in binary frames. Data of methods and events stays JSON in it, so there is one vocabulary.
//!
//! A frame holds messages one after the other, each behind its length as a varint.

mod commands;
pub mod messages;
mod replies;
mod requests;
mod subs;

pub use commands::Commands;
pub(crate) use replies::{encode_publication, encode_reply};

#[cfg(test)]
mod tests;
