//! Commands read from Protobuf. Never panics, and never allocates more than the frame is long.

use std::borrow::Cow;

use prost::Message;
use serde::de::IgnoredAny;

use super::messages;
use crate::client::{
    Channel, Command, Connect, History, Malformed, Position, Publish, Refresh, Requests, Rpc, Send,
    SubRefresh, Subscribe,
};

/// The commands of one frame.
pub struct Commands<'a> {
    rest: &'a [u8],
    state: State,
}

#[derive(PartialEq)]
enum State {
    /// An empty frame is malformed; an empty rest is the end.
    Empty,
    Open,
    Done,
}

impl<'a> Commands<'a> {
    /// Reads `frame`.
    pub fn new(frame: &'a [u8]) -> Self {
        let state = if frame.is_empty() { State::Empty } else { State::Open };
        Self { rest: frame, state }
    }

    /// What has not been read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for Commands<'a> {
    type Item = Result<Command<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let command = match self.state {
            State::Done => return None,
            State::Empty => Err(Malformed),
            State::Open if self.rest.is_empty() => return None,
            State::Open => messages::Command::decode_length_delimited(&mut self.rest)
                .map_err(|_| Malformed)
                .and_then(requests)
                .and_then(Requests::first),
        };
        if command.is_err() {
            self.state = State::Done;
        }
        Some(command)
    }
}

/// The same as JSON would have had it.
fn requests(it: messages::Command) -> Result<Requests<'static>, Malformed> {
    Ok(Requests {
        id: it.id,
        connect: it.connect.map(|it| Connect { token: it.token.into() }),
        subscribe: it.subscribe.map(|it| Subscribe {
            channel: it.channel.into(),
            recover: it.recover,
            epoch: it.epoch.into(),
            offset: it.offset,
            token: it.token.into(),
            join_leave: it.join_leave,
        }),
        unsubscribe: it.unsubscribe.map(channel),
        publish: it.publish.map(|it| Publish { channel: it.channel.into(), data: owned(&it.data) }),
        presence: it.presence.map(channel),
        presence_stats: it.presence_stats.map(channel),
        history: it.history.map(|it| History {
            channel: it.channel.into(),
            limit: it.limit,
            since: it
                .since
                .map(|since| Position { offset: since.offset, epoch: since.epoch.into() }),
            reverse: it.reverse,
        }),
        ping: it.ping.map(|_| IgnoredAny),
        send: it.send.map(send).transpose()?,
        rpc: it.rpc.map(|it| Rpc { method: it.method.into(), data: owned(&it.data) }),
        refresh: it.refresh.map(|it| Refresh { token: it.token.into() }),
        sub_refresh: it
            .sub_refresh
            .map(|it| SubRefresh { channel: it.channel.into(), token: it.token.into() }),
    })
}

fn channel(it: messages::ChannelRequest) -> Channel<'static> {
    Channel { channel: it.channel.into() }
}

/// What is sent is JSON of an RPC, which the format of JSON has read by now.
fn send(it: messages::SendRequest) -> Result<Send<'static>, Malformed> {
    if it.data.is_empty() {
        return Ok(Send { data: None });
    }
    let rpc: Option<Rpc<'_>> = serde_json::from_slice(&it.data).map_err(|_| Malformed)?;
    let owned =
        |rpc: Rpc<'_>| Rpc { method: rpc.method.into_owned().into(), data: owned(&rpc.data) };
    Ok(Send { data: rpc.map(owned) })
}

fn owned(data: &[u8]) -> Cow<'static, [u8]> {
    Cow::Owned(data.to_vec())
}
