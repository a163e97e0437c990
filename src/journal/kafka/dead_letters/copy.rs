//! A letter as a record of its topic, and back: key and value as they were, and what else is known in headers before its
//! own.

use rdkafka::Message;
use rdkafka::message::{Header as KafkaHeader, Headers, OwnedHeaders};

use super::super::producer::Outgoing;
use super::Letter;
use crate::domain::dead_letter::{DeadLetter, Header, LetterPlace};

const PARTITION: &str = "chat-partition";
const OFFSET: &str = "chat-offset";
const TIMESTAMP: &str = "chat-timestamp";
const REASON: &str = "chat-reason";
const VALUE_BYTES: &str = "chat-value-bytes";
const OURS: &[&str] = &[PARTITION, OFFSET, TIMESTAMP, REASON, VALUE_BYTES];

/// All of it.
pub(super) fn whole(letter: &Letter<'_>) -> Outgoing {
    outgoing(letter, letter.unreadable.value.clone())
}

/// How long its value was is told.
pub(super) fn without_value(letter: &Letter<'_>) -> Outgoing {
    outgoing(letter, Vec::new())
}

fn outgoing(letter: &Letter<'_>, value: Vec<u8>) -> Outgoing {
    let Letter { place, timestamp, unreadable } = letter;
    let ours = [
        (PARTITION, place.partition.to_string()),
        (OFFSET, place.log_offset.to_string()),
        (TIMESTAMP, timestamp.to_string()),
        (REASON, unreadable.reason.name().to_owned()),
        (VALUE_BYTES, unreadable.value.len().to_string()),
    ];
    let mut headers = OwnedHeaders::new_with_capacity(ours.len() + unreadable.headers.len());
    for (key, value) in &ours {
        headers = headers.insert(KafkaHeader { key, value: Some(value.as_bytes()) });
    }
    for (key, value) in &unreadable.headers {
        headers = headers.insert(KafkaHeader { key, value: value.as_deref() });
    }
    // One partition: the list is in the order in which they were found.
    Outgoing { partition: 0, key: unreadable.key.clone(), value, headers: Some(headers) }
}

/// `None`: it is none of our copies.
pub(super) fn read(record: &impl Message) -> Option<DeadLetter> {
    let all = headers(record);
    // Ours come first; what a letter brought may be called the same.
    let text = |name: &str| {
        let found = all.iter().find(|(key, _)| key == name)?;
        std::str::from_utf8(found.1.as_deref()?).ok()
    };
    let place = LetterPlace {
        partition: text(PARTITION)?.parse().ok()?,
        log_offset: text(OFFSET)?.parse().ok()?,
    };
    let (timestamp, reason) = (text(TIMESTAMP)?.parse().ok()?, text(REASON)?.to_owned());
    let value_bytes = text(VALUE_BYTES)?.parse().ok()?;
    let headers = all.into_iter().skip(OURS.len()).collect();
    let (key, value) = (record.key().unwrap_or_default(), record.payload().unwrap_or_default());
    let (key, value) = (key.to_vec(), value.to_vec());
    Some(DeadLetter { place, timestamp, reason, key, value, value_bytes, headers })
}

/// What a record carries beside key and value.
pub(in crate::journal::kafka) fn headers(record: &impl Message) -> Vec<Header> {
    let headers = record.headers().into_iter().flat_map(Headers::iter);
    headers.map(|it| (it.key.to_owned(), it.value.map(<[u8]>::to_vec))).collect()
}
