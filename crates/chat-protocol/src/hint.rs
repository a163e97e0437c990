//! What is said in a user's own channel: that something of theirs has changed, and where to look. Kept nowhere, and whoever
//! isn't there asks when they come.

use serde::{Deserialize, Serialize};

use crate::event::Removal;
use crate::object::{Person, User};
use crate::{Offset, RoomId, UserId};

/// A hint on its way to every connection of a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hint {
    /// Whose connections are told.
    pub user: UserId,
    pub body: HintBody,
}

/// What kind, with what belongs to it: the `data` of a publication without an offset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum HintBody {
    /// One of the user's sessions has read a room up to `offset`; `unread` messages come after it.
    #[serde(rename = "read.marked")]
    ReadMarked { room: RoomId, offset: Offset, unread: u64 },
    /// The user is a member of a room since `user` (perhaps they themselves) made it or added them.
    #[serde(rename = "member.joined")]
    MemberJoined { room: RoomId, user: Person },
    /// The user is a member no longer, by an act of `user`.
    #[serde(rename = "member.removed")]
    MemberRemoved { room: RoomId, user: Person, reason: Removal },
    /// The user is called otherwise.
    #[serde(rename = "user.updated")]
    UserUpdated { user: User },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Format, Publication};

    #[test]
    fn a_hint_is_a_publication_of_its_users_channel_without_an_offset() {
        let user = UserId::parse(r#"a"\ü{1}:b"#).unwrap();
        let body = HintBody::ReadMarked { room: RoomId::general(), offset: 7, unread: 2 };
        let publication = Publication::hint(&Hint { user, body });
        assert_eq!(publication.offset, 0);
        assert_eq!(
            Format::Json.push(&publication),
            r#"{"push":{"channel":"user:a\"\\ü{1}:b","pub":{"data":{"type":"read.marked","room":"general","offset":7,"unread":2}}}}"#
        );
        assert_eq!(
            publication.data(),
            r#"{"type":"read.marked","room":"general","offset":7,"unread":2}"#
        );
    }
}
