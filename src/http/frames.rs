//! WebSocket frames (RFC 6455 §5), as both session shells need them: what a client said in, joined payloads out.

use actix_codec::{Decoder, Encoder};
use actix_http::ws::{Codec, Frame, Item, Message, ProtocolError};
use bytes::{Bytes, BytesMut};
use chat_protocol::{CloseCode, Format};

use crate::domain::outbound::Payload;

/// What came from a client, for its shell to act on.
#[derive(Debug, PartialEq, Eq)]
pub enum Received {
    /// Something whole in the session's format, however many fragments it came in; if that is text, it is UTF-8.
    Frame(Bytes),
    /// To be answered with the same bytes.
    Ping(Bytes),
    /// The session ends with this code, and nothing behind it counts.
    Close(CloseCode),
    /// Not WebSocket: there is nobody to talk to.
    Nonsense,
}

/// Takes apart what a client sends, within the bound of a frame.
///
/// Not left to actix-web-actors, which would keep all of a frame that is too big before it said so, and end the
/// connection without a word over a text that is not UTF-8.
pub struct Reader {
    codec: Codec,
    assembler: Assembler,
    /// Does the session speak in binary frames?
    is_binary: bool,
    bytes_max: usize,
}

impl Reader {
    /// A connection on which nothing came yet; `bytes_max` bounds a frame, and all fragments of one together.
    pub fn new(format: Format, bytes_max: usize) -> Self {
        let codec = Codec::new().max_size(bytes_max);
        let assembler = Assembler::default();
        Self { codec, assembler, is_binary: format.is_binary(), bytes_max }
    }

    /// Takes the next thing that all of has come out of `bytes`. Pongs mean nothing, and are passed over.
    pub fn next(&mut self, bytes: &mut BytesMut) -> Option<Received> {
        loop {
            if announces_too_much(bytes, self.bytes_max) {
                return Some(Received::Close(CloseCode::MessageTooBig));
            }
            let frame = match self.codec.decode(bytes) {
                Ok(None) => return None,
                Ok(Some(Frame::Text(frame))) => self.whole(frame, false),
                Ok(Some(Frame::Binary(frame))) => self.whole(frame, true),
                Ok(Some(Frame::Continuation(item))) => {
                    self.assembler.take(item, self.is_binary, self.bytes_max)
                }
                Ok(Some(Frame::Ping(data))) => return Some(Received::Ping(data)),
                Ok(Some(Frame::Pong(_))) => Ok(None),
                Ok(Some(Frame::Close(_))) => Err(CloseCode::Normal),
                Err(ProtocolError::Overflow) => Err(CloseCode::MessageTooBig),
                Err(_) => return Some(Received::Nonsense),
            };
            match frame {
                Ok(None) => {}
                Ok(Some(frame)) if !self.is_binary && str::from_utf8(&frame).is_err() => {
                    return Some(Received::Close(CloseCode::InvalidUtf8));
                }
                Ok(Some(frame)) => return Some(Received::Frame(frame)),
                Err(code) => return Some(Received::Close(code)),
            }
        }
    }

    fn whole(&self, frame: Bytes, is_binary: bool) -> Result<Option<Bytes>, CloseCode> {
        if is_binary != self.is_binary {
            Err(CloseCode::BadRequest)
        } else if frame.len() > self.bytes_max {
            Err(CloseCode::MessageTooBig)
        } else {
            Ok(Some(frame))
        }
    }
}

/// Puts fragments together, within the bound of a frame.
#[derive(Debug, Default)]
struct Assembler {
    /// What came so far; boxed, because hardly any session ever has that.
    partial: Option<Box<BytesMut>>,
}

