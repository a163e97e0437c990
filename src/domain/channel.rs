//! Which room a channel is of.

use chat_protocol::ids::CHANNEL_BYTES_MAX;
use chat_protocol::{ErrorCode, RoomId};

/// The room that a channel belongs to; `open`: any other name is an open channel's.
///
/// # Errors
/// [`ErrorCode::BadRequest`] for an empty or overlong name, a malformed room id or name of an open channel,
/// [`ErrorCode::PermissionDenied`] for somebody's `user:` channel, [`ErrorCode::UnknownChannel`] for others.
pub fn room_of(channel: &str, open: bool) -> Result<RoomId, ErrorCode> {
    if channel.is_empty() || channel.len() > CHANNEL_BYTES_MAX {
        Err(ErrorCode::BadRequest)
    } else if let Some(id) = channel.strip_prefix("room:") {
        RoomId::parse(id)
    } else if channel.starts_with("user:") {
        Err(ErrorCode::PermissionDenied)
    } else if open {
        RoomId::open(channel)
    } else {
        Err(ErrorCode::UnknownChannel)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_name_is_an_open_channel_where_there_are_any_but_rooms_and_users_stay() {
        use ErrorCode::{BadRequest, PermissionDenied, UnknownChannel};
        let long = "x".repeat(256);
        for (channel, closed, open) in [
            ("room:general", Ok("general"), Ok("general")),
            ("room:a b", Err(BadRequest), Err(BadRequest)),
            ("room:", Err(BadRequest), Err(BadRequest)),
            ("user:u", Err(PermissionDenied), Err(PermissionDenied)),
            ("news", Err(UnknownChannel), Ok(":news")),
            (":general", Err(UnknownChannel), Ok("::general")),
            ("a b", Err(UnknownChannel), Err(BadRequest)),
            ("", Err(BadRequest), Err(BadRequest)),
            (&long, Err(BadRequest), Err(BadRequest)),
        ] {
            for (is_open, expected) in [(false, closed), (true, open)] {
                let room = room_of(channel, is_open);
                assert_eq!(
                    room.as_ref().map(RoomId::as_str),
                    expected.as_ref().copied(),
                    "{channel}"
                );
            }
        }
    }
}
