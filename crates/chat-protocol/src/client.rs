//! Commands: what a client says. Decoding never panics and never allocates more than its input is long.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{ClientId, Offset, RoomId, UserId};

/// One command as it stands in a frame: an id and the first request that is present.
#[derive(Debug)]
pub struct Command<'a> {
    /// Chosen by the client, echoed in the reply; 0 where there was none (`send`, pong).
    pub id: u32,
    pub request: Request<'a>,
}

/// What is asked.
#[derive(Debug)]
pub enum Request<'a> {
    Connect(Connect<'a>),
    Subscribe(Subscribe<'a>),
    Unsubscribe(Channel<'a>),
    Publish(Publish<'a>),
    Presence(Channel<'a>),
    PresenceStats(Channel<'a>),
    History(History<'a>),
    Rpc(Rpc<'a>),
    /// An RPC that wants no reply.
    Send(Send<'a>),
    Refresh,
    SubRefresh,
    /// `{}`: the answer to a server's ping.
    Pong,
}

#[derive(Debug, Default, Deserialize)]
pub struct Connect<'a> {
    #[serde(borrow, default)]
    pub token: Cow<'a, str>,
}

#[derive(Debug, Default, Deserialize)]
pub struct Subscribe<'a> {
    #[serde(borrow, default)]
    pub channel: Cow<'a, str>,
    /// The client was here before and wants everything after `offset`.
    #[serde(default)]
    pub recover: bool,
    #[serde(borrow, default)]
    pub epoch: Cow<'a, str>,
    #[serde(default)]
    pub offset: Offset,
}

#[derive(Debug, Default, Deserialize)]
pub struct Channel<'a> {
    #[serde(borrow, default)]
    pub channel: Cow<'a, str>,
}

#[derive(Debug, Deserialize)]
pub struct Publish<'a> {
    #[serde(borrow, default)]
    pub channel: Cow<'a, str>,
    #[serde(borrow)]
    pub data: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
pub struct History<'a> {
    #[serde(borrow, default)]
    pub channel: Cow<'a, str>,
    /// 0: only where the channel is; −1: as much as one reply may hold.
    #[serde(default)]
    pub limit: i32,
    #[serde(borrow)]
    pub since: Option<Position<'a>>,
    #[serde(default)]
    pub reverse: bool,
}

#[derive(Debug, Default, Deserialize)]
pub struct Position<'a> {
    #[serde(default)]
    pub offset: Offset,
    #[serde(borrow, default)]
    pub epoch: Cow<'a, str>,
}

#[derive(Debug, Deserialize)]
pub struct Rpc<'a> {
    #[serde(borrow, default)]
    pub method: Cow<'a, str>,
    #[serde(borrow)]
    pub data: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
pub struct Send<'a> {
    #[serde(borrow)]
    pub data: Option<Rpc<'a>>,
}

/// The command object as JSON has it: any of the requests may be there, the first one counts.
#[derive(Deserialize)]
struct Raw<'a> {
    #[serde(default)]
    id: u32,
    #[serde(borrow)]
    connect: Option<Connect<'a>>,
    #[serde(borrow)]
    subscribe: Option<Subscribe<'a>>,
    #[serde(borrow)]
    unsubscribe: Option<Channel<'a>>,
    #[serde(borrow)]
    publish: Option<Publish<'a>>,
    #[serde(borrow)]
    presence: Option<Channel<'a>>,
    #[serde(borrow)]
    presence_stats: Option<Channel<'a>>,
    #[serde(borrow)]
    history: Option<History<'a>>,
    #[serde(borrow)]
    ping: Option<&'a RawValue>,
    #[serde(borrow)]
    send: Option<Send<'a>>,
    #[serde(borrow)]
    rpc: Option<Rpc<'a>>,
    #[serde(borrow)]
    refresh: Option<&'a RawValue>,
    #[serde(borrow)]
    sub_refresh: Option<&'a RawValue>,
}

/// A frame or a command that isn't one: the connection is closed with 3501.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed command")]
pub struct Malformed;

/// The commands of one text frame, in order: JSON objects with white space between them.
/// Ends after the first malformed one.
pub struct Commands<'a> {
    frame: &'a str,
    stream: serde_json::StreamDeserializer<'a, serde_json::de::StrRead<'a>, Raw<'a>>,
    state: State,
}

