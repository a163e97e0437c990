//! A writer: its window of unanswered sends, and the lines that it sends.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::wire::{self, TEXT_BYTES};

/// Hex digits of the time stamp at the start of every text.
const STAMP_DIGITS: usize = 16;

pub(super) struct Writer {
    /// The room that it writes to.
    pub(super) room: usize,
    last_id: u64,
    waiting: usize,
    window: usize,
    /// When the command of an id was sent, at index `id % len`.
    sent_ns: Box<[u64]>,
    /// A JSON string of [`TEXT_BYTES`], quotes included; only its stamp changes.
    text: String,
    random: fastrand::Rng,
}

impl Writer {
    pub(super) fn new(room: usize, last_id: u64, window: usize) -> Self {
        let filler = "x".repeat(TEXT_BYTES - STAMP_DIGITS);
        Self {
            room,
            last_id,
            waiting: 0,
            window,
            sent_ns: vec![0; window.next_power_of_two()].into(),
            text: format!("\"{:016x}{filler}\"", 0),
            random: fastrand::Rng::new(),
        }
    }

    pub(super) fn has_window(&self) -> bool {
        self.waiting < self.window
    }

    pub(super) fn is_idle(&self) -> bool {
        self.waiting == 0
    }

    /// Sends that wait for their answer.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Appends the next send, stamped with the time of sending, as a line of its own frame.
    pub(super) fn put_send(&mut self, room: &str, sent_ns: u64, frames: &mut Vec<u8>) {
        self.last_id += 1;
        self.waiting += 1;
        let slot = self.slot(self.last_id);
        self.sent_ns[slot] = sent_ns;
        self.text.replace_range(1..=STAMP_DIGITS, &format!("{sent_ns:016x}"));
        let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let now_ms = u64::try_from(now_ms).unwrap_or(0);
        let mut random = [0; 10];
        self.random.fill(&mut random);
        let id = uuid::Builder::from_unix_timestamp_millis(now_ms, &random).into_uuid();
        let mut client_id = uuid::Uuid::encode_buffer();
        let client_id = id.hyphenated().encode_lower(&mut client_id);
        let mut line = Vec::with_capacity(2 * TEXT_BYTES);
        wire::put_send_raw(&mut line, self.last_id, room, client_id, &self.text);
        let mask = self.random.u32(..).to_le_bytes();
        crate::ws::put_client_frame(frames, crate::ws::opcode::TEXT, &line, mask);
    }

    /// A reply came; returns when its command was sent, or `None` if it answers none of ours.
    pub(super) fn answered(&mut self, id: u64) -> Option<u64> {
        let oldest = self.last_id.saturating_sub(self.sent_ns.len() as u64) + 1;
        if self.waiting == 0 || id > self.last_id || id < oldest {
            return None;
        }
        self.waiting -= 1;
        Some(self.sent_ns[self.slot(id)])
    }

    fn slot(&self, id: u64) -> usize {
        (id as usize) & (self.sent_ns.len() - 1)
    }
}

/// When a text was sent, if it is one of ours.
pub(super) fn read_stamp(text: &str) -> Option<u64> {
    if text.len() != TEXT_BYTES {
        return None;
    }
    u64::from_str_radix(text.get(..STAMP_DIGITS)?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ws::{Frame, apply_mask};

    #[test]
    fn a_send_has_its_stamp_its_size_and_a_v7_client_id() {
        let mut writer = Writer::new(0, 2, 4);
        let mut frames = Vec::new();
        writer.put_send("r", 0xabc, &mut frames);
        let frame = Frame::at_start_of(&frames).unwrap();
        assert_eq!(frame.total(), frames.len());
        apply_mask(&mut frames[frame.head..], frame.mask.unwrap());
        let line: serde_json::Value = serde_json::from_slice(&frames[frame.head..]).unwrap();
        assert_eq!(line["id"], 3);
        let text = line["rpc"]["data"]["text"].as_str().unwrap();
        assert_eq!((text.len(), read_stamp(text)), (TEXT_BYTES, Some(0xabc)));
        let client_id = line["rpc"]["data"]["client_id"].as_str().unwrap();
        assert_eq!(client_id.parse::<uuid::Uuid>().unwrap().get_version_num(), 7);
    }

    #[test]
    fn the_window_opens_with_each_answer() {
        let mut writer = Writer::new(0, 1, 2);
        let mut frames = Vec::new();
        writer.put_send("r", 10, &mut frames);
        writer.put_send("r", 20, &mut frames);
        assert!(!writer.has_window());
        assert_eq!(writer.answered(3), Some(20));
        assert_eq!(writer.answered(99), None);
        assert!(writer.has_window() && !writer.is_idle());
        assert_eq!(writer.answered(2), Some(10));
        assert!(writer.is_idle());
    }

    #[test]
    fn foreign_texts_have_no_stamp() {
        assert_eq!(read_stamp("hello"), None);
        assert_eq!(read_stamp(&"z".repeat(TEXT_BYTES)), None);
    }
}
