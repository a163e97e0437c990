//! What abusers got.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::PoisonError;

use crate::wire;
use crate::ws::{self, Frame, opcode};

/// Answers by what they say, counted.
#[derive(Debug, Default)]
pub(super) struct Got(Mutex<BTreeMap<String, u64>>);

impl Got {
    pub(super) fn count(&self, what: impl Into<String>) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(what.into()).or_default() += 1;
    }

    pub(super) fn counts(&self) -> BTreeMap<String, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Counts and removes the frames at the start of `unread` that are there as a whole; true after a close.
    pub(super) fn take(&self, unread: &mut Vec<u8>) -> bool {
        let (mut at, mut closed) = (0, false);
        while let Some(frame) = Frame::at_start_of(&unread[at..]) {
            let payload = &unread[at + frame.head..at + frame.total()];
            match frame.opcode {
                opcode::TEXT => {
                    payload.split(|byte| *byte == b'\n').for_each(|line| self.line(line))
                }
                opcode::CLOSE => {
                    let (code, reason) = ws::close_reason(payload);
                    self.count(format!("closed {code} {reason}"));
                    closed = true;
                }
                _ => {}
            }
            at += frame.total();
        }
        unread.drain(..at);
        closed
    }

    /// Replies only: what is pushed to a member is no answer to an abuse.
    fn line(&self, line: &[u8]) {
        let Ok(line) = wire::read_line(line) else { return self.count("unreadable") };
        match line.error {
            Some(error) => self.count(format!("{} {}", error.code, error.message)),
            None if line.id.is_some() => self.count("done"),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_and_closes_are_counted_by_what_they_say() {
        let mut bytes = Vec::new();
        let lines = b"{\"id\":1,\"error\":{\"code\":111,\"message\":\"too many requests\"}}\n{\"id\":2,\"rpc\":{}}\n{}";
        ws::put_server_frame(&mut bytes, opcode::TEXT, lines);
        ws::put_server_frame(&mut bytes, opcode::CLOSE, b"\x0d\xadbad request");
        bytes.push(0x81); // the next one isn't there as a whole
        let got = Got::default();
        assert!(got.take(&mut bytes));
        assert_eq!(bytes, [0x81]);
        let counts: Vec<_> = got.counts().into_iter().collect();
        let expected = [("111 too many requests", 1), ("closed 3501 bad request", 1), ("done", 1)];
        assert_eq!(counts, expected.map(|(what, n)| (what.to_owned(), n)));
    }
}
