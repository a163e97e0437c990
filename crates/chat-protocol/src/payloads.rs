//! Bytes for many sessions, made once for each format that one of them speaks.

use std::sync::OnceLock;

use bytes::Bytes;

use crate::Format;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Payloads {
    json: OnceLock<Bytes>,
    protobuf: OnceLock<Bytes>,
}

impl Payloads {
    /// The bytes of `pushes`, joined, which are made if nobody has wanted them in this format yet.
    pub fn of(&self, format: Format, pushes: impl FnOnce() -> Vec<Bytes>) -> &Bytes {
        let payload = match format {
            Format::Json => &self.json,
            Format::Protobuf => &self.protobuf,
        };
        payload.get_or_init(|| match <[Bytes; 1]>::try_from(pushes()) {
            Ok([only]) => only, // not copied
            Err(several) => several.join(format.separator()).into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_made_once_for_each_format_that_someone_speaks() {
        let payloads = Payloads::default();
        let several = || vec![Bytes::from("a"), Bytes::from("b")];
        assert_eq!(payloads.of(Format::Json, several), "a\nb");
        let again = || -> Vec<Bytes> { panic!("they are there") };
        assert_eq!(payloads.of(Format::Json, again), "a\nb");
        assert!(payloads.protobuf.get().is_none(), "nobody speaks it");
        assert_eq!(payloads.of(Format::Protobuf, several), "ab");
    }
}
