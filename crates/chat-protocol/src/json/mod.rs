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

/// For bytes of a message that are JSON: part of the object around them.
pub(crate) mod embedded {
    use bytes::Bytes;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};
    use serde_json::value::RawValue;

    pub fn serialize<S: Serializer>(data: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_slice(data).map_err(ser::Error::custom)?;
        raw.serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer).map_err(de::Error::custom)?;
        Ok(String::from(Box::<str>::from(raw)).into())
    }
}
