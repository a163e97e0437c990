//! How an event reads as JSON, for descriptions of what carries events: `Serialize` of [`Event`] said once more.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::{Event, Removal};
use crate::object::{Person, RoomState};
use crate::{ClientId, MessageId, Offset, RoomId};

/// An event with its place in its room.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is of use")]
struct Shape {
    room: RoomId,
    offset: Offset,
    /// Absent for a void.
    #[schemars(skip_serializing_if = "Option::is_none")]
    id: Option<MessageId>,
    /// Milliseconds since the Unix epoch; absent for a void.
    #[schemars(skip_serializing_if = "Option::is_none")]
    time: Option<u64>,
    /// Who did it; absent where the server did.
    #[schemars(skip_serializing_if = "Option::is_none")]
    user: Option<Person>,
    #[schemars(flatten)]
    body: Body,
}

/// What belongs to a kind alone. More kinds may come: clients ignore those that they don't know.
#[derive(JsonSchema)]
#[schemars(tag = "type")]
#[expect(dead_code, reason = "only its schema is of use")]
enum Body {
    #[schemars(rename = "message.created")]
    MessageCreated { client_id: ClientId, text: String },
    #[schemars(rename = "room.created")]
    RoomCreated { room_state: RoomState },
    #[schemars(rename = "room.updated")]
    RoomUpdated { room_state: RoomState },
    #[schemars(rename = "member.joined")]
    MemberJoined { member: Person },
    #[schemars(rename = "member.removed")]
    MemberRemoved { member: Person, reason: Removal },
    /// A place that says nothing.
    #[schemars(rename = "void")]
    Void {
        #[schemars(skip_serializing_if = "Option::is_none")]
        of: Option<Offset>,
    },
}

impl JsonSchema for Event {
    fn schema_name() -> Cow<'static, str> {
        "Event".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Shape::json_schema(generator)
    }
}
