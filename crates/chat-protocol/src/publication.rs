//! An event encoded once per format on the node; every session is handed the same bytes.

use bytes::Bytes;

use crate::{Event, Offset};

/// How a session wants its frames. JSON is the only one so far; a second one adds a variant here, a field to
/// [`Publication`] and a module beside [`crate::server`], and nothing else changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    #[default]
    Json,
}

/// What every JSON push of a publication begins with.
const HEAD: &[u8] = br#"{"push":{"channel":"room:"#;
const MIDDLE: &[u8] = br#"","pub":"#;

/// An encoded event.
#[derive(Clone, Debug)]
pub struct Publication {
    pub offset: Offset,
    json: Bytes,
    /// Where in `json` the publication object itself begins; it ends two bytes before the end.
    start: usize,
}

impl Publication {
    /// Encodes `event` for the channel of its room.
    pub fn encode(event: &Event) -> Self {
        let mut json = Vec::with_capacity(512);
        json.extend_from_slice(HEAD);
        json.extend_from_slice(event.room.as_str().as_bytes()); // an id needs no escaping
        json.extend_from_slice(MIDDLE);
        let start = json.len();
        json.extend_from_slice(br#"{"data":"#);
        crate::server::append_json(&mut json, event);
        json.extend_from_slice(br#","offset":"#);
        crate::server::append_json(&mut json, &event.offset);
        json.extend_from_slice(b"}}}");
        Self { offset: event.offset, json: json.into(), start }
    }

    /// The whole push, as sent live.
    pub fn push(&self, format: Format) -> &Bytes {
        match format {
            Format::Json => &self.json,
        }
    }

    /// The publication alone, as it stands in a subscribe reply.
    pub fn bare(&self, format: Format) -> &[u8] {
        match format {
            Format::Json => &self.json[self.start..self.json.len() - 2],
        }
    }

    /// Bytes that keeping it costs.
    pub fn len(&self) -> usize {
        self.json.len()
    }

    /// Never: an encoded event has a frame around it.
    pub fn is_empty(&self) -> bool {
        self.json.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EventBody, RoomId};

    #[test]
    fn the_bare_publication_is_the_middle_of_its_push() {
        let event = Event {
            room: RoomId::general(),
            offset: 9,
            time: 1,
            id: None,
            user: None,
            body: EventBody::Void { of: None },
        };
        let publication = Publication::encode(&event);
        let bare = r#"{"data":{"type":"void","room":"general","offset":9},"offset":9}"#;
        assert_eq!(publication.bare(Format::Json), bare.as_bytes());
        let push = format!(r#"{{"push":{{"channel":"room:general","pub":{bare}}}}}"#);
        assert_eq!(publication.push(Format::Json), push.as_bytes());
    }
}
