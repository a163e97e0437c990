//! What the server says, as Protobuf.

use bytes::Bytes;
use prost::Message;

use super::messages::{self, Empty};
use super::subs::Sub;
use crate::object::{ConnInfo, Occupant, Person};
use crate::server::{CommandResult, Connected, Crowd, History, Reply, Subscribed};
use crate::{Channel, ErrorCode, Publication, RoomId, json};

/// A reply or push behind its length; a ping is the length 0 alone.
pub fn encode_reply(reply: &Reply) -> Vec<u8> {
    let reply = match reply {
        Reply::Result { id, result } => messages::Reply { id: *id, ..done(result) },
        Reply::Error { id, code } => {
            messages::Reply { id: *id, error: Some(error(*code)), ..Default::default() }
        }
        Reply::Unsubscribe { room, code } => {
            let (code, reason) = (code.code().into(), code.reason().to_owned());
            let unsubscribe = Some(messages::Unsubscribe { code, reason });
            push(messages::Push { channel: room_channel(room), unsubscribe, ..Default::default() })
        }
        Reply::Join { room, user } => {
            let (channel, join) = (room_channel(room), Some(coming(user)));
            push(messages::Push { channel, join, ..Default::default() })
        }
        Reply::Leave { room, user } => {
            let (channel, leave) = (room_channel(room), Some(coming(user)));
            push(messages::Push { channel, leave, ..Default::default() })
        }
        Reply::Ping => messages::Reply::default(),
    };
    reply.encode_length_delimited_to_vec()
}

/// A publication as it is sent live.
pub fn encode_publication(it: &Publication) -> Bytes {
    let publication = Some(publication(it));
    let channel = it.channel().to_string();
    let push = push(messages::Push { channel, publication, ..Default::default() });
    push.encode_length_delimited_to_vec().into()
}

fn push(push: messages::Push) -> messages::Reply {
    messages::Reply { push: Some(push), ..Default::default() }
}

fn room_channel(room: &RoomId) -> String {
    room.channel().into_owned()
}

fn publication(it: &Publication) -> messages::Publication {
    messages::Publication { data: it.data(), info: it.info().map(occupant), offset: it.offset }
}

fn error(code: ErrorCode) -> messages::Error {
    let (message, temporary) = (code.to_string(), code.temporary());
    messages::Error { code: code.code(), message, temporary }
}

/// The result without the command's id.
fn done(result: &CommandResult) -> messages::Reply {
    let mut reply = messages::Reply::default();
    match result {
        CommandResult::Connect(it) => reply.connect = Some(connected(it)),
        CommandResult::Subscribe(it) => reply.subscribe = Some(subscribed(it)),
        CommandResult::Unsubscribe => reply.unsubscribe = Some(Empty {}),
        CommandResult::Publish => reply.publish = Some(Empty {}),
        CommandResult::History(it) => reply.history = Some(history(it)),
        CommandResult::Presence(it) => reply.presence = Some(presence(it)),
        CommandResult::PresenceStats(it) => reply.presence_stats = Some(presence_stats(*it)),
        CommandResult::Rpc(data) => reply.rpc = Some(messages::RpcResult { data: data.clone() }),
        CommandResult::Refresh { ttl_s } => {
            reply.refresh = Some(messages::RefreshResult { expires: true, ttl: *ttl_s });
        }
        CommandResult::SubRefresh { ttl_s } => {
            reply.sub_refresh = Some(messages::SubRefreshResult { expires: true, ttl: *ttl_s });
        }
    }
    reply
}

fn connected(it: &Connected) -> messages::ConnectResult {
    messages::ConnectResult {
        client: it.client.clone(),
        version: it.version.to_owned(),
        expires: it.ttl_s.is_some(),
        ttl: it.ttl_s.unwrap_or_default(),
        data: it.data.clone(),
        subs: it.subs.iter().map(sub).collect(),
        ping: it.ping_s,
        pong: true,
    }
}

/// Nothing of it can be recovered.
fn sub(channel: &Channel) -> Sub {
    Sub { channel: channel.to_string(), result: Some(Default::default()) }
}

fn subscribed(it: &Subscribed) -> messages::SubscribeResult {
    messages::SubscribeResult {
        expires: it.ttl_s.is_some(),
        ttl: it.ttl_s.unwrap_or_default(),
        recoverable: true,
        epoch: it.epoch.as_str().to_owned(),
        publications: it.missed.iter().map(publication).collect(),
        recovered: it.recovered == Some(true),
        offset: it.offset,
        positioned: true,
        was_recovering: it.recovered.is_some(),
    }
}

fn history(it: &History) -> messages::HistoryResult {
    messages::HistoryResult {
        publications: it.publications.iter().map(publication).collect(),
        epoch: it.epoch.as_str().to_owned(),
        offset: it.top,
    }
}

/// Told of a user, in however many sessions.
fn coming(user: &Person) -> messages::Coming {
    messages::Coming { info: Some(client_info(String::new(), user)) }
}

fn occupant(it: &Occupant) -> messages::ClientInfo {
    client_info(it.client.clone(), &it.user)
}

fn client_info(client: String, user: &Person) -> messages::ClientInfo {
    let conn_info = ConnInfo::if_named(user).map(|it| json::encode(&it).into());
    messages::ClientInfo {
        user: user.id.to_string(),
        client,
        conn_info: conn_info.unwrap_or_default(),
    }
}

fn presence(occupants: &[Occupant]) -> messages::PresenceResult {
    let entry = |it: &Occupant| (it.client.clone(), occupant(it));
    messages::PresenceResult { presence: occupants.iter().map(entry).collect() }
}

fn presence_stats(it: Crowd) -> messages::PresenceStatsResult {
    messages::PresenceStatsResult { num_clients: it.sessions, num_users: it.users }
}
