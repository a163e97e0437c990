//! What people write: names and message texts, checked before anything else sees them.

use crate::ErrorCode;

/// Longest name of a person or room, in characters.
pub const NAME_CHARS_MAX: usize = 64;
/// Longest topic of a room, in characters.
pub const TOPIC_CHARS_MAX: usize = 256;

/// A name without surrounding white space: 1 to [`NAME_CHARS_MAX`] characters, none a control character.
///
/// # Errors
/// [`ErrorCode::BadRequest`].
pub fn parse_name(text: &str) -> Result<String, ErrorCode> {
    let name = text.trim();
    let fits = (1..=NAME_CHARS_MAX).contains(&name.chars().count());
    if fits && !name.chars().any(char::is_control) {
        Ok(name.to_owned())
    } else {
        Err(ErrorCode::BadRequest)
    }
}

/// A topic without surrounding white space: at most [`TOPIC_CHARS_MAX`] characters, none a control character.
///
/// # Errors
/// [`ErrorCode::BadRequest`].
pub fn parse_topic(text: &str) -> Result<String, ErrorCode> {
    let topic = text.trim();
    if topic.chars().count() <= TOPIC_CHARS_MAX && !topic.chars().any(char::is_control) {
        Ok(topic.to_owned())
    } else {
        Err(ErrorCode::BadRequest)
    }
}

/// A message's text as it was written: not blank, at most `bytes_max` bytes of UTF-8, without NUL
/// (PostgreSQL has no place for it, so no store may keep it).
///
/// # Errors
/// [`ErrorCode::TextEmpty`], [`ErrorCode::TextTooLong`], [`ErrorCode::BadRequest`] for NUL.
pub fn check_text(text: &str, bytes_max: usize) -> Result<(), ErrorCode> {
    if text.len() > bytes_max {
        Err(ErrorCode::TextTooLong)
    } else if text.trim().is_empty() {
        Err(ErrorCode::TextEmpty)
    } else if text.contains('\0') {
        Err(ErrorCode::BadRequest)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_trimmed_and_bounded() {
        assert_eq!(parse_name("  Zoë "), Ok("Zoë".into()));
        for bad in ["", "   ", "a\tb", &"x".repeat(65)] {
            assert_eq!(parse_name(bad), Err(ErrorCode::BadRequest), "{bad:?}");
        }
        assert_eq!(parse_topic(""), Ok(String::new()));
        assert_eq!(parse_topic(&"x".repeat(257)), Err(ErrorCode::BadRequest));
    }

    #[test]
    fn each_bad_text_gets_its_own_code() {
        assert_eq!(check_text("hi", 2), Ok(()));
        assert_eq!(check_text("hie", 2), Err(ErrorCode::TextTooLong));
        assert_eq!(check_text(" \n", 9), Err(ErrorCode::TextEmpty));
        assert_eq!(check_text("a\0", 9), Err(ErrorCode::BadRequest));
    }
}