impl Assembler {
    /// Takes a fragment; gives the whole when it was the last.
    ///
    /// # Errors
    /// [`CloseCode::MessageTooBig`]; [`CloseCode::BadRequest`] for text where `is_binary`, and the other way round.
    fn take(
        &mut self,
        item: Item,
        is_binary: bool,
        bytes_max: usize,
    ) -> Result<Option<Bytes>, CloseCode> {
        let (part, last) = match item {
            Item::FirstText(_) if is_binary => return Err(CloseCode::BadRequest),
            Item::FirstBinary(_) if !is_binary => return Err(CloseCode::BadRequest),
            Item::FirstText(part) | Item::FirstBinary(part) => {
                self.partial = Some(Box::default());
                (part, false)
            }
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
fn announces_too_much(bytes: &[u8], bytes_max: usize) -> bool {
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

/// Appends one unmasked frame of its format's kind.
pub fn append_frame(out: &mut BytesMut, payload: Payload<'_>) {
    const FIN_TEXT: u8 = 0x81;
    const FIN_BINARY: u8 = 0x82;
    let first = if payload.format.is_binary() { FIN_BINARY } else { FIN_TEXT };
    let length = payload.length;
    out.reserve(length + 10);
    match length {
        0..=125 => out.extend_from_slice(&[first, length as u8]),
        126..=0xFFFF => {
            out.extend_from_slice(&[first, 126]);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            out.extend_from_slice(&[first, 127]);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    append_payload(out, payload);
}

/// Appends what a frame holds.
pub fn append_payload(out: &mut BytesMut, payload: Payload<'_>) {
    for (i, part) in payload.parts.iter().enumerate() {
        if i > 0 {
            out.extend_from_slice(payload.format.separator());
        }
        out.extend_from_slice(part);
    }
}

/// Appends a control frame.
pub fn append_control(out: &mut BytesMut, message: Message) {
    let _ = Codec::new().encode(message, out); // control frames fit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fragments_become_one_within_the_bound() {
        let mut assembler = Assembler::default();
        let part = Bytes::from_static(b"abc");
        assert_eq!(assembler.take(Item::FirstText(part.clone()), false, 9), Ok(None));
        assert_eq!(assembler.take(Item::Continue(part.clone()), false, 9), Ok(None));
        assert_eq!(
            assembler.take(Item::Last(part.clone()), false, 9),
            Ok(Some("abcabcabc".into()))
        );
        assert_eq!(assembler.take(Item::FirstBinary(part.clone()), true, 5), Ok(None));
        assert_eq!(
            assembler.take(Item::Last(part.clone()), true, 5),
            Err(CloseCode::MessageTooBig)
        );
        let mut fresh = Assembler::default();
        assert_eq!(fresh.take(Item::Last(part.clone()), false, 9), Err(CloseCode::BadRequest));
        assert_eq!(
            fresh.take(Item::FirstBinary(part.clone()), false, 9),
            Err(CloseCode::BadRequest)
        );
        assert_eq!(fresh.take(Item::FirstText(part), true, 9), Err(CloseCode::BadRequest));
    }

    /// A client's frame: a mask of zeros changes nothing.
    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        [&[first, 0x80 | payload.len() as u8, 0, 0, 0, 0], payload].concat()
    }

    #[test]
    fn each_thing_that_a_client_can_send_is_told_apart() {
        let text = |text: &'static str| Received::Frame(text.into());
        let close = Received::Close;
        for (bytes, expected) in [
            (frame(0x81, b"{}"), text("{}")),
            ([frame(0x01, b"\xC3"), frame(0x8A, b""), frame(0x80, b"\xB6")].concat(), text("ö")),
            (frame(0x89, b"hi"), Received::Ping("hi".into())),
            (frame(0x81, b"\xFF"), close(CloseCode::InvalidUtf8)),
            (frame(0x82, b"{}"), close(CloseCode::BadRequest)),
            (frame(0x88, b""), close(CloseCode::Normal)),
            (frame(0x81, &[b' '; 101]), close(CloseCode::MessageTooBig)),
            (vec![0x81, 0xFF], close(CloseCode::MessageTooBig)),
            (vec![0x83, 0x80, 0, 0, 0, 0], Received::Nonsense),
            (vec![0x81, 0x02, b'{', b'}'], Received::Nonsense),
        ] {
            let mut reader = Reader::new(Format::Json, 100);
            let mut whole = BytesMut::from(&bytes[..]);
            if bytes == [0x81, 0xFF] {
                whole.extend_from_slice(&1000_u64.to_be_bytes());
            } else if expected != Received::Nonsense {
                let mut short = BytesMut::from(&bytes[..bytes.len() - 1]);
                assert_eq!(
                    Reader::new(Format::Json, 100).next(&mut short),
                    None,
                    "{bytes:?}, cut short"
                );
            }
            assert_eq!(reader.next(&mut whole), Some(expected), "{bytes:?}");
        }
    }

    #[test]
    fn a_session_in_protobuf_speaks_in_binary_frames_alone() {
        let received = |bytes: &[u8]| Reader::new(Format::Protobuf, 9).next(&mut bytes.into());
        let frame_of = |bytes: &'static [u8]| Some(Received::Frame(bytes.into()));
        assert_eq!(received(&frame(0x82, b"\xFF")), frame_of(b"\xFF"), "it needn't be UTF-8");
        let fragments = [frame(0x02, b"\x01"), frame(0x80, b"\x02")].concat();
        assert_eq!(received(&fragments), frame_of(b"\x01\x02"));
        let (bad, big) = (CloseCode::BadRequest, CloseCode::MessageTooBig);
        assert_eq!(received(&frame(0x81, b"{}")), Some(Received::Close(bad)));
        assert_eq!(received(&frame(0x01, b"{}")), Some(Received::Close(bad)));
        assert_eq!(received(&frame(0x82, &[0; 10])), Some(Received::Close(big)));
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

    fn payload(parts: &[Bytes], length: usize) -> Payload<'_> {
        Payload { parts, format: Format::Json, length }
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
            append_frame(&mut out, payload(&[Bytes::from(vec![b'x'; length])], length));
            assert_eq!(&out[..header.len()], header);
            assert_eq!(out.len(), header.len() + length);
        }
        let mut out = BytesMut::new();
        append_frame(&mut out, payload(&["a".into(), "b".into()], 3));
        assert_eq!(&out[..], b"\x81\x03a\nb");
        let mut out = BytesMut::new();
        let parts = &["a".into(), "b".into()];
        append_frame(&mut out, Payload { parts, format: Format::Protobuf, length: 2 });
        assert_eq!(&out[..], b"\x82\x02ab");
    }
}
