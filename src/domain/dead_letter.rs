//! A dead letter: what a shared log holds and this version can't read, kept as it came, for whoever finds out what it was.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::fold::LogOffset;

/// Characters of a value that a line shows.
const SHOWN_CHARS: usize = 60;

/// Why a record can't be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Its key is no room.
    NoRoom,
    /// Its value isn't one of ours.
    Foreign,
    /// Its value claims to be, and isn't what a draft says.
    Malformed,
}

impl Reason {
    /// As metrics, copies and lists name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoRoom => "no-room",
            Self::Foreign => "foreign",
            Self::Malformed => "malformed",
        }
    }
}

/// What can't be read, as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    pub reason: Reason,
    pub key: Vec<u8>,
    pub value: Vec<u8>,
    /// What came with it beside key and value.
    pub headers: Vec<Header>,
}

/// A header of a record: names may repeat.
pub type Header = (String, Option<Vec<u8>>);

impl Unreadable {
    /// One without headers.
    pub fn new(reason: Reason, key: &[u8], value: &[u8]) -> Self {
        Self { reason, key: key.to_vec(), value: value.to_vec(), headers: Vec::new() }
    }

    /// Nobody's letter: a node that begins proves by a record of nothing that it can write.
    pub const fn is_probe(&self) -> bool {
        self.key.is_empty() && self.value.is_empty()
    }
}

/// Where a letter stood in the log: `partition:offset`. It is called by this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LetterPlace {
    pub partition: u32,
    pub log_offset: LogOffset,
}

impl Display for LetterPlace {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.partition, self.log_offset)
    }
}

impl FromStr for LetterPlace {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let read = || {
            let (partition, log_offset) = text.split_once(':')?;
            Some(Self { partition: partition.parse().ok()?, log_offset: log_offset.parse().ok()? })
        };
        read().ok_or("a letter is called <partition>:<offset>, as the list shows it")
    }
}

/// A letter as it was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    pub place: LetterPlace,
    /// When the log took it, ms since the Unix epoch, by the log's own clock.
    pub timestamp: u64,
    /// [`Reason::name`], as whoever kept it named it.
    pub reason: String,
    pub key: Vec<u8>,
    /// Empty if it was longer than what can be kept.
    pub value: Vec<u8>,
    /// How long it was: more than `value` is, if that could not be kept.
    pub value_bytes: usize,
    pub headers: Vec<Header>,
}

impl DeadLetter {
    /// Was its value too long to be kept?
    pub const fn is_cut(&self) -> bool {
        self.value.len() < self.value_bytes
    }

    fn time(&self) -> String {
        let time =
            OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.timestamp) * 1_000_000);
        time.ok().and_then(|it| it.format(&Rfc3339).ok()).unwrap_or_default()
    }

    /// All of it; bytes in Base64, and the key as text where it is one.
    pub fn to_json(&self) -> Value {
        let headers = self.headers.iter().map(|(name, value)| {
            json!({ "name": name, "value_base64": value.as_ref().map(|it| STANDARD.encode(it)) })
        });
        json!({
            "partition": self.place.partition,
            "offset": self.place.log_offset,
            "time": self.time(),
            "reason": self.reason,
            "room": std::str::from_utf8(&self.key).ok(),
            "key_base64": STANDARD.encode(&self.key),
            "value_base64": STANDARD.encode(&self.value),
            "value_bytes": self.value_bytes,
            "headers": headers.collect::<Vec<_>>(),
        })
    }
}

impl Display for DeadLetter {
    /// A line: nothing in it moves a terminal's cursor.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { place, reason, key, value, value_bytes, .. } = self;
        let key = String::from_utf8_lossy(key);
        let value = String::from_utf8_lossy(value);
        let more = if value.chars().nth(SHOWN_CHARS).is_some() { "…" } else { "" };
        let value: String = value.chars().take(SHOWN_CHARS).collect();
        let cut = if self.is_cut() { ", not kept" } else { "" };
        let time = self.time();
        write!(f, "{place}  {time}  {reason}  {key:?}  {value_bytes} bytes{cut}  {value:?}{more}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(value: &[u8], value_bytes: usize) -> DeadLetter {
        DeadLetter {
            place: LetterPlace { partition: 3, log_offset: 17 },
            timestamp: 1_764_000_000_123,
            reason: Reason::Foreign.name().to_owned(),
            key: b"tea".to_vec(),
            value: value.to_vec(),
            value_bytes,
            headers: vec![("x".to_owned(), Some(b"y".to_vec())), ("z".to_owned(), None)],
        }
    }

    #[test]
    fn a_letter_is_a_line_and_an_object() {
        let line = letter(b"\x1b[2Jpoison\n\xff", 12).to_string();
        let expected = "3:17  2025-11-24T16:00:00.123Z  foreign  \"tea\"  12 bytes  \"\\u{1b}[2Jpoison\\n\u{fffd}\"";
        assert_eq!(line, expected);
        assert!(letter(&[b'a'; 100], 100).to_string().ends_with("aaa\"…"));
        assert!(letter(b"", 9).to_string().contains("9 bytes, not kept"));
        let object = letter(b"\xff", 1).to_json();
        assert_eq!((&object["room"], &object["value_base64"]), (&json!("tea"), &json!("/w==")));
        assert_eq!((&object["partition"], &object["offset"]), (&json!(3), &json!(17)));
        assert_eq!(object["headers"][1], json!({ "name": "z", "value_base64": null }));
    }

    #[test]
    fn a_letter_is_called_by_its_place() {
        let place = LetterPlace { partition: 3, log_offset: 17 };
        assert_eq!("3:17".parse(), Ok(place));
        assert_eq!(place.to_string(), "3:17");
        for wrong in ["", "3", ":", "3:", ":17", "3:17:1", "-1:2", "a:b"] {
            assert!(wrong.parse::<LetterPlace>().is_err(), "{wrong}");
        }
    }
}
