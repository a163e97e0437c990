//! Rows and what they mean: the codes of kinds and roles, and an event's body as bytes.
//!
//! Codes are on disk: one may be added, none may change.

use std::borrow::Cow;

use chat_protocol::event::Removal;
use chat_protocol::object::{Person, Role, RoomKind, RoomState};
use chat_protocol::{ClientId, Event, EventBody, MessageId, RoomId, UserId};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

use crate::domain::revocation::{Revocation, Revoked};
use crate::store::StoreError;

const OWNER: i16 = 0;
const MEMBER: i16 = 1;

/// A room that only a shared log knows: its places count, and there is nothing to see of it.
pub const UNLISTED: i16 = -1;
pub const GENERAL: i16 = 0;
pub const PUBLIC: i16 = 1;
const PRIVATE: i16 = 2;
const DIRECT: i16 = 3;
const OPEN: i16 = 4;

const VOID: i16 = 0;
const MESSAGE_CREATED: i16 = 1;
const ROOM_CREATED: i16 = 2;
const ROOM_UPDATED: i16 = 3;
const MEMBER_JOINED: i16 = 4;
const MEMBER_REMOVED: i16 = 5;
const DATA_PUBLISHED: i16 = 6;

const SESSIONS: i16 = 1;
const TOKEN: i16 = 2;
const TOKENS: i16 = 3;

impl From<diesel::result::Error> for StoreError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Unavailable(error.to_string())
    }
}

/// A row that this program didn't write, or wrote when it was newer.
pub fn unreadable(what: &str) -> StoreError {
    StoreError::Unavailable(format!("the database holds {what} that this version can't read"))
}

/// What is revoked as a row has it: a kind, and the id of a token.
pub fn revoked_columns(what: &Revoked) -> (i16, Option<&str>) {
    match what {
        Revoked::Sessions => (SESSIONS, None),
        Revoked::Token(id) => (TOKEN, Some(id)),
        Revoked::Tokens => (TOKENS, None),
    }
}

/// A row of revocations: number, user, kind, token, time.
pub type RevocationRow = (i64, String, i16, Option<String>, i64);

pub fn revocation(row: RevocationRow) -> Result<(u64, Revocation), StoreError> {
    let (number, user, kind, token, at) = row;
    let what = match (kind, token) {
        (SESSIONS, _) => Revoked::Sessions,
        (TOKEN, Some(id)) => Revoked::Token(id),
        (TOKENS, _) => Revoked::Tokens,
        _ => return Err(unreadable("a kind of revocation")),
    };
    let revocation = Revocation { user: user_id(&user)?, what, at: at.cast_unsigned() };
    Ok((number.cast_unsigned(), revocation))
}

pub const fn kind_code(kind: RoomKind) -> i16 {
    match kind {
        RoomKind::General => GENERAL,
        RoomKind::Public => PUBLIC,
        RoomKind::Private => PRIVATE,
        RoomKind::Direct => DIRECT,
        RoomKind::Open => OPEN,
    }
}

pub fn room_kind(code: i16) -> Result<RoomKind, StoreError> {
    match code {
        GENERAL => Ok(RoomKind::General),
        PUBLIC => Ok(RoomKind::Public),
        PRIVATE => Ok(RoomKind::Private),
        DIRECT => Ok(RoomKind::Direct),
        OPEN => Ok(RoomKind::Open),
        _ => Err(unreadable("a kind of room")),
    }
}

pub const fn role_code(role: Role) -> i16 {
    match role {
        Role::Owner => OWNER,
        Role::Member => MEMBER,
    }
}

pub fn role(code: i16) -> Result<Role, StoreError> {
    match code {
        OWNER => Ok(Role::Owner),
        MEMBER => Ok(Role::Member),
        _ => Err(unreadable("a role")),
    }
}

pub fn user_id(text: &str) -> Result<UserId, StoreError> {
    UserId::parse(text).map_err(|_| unreadable("a user id"))
}

pub fn room_id(text: &str) -> Result<RoomId, StoreError> {
    RoomId::read(text).map_err(|_| unreadable("a room id"))
}

/// What `member.removed` holds.
#[derive(Serialize, Deserialize)]
struct Removed<'a> {
    member: Cow<'a, Person>,
    reason: Removal,
}

/// An event's kind and the bytes of its body.
pub fn encode(body: &EventBody) -> Result<(i16, Cow<'_, [u8]>), StoreError> {
    let (kind, json) = match body {
        EventBody::MessageCreated { text, .. } => {
            return Ok((MESSAGE_CREATED, Cow::Borrowed(text.as_bytes())));
        }
        EventBody::DataPublished { data, .. } => {
            return Ok((DATA_PUBLISHED, Cow::Borrowed(data.as_bytes())));
        }
        EventBody::RoomCreated(state) => (ROOM_CREATED, serde_json::to_vec(state)),
        EventBody::RoomUpdated(state) => (ROOM_UPDATED, serde_json::to_vec(state)),
        EventBody::MemberJoined(member) => (MEMBER_JOINED, serde_json::to_vec(member)),
        EventBody::MemberRemoved { member, reason } => {
            let removed = Removed { member: Cow::Borrowed(member), reason: *reason };
            (MEMBER_REMOVED, serde_json::to_vec(&removed))
        }
        EventBody::Void { of } => (VOID, serde_json::to_vec(of)),
    };
    let json = json.map_err(|error| StoreError::Unavailable(error.to_string()))?;
    Ok((kind, Cow::Owned(json)))
}

