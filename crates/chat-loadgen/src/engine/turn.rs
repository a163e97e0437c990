//! What comes in on a connection during one turn of the loop, and what it means.

use std::io::{self, ErrorKind};

use super::room::{Room, first_line};
use super::seat::Member;
use super::tally::Tally;
use super::writer::read_stamp;
use crate::wire::{self, Line, Push};
use crate::ws::{self, Frame, opcode};

pub(super) struct Turn<'e> {
    pub(super) rooms: &'e mut [Room],
    pub(super) tally: &'e mut Tally,
    /// Rooms in which something may have made room for another send.
    pub(super) stirred: &'e mut Vec<usize>,
    pub(super) now_ns: u64,
}

impl Turn<'_> {
    /// Handles the whole frames at the start of `bytes`; returns how much that was.
    ///
    /// # Errors
    /// The other side has closed.
    pub(super) fn take(&mut self, member: &mut Member, bytes: &[u8]) -> io::Result<usize> {
        let mut used = 0;
        while let Some(frame) = Frame::at_start_of(&bytes[used..]) {
            let payload = &bytes[used + frame.head..used + frame.total()];
            match frame.opcode {
                opcode::TEXT => self.text(member, payload),
                opcode::PING => {
                    ws::put_client_frame(&mut member.unsent, opcode::PONG, payload, [1, 2, 3, 4]);
                }
                opcode::CLOSE => return Err(ErrorKind::ConnectionAborted.into()),
                _ => {}
            }
            used += frame.total();
        }
        Ok(used)
    }

    fn text(&mut self, member: &mut Member, mut lines: &[u8]) {
        while !lines.is_empty() {
            let len = self.expected(member, lines).unwrap_or_else(|| {
                let line = first_line(lines);
                self.line(member, line);
                line.len()
            });
            lines = lines.get(len + 1..).unwrap_or_default();
        }
    }

    /// The fast path: the line is what others saw at the place that comes next here.
    #[inline]
    fn expected(&mut self, member: &mut Member, lines: &[u8]) -> Option<usize> {
        let (room, next) = member.likely()?;
        let at = *room;
        let len = self.rooms[at].matches(*next, lines)?;
        let offset = *next;
        *next += 1;
        self.delivered(at, offset);
        Some(len)
    }

    #[inline]
    fn delivered(&mut self, at: usize, offset: u64) {
        let delivered = self.rooms[at].count(offset);
        if delivered.by_all {
            self.stirred.push(at);
        }
        if let Some(sent_ns) = delivered.sent_ns {
            self.tally.received(sent_ns, self.now_ns, delivered.by_all);
        }
    }

    fn line(&mut self, member: &mut Member, line: &[u8]) {
        let Ok(read) = wire::read_line(line) else {
            self.tally.breaches.unreadable += 1;
            return;
        };
        if read.is_ping() {
            self.tally.asides += 1;
            ws::put_client_frame(&mut member.unsent, opcode::TEXT, b"{}", [1, 2, 3, 4]);
        } else if let Some(push) = &read.push {
            self.push(member, push, line);
        } else {
            self.reply(member, &read);
        }
    }

    fn reply(&mut self, member: &mut Member, reply: &Line<'_>) {
        let Some(writer) = &mut member.writer else { return };
        let Some(sent_ns) = reply.id.and_then(|id| writer.answered(id)) else { return };
        self.stirred.push(writer.room);
        if reply.error.is_none() {
            self.tally.answered(sent_ns, self.now_ns);
        } else {
            self.tally.failed += 1;
            self.rooms[writer.room].give_up_one();
        }
    }

    fn push(&mut self, member: &mut Member, push: &Push<'_>, line: &[u8]) {
        let here = |(at, _): &(usize, u64)| self.rooms[*at].channel == push.channel;
        let Some((at, _)) = member.places().find(here) else {
            self.tally.asides += 1;
            return;
        };
        if push.unsubscribe.is_some() {
            self.tally.breaches.unsubscribed += 1;
            self.left(member, at);
            return;
        }
        let publication = push.publication.as_ref();
        let placed = publication.and_then(|publication| Some((publication, publication.offset?)));
        let Some((publication, offset)) = placed else {
            self.tally.asides += 1;
            return;
        };
        let stamp = publication.data.text.as_deref().and_then(read_stamp);
        self.place(member, at, offset, line, stamp);
    }

    /// The slow path of an event: the first to see it, or something is wrong.
    fn place(
        &mut self,
        member: &mut Member,
        at: usize,
        offset: u64,
        line: &[u8],
        sent_ns: Option<u64>,
    ) {
        let Some((_, next)) = member.in_room(at) else { return };
        if offset < *next {
            self.tally.breaches.repeats += 1;
            return;
        }
        self.tally.breaches.holes += offset - *next;
        *next = offset + 1;
        let room = &mut self.rooms[at];
        room.keep(offset, line, sent_ns);
        match room.line(offset) {
            Some(kept) if kept == line => self.delivered(at, offset),
            Some(kept) => {
                let differs = !same_event(kept, line);
                self.tally.breaches.differing += u64::from(differs);
                self.delivered(at, offset);
            }
            // So late that the others' copy is gone; it can only be counted.
            None => {
                if let Some(sent_ns) = sent_ns {
                    self.tally.received(sent_ns, self.now_ns, false);
                }
            }
        }
    }

    /// A connection has ended: its rooms don't wait for it any more.
    pub(super) fn gone(&mut self, member: &mut Member) {
        self.tally.breaches.closed += 1;
        let rooms: Vec<usize> = member.places().map(|(at, _)| at).collect();
        for at in rooms {
            self.left(member, at);
        }
        member.writer = None;
    }

    fn left(&mut self, member: &mut Member, at: usize) {
        if let Some((_, next)) = member.in_room(at) {
            self.rooms[at].leave(*next);
            self.stirred.push(at);
        }
        member.forget(at);
    }
}

/// Whether two lines that differ as bytes still are the same event.
fn same_event(a: &[u8], b: &[u8]) -> bool {
    let content = |line| {
        let publication = wire::read_line(line).ok()?.push?.publication?;
        let event = publication.data;
        let text = event.text.map(|text| text.into_owned());
        Some((event.id?.into_owned(), event.client_id?.into_owned(), text, event.time))
    };
    content(a).is_some_and(|a| content(b) == Some(a))
}

#[cfg(test)]
mod tests;
