//! What a shared log holds: a draft as bytes, and back.
//!
//! Bytes are the magic, the version, then JSON. Decoding depends on nothing but the bytes, so every projection of a log
//! reads a record alike, today and when it is read again. A version above [`VERSION`] is not unreadable but not for us:
//! whoever meets it stops before it, and is to be upgraded.

use chat_protocol::event::Removal;
use chat_protocol::object::{Person, RoomState};
use chat_protocol::{ClientId, Event, EventBody, MessageId, Offset, RoomId};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::dead_letter::{Reason, Unreadable};
use super::fold::{Header, LogOffset};
use super::record::Draft;

/// What a value of ours begins with; the byte after it is the version.
const MAGIC: &[u8] = b"chat";
/// The newest version that is read in a log, and the one that is written there.
pub const VERSION: u8 = 1;
/// The version of data of open channels: passed on between nodes, and in no shared log yet.
const DATA: u8 = 2;

/// One record of a partition, as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub log_offset: LogOffset,
    /// When the log took it, ms since the Unix epoch, by the log's own clock.
    pub timestamp: u64,
    /// Whose place it takes; `None` if the key is no room: then it takes none.
    pub room: Option<RoomId>,
    pub content: Content,
    /// Of key and value: tells one log from another that stands at the same offset.
    pub checksum: u64,
}

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    Draft(Checked),
    /// Nothing that any version of ours has written: its place is a void.
    Unreadable(Box<Unreadable>),
    /// Written by a newer version: fold nothing from here on.
    Newer(u8),
}

/// A draft and when it was found in order, ms since the Unix epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    pub at: u64,
    pub draft: Draft,
}

impl Record {
    /// Reads what a log gave. Never fails: what can't be read is [`Content::Unreadable`].
    pub fn decode(log_offset: LogOffset, timestamp: u64, key: &[u8], value: &[u8]) -> Self {
        let room = std::str::from_utf8(key).ok().and_then(|key| RoomId::parse(key).ok());
        let content = match (&room, value.strip_prefix(MAGIC)) {
            (Some(_), Some([version, ..])) if *version > VERSION => Ok(Content::Newer(*version)),
            (Some(room), Some([VERSION, json @ ..])) => {
                read(room, json).map(Content::Draft).ok_or(Reason::Malformed)
            }
            (Some(_), _) => Err(Reason::Foreign),
            (None, _) => Err(Reason::NoRoom),
        };
        let content = content.unwrap_or_else(|reason| {
            Content::Unreadable(Box::new(Unreadable::new(reason, key, value)))
        });
        Self { log_offset, timestamp, room, content, checksum: checksum(key, value) }
    }

    /// What the fold needs of it.
    pub fn header(&self) -> Header {
        let readable = match &self.content {
            Content::Draft(checked) => Some((checked.at, checked.draft.id)),
            Content::Unreadable(_) | Content::Newer(_) => None,
        };
        Header { log_offset: self.log_offset, timestamp: self.timestamp, readable }
    }
}

/// The value that a draft is written as; its key is the room's id.
pub fn encode(checked: &Checked) -> Vec<u8> {
    let Checked { at, draft } = checked;
    let stored = Stored {
        at: *at,
        id: draft.id.to_string(),
        author: draft.author.clone(),
        change: draft.change,
        body: Body::of(&draft.body),
    };
    let version = if let Body::DataPublished { .. } = &stored.body { DATA } else { VERSION };
    let mut value = [MAGIC, &[version]].concat();
    // Strings, numbers and derived structs: serializing them can't fail.
    let _ = serde_json::to_writer(&mut value, &stored);
    value
}

/// Reads what another node passed on of `room`; `None` for what this one can't read.
pub fn passed_on(room: &RoomId, value: &[u8]) -> Option<Checked> {
    match value.strip_prefix(MAGIC)? {
        [VERSION | DATA, json @ ..] => read(room, json),
        _ => None,
    }
}

/// The event that a draft becomes at a place.
pub fn place(draft: Draft, offset: Offset, time: u64) -> Event {
    let Draft { room, author, id, body, change: _ } = draft;
    Event { room, offset, time, id: Some(id), user: author, body }
}

/// The place that says nothing.
pub fn void(room: RoomId, offset: Offset, time: u64, of: Option<Offset>) -> Event {
    Event { room, offset, time, id: None, user: None, body: EventBody::Void { of } }
}

