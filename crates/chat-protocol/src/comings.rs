//! Who has come into a room and gone, one by one, for the sessions that have asked to be told like that.

use bytes::Bytes;

use crate::ephemeral::PresenceTick;
use crate::payloads::Payloads;
use crate::server::Reply;
use crate::{Format, RoomId};

/// Users that a room may have for it: where there are more, ticks alone tell of them.
pub const USERS_MAX: u32 = 100;

/// The pushes `join` and `leave` of what a tick tells.
#[derive(Debug)]
pub struct Comings {
    pushes: Vec<Reply>,
    payloads: Payloads,
}

impl Comings {
    /// Those of a room's tick, if there are any to be told: who came, then who went.
    pub fn of(room: &RoomId, tick: &PresenceTick) -> Option<Self> {
        if tick.count > USERS_MAX {
            return None;
        }
        let joins = tick.joined.iter().cloned();
        let joins = joins.map(|user| Reply::Join { room: room.clone(), user });
        let leaves = tick.left.iter().cloned();
        let leaves = leaves.map(|user| Reply::Leave { room: room.clone(), user });
        let pushes: Vec<Reply> = joins.chain(leaves).collect();
        (!pushes.is_empty()).then(|| Self { pushes, payloads: Payloads::default() })
    }

    /// What is sent to a session of this format.
    pub fn payload(&self, format: Format) -> &Bytes {
        self.payloads.of(format, || self.pushes.iter().map(|it| format.encode(it)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::UserId;
    use crate::object::Person;

    #[test]
    fn a_tick_of_few_is_told_one_by_one_and_of_many_not() {
        let room = RoomId::general();
        let person = |id: &str| Person { id: UserId::parse(id).unwrap(), name: "N".into() };
        let tick = |count| PresenceTick {
            count,
            joined: vec![person("a")],
            left: vec![person("b")],
            ..PresenceTick::default()
        };
        let comings = Comings::of(&room, &tick(USERS_MAX)).unwrap();
        assert_eq!(
            comings.payload(Format::Json),
            "{\"push\":{\"channel\":\"room:general\",\"join\":{\"info\":{\"user\":\"a\",\"client\":\"\",\"conn_info\":{\"name\":\"N\"}}}}}\n\
             {\"push\":{\"channel\":\"room:general\",\"leave\":{\"info\":{\"user\":\"b\",\"client\":\"\",\"conn_info\":{\"name\":\"N\"}}}}}"
        );
        assert!(Comings::of(&room, &tick(USERS_MAX + 1)).is_none());
        assert!(Comings::of(&room, &PresenceTick::default()).is_none());
    }
}
