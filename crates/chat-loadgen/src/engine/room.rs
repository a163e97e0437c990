//! A room as its members see it: the latest events, as bytes.
//!
//! The first member to get an event puts its line here; for every other member the same place
//! must hold the same bytes. So the usual delivery is one comparison, and a member that gets
//! other content, another order, a hole or a repeat can't compare equal.

use memchr::memchr;

pub(super) struct Room {
    pub(super) id: String,
    pub(super) channel: String,
    /// Seats that write here.
    pub(super) writers: Vec<usize>,
    members: u32,
    /// Highest offset that anyone has seen.
    pub(super) head: u64,
    /// Messages sent by our writers.
    pub(super) sent: u64,
    /// Messages that at least one member has seen.
    pub(super) published: u64,
    /// Messages that all members have seen, and sends that failed.
    done: u64,
    slots: Box<[Slot]>,
}

/// One event, at index `offset % slots`.
#[derive(Clone, Default)]
struct Slot {
    offset: u64,
    line: Vec<u8>,
    /// When its sender sent it; `None` for events that are not our messages.
    sent_ns: Option<u64>,
    seen: u32,
}

/// What a delivery that is as expected says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Delivered {
    pub(super) sent_ns: Option<u64>,
    /// Every member has it now.
    pub(super) by_all: bool,
}

impl Room {
    /// `slots` is a power of two, above the number of messages that may be in flight.
    pub(super) fn new(id: &str, slots: usize) -> Self {
        Self {
            id: id.to_owned(),
            channel: crate::wire::channel_of(id),
            writers: Vec::new(),
            members: 0,
            head: 0,
            sent: 0,
            published: 0,
            done: 0,
            slots: vec![Slot::default(); slots.next_power_of_two()].into(),
        }
    }

    pub(super) fn enter(&mut self, head: u64) {
        self.members += 1;
        self.head = self.head.max(head);
    }

    /// A member that expects `next` is gone: what only it still lacked has reached everyone.
    pub(super) fn leave(&mut self, next: u64) {
        self.members -= 1;
        for slot in &self.slots {
            let waited = slot.offset >= next && slot.seen == self.members;
            self.done += u64::from(waited && slot.sent_ns.is_some());
        }
    }

    pub(super) fn in_flight(&self) -> u64 {
        self.sent.saturating_sub(self.done)
    }

    /// A send that will never be published.
    pub(super) fn give_up_one(&mut self) {
        self.done += 1;
    }

    /// If `lines` starts with the event at `offset` as others saw it: the length of its line.
    #[inline]
    pub(super) fn matches(&self, offset: u64, lines: &[u8]) -> Option<usize> {
        let slot = &self.slots[self.index(offset)];
        let len = slot.line.len();
        let same = slot.offset == offset && lines.starts_with(&slot.line);
        (same && lines.get(len).is_none_or(|next| *next == b'\n')).then_some(len)
    }

    /// Counts one more member that has the event at `offset`.
    #[inline]
    pub(super) fn count(&mut self, offset: u64) -> Delivered {
        let members = self.members;
        let index = self.index(offset);
        let slot = &mut self.slots[index];
        slot.seen += 1;
        let by_all = slot.seen == members;
        let delivered = Delivered { sent_ns: slot.sent_ns, by_all };
        self.done += u64::from(by_all && slot.sent_ns.is_some());
        delivered
    }

    /// The line of the event at `offset`, if some member has seen it and it is still kept.
    pub(super) fn line(&self, offset: u64) -> Option<&[u8]> {
        let slot = &self.slots[self.index(offset)];
        (slot.offset == offset).then_some(&slot.line)
    }

    /// Keeps what the first member to see it saw; older events make room.
    pub(super) fn keep(&mut self, offset: u64, line: &[u8], sent_ns: Option<u64>) {
        if offset <= self.head {
            return;
        }
        self.head = offset;
        self.published += u64::from(sent_ns.is_some());
        let index = self.index(offset);
        let slot = &mut self.slots[index];
        (slot.offset, slot.seen, slot.sent_ns) = (offset, 0, sent_ns);
        slot.line.clear();
        slot.line.extend_from_slice(line);
    }

    fn index(&self, offset: u64) -> usize {
        // The mask makes it fit whatever the offset is.
        (offset as usize) & (self.slots.len() - 1)
    }
}

/// The first line of `lines`, without its newline.
pub(super) fn first_line(lines: &[u8]) -> &[u8] {
    memchr(b'\n', lines).map_or(lines, |end| &lines[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room_of(members: usize) -> Room {
        let mut room = Room::new("r", 4);
        (0..members).for_each(|_| room.enter(0));
        room
    }

    #[test]
    fn the_second_member_only_compares() {
        let mut room = room_of(2);
        room.sent = 1;
        assert_eq!(room.matches(1, b"first"), None);
        room.keep(1, b"first", Some(5));
        assert_eq!(room.count(1), Delivered { sent_ns: Some(5), by_all: false });
        assert_eq!(room.in_flight(), 1);
        assert_eq!(room.matches(1, b"first"), Some(5));
        assert_eq!(room.matches(1, b"first\nsecond"), Some(5));
        assert_eq!(room.count(1), Delivered { sent_ns: Some(5), by_all: true });
        assert_eq!(room.in_flight(), 0);
    }

    #[test]
    fn other_bytes_or_another_place_don_t_match() {
        let mut room = room_of(2);
        room.keep(1, b"first", Some(5));
        assert_eq!(room.matches(1, b"first and more"), None);
        assert_eq!(room.matches(1, b"firs"), None);
        assert_eq!(room.matches(5, b"first"), None, "another offset of the same slot");
    }

    #[test]
    fn a_member_that_leaves_holds_nothing_up() {
        let mut room = room_of(2);
        room.sent = 2;
        for offset in [1, 2] {
            room.keep(offset, b"x", Some(0));
            room.count(offset);
        }
        room.leave(1);
        assert_eq!(room.in_flight(), 0);
    }
}