fn decode(kind: i16, client_id: Option<&str>, body: Vec<u8>) -> Result<EventBody, StoreError> {
    fn json<T: for<'de> Deserialize<'de>>(body: &[u8]) -> Result<T, StoreError> {
        serde_json::from_slice(body).map_err(|_| unreadable("an event's body"))
    }
    match kind {
        MESSAGE_CREATED => {
            let client_id = client_id.and_then(|id| ClientId::parse(id).ok());
            let client_id = client_id.ok_or_else(|| unreadable("a client id"))?;
            let text = String::from_utf8(body).map_err(|_| unreadable("a text"))?;
            Ok(EventBody::MessageCreated { client_id, text })
        }
        DATA_PUBLISHED => {
            let client = client_id.map(ClientId::parse).transpose();
            let client = client.map_err(|_| unreadable("a session's name"))?;
            let data = String::from_utf8(body).map_err(|_| unreadable("data"))?;
            Ok(EventBody::DataPublished { client, data })
        }
        ROOM_CREATED => Ok(EventBody::RoomCreated(json(&body)?)),
        ROOM_UPDATED => Ok(EventBody::RoomUpdated(json(&body)?)),
        MEMBER_JOINED => Ok(EventBody::MemberJoined(json(&body)?)),
        MEMBER_REMOVED => {
            let Removed { member, reason } = json(&body)?;
            Ok(EventBody::MemberRemoved { member: member.into_owned(), reason })
        }
        VOID => Ok(EventBody::Void { of: json(&body)? }),
        _ => Err(unreadable("a kind of event")),
    }
}

/// The columns of `events` that are read, in this order.
#[derive(Queryable)]
pub struct EventRow {
    offset: i64,
    kind: i16,
    id: Option<Vec<u8>>,
    author: Option<String>,
    author_name: Option<String>,
    client_id: Option<String>,
    body: Vec<u8>,
    time: i64,
}

impl EventRow {
    /// # Errors
    /// [`unreadable`].
    pub fn into_event(self, room: RoomId) -> Result<Event, StoreError> {
        let id = match self.id {
            Some(id) => Some(MessageId::from_slice(&id).ok_or_else(|| unreadable("an id"))?),
            None => None,
        };
        let user = match (self.author, self.author_name) {
            (Some(id), Some(name)) => Some(Person { id: user_id(&id)?, name }),
            _ => None,
        };
        Ok(Event {
            room,
            offset: self.offset.cast_unsigned(),
            time: self.time.cast_unsigned(),
            id,
            user,
            body: decode(self.kind, self.client_id.as_deref(), self.body)?,
        })
    }
}

/// What an event of a room was made of, as RoomCreated: to compare a repeated creation with.
pub fn room_state(body: &[u8]) -> Result<RoomState, StoreError> {
    serde_json::from_slice(body).map_err(|_| unreadable("a room's state"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_body_reads_back_as_it_was_written() {
        let person = Person { id: UserId::parse("u").unwrap(), name: "Zoë".into() };
        let state = RoomState { name: "n".into(), kind: RoomKind::Private, topic: "t".into() };
        let client_id = ClientId::parse("c").unwrap();
        let bodies = [
            EventBody::MessageCreated { client_id: client_id.clone(), text: "a\n😀".into() },
            EventBody::RoomCreated(state.clone()),
            EventBody::RoomUpdated(state),
            EventBody::MemberJoined(person.clone()),
            EventBody::MemberRemoved { member: person, reason: Removal::Left },
            EventBody::DataPublished {
                client: Some(ClientId::parse("c").unwrap()),
                data: r#"{"a": "é"}"#.into(),
            },
            EventBody::Void { of: Some(3) },
            EventBody::Void { of: None },
        ];
        for body in bodies {
            let (kind, bytes) = encode(&body).unwrap();
            assert_eq!(decode(kind, Some("c"), bytes.into_owned()).unwrap(), body);
        }
    }

    #[test]
    fn a_row_of_a_newer_version_is_an_error_and_no_guess() {
        assert!(decode(99, None, Vec::new()).is_err());
        assert!(decode(ROOM_CREATED, None, b"{".to_vec()).is_err());
        assert!(decode(MESSAGE_CREATED, Some("c"), vec![0xff]).is_err());
        assert!(room_kind(99).is_err() && role(99).is_err());
    }

    #[test]
    fn kinds_and_codes_agree() {
        for kind in [
            RoomKind::General,
            RoomKind::Public,
            RoomKind::Private,
            RoomKind::Direct,
            RoomKind::Open,
        ] {
            assert_eq!(room_kind(kind_code(kind)).unwrap(), kind);
        }
        for it in [Role::Owner, Role::Member] {
            assert_eq!(role(role_code(it)).unwrap(), it);
        }
    }
}
