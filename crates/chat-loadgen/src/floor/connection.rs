//! One connection of the floor: what it has read and not parsed, what it could not write yet.

use std::io::{self, IoSlice, Read, Write};

use mio::net::TcpStream;

pub(super) struct Connection {
    socket: TcpStream,
    pub(super) upgraded: bool,
    /// The start of a frame whose end has not come yet.
    pub(super) unread: Vec<u8>,
    /// Empty unless the socket's buffer was full.
    unwritten: Vec<u8>,
    /// Replies of this turn (mode one-write).
    pub(super) replies: Vec<u8>,
    /// Rooms whose batch is due to this connection in this turn (mode one-write).
    pub(super) due: Vec<usize>,
    /// Rooms that it subscribed to.
    pub(super) rooms: Vec<usize>,
}

impl Connection {
    pub(super) fn new(socket: TcpStream) -> Self {
        Self {
            socket,
            upgraded: false,
            unread: Vec::new(),
            unwritten: Vec::new(),
            replies: Vec::new(),
            due: Vec::new(),
            rooms: Vec::new(),
        }
    }

    /// Reads once into `buffer`, behind what was left over; returns the bytes that are there now
    /// and whether there may be more. `None` is the end of the connection.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<Option<(usize, bool)>> {
        let kept = self.unread.len();
        buffer[..kept].copy_from_slice(&self.unread);
        match self.socket.read(&mut buffer[kept..]) {
            Ok(0) => Ok(None),
            // A short read has emptied the socket: epoll will tell of what comes after it.
            Ok(n) => Ok(Some((kept + n, kept + n == buffer.len()))),
            Err(error) if would_block(&error) => Ok(Some((kept, false))),
            Err(error) => Err(error),
        }
    }

    /// One `send`; what the socket doesn't take waits until it is writable.
    pub(super) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let sent = if self.unwritten.is_empty() { accepted(self.socket.write(bytes))? } else { 0 };
        self.unwritten.extend_from_slice(&bytes[sent..]);
        Ok(())
    }

    /// One write of all `parts`.
    pub(super) fn send_parts(&mut self, parts: &[IoSlice<'_>]) -> io::Result<()> {
        if let [part] = parts {
            return self.send(part);
        }
        let blocked = !self.unwritten.is_empty();
        let mut sent = if blocked { 0 } else { accepted(self.socket.write_vectored(parts))? };
        for part in parts {
            let skipped = sent.min(part.len());
            sent -= skipped;
            self.unwritten.extend_from_slice(&part[skipped..]);
        }
        Ok(())
    }

    /// Called when the socket takes bytes again.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        while !self.unwritten.is_empty() {
            match accepted(self.socket.write(&self.unwritten))? {
                0 => return Ok(()),
                sent => drop(self.unwritten.drain(..sent)),
            }
        }
        self.unwritten = Vec::new();
        Ok(())
    }
}

fn would_block(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

fn accepted(written: io::Result<usize>) -> io::Result<usize> {
    match written {
        Err(error) if would_block(&error) => Ok(0),
        other => other,
    }
}
