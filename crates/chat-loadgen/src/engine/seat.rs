//! One connection: its socket and buffers, and what the generator knows of its member.

use std::io::{self, ErrorKind, Read, Write};

use mio::net::TcpStream;

use super::turn::Turn;
use super::writer::Writer;

/// A place in one room, and the offset that must come next.
type Subscription = (usize, u64);

/// The member behind a connection.
pub(super) struct Member {
    subscriptions: Vec<Subscription>,
    pub(super) writer: Option<Writer>,
    /// Frames that have not left yet.
    pub(super) unsent: Vec<u8>,
    pub(super) gone: bool,
}

impl Member {
    pub(super) fn subscribe(&mut self, room: usize, offset: u64) {
        self.subscriptions.push((room, offset + 1));
    }

    /// (room, next offset) of each subscription.
    pub(super) fn places(&self) -> impl Iterator<Item = Subscription> {
        self.subscriptions.iter().copied()
    }

    /// The subscription that the next event most probably belongs to.
    #[inline]
    pub(super) fn likely(&mut self) -> Option<&mut Subscription> {
        self.subscriptions.first_mut()
    }

    pub(super) fn in_room(&mut self, room: usize) -> Option<&mut Subscription> {
        self.subscriptions.iter_mut().find(|(subscribed, _)| *subscribed == room)
    }

    pub(super) fn forget(&mut self, room: usize) {
        self.subscriptions.retain(|(subscribed, _)| *subscribed != room);
    }
}

pub(super) struct Seat {
    socket: TcpStream,
    /// The start of a frame whose end has not come yet.
    unread: Vec<u8>,
    pub(super) member: Member,
}

impl Seat {
    pub(super) fn new(socket: TcpStream, unread: Vec<u8>) -> Self {
        let (subscriptions, unsent) = (Vec::with_capacity(1), Vec::new());
        let member = Member { subscriptions, writer: None, unsent, gone: false };
        Self { socket, unread, member }
    }

    /// Reads and handles what is there, and sends what is owed.
    pub(super) fn serve(&mut self, buffer: &mut Vec<u8>, turn: &mut Turn<'_>) {
        if self.member.gone {
            return;
        }
        let alive = self.receive(buffer, turn).and_then(|()| self.flush());
        if alive.is_err() {
            self.member.gone = true;
            turn.gone(&mut self.member);
        }
    }

    fn receive(&mut self, buffer: &mut Vec<u8>, turn: &mut Turn<'_>) -> io::Result<()> {
        loop {
            let kept = self.unread.len();
            if buffer.len() < 2 * kept {
                buffer.resize(4 * kept, 0);
            }
            buffer[..kept].copy_from_slice(&self.unread);
            let read = match self.socket.read(&mut buffer[kept..]) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(read) => read,
                Err(error) if would_block(&error) => return Ok(()),
                Err(error) => return Err(error),
            };
            let there = kept + read;
            turn.tally.reads += 1;
            turn.tally.bytes_read += read as u64;
            let used = turn.take(&mut self.member, &buffer[..there])?;
            self.unread.clear();
            self.unread.extend_from_slice(&buffer[used..there]);
            // A short read has emptied the socket: epoll will tell of what comes after it.
            if there < buffer.len() {
                return Ok(());
            }
        }
    }

    /// Sends what the socket takes; the rest goes when it is writable again.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        while !self.member.unsent.is_empty() {
            match self.socket.write(&self.member.unsent) {
                Ok(sent) => drop(self.member.unsent.drain(..sent)),
                Err(error) if would_block(&error) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn would_block(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