/// The first 64 bits of SHA-256 over the length-prefixed key and the value.
fn checksum(key: &[u8], value: &[u8]) -> u64 {
    let mut hash = Sha256::new();
    hash.update((key.len() as u64).to_be_bytes());
    hash.update(key);
    hash.update(value);
    let mut first = [0; 8];
    first.copy_from_slice(&hash.finalize()[..8]);
    u64::from_be_bytes(first)
}

fn read(room: &RoomId, json: &[u8]) -> Option<Checked> {
    serde_json::from_slice::<Stored>(json).ok()?.read(room)
}

#[derive(Serialize, Deserialize)]
struct Stored {
    at: u64,
    id: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    author: Option<Person>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    change: Option<u64>,
    #[serde(flatten)]
    body: Body,
}

impl Stored {
    /// `None`: not what a draft may say. Its texts are held to what is accepted of clients, since the log is shared.
    fn read(self, room: &RoomId) -> Option<Checked> {
        let Self { at, id, author, change, body } = self;
        let id = MessageId::parse(&id)?;
        let body = body.read()?;
        let is_text = |text: &str| !text.contains('\0');
        let all_are_texts = author.iter().all(|it| is_text(&it.name))
            && match &body {
                EventBody::MessageCreated { text, .. } => is_text(text),
                EventBody::RoomCreated(state) | EventBody::RoomUpdated(state) => {
                    is_text(&state.name) && is_text(&state.topic)
                }
                EventBody::MemberJoined(member) | EventBody::MemberRemoved { member, .. } => {
                    is_text(&member.name)
                }
                EventBody::DataPublished { .. } => room.is_open(),
                EventBody::Void { .. } => false,
            };
        let draft = Draft { room: room.clone(), author, id, body, change };
        all_are_texts.then_some(Checked { at, draft })
    }
}

/// An event's body under its type's name.
#[derive(Serialize, Deserialize)]
#[serde(tag = "type")]
enum Body {
    #[serde(rename = "message.created")]
    MessageCreated { client_id: String, text: String },
    #[serde(rename = "room.created")]
    RoomCreated { room_state: RoomState },
    #[serde(rename = "room.updated")]
    RoomUpdated { room_state: RoomState },
    #[serde(rename = "member.joined")]
    MemberJoined { member: Person },
    #[serde(rename = "member.removed")]
    MemberRemoved { member: Person, reason: Removal },
    #[serde(rename = "data.published")]
    DataPublished {
        #[serde(skip_serializing_if = "Option::is_none", default)]
        client: Option<String>,
        data: String,
    },
    #[serde(rename = "void")]
    Void,
}

impl Body {
    fn of(body: &EventBody) -> Self {
        match body.clone() {
            EventBody::MessageCreated { client_id, text } => {
                Self::MessageCreated { client_id: client_id.as_str().to_owned(), text }
            }
            EventBody::RoomCreated(room_state) => Self::RoomCreated { room_state },
            EventBody::RoomUpdated(room_state) => Self::RoomUpdated { room_state },
            EventBody::MemberJoined(member) => Self::MemberJoined { member },
            EventBody::MemberRemoved { member, reason } => Self::MemberRemoved { member, reason },
            EventBody::DataPublished { client, data } => {
                Self::DataPublished { client: client.map(|it| it.as_str().to_owned()), data }
            }
            EventBody::Void { .. } => Self::Void,
        }
    }

    /// `None` for what the fold alone says, and for what is no client id.
    fn read(self) -> Option<EventBody> {
        Some(match self {
            Self::MessageCreated { client_id, text } => {
                EventBody::MessageCreated { client_id: ClientId::parse(&client_id).ok()?, text }
            }
            Self::RoomCreated { room_state } => EventBody::RoomCreated(room_state),
            Self::RoomUpdated { room_state } => EventBody::RoomUpdated(room_state),
            Self::MemberJoined { member } => EventBody::MemberJoined(member),
            Self::MemberRemoved { member, reason } => EventBody::MemberRemoved { member, reason },
            Self::DataPublished { client, data } => {
                serde_json::from_str::<&RawValue>(&data).ok()?;
                let client = client.map(|it| ClientId::parse(&it)).transpose().ok()?;
                EventBody::DataPublished { client, data }
            }
            Self::Void => return None,
        })
    }
}

#[cfg(test)]
mod tests;
