//! Objects of the protocol in WebSocket messages, in either format: what JSON has is what tests are written in.

use chat_protocol::Format;
use chat_protocol::protobuf::messages;
use prost::Message as _;
use serde_json::{Deserializer, Value};
use tokio_tungstenite::tungstenite::Message;

/// A message that holds the commands that `json` holds.
pub fn message(format: Format, json: String) -> Message {
    match format {
        Format::Json => Message::text(json),
        Format::Protobuf => Message::binary(delimited(&json)),
    }
}

/// The commands that `json` holds, as a frame of Protobuf has them; their data stays as it is written.
pub fn delimited(json: &str) -> Vec<u8> {
    let commands = Deserializer::from_str(json).into_iter::<messages::Command>();
    commands.flat_map(|command| command.unwrap().encode_length_delimited_to_vec()).collect()
}

/// Replies and pushes of a frame of Protobuf, as JSON would have them.
pub fn undelimited(mut frame: &[u8]) -> Vec<Value> {
    let mut objects = Vec::new();
    while !frame.is_empty() {
        let reply = messages::Reply::decode_length_delimited(&mut frame);
        objects.push(serde_json::to_value(reply.expect("the server sends replies")).unwrap());
    }
    objects
}

/// Replies and pushes of a frame of JSON.
pub fn parsed(frame: &str) -> Vec<Value> {
    let objects = Deserializer::from_str(frame).into_iter();
    objects.map(|object| object.expect("the server sends JSON")).collect()
}
