//! Commands: what a client says, whatever format it says it in. [`crate::Format`] reads them out of frames; the data of
//! methods is JSON in every format.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::json::unread;
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
    Refresh(Refresh<'a>),
    SubRefresh(SubRefresh<'a>),
    /// A command without anything: the answer to a server's ping.
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
    /// For how long, as the operator says; empty where nothing is said of it.
    #[serde(borrow, default)]
    pub token: Cow<'a, str>,
    /// Who comes and goes is to be told one by one, too.
    #[serde(default)]
    pub join_leave: bool,
}

#[derive(Debug, Default, Deserialize)]
pub struct Channel<'a> {
    #[serde(borrow, default)]
    pub channel: Cow<'a, str>,
}

#[derive(Debug, Default, Deserialize)]
pub struct Publish<'a> {
    #[serde(borrow, default)]
    pub channel: Cow<'a, str>,
    /// As in [`Rpc`].
    #[serde(borrow, default, deserialize_with = "unread")]
    pub data: Cow<'a, [u8]>,
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

#[derive(Debug, Default, Deserialize)]
pub struct Rpc<'a> {
    #[serde(borrow, default)]
    pub method: Cow<'a, str>,
    /// What ought to be JSON, and that nobody has looked at yet; empty where there was none.
    #[serde(borrow, default, deserialize_with = "unread")]
    pub data: Cow<'a, [u8]>,
}

#[derive(Debug, Default, Deserialize)]
pub struct Send<'a> {
    #[serde(borrow)]
    pub data: Option<Rpc<'a>>,
}

/// A fresh token for this connection.
#[derive(Debug, Default, Deserialize)]
pub struct Refresh<'a> {
    #[serde(borrow, default)]
    pub token: Cow<'a, str>,
}

/// A fresh token for a subscription.
#[derive(Debug, Default, Deserialize)]
pub struct SubRefresh<'a> {
    #[serde(borrow, default)]
    pub channel: Cow<'a, str>,
    #[serde(borrow, default)]
    pub token: Cow<'a, str>,
}

/// A command as it came: any of the requests may be there, and the first one counts.
#[derive(Default, Deserialize)]
pub(crate) struct Requests<'a> {
    #[serde(default)]
    pub id: u32,
    #[serde(borrow)]
    pub connect: Option<Connect<'a>>,
    #[serde(borrow)]
    pub subscribe: Option<Subscribe<'a>>,
    #[serde(borrow)]
    pub unsubscribe: Option<Channel<'a>>,
    #[serde(borrow)]
    pub publish: Option<Publish<'a>>,
    #[serde(borrow)]
    pub presence: Option<Channel<'a>>,
    #[serde(borrow)]
    pub presence_stats: Option<Channel<'a>>,
    #[serde(borrow)]
    pub history: Option<History<'a>>,
    pub ping: Option<IgnoredAny>,
    #[serde(borrow)]
    pub send: Option<Send<'a>>,
    #[serde(borrow)]
    pub rpc: Option<Rpc<'a>>,
    #[serde(borrow)]
    pub refresh: Option<Refresh<'a>>,
    #[serde(borrow)]
    pub sub_refresh: Option<SubRefresh<'a>>,
}

impl<'a> Requests<'a> {
    /// What is asked.
    ///
    /// # Errors
    /// [`Malformed`] where nothing is, or something without an id that wants a reply.
    pub(crate) fn first(self) -> Result<Command<'a>, Malformed> {
        let id = self.id;
        let request = if let Some(it) = self.connect {
            Request::Connect(it)
        } else if let Some(it) = self.subscribe {
            Request::Subscribe(it)
        } else if let Some(it) = self.unsubscribe {
            Request::Unsubscribe(it)
        } else if let Some(it) = self.publish {
            Request::Publish(it)
        } else if let Some(it) = self.presence {
            Request::Presence(it)
        } else if let Some(it) = self.presence_stats {
            Request::PresenceStats(it)
        } else if let Some(it) = self.history {
            Request::History(it)
        } else if self.ping.is_some() {
            return Err(Malformed); // only a server pings
        } else if let Some(it) = self.send {
            return Ok(Command { id: 0, request: Request::Send(it) });
        } else if let Some(it) = self.rpc {
            Request::Rpc(it)
        } else if let Some(it) = self.refresh {
            Request::Refresh(it)
        } else if let Some(it) = self.sub_refresh {
            Request::SubRefresh(it)
        } else if id == 0 {
            return Ok(Command { id: 0, request: Request::Pong });
        } else {
            return Err(Malformed);
        };
        if id == 0 { Err(Malformed) } else { Ok(Command { id, request }) }
    }
}

/// A frame or a command that isn't one: the connection is closed with 3501.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed command")]
pub struct Malformed;

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
#[derive(Clone, Debug, Deserialize, JsonSchema)]
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
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
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
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct Named {
    pub name: String,
}

/// Data of `read.mark`.
#[derive(Clone, Debug, Deserialize)]
pub struct ReadUpTo {
    pub room: RoomId,
    pub offset: Offset,
}