#[derive(PartialEq)]
enum State {
    /// An empty frame is malformed; an empty rest is the end.
    Empty,
    Open,
    Done,
}

/// Reads the commands of `frame`.
pub fn commands(frame: &str) -> Commands<'_> {
    let state = if frame.trim_ascii().is_empty() { State::Empty } else { State::Open };
    Commands { frame, stream: serde_json::Deserializer::from_str(frame).into_iter(), state }
}

impl<'a> Commands<'a> {
    /// What has not been read yet.
    pub fn rest(&self) -> &'a str {
        self.unread().trim_ascii()
    }

    fn unread(&self) -> &'a str {
        self.frame.get(self.stream.byte_offset()..).unwrap_or_default()
    }
}

impl<'a> Iterator for Commands<'a> {
    type Item = Result<Command<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let command = match self.state {
            State::Done => return None,
            State::Empty => Err(Malformed),
            // A list of a command's fields in their order, which serde would take for one, is none.
            State::Open if self.unread().trim_ascii_start().starts_with('[') => Err(Malformed),
            State::Open => self.stream.next()?.map_err(|_| Malformed).and_then(command),
        };
        if command.is_err() {
            self.state = State::Done;
        }
        Some(command)
    }
}

fn command(raw: Raw<'_>) -> Result<Command<'_>, Malformed> {
    let id = raw.id;
    let request = if let Some(it) = raw.connect {
        Request::Connect(it)
    } else if let Some(it) = raw.subscribe {
        Request::Subscribe(it)
    } else if let Some(it) = raw.unsubscribe {
        Request::Unsubscribe(it)
    } else if let Some(it) = raw.publish {
        Request::Publish(it)
    } else if let Some(it) = raw.presence {
        Request::Presence(it)
    } else if let Some(it) = raw.presence_stats {
        Request::PresenceStats(it)
    } else if let Some(it) = raw.history {
        Request::History(it)
    } else if raw.ping.is_some() {
        return Err(Malformed); // only a server pings
    } else if let Some(it) = raw.send {
        return Ok(Command { id: 0, request: Request::Send(it) });
    } else if let Some(it) = raw.rpc {
        Request::Rpc(it)
    } else if raw.refresh.is_some() {
        Request::Refresh
    } else if raw.sub_refresh.is_some() {
        Request::SubRefresh
    } else if id == 0 {
        return Ok(Command { id: 0, request: Request::Pong });
    } else {
        return Err(Malformed);
    };
    if id == 0 { Err(Malformed) } else { Ok(Command { id, request }) }
}

/// Data of `message.send`. Fields are borrowed where the JSON has no escapes.
#[derive(Debug, Deserialize)]
pub struct MessageSend<'a> {
    pub room: RoomId,
    pub client_id: ClientId,
    #[serde(borrow)]
    pub text: Cow<'a, str>,
}

/// Data of a `publish` to `room:<id>`: `message.send` without its reply.
#[derive(Debug, Deserialize)]
pub struct PublishData<'a> {
    pub client_id: Option<ClientId>,
    #[serde(borrow)]
    pub text: Cow<'a, str>,
}

/// Data of `history.page`.
#[derive(Clone, Debug, Deserialize)]
pub struct HistoryPageRequest {
    pub room: RoomId,
    pub before: Option<Anchor>,
    pub after: Option<Anchor>,
    pub around: Option<Anchor>,
    pub limit: Option<u32>,
    pub epoch: Option<String>,
}

/// A place named by its offset, or by the id of the message that stands there.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Anchor {
    Offset(Offset),
    Id(String),
}

