//! Replies and pushes: what the server says, as JSON.
//!
//! Zero and empty fields are left out, but a result object is always there, even empty: SDKs reach into it.

use serde::Serialize;

use crate::object::User;
use crate::publication::{Format, Publication};
use crate::{CloseCode, Epoch, ErrorCode, Offset, RoomId};

/// A server's ping, and the shortest push there is.
pub const PING: &[u8] = b"{}";

/// Appends `value` as JSON. Serializing the types of this crate into memory can't fail; were one ever to, `null` is
/// written, which a client reads as an absent value, instead of ending the session.
pub fn append_json(out: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    let before = out.len();
    if serde_json::to_writer(&mut *out, value).is_err() {
        out.truncate(before);
        out.extend_from_slice(b"null");
    }
}

/// `value` as JSON, for the `data` of an RPC reply.
pub fn to_json(value: &(impl Serialize + ?Sized)) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    append_json(&mut out, value);
    out
}

/// The `data` of a connect reply.
#[derive(Debug, Serialize)]
pub struct Welcome<'a> {
    pub server: &'static str,
    pub version: &'static str,
    pub node: &'a str,
    pub user: &'a User,
    pub limits: Limits,
    pub durability: &'static str,
}

/// What a client must keep to.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Limits {
    pub text_bytes_max: usize,
    pub frame_bytes_max: usize,
    pub channels_max: usize,
}

/// The result of a successful connect.
#[derive(Debug, Serialize)]
pub struct ConnectResult<'a> {
    pub client: &'a str,
    pub version: &'static str,
    pub data: Welcome<'a>,
    /// Seconds between the server's pings.
    pub ping: u64,
    pub pong: bool,
}

/// Where a subscription stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscribed {
    pub epoch: Epoch,
    /// Fresh: the top. Recovered: what the client asked from; it counts on by itself.
    pub offset: Offset,
    /// Absent for a fresh subscription.
    pub recovered: Option<bool>,
}

/// `{"id":…,"connect":{…}}`
pub fn connect(id: u32, result: &ConnectResult<'_>) -> Vec<u8> {
    reply(id, "connect", |out| append_json(out, result))
}

/// `{"id":…,"subscribe":{…}}` with the publications that were missed.
pub fn subscribe(id: u32, result: &Subscribed, missed: &[Publication], format: Format) -> Vec<u8> {
    reply(id, "subscribe", |out| {
        out.extend_from_slice(br#"{"recoverable":true,"positioned":true,"epoch":"#);
        append_json(out, &result.epoch);
        if result.offset > 0 {
            out.extend_from_slice(br#","offset":"#);
            append_json(out, &result.offset);
        }
        if let Some(recovered) = result.recovered {
            out.extend_from_slice(br#","was_recovering":true"#);
            if recovered {
                out.extend_from_slice(br#","recovered":true"#);
            }
        }
        if !missed.is_empty() {
            out.extend_from_slice(br#","publications":"#);
            append_publications(out, missed, format);
        }
        out.push(b'}');
    })
}

/// The result of a `history` command.
pub fn history(publications: &[Publication], epoch: &Epoch, top: Offset) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    out.extend_from_slice(br#"{"publications":"#);
    append_publications(&mut out, publications, Format::Json);
    out.extend_from_slice(br#","epoch":"#);
    append_json(&mut out, epoch);
    out.extend_from_slice(br#","offset":"#);
    append_json(&mut out, &top);
    out.push(b'}');
    out
}

/// `{"id":…,"<what>":<result>}`; `result` is JSON already.
pub fn result(id: u32, what: &str, result: &[u8]) -> Vec<u8> {
    reply(id, what, |out| out.extend_from_slice(result))
}

fn append_publications(out: &mut Vec<u8>, publications: &[Publication], format: Format) {
    out.push(b'[');
    for (i, publication) in publications.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        out.extend_from_slice(publication.bare(format));
    }
    out.push(b']');
}

/// `{"id":…,"rpc":{"data":…}}`; `data` is JSON already.
pub fn rpc(id: u32, data: &[u8]) -> Vec<u8> {
    reply(id, "rpc", |out| {
        out.extend_from_slice(br#"{"data":"#);
        out.extend_from_slice(data);
        out.push(b'}');
    })
}

/// `{"id":…,"publish":{}}` and its like.
pub fn empty(id: u32, what: &str) -> Vec<u8> {
    reply(id, what, |out| out.extend_from_slice(b"{}"))
}

/// `{"id":…,"error":{…}}`
pub fn error(id: u32, error: ErrorCode) -> Vec<u8> {
    reply(id, "error", |out| {
        out.extend_from_slice(br#"{"code":"#);
        append_json(out, &error.code());
        out.extend_from_slice(br#","message":"#);
        append_json(out, &error.to_string());
        if error.temporary() {
            out.extend_from_slice(br#","temporary":true"#);
        }
        out.push(b'}');
    })
}

fn reply(id: u32, what: &str, result: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::with_capacity(192);
    out.extend_from_slice(br#"{"id":"#);
    append_json(&mut out, &id);
    out.extend_from_slice(b",\"");
    out.extend_from_slice(what.as_bytes());
    out.extend_from_slice(b"\":");
    result(&mut out);
    out.push(b'}');
    out
}

/// The server ends a subscription: below 2500 the client stays out, from 2500 on it subscribes again.
pub fn unsubscribe_push(room: &RoomId, code: CloseCode) -> Vec<u8> {
    let mut out = Vec::with_capacity(128);
    out.extend_from_slice(br#"{"push":{"channel":"room:"#);
    out.extend_from_slice(room.as_str().as_bytes());
    out.extend_from_slice(br#"","unsubscribe":{"code":"#);
    append_json(&mut out, &code.code());
    out.extend_from_slice(br#","reason":"#);
    append_json(&mut out, code.reason());
    out.extend_from_slice(b"}}}");
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(bytes: &[u8]) -> Value {
        serde_json::from_slice(bytes).unwrap()
    }

    #[test]
    fn replies_keep_their_result_object_even_when_it_is_empty() {
        assert_eq!(read(&empty(3, "publish")), json!({"id": 3, "publish": {}}));
        let fresh = Subscribed { epoch: Epoch::parse("0.a").unwrap(), offset: 0, recovered: None };
        assert_eq!(
            read(&subscribe(1, &fresh, &[], Format::Json)),
            json!({"id": 1, "subscribe": {"recoverable": true, "positioned": true, "epoch": "0.a"}})
        );
    }

    #[test]
    fn a_failed_recovery_says_was_recovering_without_recovered() {
        let failed =
            Subscribed { epoch: Epoch::parse("0.a").unwrap(), offset: 7, recovered: Some(false) };
        assert_eq!(
            read(&subscribe(1, &failed, &[], Format::Json))["subscribe"],
            json!({"recoverable": true, "positioned": true, "epoch": "0.a", "offset": 7, "was_recovering": true})
        );
    }

    #[test]
    fn an_error_names_itself_and_says_what_to_do() {
        assert_eq!(
            read(&error(9, ErrorCode::Unavailable))["error"],
            json!({"code": 400, "temporary": true, "message": "unavailable: it is unknown whether this was done; try again with the same client_id"})
        );
        assert_eq!(read(&error(9, ErrorCode::NotAMember))["error"].get("temporary"), None);
    }

    #[test]
    fn an_unsubscribe_push_always_has_a_code_and_a_reason() {
        assert_eq!(
            read(&unsubscribe_push(&RoomId::general(), CloseCode::LostPlace)),
            json!({"push": {"channel": "room:general", "unsubscribe": {"code": 2500, "reason": "insufficient state"}}})
        );
    }
}
