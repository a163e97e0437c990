//! JSON: the one format of what methods take and give, and one of the two of the protocol around it.

mod commands;
mod replies;

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

pub use commands::Commands;
pub(crate) use replies::encode_reply;

/// Appends `value`. Serializing the types of this crate into memory can't fail; were one ever to, `null` is written,
/// which a client reads as an absent value, instead of ending the session.
pub(crate) fn append(out: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    let before = out.len();
    if serde_json::to_writer(&mut *out, value).is_err() {
        out.truncate(before);
        out.extend_from_slice(b"null");
    }
}

/// `value` as JSON, for the data of a reply.
pub fn encode(value: &(impl Serialize + ?Sized)) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    append(&mut out, value);
    out
}

/// For a field of a command that is kept as it stands; `null` is none.
pub(crate) fn unread<'a, 'de: 'a, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Cow<'a, [u8]>, D::Error> {
    let raw = Option::<&'de RawValue>::deserialize(deserializer)?;
    Ok(raw.map_or_else(Cow::default, |raw| raw.get().as_bytes().into()))
}
