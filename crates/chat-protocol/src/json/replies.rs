//! What the server says, as JSON.
//!
//! Zero and empty fields are left out, but a result object is always there, even empty: SDKs reach into it.

use super::append;
use crate::object::{ClientInfo, Occupant, Person};
use crate::server::{CommandResult, Connected, Crowd, History, Reply, Subscribed};
use crate::{ErrorCode, Publication, RoomId};

/// `{"id":…,"<command>":{…}}`, `{"id":…,"error":{…}}`, `{"push":{…}}`, `{}`.
pub fn encode_reply(reply: &Reply) -> Vec<u8> {
    let mut out = Vec::with_capacity(192);
    match reply {
        Reply::Result { id, result } => {
            out.extend_from_slice(br#"{"id":"#);
            append(&mut out, id);
            append_result(&mut out, result);
        }
        Reply::Error { id, code } => {
            out.extend_from_slice(br#"{"id":"#);
            append(&mut out, id);
            append_error(&mut out, *code);
        }
        Reply::Unsubscribe { room, code } => {
            append_push(&mut out, room);
            out.extend_from_slice(br#""unsubscribe":{"code":"#);
            append(&mut out, &code.code());
            out.extend_from_slice(br#","reason":"#);
            append(&mut out, code.reason());
            out.extend_from_slice(b"}}");
        }
        Reply::Join { room, user } => {
            append_push(&mut out, room);
            append_coming(&mut out, br#""join":{"info":"#, user);
        }
        Reply::Leave { room, user } => {
            append_push(&mut out, room);
            append_coming(&mut out, br#""leave":{"info":"#, user);
        }
        Reply::Ping => out.push(b'{'),
    }
    out.push(b'}');
    out
}

/// As far as it goes before what is pushed.
fn append_push(out: &mut Vec<u8>, room: &RoomId) {
    out.extend_from_slice(br#"{"push":{"channel":"#);
    append(out, &*room.channel());
    out.push(b',');
}

fn append_coming(out: &mut Vec<u8>, what: &[u8], user: &Person) {
    out.extend_from_slice(what);
    append(out, &ClientInfo::of("", user));
    out.extend_from_slice(b"}}");
}

fn append_result(out: &mut Vec<u8>, result: &CommandResult) {
    match result {
        CommandResult::Connect(it) => append_connected(out, it),
        CommandResult::Subscribe(it) => append_subscribed(out, it),
        CommandResult::Unsubscribe => out.extend_from_slice(br#","unsubscribe":{}"#),
        CommandResult::Publish => out.extend_from_slice(br#","publish":{}"#),
        CommandResult::History(it) => append_history(out, it),
        CommandResult::Presence(it) => append_presence(out, it),
        CommandResult::PresenceStats(it) => append_presence_stats(out, *it),
        CommandResult::Rpc(data) => {
            out.extend_from_slice(br#","rpc":{"data":"#);
            out.extend_from_slice(data);
            out.push(b'}');
        }
        CommandResult::Refresh { ttl_s } => {
            out.extend_from_slice(br#","refresh":{"#);
            append_expiry(out, *ttl_s);
            out.push(b'}');
        }
        CommandResult::SubRefresh { ttl_s } => {
            out.extend_from_slice(br#","sub_refresh":{"#);
            append_expiry(out, *ttl_s);
            out.push(b'}');
        }
    }
}

/// What has a token expires with it; who came without one may stay.
fn append_expiry(out: &mut Vec<u8>, ttl_s: u32) {
    out.extend_from_slice(br#""expires":true,"ttl":"#);
    append(out, &ttl_s);
}

fn append_error(out: &mut Vec<u8>, code: ErrorCode) {
    out.extend_from_slice(br#","error":{"code":"#);
    append(out, &code.code());
    out.extend_from_slice(br#","message":"#);
    append(out, &code.to_string());
    if code.temporary() {
        out.extend_from_slice(br#","temporary":true"#);
    }
    out.push(b'}');
}

fn append_connected(out: &mut Vec<u8>, it: &Connected) {
    out.extend_from_slice(br#","connect":{"client":"#);
    append(out, &it.client);
    out.extend_from_slice(br#","version":"#);
    append(out, it.version);
    if let Some(ttl_s) = it.ttl_s {
        out.push(b',');
        append_expiry(out, ttl_s);
    }
    out.extend_from_slice(br#","data":"#);
    out.extend_from_slice(&it.data);
    for (i, channel) in it.subs.iter().enumerate() {
        out.extend_from_slice(if i == 0 { br#","subs":{"# } else { b"," });
        append(out, &channel.to_string());
        out.extend_from_slice(b":{}");
    }
    if !it.subs.is_empty() {
        out.push(b'}');
    }
    out.extend_from_slice(br#","ping":"#);
    append(out, &it.ping_s);
    out.extend_from_slice(br#","pong":true}"#);
}

fn append_subscribed(out: &mut Vec<u8>, it: &Subscribed) {
    out.extend_from_slice(br#","subscribe":{"recoverable":true,"positioned":true,"epoch":"#);
    append(out, &it.epoch);
    if let Some(ttl_s) = it.ttl_s {
        out.push(b',');
        append_expiry(out, ttl_s);
    }
    if it.offset > 0 {
        out.extend_from_slice(br#","offset":"#);
        append(out, &it.offset);
    }
    if let Some(recovered) = it.recovered {
        out.extend_from_slice(br#","was_recovering":true"#);
        if recovered {
            out.extend_from_slice(br#","recovered":true"#);
        }
    }
    if !it.missed.is_empty() {
        out.extend_from_slice(br#","publications":"#);
        append_publications(out, &it.missed);
    }
    out.push(b'}');
}

fn append_history(out: &mut Vec<u8>, it: &History) {
    out.extend_from_slice(br#","history":{"publications":"#);
    append_publications(out, &it.publications);
    out.extend_from_slice(br#","epoch":"#);
    append(out, &it.epoch);
    out.extend_from_slice(br#","offset":"#);
    append(out, &it.top);
    out.push(b'}');
}

fn append_presence(out: &mut Vec<u8>, occupants: &[Occupant]) {
    out.extend_from_slice(br#","presence":{"presence":{"#);
    for (i, Occupant { client, user }) in occupants.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        append(out, client);
        out.push(b':');
        append(out, &ClientInfo::of(client, user));
    }
    out.extend_from_slice(b"}}");
}

/// Both are said even where they are 0: SDKs read them as they are.
fn append_presence_stats(out: &mut Vec<u8>, it: Crowd) {
    out.extend_from_slice(br#","presence_stats":{"num_clients":"#);
    append(out, &it.sessions);
    out.extend_from_slice(br#","num_users":"#);
    append(out, &it.users);
    out.push(b'}');
}

fn append_publications(out: &mut Vec<u8>, publications: &[Publication]) {
    out.push(b'[');
    for (i, publication) in publications.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        out.extend_from_slice(publication.json());
    }
    out.push(b']');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CloseCode, Epoch, Offset, RoomId};
    use serde_json::{Value, json};

    fn said(reply: &Reply) -> Value {
        serde_json::from_slice(&encode_reply(reply)).unwrap()
    }

    fn subscribed(offset: Offset, recovered: Option<bool>) -> Value {
        let epoch = Epoch::parse("0.a").unwrap();
        let result = Subscribed { ttl_s: None, epoch, offset, recovered, missed: Vec::new() };
        said(&Reply::Result { id: 1, result: CommandResult::Subscribe(result) })
    }

    #[test]
    fn replies_keep_their_result_object_even_when_it_is_empty() {
        let published = Reply::Result { id: 3, result: CommandResult::Publish };
        assert_eq!(said(&published), json!({"id": 3, "publish": {}}));
        assert_eq!(
            subscribed(0, None),
            json!({"id": 1, "subscribe": {"recoverable": true, "positioned": true, "epoch": "0.a"}})
        );
    }

    #[test]
    fn a_failed_recovery_says_was_recovering_without_recovered() {
        assert_eq!(
            subscribed(7, Some(false))["subscribe"],
            json!({"recoverable": true, "positioned": true, "epoch": "0.a", "offset": 7, "was_recovering": true})
        );
    }

    #[test]
    fn an_error_names_itself_and_says_what_to_do() {
        assert_eq!(
            said(&Reply::Error { id: 9, code: ErrorCode::Unavailable })["error"],
            json!({"code": 400, "temporary": true, "message": "unavailable: it is unknown whether this was done; try again with the same client_id"})
        );
        let refused = Reply::Error { id: 9, code: ErrorCode::NotAMember };
        assert_eq!(said(&refused)["error"].get("temporary"), None);
    }

    #[test]
    fn an_unsubscribe_push_always_has_a_code_and_a_reason() {
        assert_eq!(
            said(&Reply::Unsubscribe { room: RoomId::general(), code: CloseCode::LostPlace }),
            json!({"push": {"channel": "room:general", "unsubscribe": {"code": 2500, "reason": "insufficient state"}}})
        );
    }
}
