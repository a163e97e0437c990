//! WebSocket frames (RFC 6455 §5), as both session shells need them: whole texts in, joined payloads out.

use actix_http::ws::Item;
use bytes::{Bytes, BytesMut};
use chat_protocol::CloseCode;

/// Puts fragments together, within the bound of a frame.
#[derive(Debug, Default)]
pub struct Assembler {
    /// The text so far; boxed, because hardly any session ever has one.
    partial: Option<Box<BytesMut>>,
}

impl Assembler {
    /// Takes a fragment; gives the text when it was the last.
    ///
    /// # Errors
    /// [`CloseCode::MessageTooBig`]; [`CloseCode::BadRequest`] for binary data, which JSON sessions don't speak.
    pub fn take(&mut self, item: Item, bytes_max: usize) -> Result<Option<Bytes>, CloseCode> {
        let (part, last) = match item {
            Item::FirstText(part) => {
                self.partial = Some(Box::default());
                (part, false)
            }
            Item::FirstBinary(_) => return Err(CloseCode::BadRequest),
            Item::Continue(part) => (part, false),
            Item::Last(part) => (part, true),
        };
        let Some(partial) = &mut self.partial else { return Err(CloseCode::BadRequest) };
        if partial.len() + part.len() > bytes_max {
            return Err(CloseCode::MessageTooBig);
        }
        partial.extend_from_slice(&part);
        if last { Ok(self.partial.take().map(|whole| whole.freeze())) } else { Ok(None) }
    }
}

/// Does the frame that `bytes` begin with announce a payload above `bytes_max`? The codec says so only once all of it is
/// there, and keeps it until then.
pub fn announces_too_much(bytes: &[u8], bytes_max: usize) -> bool {
    const LENGTH: u8 = 0x7F;
    let length = match bytes {
        [_, second, rest @ ..] => match second & LENGTH {
            126 => rest.first_chunk().map(|length| u16::from_be_bytes(*length).into()),
            127 => rest.first_chunk().map(|length| u64::from_be_bytes(*length)),
            _ => None, // short ones always fit
        },
        _ => None,
    };
    length.is_some_and(|length| length > bytes_max as u64)
}

/// Appends one unmasked text frame that holds `parts`, separated by newlines; `length` is their length with them.
pub fn append_text_frame(out: &mut BytesMut, parts: &[Bytes], length: usize) {
    const TEXT_FIN: u8 = 0x81;
    out.reserve(length + 10);
    match length {
        0..=125 => out.extend_from_slice(&[TEXT_FIN, length as u8]),
        126..=0xFFFF => {
            out.extend_from_slice(&[TEXT_FIN, 126]);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            out.extend_from_slice(&[TEXT_FIN, 127]);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    append_joined(out, parts);
}

/// Appends `parts` with a newline between each two.
pub fn append_joined(out: &mut BytesMut, parts: &[Bytes]) {
    for (i, part) in parts.iter().enumerate() {
        if i > 0 {
            out.extend_from_slice(b"\n");
        }
        out.extend_from_slice(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fragments_become_one_text_within_the_bound() {
        let mut assembler = Assembler::default();
        let part = Bytes::from_static(b"abc");
        assert_eq!(assembler.take(Item::FirstText(part.clone()), 9), Ok(None));
        assert_eq!(assembler.take(Item::Continue(part.clone()), 9), Ok(None));
        assert_eq!(assembler.take(Item::Last(part.clone()), 9), Ok(Some("abcabcabc".into())));
        assert_eq!(assembler.take(Item::FirstText(part.clone()), 5), Ok(None));
        assert_eq!(assembler.take(Item::Last(part.clone()), 5), Err(CloseCode::MessageTooBig));
        let mut fresh = Assembler::default();
        assert_eq!(fresh.take(Item::Last(part.clone()), 9), Err(CloseCode::BadRequest));
        assert_eq!(fresh.take(Item::FirstBinary(part), 9), Err(CloseCode::BadRequest));
    }

    #[test]
    fn what_is_too_much_is_known_as_soon_as_the_length_is_there() {
        for (bytes, too_much) in [
            (&[][..], false),
            (&[0x81], false),
            (&[0x81, 0x80 | 125, 0xFF, 0xFF], false),
            (&[0x81, 0x80 | 126, 0xFF], false),
            (&[0x81, 0x80 | 126, 0x03, 0xE8], false),
            (&[0x81, 0x80 | 126, 0x03, 0xE9], true),
            (&[0x81, 0x80 | 127, 0, 0, 1, 0, 0, 0, 0], false),
            (&[0x81, 0x80 | 127, 0, 0, 1, 0, 0, 0, 0, 0], true),
            (&[0x81, 0x80 | 127, 0, 0, 0, 0, 0, 0, 0x03, 0xE8, 0xFF], false),
            (&[0x81, 0x80 | 127, 0xFF, 0, 0, 0, 0, 0, 0, 0], true),
        ] {
            assert_eq!(announces_too_much(bytes, 1000), too_much, "{bytes:?}");
        }
    }

    #[test]
    fn each_length_has_its_header() {
        for (length, header) in [
            (1, &[0x81, 1][..]),
            (125, &[0x81, 125]),
            (126, &[0x81, 126, 0, 126]),
            (65_536, &[0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let mut out = BytesMut::new();
            append_text_frame(&mut out, &[Bytes::from(vec![b'x'; length])], length);
            assert_eq!(&out[..header.len()], header);
            assert_eq!(out.len(), header.len() + length);
        }
        let mut out = BytesMut::new();
        append_text_frame(&mut out, &["a".into(), "b".into()], 3);
        assert_eq!(&out[..], b"\x81\x03a\nb");
    }
}
