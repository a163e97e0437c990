//! The part of the client protocol that the generator speaks: the lines it sends. Several lines
//! travel in one text frame, separated by newlines.

mod reply;

pub use reply::{Event, Line, Publication, Push, SubscribeReply, read_line};

use std::io::Write as _;

/// Where the protocol is spoken.
pub const PATH: &str = "/connection/websocket";

/// Bytes of text in every message that is measured.
pub const TEXT_BYTES: usize = 128;

/// Appends the `connect` command.
pub fn put_connect(out: &mut Vec<u8>, id: u64, token: Option<&str>) {
    let token = token.map_or(String::new(), |token| format!(r#""token":{},"#, quoted(token)));
    put(out, format_args!(r#"{{"connect":{{{token}"name":"chat-loadgen"}},"id":{id}}}"#));
}

/// Appends a `subscribe` command for a room; `resume` is the (epoch, offset) to go on from.
pub fn put_subscribe(out: &mut Vec<u8>, id: u64, room: &str, resume: Option<(&str, u64)>) {
    let resume = resume.map_or(String::new(), |(epoch, offset)| {
        format!(r#","recover":true,"epoch":{},"offset":{offset}"#, quoted(epoch))
    });
    let channel = quoted(&channel_of(room));
    put(
        out,
        format_args!(
            r#"{{"subscribe":{{"channel":{channel},"recoverable":true,"flag":1{resume}}},"id":{id}}}"#
        ),
    );
}

/// Appends a `message.send`. The text is escaped as JSON asks.
pub fn put_send(out: &mut Vec<u8>, id: u64, room: &str, client_id: &str, text: &str) {
    put_send_raw(out, id, room, client_id, &quoted(text));
}

/// Appends a `message.send` whose text, quotes included, is JSON already; `room` and `client_id`
/// need no escaping by their alphabet. Doesn't allocate beyond `out`.
pub fn put_send_raw(out: &mut Vec<u8>, id: u64, room: &str, client_id: &str, text_json: &str) {
    put(
        out,
        format_args!(
            r#"{{"id":{id},"rpc":{{"method":"message.send","data":{{"room":"{room}","client_id":"{client_id}","text":{text_json}}}}}}}"#
        ),
    );
}

/// The channel of a room.
pub fn channel_of(room: &str) -> String {
    format!("room:{room}")
}

fn put(out: &mut Vec<u8>, line: std::fmt::Arguments<'_>) {
    out.write_fmt(line).expect("writing to memory doesn't fail");
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a string is always JSON")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn line(put: impl FnOnce(&mut Vec<u8>)) -> Value {
        let mut out = Vec::new();
        put(&mut out);
        serde_json::from_slice(&out).unwrap()
    }

    #[test]
    fn commands_are_the_protocol_s() {
        assert_eq!(
            line(|out| put_connect(out, 1, Some("a\"b"))),
            json!({"id": 1, "connect": {"token": "a\"b", "name": "chat-loadgen"}})
        );
        assert_eq!(
            line(|out| put_connect(out, 1, None)),
            json!({"id": 1, "connect": {"name": "chat-loadgen"}})
        );
        assert_eq!(
            line(|out| put_subscribe(out, 2, "r", Some(("1.e", 7)))),
            json!({"id": 2, "subscribe": {"channel": "room:r", "recoverable": true, "flag": 1,
                "recover": true, "epoch": "1.e", "offset": 7}})
        );
        assert_eq!(
            line(|out| put_send(out, 3, "r", "c", "say \"hi\"\n☃")),
            json!({"id": 3, "rpc": {"method": "message.send",
                "data": {"room": "r", "client_id": "c", "text": "say \"hi\"\n☃"}}})
        );
    }
}
