//! Identifiers: cheap to clone, impossible to hold in a malformed state.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::ErrorCode;

/// A place's number in its room: the first event of a room has offset 1, each next one is greater by one.
pub type Offset = u64;

/// Longest [`RoomId`] and [`ClientId`], in bytes.
pub const ID_BYTES_MAX: usize = 64;
/// Longest [`UserId`], in bytes.
pub const USER_ID_BYTES_MAX: usize = 128;
/// Longest name of an open channel, in bytes.
pub const CHANNEL_BYTES_MAX: usize = 255;
/// What the text of an open channel's room begins with, which no id on the wire does.
const OPEN: char = ':';
/// The room that everyone is a member of.
pub const GENERAL: &str = "general";

fn is_token(text: &str) -> bool {
    (1..=ID_BYTES_MAX).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

fn is_user_id(text: &str) -> bool {
    (1..=USER_ID_BYTES_MAX).contains(&text.len())
        && !text.chars().any(char::is_control)
        && text != "me"
}

/// Declares an identifier over shared text: parse is the only way in, so a value is always well-formed.
macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $check:expr, $schema:tt) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes `text` if it is well-formed.
            ///
            /// # Errors
            /// [`ErrorCode::BadRequest`] if it is empty, too long, or has a character outside the alphabet.
            pub fn parse(text: &str) -> Result<Self, ErrorCode> {
                let check: fn(&str) -> bool = $check;
                if check(text) { Ok(Self(text.into())) } else { Err(ErrorCode::BadRequest) }
            }

            /// The identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
                Self::parse(&text).map_err(|_| serde::de::Error::custom(concat!("not a ", stringify!($name))))
            }
        }
    };
}

text_id!(
    /// A room's name for machines: `[A-Za-z0-9_-]{1,64}`.
    RoomId,
    is_token,
    { "type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$" }
);
text_id!(
    /// What an author's client calls a message: `[A-Za-z0-9_-]{1,64}`, unique per room and author,
    /// best a UUIDv7. Sending again under the same one never makes a second message.
    ClientId,
    is_token,
    { "type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$" }
);
text_id!(
    /// A person or a program: 1 to 128 bytes without control characters; `me` is reserved.
    UserId,
    is_user_id,
    { "type": "string", "minLength": 1, "maxLength": USER_ID_BYTES_MAX, "not": { "const": "me" } }
);
text_id!(
    /// The incarnation of the log that offsets count in: `<generation>.<8 random characters>`,
    /// opaque, equal only to itself.
    Epoch,
    |text| (1..=ID_BYTES_MAX).contains(&text.len()) && text.is_ascii(),
    { "type": "string", "minLength": 1, "maxLength": ID_BYTES_MAX }
);

impl UserId {
    /// Who came without a token: nobody in particular. No token and no body can name them.
    pub fn anonymous() -> Self {
        Self("".into())
    }

    /// Is it nobody in particular?
    pub fn is_anonymous(&self) -> bool {
        self.0.is_empty()
    }
}

impl RoomId {
    /// The global room.
    pub fn general() -> Self {
        Self(GENERAL.into())
    }

    /// The direct room of two people, the same whoever asks: `d-` and 18 bytes of SHA-256 over both ids in their order,
    /// each after its length, as base64url.
    pub fn direct(one: &UserId, other: &UserId) -> Self {
        let hash = hash_of([one.min(other).as_str(), one.max(other).as_str()]);
        Self(format!("d-{}", BASE64_URL_SAFE_NO_PAD.encode(&hash[..18])).into())
    }

