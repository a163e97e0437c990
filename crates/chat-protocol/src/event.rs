//! What happens in a room: the `data` of a publication, the same live, in history and in every format.

mod schema;

use schemars::JsonSchema;
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use crate::object::{Person, RoomState};
use crate::{ClientId, MessageId, Offset, RoomId};

/// An event with its place in its room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub room: RoomId,
    pub offset: Offset,
    /// Milliseconds since the Unix epoch, from the log: never goes back in a room.
    pub time: u64,
    /// Absent for a void.
    pub id: Option<MessageId>,
    /// Who did it; absent where the server did.
    pub user: Option<Person>,
    pub body: EventBody,
}

/// What kind of event, with what belongs to it alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventBody {
    MessageCreated {
        client_id: ClientId,
        text: String,
    },
    RoomCreated(RoomState),
    RoomUpdated(RoomState),
    MemberJoined(Person),
    MemberRemoved {
        member: Person,
        reason: Removal,
    },
    /// Data in an open channel, as it was published.
    DataPublished {
        /// The publisher's session; `None` where a server published.
        client: Option<ClientId>,
        /// JSON without line ends.
        data: String,
    },
    /// A place that says nothing: a repeat of the event at `of`, or something that could not be read.
    Void {
        of: Option<Offset>,
    },
}

/// Why a member is one no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Removal {
    Left,
    Removed,
    Banned,
}

impl EventBody {
    /// The event's `type`: dotted, noun before past participle.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::MessageCreated { .. } => "message.created",
            Self::RoomCreated(_) => "room.created",
            Self::RoomUpdated(_) => "room.updated",
            Self::MemberJoined(_) => "member.joined",
            Self::MemberRemoved { .. } => "member.removed",
            Self::DataPublished { .. } => "data.published",
            Self::Void { .. } => "void",
        }
    }

    /// Does it count as a message?
    pub const fn is_message(&self) -> bool {
        matches!(self, Self::MessageCreated { .. })
    }
}

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", self.body.kind())?;
        if let Some(id) = &self.id {
            map.serialize_entry("id", id)?;
        }
        map.serialize_entry("room", &self.room)?;
        map.serialize_entry("offset", &self.offset)?;
        if let EventBody::Void { of } = &self.body {
            if let Some(of) = of {
                map.serialize_entry("of", of)?;
            }
            return map.end(); // a void has no time of its own to tell
        }
        map.serialize_entry("time", &self.time)?;
        if let Some(user) = &self.user {
            map.serialize_entry("user", user)?;
        }
        match &self.body {
            EventBody::MessageCreated { client_id, text } => {
                map.serialize_entry("client_id", client_id)?;
                map.serialize_entry("text", text)?;
            }
            EventBody::RoomCreated(state) | EventBody::RoomUpdated(state) => {
                map.serialize_entry("room_state", state)?;
            }
            EventBody::MemberJoined(member) => map.serialize_entry("member", member)?,
            EventBody::MemberRemoved { member, reason } => {
                map.serialize_entry("member", member)?;
                map.serialize_entry("reason", reason)?;
            }
            // No REST answer has one, and a publication holds the data alone.
            EventBody::DataPublished { data, .. } => map.serialize_entry("data", data)?,
            EventBody::Void { .. } => {}
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::UserId;

    #[test]
    fn a_message_reads_as_the_protocol_says() {
        let room = RoomId::parse("7").unwrap();
        let user = UserId::parse("u").unwrap();
        let client_id = ClientId::parse("c-1").unwrap();
        let event = Event {
            id: Some(MessageId::of(&room, &user, &client_id)),
            room,
            offset: 17,
            time: 1_764_000_000_000,
            user: Some(Person { id: user, name: "U".into() }),
            body: EventBody::MessageCreated { client_id, text: "a\n\"b\"".into() },
        };
        let json = serde_json::to_string(&event).unwrap();
        assert!(json.starts_with(r#"{"type":"message.created","id":""#), "{json}");
        assert!(
            json.ends_with(
                r#"","room":"7","offset":17,"time":1764000000000,"user":{"id":"u","name":"U"},"client_id":"c-1","text":"a\n\"b\""}"#
            ),
            "{json}"
        );
    }

    #[test]
    fn a_void_says_only_where_it_is_and_what_it_repeats() {
        let event = Event {
            room: RoomId::general(),
            offset: 3,
            time: 5,
            id: None,
            user: None,
            body: EventBody::Void { of: Some(2) },
        };
        assert_eq!(
            serde_json::to_string(&event).unwrap(),
            r#"{"type":"void","room":"general","offset":3,"of":2}"#
        );
    }
}
