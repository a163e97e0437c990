//! A room of the floor: its members, its next offset, and the event that everyone gets.

use std::io::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::ws::{self, opcode};

/// The floor's rooms have no log; they all share one epoch.
pub(super) const EPOCH: &str = "1.Floor000";

/// Stands for the author; as long as a real user id.
const AUTHOR: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

/// Bytes of an id as the real server makes it.
const ID_BYTES: usize = 36;

pub(super) struct Room {
    name: String,
    pub(super) offset: u64,
    /// Tokens of the connections that subscribed.
    pub(super) members: Vec<usize>,
    /// Frames of this turn that still have to go to every member (mode one-write).
    pub(super) batch: Vec<u8>,
    payload: Vec<u8>,
}

impl Room {
    pub(super) fn new(name: &str) -> Self {
        let (members, batch, payload) = (Vec::new(), Vec::new(), Vec::new());
        Self { name: name.to_owned(), offset: 0, members, batch, payload }
    }

    /// Appends the next event to `frames` as one frame: the envelope of the real server, with
    /// `body` in it.
    pub(super) fn put_event(&mut self, body: &[u8], frames: &mut Vec<u8>) {
        self.offset += 1;
        let (room, offset, id) = (&self.name, self.offset, id_in(body));
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let time_ms = now.as_millis();
        self.payload.clear();
        let head = write!(
            self.payload,
            r#"{{"push":{{"channel":"room:{room}","pub":{{"data":{{"type":"message.created","id":"{id}","room":"{room}","offset":{offset},"time":{time_ms},"user":{{"id":"{AUTHOR}","name":"guest"}},"#,
        );
        self.payload.extend_from_slice(body);
        let tail = write!(self.payload, r#"}},"offset":{offset}}}}}}}"#);
        debug_assert!(head.is_ok() && tail.is_ok(), "writing to memory doesn't fail");
        ws::put_server_frame(frames, opcode::TEXT, &self.payload);
    }
}

/// Appends the reply to a send.
pub(super) fn put_ack(out: &mut Vec<u8>, command: u64, body: &[u8]) {
    let id = id_in(body);
    let reply =
        format!(r#"{{"id":{command},"rpc":{{"data":{{"id":"{id}","durability":"none!"}}}}}}"#);
    ws::put_server_frame(out, opcode::TEXT, reply.as_bytes());
}

/// The floor's message id is the client id: the same number of bytes as a real one, for nothing.
fn id_in(body: &[u8]) -> &str {
    let start = br#""client_id":""#.len();
    let id = body.get(start..start + ID_BYTES).unwrap_or_default();
    std::str::from_utf8(id).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire;

    #[test]
    fn an_event_is_what_clients_expect() {
        let client_id = "0190c0de-0000-7000-8000-000000000001";
        let text = "x".repeat(wire::TEXT_BYTES);
        let body = format!(r#""client_id":"{client_id}","text":"{text}""#);
        let mut room = Room::new("r");
        let mut frames = Vec::new();
        room.put_event(body.as_bytes(), &mut frames);
        let frame = ws::Frame::at_start_of(&frames).unwrap();
        let line = wire::read_line(&frames[frame.head..]).unwrap();
        let push = line.push.unwrap();
        let publication = push.publication.unwrap();
        assert_eq!((push.channel.as_ref(), publication.offset), ("room:r", Some(1)));
        assert_eq!(publication.data.client_id.as_deref(), Some(client_id));
        assert_eq!(publication.data.text.as_deref(), Some(text.as_str()));

        let mut ack = Vec::new();
        put_ack(&mut ack, 7, body.as_bytes());
        let frame = ws::Frame::at_start_of(&ack).unwrap();
        let line = wire::read_line(&ack[frame.head..]).unwrap();
        assert_eq!((line.id, line.rpc.unwrap().data.id.as_ref()), (Some(7), client_id));
    }
}
