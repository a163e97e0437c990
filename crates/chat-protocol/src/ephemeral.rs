//! What is said in a room and kept nowhere: it has no place, and who isn't there has missed nothing.

use serde::{Deserialize, Serialize};

use crate::RoomId;
use crate::object::Person;

/// An event without an offset: the `data` of a publication like any other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ephemeral {
    #[serde(flatten)]
    pub body: EphemeralBody,
    pub room: RoomId,
}

/// What kind, with what belongs to it alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum EphemeralBody {
    /// `user` is writing; readers stop showing it `expires_ms` after the last time that it was said.
    #[serde(rename = "typing")]
    Typing { user: Person, expires_ms: u32 },
    #[serde(rename = "presence.tick")]
    PresenceTick(PresenceTick),
}

/// How the people in a room have changed since the last tick.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PresenceTick {
    /// Users who are in the room now, each once.
    pub count: u32,
    /// Some of those who came.
    pub joined: Vec<Person>,
    /// Some of those who went.
    pub left: Vec<Person>,
    /// Some of those who are there: all of them, if they are few.
    pub sample: Vec<Person>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Publication, UserId};

    fn push(body: EphemeralBody) -> String {
        let publication = Publication::ephemeral(&Ephemeral { room: RoomId::general(), body });
        assert_eq!(publication.offset, 0);
        String::from_utf8(publication.json_push().to_vec()).unwrap()
    }

    #[test]
    fn what_is_kept_nowhere_is_a_publication_without_an_offset() {
        let user = Person { id: UserId::parse("u").unwrap(), name: "U".into() };
        assert_eq!(
            push(EphemeralBody::Typing { user: user.clone(), expires_ms: 6000 }),
            r#"{"push":{"channel":"room:general","pub":{"data":{"type":"typing","user":{"id":"u","name":"U"},"expires_ms":6000,"room":"general"}}}}"#
        );
        let tick = PresenceTick { count: 1, joined: vec![user], ..PresenceTick::default() };
        assert_eq!(
            push(EphemeralBody::PresenceTick(tick)),
            r#"{"push":{"channel":"room:general","pub":{"data":{"type":"presence.tick","count":1,"joined":[{"id":"u","name":"U"}],"left":[],"sample":[],"room":"general"}}}}"#
        );
    }
}
