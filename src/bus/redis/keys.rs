//! What things are called in Redis.
//!
//! Everything of a partition carries one hash tag, so a script finds all of it in one slot of a cluster, and what it
//! publishes stays in the shard. The epoch stands in front: two logs can share a Redis.

use chat_protocol::{Epoch, Offset, RoomId, UserId};
use sha2::{Digest, Sha256};

/// Slots of a cluster that users' channels are spread over.
const USER_SLOTS: u8 = 64;

/// The names of one log.
#[derive(Clone, Debug)]
pub struct Keys {
    log: String,
}

impl Keys {
    /// The names of the log of this epoch.
    pub fn new(epoch: &Epoch) -> Self {
        Self { log: format!("chat:{epoch}:") }
    }

    /// The names of one of its partitions.
    pub fn of(&self, partition: u32) -> PartitionKeys {
        PartitionKeys(format!("{}{{p{partition}}}", self.log))
    }

    /// What the channel of a user is called: everyone's of one slot begin alike.
    pub fn of_user(&self, user: &UserId) -> UserKeys {
        let hash = Sha256::digest(user.as_str());
        let slot = hash.first().map_or(0, |byte| byte % USER_SLOTS);
        let slot = format!("{}{{u{slot}}}", self.log);
        UserKeys { channel: format!("{slot}:{user}"), slot }
    }
}

/// The names of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserKeys {
    /// What all of those begin with that are served together.
    pub slot: String,
    pub channel: String,
}

/// The names of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionKeys(String);

impl PartitionKeys {
    /// What all of them begin with.
    pub fn prefix(&self) -> &str {
        &self.0
    }

    /// A hash: where the partition and each of its rooms stand. Without it there is no projection.
    pub fn top(&self) -> String {
        format!("{}:top", self.0)
    }

    /// A hash: the ids of a bucket, with their offsets.
    pub fn bucket(&self, bucket: u64) -> String {
        format!("{}:n:{bucket}", self.0)
    }

    /// A stream: a room's newest events.
    pub fn tail(&self, room: &RoomId) -> String {
        format!("{}:s:{room}", self.0)
    }

    /// The channel of a room's events.
    pub fn channel(&self, room: &RoomId) -> String {
        format!("{}:{room}", self.0)
    }

    /// The names of who is in a room.
    pub fn presence(&self, room: &RoomId) -> PresenceKeys {
        PresenceKeys { prefix: format!("{}:w:{room}", self.0), channel: self.channel(room) }
    }

    /// The same names apart, for a projection that is being built under `name`.
    pub fn staged(&self, name: &str) -> Self {
        Self(format!("{}:staged:{name}", self.0))
    }
}

/// The names of who is in a room.
#[derive(Clone, Debug)]
pub struct PresenceKeys {
    /// What all of them begin with.
    pub prefix: String,
    /// The channel that changes are published on.
    pub channel: String,
}

impl PresenceKeys {
    /// A sorted set: the nodes that have sessions in the room, by when they are given up.
    pub fn nodes(&self) -> String {
        format!("{}:nodes", self.prefix)
    }
}

/// The room of a channel.
pub fn room_of(channel: &[u8]) -> Option<RoomId> {
    let (_, name) = std::str::from_utf8(channel).ok()?.split_once("}:")?;
    RoomId::read(name).ok()
}

/// Is it the channel of this user? Ids may hold anything but control characters.
pub fn is_of_user(channel: &[u8], user: &UserId) -> bool {
    let slot = channel.strip_suffix(user.as_str().as_bytes()).and_then(|it| it.strip_suffix(b"}:"));
    slot.is_some_and(|it| it.starts_with(b"chat:") && it.windows(2).any(|it| it == b"{u"))
}

/// The id of an event's entry in a tail.
pub fn entry(offset: Offset) -> String {
    format!("{offset}-0")
}

/// The offset of a tail's entry.
pub fn offset_of(entry: &str) -> Option<Offset> {
    entry.strip_suffix("-0")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_channel_of_a_user_is_theirs_whatever_they_are_called() {
        let keys = Keys::new(&Epoch::parse("1.Ab12Cd34").unwrap());
        for id in ["u", "a:b", "{p7}", "}:{u", "general"] {
            let user = UserId::parse(id).unwrap();
            let UserKeys { channel, slot } = keys.of_user(&user);
            assert!(is_of_user(channel.as_bytes(), &user), "{channel}");
            assert!(!is_of_user(channel.as_bytes(), &UserId::parse("other").unwrap()));
            let slots = [&channel, &slot].map(redis::cluster_routing::Slot::for_key);
            assert_eq!(slots[0], slots[1], "everyone of a slot is served together");
        }
        let room = keys.of(7).channel(&RoomId::general());
        assert!(!is_of_user(room.as_bytes(), &UserId::parse("general").unwrap()));
    }

    #[test]
    fn a_partition_is_in_one_slot_and_a_channel_names_its_room() {
        let keys = Keys::new(&Epoch::parse("1.Ab12Cd34").unwrap()).of(7);
        let room = RoomId::general();
        assert_eq!(keys.channel(&room), "chat:1.Ab12Cd34:{p7}:general");
        let names = [keys.top(), keys.bucket(3), keys.tail(&room), keys.staged("x").top()];
        let slots = names.map(redis::cluster_routing::Slot::for_key);
        assert_eq!(slots, [redis::cluster_routing::Slot::for_key("p7"); 4]);
        assert_eq!(room_of(keys.channel(&room).as_bytes()), Some(room));
        let open = RoomId::open("a}:b:c").unwrap();
        assert_eq!(room_of(keys.channel(&open).as_bytes()), Some(open));
        assert_eq!(room_of(b"\xff"), None);
        assert_eq!(offset_of(&entry(12)), Some(12));
    }
}
