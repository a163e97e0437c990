//! The floor's loop: accept, read, answer, and at the end of a turn write.

use std::io;
use std::net::SocketAddr;

use anyhow::{Context, Result};
use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token};

use super::Mode;
use super::connection::Connection;
use super::fan_out::FanOut;
use crate::ws::{self, Frame, opcode};

const LISTENER: Token = Token(usize::MAX);
const EVENTS_PER_TURN: usize = 1024;
const READ_BUFFER_BYTES: usize = 256 * 1024;

pub(crate) struct Floor {
    poll: Poll,
    listener: TcpListener,
    fan_out: FanOut,
    buffer: Vec<u8>,
}

impl Floor {
    pub(crate) fn bind(address: SocketAddr, mode: Mode) -> Result<Self> {
        let mut listener = TcpListener::bind(address).context("the floor can't listen")?;
        let poll = Poll::new()?;
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        let buffer = vec![0; READ_BUFFER_BYTES];
        Ok(Self { poll, listener, fan_out: FanOut::new(mode), buffer })
    }

    pub(crate) fn address(&self) -> Result<SocketAddr> {
        Ok(self.listener.local_addr()?)
    }

    pub(crate) fn serve(mut self) -> Result<()> {
        let mut events = Events::with_capacity(EVENTS_PER_TURN);
        loop {
            match self.poll.poll(&mut events, None) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                other => other?,
            }
            for event in &events {
                if event.token() == LISTENER {
                    self.accept()?;
                    continue;
                }
                let token = event.token().0;
                if event.is_writable() {
                    self.writable(token);
                }
                if event.is_readable() && !self.readable(token) {
                    self.fan_out.leave(token);
                }
            }
            self.fan_out.flush();
        }
    }

    fn accept(&mut self) -> Result<()> {
        loop {
            let mut socket = match self.listener.accept() {
                Ok((socket, _)) => socket,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
                Err(error) => return Err(error).context("the floor can't accept"),
            };
            socket.set_nodelay(true)?;
            let entry = self.fan_out.connections.vacant_entry();
            let token = Token(entry.key());
            // Edge-triggered for both from the start: no epoll_ctl call is ever needed again.
            let both = Interest::READABLE | Interest::WRITABLE;
            self.poll.registry().register(&mut socket, token, both)?;
            entry.insert(Connection::new(socket));
        }
    }

    fn writable(&mut self, token: usize) {
        if let Some(connection) = self.fan_out.connections.get_mut(token) {
            // A failed write is the end of the connection, which epoll reports as well.
            drop(connection.flush());
        }
    }

    /// Reads what is there; false is the end of the connection.
    fn readable(&mut self, token: usize) -> bool {
        let mut buffer = std::mem::take(&mut self.buffer);
        let alive = self.read_all(token, &mut buffer);
        self.buffer = buffer;
        alive
    }

    fn read_all(&mut self, token: usize, buffer: &mut [u8]) -> bool {
        loop {
            let Some(connection) = self.fan_out.connections.get_mut(token) else { return true };
            let Ok(Some((there, more))) = connection.read(buffer) else { return false };
            let Some(used) = self.take(token, &mut buffer[..there]) else { return false };
            let connection = &mut self.fan_out.connections[token];
            connection.unread.clear();
            connection.unread.extend_from_slice(&buffer[used..there]);
            if connection.unread.is_empty() {
                connection.unread = Vec::new();
            }
            if !more {
                return true;
            }
        }
    }

    /// Handles what is whole at the start of `bytes`; returns how much that was, or `None` at the
    /// end of the connection.
    fn take(&mut self, token: usize, bytes: &mut [u8]) -> Option<usize> {
        let mut used = 0;
        if !self.fan_out.connections[token].upgraded {
            let Some((response, head)) = ws::answer_upgrade(bytes).ok()? else { return Some(0) };
            let connection = &mut self.fan_out.connections[token];
            connection.upgraded = true;
            connection.send(response.as_bytes()).ok()?;
            used = head;
        }
        while let Some(frame) = Frame::at_start_of(&bytes[used..]) {
            let payload = &mut bytes[used + frame.head..used + frame.total()];
            if let Some(mask) = frame.mask {
                ws::apply_mask(payload, mask);
            }
            match frame.opcode {
                opcode::TEXT => self.fan_out.on_text(token, payload),
                opcode::CLOSE => return None,
                _ => {}
            }
            used += frame.total();
        }
        Some(used)
    }
}
