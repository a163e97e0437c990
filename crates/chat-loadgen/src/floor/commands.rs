//! Finding in a client's line what the floor answers or echoes; everything else is skipped.
//!
//! It only has to understand `chat-loadgen`'s own lines (see `wire`), so looking for a few byte
//! strings will do; a real server has to parse, and that is part of what the floor shows.

use memchr::memmem;

/// A client's line as the floor sees it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command<'l> {
    Connect {
        id: u64,
    },
    Subscribe {
        id: u64,
        room: &'l str,
    },
    /// `body` is `"client_id":"…","text":"…"`, ready to be pasted into an event.
    Send {
        id: u64,
        body: &'l [u8],
    },
    /// A pong, or something the generator never says.
    Ignored,
}

impl<'l> Command<'l> {
    pub(super) fn read(line: &'l [u8]) -> Self {
        Self::find(line).unwrap_or(Self::Ignored)
    }

    fn find(line: &'l [u8]) -> Option<Self> {
        if let Some(rest) = line.strip_prefix(br#"{"id":"#) {
            let start = memmem::find(rest, br#""client_id""#)?;
            let body = rest[start..].strip_suffix(b"}}}")?;
            return Some(Self::Send { id: number(rest), body });
        }
        let id = number(&line[memmem::rfind(line, br#""id":"#)? + 5..]);
        if line.starts_with(br#"{"connect":"#) {
            return Some(Self::Connect { id });
        }
        let rest = line.strip_prefix(br#"{"subscribe":{"channel":"room:"#)?;
        let room = std::str::from_utf8(&rest[..memchr::memchr(b'"', rest)?]).ok()?;
        Some(Self::Subscribe { id, room })
    }
}

/// The digits at the start of `bytes`.
fn number(bytes: &[u8]) -> u64 {
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |value: u64, digit| value.wrapping_mul(10).wrapping_add(u64::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire;

    #[test]
    fn the_generator_s_own_lines_are_understood() {
        let mut line = Vec::new();
        wire::put_connect(&mut line, 1, Some("token"));
        assert_eq!(Command::read(&line), Command::Connect { id: 1 });

        line.clear();
        wire::put_subscribe(&mut line, 22, "r-1", None);
        assert_eq!(Command::read(&line), Command::Subscribe { id: 22, room: "r-1" });

        line.clear();
        wire::put_send(&mut line, 345, "r-1", "c-9", "text");
        let body = br#""client_id":"c-9","text":"text""#;
        assert_eq!(Command::read(&line), Command::Send { id: 345, body });

        assert_eq!(Command::read(b"{}"), Command::Ignored);
    }
}
