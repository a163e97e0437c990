//! RFC 6455 framing, as much of it as an instrument needs.
//!
//! Own code where a library would do, on purpose: the generator shares a two-core machine with the
//! server that it measures, so what a delivery costs *it* must be small and known: no allocation,
//! no copy, no state per frame. Only unfragmented messages are spoken.

mod handshake;

pub use handshake::{answer_upgrade, read_accepted, request_upgrade};

/// Opcodes that occur here.
pub mod opcode {
    pub const TEXT: u8 = 1;
    pub const CLOSE: u8 = 8;
    pub const PING: u8 = 9;
    pub const PONG: u8 = 10;
}

/// One frame at the start of a buffer: its payload is `buffer[head..head + len]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    pub opcode: u8,
    pub fin: bool,
    pub mask: Option<[u8; 4]>,
    /// Bytes before the payload.
    pub head: usize,
    /// Bytes of payload.
    pub len: usize,
}

impl Frame {
    /// The frame at the start of `bytes`, or `None` until it is there as a whole.
    #[inline]
    pub fn at_start_of(bytes: &[u8]) -> Option<Self> {
        let (&first, &second) = (bytes.first()?, bytes.get(1)?);
        let masked = second & 0x80 != 0;
        let (len, mut head) = match second & 0x7f {
            126 => (usize::from(u16::from_be_bytes(fixed(bytes, 2)?)), 4),
            127 => (usize::try_from(u64::from_be_bytes(fixed(bytes, 2)?)).ok()?, 10),
            short => (usize::from(short), 2),
        };
        let mut mask = None;
        if masked {
            mask = Some(fixed(bytes, head)?);
            head += 4;
        }
        let whole = bytes.len() - head.min(bytes.len()) >= len && bytes.len() >= head;
        whole.then_some(Self { opcode: first & 0x0f, fin: first & 0x80 != 0, mask, head, len })
    }

    /// Bytes of the whole frame.
    pub fn total(&self) -> usize {
        self.head + self.len
    }
}

fn fixed<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}

/// Appends a frame as a server sends it: unmasked.
pub fn put_server_frame(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    put_head(out, opcode, payload.len(), 0);
    out.extend_from_slice(payload);
}

/// Appends a frame as a client sends it: masked with `mask`.
pub fn put_client_frame(out: &mut Vec<u8>, opcode: u8, payload: &[u8], mask: [u8; 4]) {
    put_head(out, opcode, payload.len(), 0x80);
    out.extend_from_slice(&mask);
    let start = out.len();
    out.extend_from_slice(payload);
    apply_mask(&mut out[start..], mask);
}

fn put_head(out: &mut Vec<u8>, opcode: u8, len: usize, mask_bit: u8) {
    out.push(0x80 | opcode);
    if let Ok(short @ 0..=125) = u8::try_from(len) {
        out.push(mask_bit | short);
    } else if let Ok(medium) = u16::try_from(len) {
        out.push(mask_bit | 126);
        out.extend_from_slice(&medium.to_be_bytes());
    } else {
        out.push(mask_bit | 127);
        out.extend_from_slice(&(len as u64).to_be_bytes());
    }
}

/// Masks or unmasks in place; four bytes at a time, which compilers turn into vector code.
pub fn apply_mask(payload: &mut [u8], mask: [u8; 4]) {
    let mut words = payload.chunks_exact_mut(4);
    for word in &mut words {
        for (byte, key) in word.iter_mut().zip(mask) {
            *byte ^= key;
        }
    }
    for (byte, key) in words.into_remainder().iter_mut().zip(mask) {
        *byte ^= key;
    }
}

/// The code and the reason in a close frame's payload; 1005 ("no status") when it has none.
pub fn close_reason(payload: &[u8]) -> (u16, String) {
    match fixed(payload, 0) {
        Some(code) => {
            (u16::from_be_bytes(code), String::from_utf8_lossy(&payload[2..]).into_owned())
        }
        None => (1005, String::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

    #[test]
    fn the_masked_hello_of_rfc_6455() {
        let mut out = Vec::new();
        put_client_frame(&mut out, opcode::TEXT, b"Hello", MASK);
        assert_eq!(out, [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]);
    }

    #[test]
    fn every_length_form_survives_the_round_trip() {
        for len in [0, 1, 3, 125, 126, 127, 65_535, 65_536, 70_001] {
            let payload: Vec<u8> = (0..len).map(|n| (n % 251) as u8).collect();
            let mut server = Vec::new();
            put_server_frame(&mut server, opcode::TEXT, &payload);
            let frame = Frame::at_start_of(&server).unwrap();
            assert_eq!((frame.len, frame.mask, frame.fin), (len, None, true));
            assert_eq!(&server[frame.head..], payload);

            let mut client = Vec::new();
            put_client_frame(&mut client, opcode::TEXT, &payload, MASK);
            let frame = Frame::at_start_of(&client).unwrap();
            assert_eq!((frame.len, frame.mask), (len, Some(MASK)));
            apply_mask(&mut client[frame.head..], MASK);
            assert_eq!(&client[frame.head..], payload);
        }
    }

    #[test]
    fn an_unfinished_frame_is_none_at_every_cut() {
        for len in [5, 126, 65_536] {
            let mut bytes = Vec::new();
            put_client_frame(&mut bytes, opcode::TEXT, &vec![7; len], MASK);
            for cut in (0..bytes.len()).step_by(1 + len / 100).chain([bytes.len() - 1]) {
                assert_eq!(Frame::at_start_of(&bytes[..cut]), None, "cut at {cut} of {len}");
            }
            assert_eq!(Frame::at_start_of(&bytes).unwrap().total(), bytes.len());
        }
    }

    #[test]
    fn frames_that_follow_each_other_are_told_apart() {
        let mut bytes = Vec::new();
        put_server_frame(&mut bytes, opcode::TEXT, b"one");
        put_server_frame(&mut bytes, opcode::PING, b"");
        let first = Frame::at_start_of(&bytes).unwrap();
        let second = Frame::at_start_of(&bytes[first.total()..]).unwrap();
        assert_eq!((first.opcode, second.opcode, second.len), (opcode::TEXT, opcode::PING, 0));
    }

    #[test]
    fn a_close_frame_names_code_and_reason() {
        assert_eq!(close_reason(b"\x0b\xb9shutdown"), (3001, "shutdown".into()));
        assert_eq!(close_reason(b""), (1005, String::new()));
    }
}