    /// The room behind an open channel, which everyone names by the channel alone: no client, and nothing in a body or a
    /// path, can say the id of one.
    ///
    /// # Errors
    /// [`ErrorCode::BadRequest`] if the name is empty, longer than [`CHANNEL_BYTES_MAX`], not ASCII, or has a space or a
    /// control character in it.
    pub fn open(channel: &str) -> Result<Self, ErrorCode> {
        let fits = (1..=CHANNEL_BYTES_MAX).contains(&channel.len());
        if fits && channel.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(format!("{OPEN}{channel}").into()))
        } else {
            Err(ErrorCode::BadRequest)
        }
    }

    /// Reads back what [`Self::as_str`] gave, where it was kept.
    ///
    /// # Errors
    /// [`ErrorCode::BadRequest`] for what is no room's.
    pub fn read(text: &str) -> Result<Self, ErrorCode> {
        text.strip_prefix(OPEN).map_or_else(|| Self::parse(text), Self::open)
    }

    /// Is it behind an open channel?
    pub fn is_open(&self) -> bool {
        self.0.starts_with(OPEN)
    }

    /// The channel that it is in.
    pub fn channel(&self) -> std::borrow::Cow<'_, str> {
        match self.0.strip_prefix(OPEN) {
            Some(channel) => channel.into(),
            None => format!("room:{}", self.0).into(),
        }
    }

    /// Is this the global room?
    pub fn is_general(&self) -> bool {
        &*self.0 == GENERAL
    }
}

/// The identity of a message, made from who said it where under which client id: whoever computes it,
/// whenever, gets the same, so no retry at any layer can make a second message.
///
/// UUIDv8 (RFC 9562 §5.8) over the first 128 bits of SHA-256 of the length-prefixed parts. If the client id is itself
/// a UUIDv7, its time stands in the first 48 bits instead: ids that are made at about one time lie close together, and so
/// do the pages of an index that they are looked up in. 74 bits of hash remain.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageId(Uuid);

impl MessageId {
    /// The id of what `author` calls `client_id` in `room`.
    pub fn of(room: &RoomId, author: &UserId, client_id: &ClientId) -> Self {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hash_of([room.as_str(), author.as_str(), client_id.as_str()])[..16]);
        if let Some(time) = time_of(client_id) {
            bytes[..6].copy_from_slice(&time);
        }
        Self(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }

    /// When its client id was made, ms since the Unix epoch, if that was a UUIDv7; else 48 bits of hash, which are within
    /// minutes of now once in a billion times.
    pub fn time_ms(&self) -> u64 {
        u64::try_from(self.0.as_u128() >> 80).unwrap_or_default()
    }

    /// Reads the usual hyphenated form.
    pub fn parse(text: &str) -> Option<Self> {
        Uuid::try_parse(text).ok().map(Self)
    }

    /// As stored.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// Reads what [`Self::as_bytes`] gave; `None` if it has not 16 bytes.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        Uuid::from_slice(bytes).ok().map(Self)
    }
}

fn hash_of<const N: usize>(parts: [&str; N]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        // A length before each part keeps ("ab", "c") and ("a", "bc") apart; all parts are below 2^8 bytes.
        hash.update((part.len() as u32).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().into()
}

/// The time in a UUIDv7, ms since the Unix epoch, big-endian; `None` for every other client id.
fn time_of(client_id: &ClientId) -> Option<[u8; 6]> {
    let uuid = Uuid::try_parse(client_id.as_str()).ok()?;
    let is_v7 = uuid.get_version_num() == 7 && uuid.get_variant() == uuid::Variant::RFC4122;
    uuid.as_bytes().first_chunk().copied().filter(|_| is_v7)
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl JsonSchema for MessageId {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "MessageId".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "uuid" })
    }
}