/// Data of `room.create`.
#[derive(Clone, Debug, Deserialize)]
pub struct RoomCreate {
    #[serde(default)]
    pub name: String,
    pub kind: crate::object::RoomKind,
    #[serde(default)]
    pub topic: String,
    #[serde(default)]
    pub members: Vec<UserId>,
    pub client_id: Option<ClientId>,
}

/// Data of the methods that name only a room.
#[derive(Clone, Debug, Deserialize)]
pub struct RoomOnly {
    pub room: RoomId,
}

/// Data of `room.update`.
#[derive(Clone, Debug, Deserialize)]
pub struct RoomUpdate {
    pub room: RoomId,
    pub name: Option<String>,
    pub topic: Option<String>,
}

/// Data of the paged lists.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Paging {
    pub cursor: Option<String>,
    pub limit: Option<u32>,
}

/// Data of `room.members`.
#[derive(Clone, Debug, Deserialize)]
pub struct RoomMembers {
    pub room: RoomId,
    #[serde(flatten)]
    pub paging: Paging,
}

/// Data of `user.rename`, and of `POST /api/guests`.
#[derive(Clone, Debug, Deserialize)]
pub struct Named {
    pub name: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn kinds(frame: &str) -> Vec<Result<(u32, &'static str), Malformed>> {
        commands(frame)
            .map(|c| {
                c.map(|c| {
                    let kind = match c.request {
                        Request::Connect(_) => "connect",
                        Request::Subscribe(_) => "subscribe",
                        Request::Rpc(_) => "rpc",
                        Request::Send(_) => "send",
                        Request::Pong => "pong",
                        _ => "other",
                    };
                    (c.id, kind)
                })
            })
            .collect()
    }

    #[test]
    fn a_frame_holds_several_commands_in_order() {
        let frame = "{\"connect\":{\"token\":\"t\",\"name\":\"js\"},\"id\":1}\n{\"subscribe\":{\"channel\":\"room:7\",\"flag\":1},\"id\":2}\n{}";
        assert_eq!(kinds(frame), [Ok((1, "connect")), Ok((2, "subscribe")), Ok((0, "pong"))]);
    }

    #[test]
    fn what_is_malformed_ends_the_frame() {
        for bad in [
            "",
            " \n",
            "[]",
            "[1,null,null,null,null,null,null,null,null,null,{},null,null]",
            "{\"id\":1}",
            "{\"rpc\":{\"method\":\"x\"}}",
            "{\"id\":1,\"ping\":{}}",
            "{\"id\":4294967296,\"rpc\":{}}",
            "{\"id\":-1,\"rpc\":{}}",
            "{\"id\":1e400,\"rpc\":{}}",
            "{\"id\":1,\"rpc\":{\"data\":{]}}}",
        ] {
            assert_eq!(kinds(bad), [Err(Malformed)], "{bad:?}");
        }
        assert_eq!(kinds("{} nonsense {}"), [Ok((0, "pong")), Err(Malformed)]);
    }

    #[test]
    fn a_send_needs_no_id() {
        assert_eq!(kinds(r#"{"send":{"data":{"method":"m"}}}"#), [Ok((0, "send"))]);
    }

    #[test]
    fn deep_json_is_refused_or_skipped_but_never_overflows() {
        let deep = format!(
            "{{\"id\":1,\"rpc\":{{\"data\":{}{}}}}}",
            "[".repeat(50_000),
            "]".repeat(50_000)
        );
        assert_eq!(kinds(&deep).len(), 1);
    }

    proptest! {
        #[test]
        fn no_input_panics(frame in "\\PC{0,200}") {
            let _ = commands(&frame).count();
        }

        #[test]
        fn no_mangled_command_panics(at in 0usize..90, byte in any::<char>()) {
            let mut frame: Vec<char> = r#"{"id":1,"subscribe":{"channel":"room:7","recover":true,"offset":42,"epoch":"x"}}"#.chars().collect();
            let at = at % frame.len();
            frame[at] = byte;
            let _ = commands(&frame.iter().collect::<String>()).count();
        }
    }
}
