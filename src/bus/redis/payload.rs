//! What is published on a room's channel and kept in its tail: a place, and the record that has it.
//!
//! A line of text, `<offset>:<time>:e`, then the record as the log has it; or `<offset>:<time>:v:<of>` for a void, without
//! `of` where it repeats nothing. `relay.lua` writes the same. What is kept nowhere is published as the JSON object that it
//! is, so it begins with a brace; `presence/report.lua` writes such, too. On the
//! channel of a user nothing else is.

use chat_protocol::{Event, EventBody, Offset, RoomId, json};

use super::keys;
use crate::bus::Passing;
use crate::domain::log_record::{self, Checked};
use crate::domain::record::Draft;

/// `None` for what no log holds: an event without an id that is no void.
pub fn encode(event: &Event) -> Option<Vec<u8>> {
    let Event { room, offset, time, id, user, body } = event;
    if let EventBody::Void { of } = body {
        let of = of.map(|of| of.to_string()).unwrap_or_default();
        return Some(format!("{offset}:{time}:v:{of}").into_bytes());
    }
    let (room, author, body) = (room.clone(), user.clone(), body.clone());
    let draft = Draft { room, author, id: (*id)?, body, change: None };
    let mut payload = format!("{offset}:{time}:e\n").into_bytes();
    payload.extend(log_record::encode(&Checked { at: *time, draft }));
    Some(payload)
}

/// Something that has no place.
pub fn passing(it: &Passing) -> Vec<u8> {
    json::encode(it)
}

/// Is this such?
pub fn is_passing(payload: &[u8]) -> bool {
    payload.first() == Some(&b'{')
}

/// `None` for what can't be read, or is of another channel.
pub fn decode_passing(channel: &[u8], payload: &[u8]) -> Option<Passing> {
    let it: Passing = serde_json::from_slice(payload).ok()?;
    let is_there = match &it {
        Passing::InRoom(it) => keys::room_of(channel).is_some_and(|room| room == it.room),
        Passing::ToUser(it) => keys::is_of_user(channel, &it.user),
    };
    is_there.then_some(it)
}

/// `None` for what can't be read: another version may have written it.
pub fn decode(room: &RoomId, payload: &[u8]) -> Option<Event> {
    let end = payload.iter().position(|byte| *byte == b'\n').unwrap_or(payload.len());
    let (line, value) = payload.split_at(end);
    let mut words = std::str::from_utf8(line).ok()?.split(':');
    let (offset, time) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    match words.next()? {
        "e" => {
            let checked = log_record::passed_on(room, value.get(1..)?)?;
            Some(log_record::place(checked.draft, offset, time))
        }
        "v" => {
            let of = words.next().filter(|of| !of.is_empty());
            let of: Option<Offset> = of.map(str::parse).transpose().ok()?;
            Some(log_record::void(room.clone(), offset, time, of))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use chat_protocol::object::Person;
    use chat_protocol::{ClientId, UserId};

    use super::*;

    #[test]
    fn what_is_encoded_is_decoded() {
        let (room, id) = (RoomId::general(), UserId::parse("u").unwrap());
        let author = Person { id, name: "U".into() };
        let client_id = ClientId::parse("c").unwrap();
        let draft = Draft::message(room.clone(), author, client_id, "a\nb:c".into());
        let said = log_record::place(draft, 7, 9);
        let repeat = log_record::void(room.clone(), 8, 9, Some(7));
        let nothing = log_record::void(room.clone(), 9, 10, None);
        for event in [said, repeat, nothing] {
            assert_eq!(decode(&room, &encode(&event).unwrap()), Some(event));
        }
        let room = RoomId::open("a:b").unwrap();
        let data = Draft::data(room.clone(), None, "{\"n\": 1.0}".into()).unwrap();
        let data = log_record::place(data, 10, 11);
        assert_eq!(decode(&room, &encode(&data).unwrap()), Some(data));
    }

    #[test]
    fn what_is_cut_off_or_unknown_is_nothing() {
        for wrong in ["", "1", "1:2", "1:2:e", "1:2:e\n", "1:2:e\nx", "1:2:v:x", "1:2:w", "x:2:v:"]
        {
            assert_eq!(decode(&RoomId::general(), wrong.as_bytes()), None, "{wrong:?}");
        }
    }
}