impl Serialize for MessageId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut buffer = Uuid::encode_buffer();
        serializer.serialize_str(self.0.hyphenated().encode_lower(&mut buffer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_outside_their_alphabet_are_refused() {
        for bad in ["", "a b", "ä", "a/b", &"x".repeat(65)] {
            assert!(RoomId::parse(bad).is_err(), "{bad:?}");
        }
        for good in ["general", "A-z_0", &"x".repeat(64)] {
            assert!(RoomId::parse(good).is_ok(), "{good:?}");
        }
        for bad in ["", "me", "a\nb", "nul\0", &"x".repeat(129)] {
            assert!(UserId::parse(bad).is_err(), "{bad:?}");
        }
        assert!(UserId::parse("auth0|Zoë 1").is_ok());
    }

    #[test]
    fn an_open_channel_has_a_room_that_no_id_on_the_wire_names() {
        for channel in ["news", "a:b=c", "$x\"\\", &"x".repeat(255)] {
            let room = RoomId::open(channel).unwrap();
            assert!(room.is_open() && room.channel() == channel);
            assert_eq!(RoomId::read(room.as_str()), Ok(room.clone()));
            assert!(RoomId::parse(room.as_str()).is_err(), "{room}");
        }
        for bad in ["", "a b", "é", "a\n", "\0", &"x".repeat(256)] {
            assert!(RoomId::open(bad).is_err(), "{bad:?}");
        }
        let general = RoomId::general();
        assert!(!general.is_open() && general.channel() == "room:general");
        assert_eq!(RoomId::read("general"), Ok(general));
        assert!(RoomId::read("").is_err() && RoomId::read(":").is_err());
        assert!(UserId::anonymous().is_anonymous() && UserId::parse("").is_err());
    }

    #[test]
    fn a_direct_room_has_one_id_for_both_and_another_for_every_other_pair() {
        let direct = |one: &str, other: &str| {
            let [one, other] = [one, other].map(|id| UserId::parse(id).unwrap());
            RoomId::direct(&one, &other).to_string()
        };
        assert_eq!(direct("alice", "bob"), direct("bob", "alice"));
        assert_ne!(direct("ab", "c"), direct("a", "bc"));
        assert_ne!(direct("alice", "bob"), direct("alice", "eve"));
        assert!(RoomId::parse(&direct("alice", "Zoë 1")).is_ok());
        // Fixed for ever: clients may compute it too.
        assert_eq!(direct("alice", "bob"), "d-iEpFIVLTvwSMwFHfj3CK_z-F");
    }

    fn id(room: &str, author: &str, client: &str) -> MessageId {
        MessageId::of(
            &RoomId::parse(room).unwrap(),
            &UserId::parse(author).unwrap(),
            &ClientId::parse(client).unwrap(),
        )
    }

    #[test]
    fn a_message_id_is_the_same_for_whoever_computes_it_and_differs_with_any_part() {
        assert_eq!(id("r", "u", "c"), id("r", "u", "c"));
        assert_ne!(id("ab", "c", "d"), id("a", "bc", "d"));
        assert_ne!(id("r", "u", "c"), id("r", "v", "c"));
        // Fixed for ever: clients and other nodes may compute it too.
        assert_eq!(id("general", "alice", "1").to_string(), "67900ecb-0c9d-8db3-8ab2-5f7e07b3db48");
        assert_eq!(MessageId::parse(&id("r", "u", "c").to_string()), Some(id("r", "u", "c")));
    }
    #[test]
    fn the_time_of_a_uuidv7_leads_the_message_id_and_the_rest_still_tells_all_parts_apart() {
        let client = "01890a5d-ac96-774b-bcce-b302099a8057";
        // Fixed for ever as well.
        assert_eq!(
            id("general", "alice", client).to_string(),
            "01890a5d-ac96-8e62-a010-e41af6c5faed"
        );
        let ids = [("r", "u"), ("s", "u"), ("r", "v")].map(|(room, user)| id(room, user, client));
        assert_eq!(ids[0], id("r", "u", client));
        for (n, one) in ids.iter().enumerate() {
            assert_eq!(one.as_bytes()[..6], [0x01, 0x89, 0x0a, 0x5d, 0xac, 0x96]);
            assert!(ids[..n].iter().all(|other| other != one), "{ids:?}");
        }
        // Another version, another variant: a name like any other.
        for name in ["01890a5d-ac96-474b-bcce-b302099a8057", "01890a5d-ac96-774b-cccc-b302099a8057"]
        {
            assert_ne!(id("r", "u", name).as_bytes()[..6], ids[0].as_bytes()[..6], "{name}");
        }
    }
}
