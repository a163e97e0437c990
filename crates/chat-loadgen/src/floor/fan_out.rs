//! Who gets what: the two ways in which publications and replies leave.

use std::collections::HashMap;
use std::io::IoSlice;

use slab::Slab;

use super::Mode;
use super::commands::Command;
use super::connection::Connection;
use super::room::{EPOCH, Room, put_ack};
use crate::ws::{self, opcode};

/// Rooms and connections, and what this turn of the loop still has to write.
pub(super) struct FanOut {
    mode: Mode,
    pub(super) connections: Slab<Connection>,
    rooms: Vec<Room>,
    by_name: HashMap<String, usize>,
    /// Connections with something to write in this turn (mode one-write).
    dirty: Vec<usize>,
    /// Rooms with a batch in this turn (mode one-write).
    published: Vec<usize>,
    frames: Vec<u8>,
}

impl FanOut {
    pub(super) fn new(mode: Mode) -> Self {
        Self {
            mode,
            connections: Slab::new(),
            rooms: Vec::new(),
            by_name: HashMap::new(),
            dirty: Vec::new(),
            published: Vec::new(),
            frames: Vec::new(),
        }
    }

    /// Carries out the commands in one text frame.
    pub(super) fn on_text(&mut self, from: usize, payload: &[u8]) {
        for line in payload.split(|byte| *byte == b'\n') {
            match Command::read(line) {
                Command::Connect { id } => self.reply(
                    from,
                    &format!(r#"{{"id":{id},"connect":{{"client":"c","version":"floor"}}}}"#),
                ),
                Command::Subscribe { id, room } => self.subscribe(from, id, room),
                Command::Send { id, body } => self.publish(from, id, body),
                Command::Ignored => {}
            }
        }
    }

    fn subscribe(&mut self, from: usize, id: u64, name: &str) {
        let known = self.by_name.get(name).copied();
        let room = known.unwrap_or_else(|| {
            self.rooms.push(Room::new(name));
            self.by_name.insert(name.to_owned(), self.rooms.len() - 1);
            self.rooms.len() - 1
        });
        self.rooms[room].members.push(from);
        self.connections[from].rooms.push(room);
        let offset = self.rooms[room].offset;
        self.reply(
            from,
            &format!(
                r#"{{"id":{id},"subscribe":{{"recoverable":true,"positioned":true,"epoch":"{EPOCH}","offset":{offset}}}}}"#
            ),
        );
    }

    /// A connection that sends has subscribed to the one room that it writes to.
    fn publish(&mut self, from: usize, id: u64, body: &[u8]) {
        let Some(&at) = self.connections[from].rooms.first() else { return };
        let room = &mut self.rooms[at];
        match self.mode {
            Mode::Bare => {
                self.frames.clear();
                put_ack(&mut self.frames, id, body);
                send_or_leave(&mut self.connections[from], &self.frames);
                self.frames.clear();
                room.put_event(body, &mut self.frames);
                for member in &room.members {
                    send_or_leave(&mut self.connections[*member], &self.frames);
                }
            }
            Mode::OneWrite => {
                mark(&mut self.connections[from], from, &mut self.dirty);
                put_ack(&mut self.connections[from].replies, id, body);
                if room.batch.is_empty() {
                    self.published.push(at);
                    for &member in &room.members {
                        let connection = &mut self.connections[member];
                        mark(connection, member, &mut self.dirty);
                        connection.due.push(at);
                    }
                }
                let mut batch = std::mem::take(&mut room.batch);
                room.put_event(body, &mut batch);
                room.batch = batch;
            }
        }
    }

    fn reply(&mut self, to: usize, line: &str) {
        let connection = &mut self.connections[to];
        match self.mode {
            Mode::Bare => {
                self.frames.clear();
                ws::put_server_frame(&mut self.frames, opcode::TEXT, line.as_bytes());
                send_or_leave(connection, &self.frames);
            }
            Mode::OneWrite => {
                mark(connection, to, &mut self.dirty);
                ws::put_server_frame(&mut connection.replies, opcode::TEXT, line.as_bytes());
            }
        }
    }

    /// The end of a turn: one write for each connection that has something to get. The bytes of
    /// a room's turn exist once; nothing is copied per member.
    pub(super) fn flush(&mut self) {
        for token in self.dirty.drain(..) {
            let Some(connection) = self.connections.get_mut(token) else { continue };
            let replies = std::mem::take(&mut connection.replies);
            let due = std::mem::take(&mut connection.due);
            let sent = if let ([room], true) = (due.as_slice(), replies.is_empty()) {
                connection.send(&self.rooms[*room].batch)
            } else {
                let batches = due.iter().map(|room| IoSlice::new(&self.rooms[*room].batch));
                let own = (!replies.is_empty()).then(|| IoSlice::new(&replies));
                let parts: Vec<_> = own.into_iter().chain(batches).collect();
                connection.send_parts(&parts)
            };
            // A failed write is the end of the connection, which epoll reports as well.
            drop(sent);
            (connection.replies, connection.due) = (cleared(replies), cleared(due));
        }
        for room in self.published.drain(..) {
            self.rooms[room].batch.clear();
        }
    }

    pub(super) fn leave(&mut self, token: usize) {
        let Some(connection) = self.connections.try_remove(token) else { return };
        for room in connection.rooms {
            self.rooms[room].members.retain(|member| *member != token);
        }
    }
}

/// Lists a connection once per turn: it is listed when it first has something to get.
fn mark(connection: &mut Connection, token: usize, dirty: &mut Vec<usize>) {
    if connection.replies.is_empty() && connection.due.is_empty() {
        dirty.push(token);
    }
}

/// A failed write is the end of the connection, which epoll reports as well.
fn send_or_leave(connection: &mut Connection, bytes: &[u8]) {
    drop(connection.send(bytes));
}

fn cleared<T>(mut used: Vec<T>) -> Vec<T> {
    used.clear();
    used
}
