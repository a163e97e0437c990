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
