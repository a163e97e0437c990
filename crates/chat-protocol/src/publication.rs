//! An event encoded once for all that is said of it: live, in replies, in whatever format.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use crate::json::append;
use crate::object::{ClientInfo, Occupant, Person};
use crate::payloads::Payloads;
use crate::{Channel, ClientId, Ephemeral, Event, EventBody, Format, Hint, Offset};

/// What every JSON push of a publication begins with.
const HEAD: &[u8] = br#"{"push":{"channel":"#;
const MIDDLE: &[u8] = br#","pub":"#;
/// What the publication object itself begins with; it ends two bytes before the end of the push.
const BARE: &[u8] = br#"{"data":"#;

/// An encoded event.
#[derive(Clone, Debug)]
pub struct Publication {
    pub offset: Offset,
    channel: Channel,
    json: Bytes,
    /// Where in `json` the event stands.
    data: Range<usize>,
    /// Who published it, in an open channel.
    info: Option<Arc<Occupant>>,
}

impl Publication {
    /// Encodes `event` for the channel of its room.
    pub fn encode(event: &Event) -> Self {
        let room = Channel::Room(event.room.clone());
        match &event.body {
            EventBody::DataPublished { client, data } => {
                let info = publisher(event.user.as_ref(), client.as_ref().map(ClientId::as_str));
                let write = |out: &mut Vec<u8>| out.extend_from_slice(data.as_bytes());
                Self::of(room, write, info, event.offset)
            }
            _ => Self::of(room, |out| append(out, event), None, event.offset),
        }
    }

    /// The same for what has no place: its offset is 0, which is not said.
    pub fn ephemeral(it: &Ephemeral) -> Self {
        Self::of(Channel::Room(it.room.clone()), |out| append(out, it), None, 0)
    }

    /// The same in its user's own channel.
    pub fn hint(it: &Hint) -> Self {
        Self::of(Channel::User(it.user.clone()), |out| append(out, &it.body), None, 0)
    }

    fn of(
        channel: Channel,
        write_data: impl FnOnce(&mut Vec<u8>),
        info: Option<Arc<Occupant>>,
        offset: Offset,
    ) -> Self {
        let mut json = Vec::with_capacity(512);
        json.extend_from_slice(HEAD);
        append(&mut json, &*channel.name());
        json.extend_from_slice(MIDDLE);
        json.extend_from_slice(BARE);
        let start = json.len();
        write_data(&mut json);
        let data = start..json.len();
        if let Some(info) = &info {
            json.extend_from_slice(br#","info":"#);
            append(&mut json, &ClientInfo::of(&info.client, &info.user));
        }
        if offset > 0 {
            json.extend_from_slice(br#","offset":"#);
            append(&mut json, &offset);
        }
        json.extend_from_slice(b"}}}");
        Self { offset, channel, json: json.into(), data, info }
    }

    /// Who published it, where that is said beside the data.
    pub(crate) fn info(&self) -> Option<&Occupant> {
        self.info.as_deref()
    }

    /// The whole push, as sent live.
    pub(crate) fn json_push(&self) -> &Bytes {
        &self.json
    }

    /// The publication alone, as it stands in a reply.
    pub(crate) fn json(&self) -> &[u8] {
        &self.json[self.data.start - BARE.len()..self.json.len() - 2]
    }

    /// The event alone, which is JSON in every format.
    pub fn data(&self) -> Bytes {
        self.json.slice(self.data.clone())
    }

    /// Whose channel it is in.
    pub(crate) fn channel(&self) -> &Channel {
        &self.channel
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

/// The publisher of data: a session, of a user or of nobody in particular; `None` for a server.
fn publisher(user: Option<&Person>, client: Option<&str>) -> Option<Arc<Occupant>> {
    let client = client?.to_owned();
    Some(Arc::new(Occupant { client, user: user.cloned().unwrap_or_else(Person::nobody) }))
}

/// Publications that follow each other, on their way to every session of a room. Each format's bytes are made when the
/// first session wants them, and shared by all: a format that nobody speaks costs nothing.
#[derive(Debug)]
pub struct Batch {
    publications: Vec<Publication>,
    payloads: Payloads,
}

impl Batch {
    /// A batch of these.
    pub fn new(publications: Vec<Publication>) -> Self {
        Self { publications, payloads: Payloads::default() }
    }

    /// Makes batches of these, in order, none of more than `bytes_max` in JSON unless it holds a single one.
    pub fn split(publications: Vec<Publication>, bytes_max: usize) -> Vec<Self> {
        let mut batches: Vec<Self> = Vec::new();
        let mut bytes = 0;
        for publication in publications {
            bytes += publication.len();
            match batches.last_mut() {
                Some(batch) if bytes <= bytes_max => batch.publications.push(publication),
                _ => {
                    bytes = publication.len();
                    batches.push(Self::new(vec![publication]));
                }
            }
        }
        batches
    }

    /// What is sent to a session of this format.
    pub fn payload(&self, format: Format) -> &Bytes {
        self.payloads.of(format, || self.publications.iter().map(|it| format.push(it)).collect())
    }

    /// How many they are.
    pub fn len(&self) -> usize {
        self.publications.len()
    }

    /// Is there nothing to send?
    pub fn is_empty(&self) -> bool {
        self.publications.is_empty()
    }

    /// The first offset; 0 if there is none.
    pub fn first(&self) -> Offset {
        self.publications.first().map_or(0, |it| it.offset)
    }

    /// The last one.
    pub fn last(&self) -> Offset {
        self.publications.last().map_or(0, |it| it.offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{RoomId, UserId};

    fn publications(count: Offset) -> Vec<Publication> {
        let void = |offset| Event {
            room: RoomId::general(),
            offset,
            time: 1,
            id: None,
            user: None,
            body: EventBody::Void { of: None },
        };
        (1..=count).map(|offset| Publication::encode(&void(offset))).collect()
    }

    #[test]
    fn a_batch_is_encoded_once_for_each_format_that_someone_speaks() {
        let batch = Batch::new(publications(3));
        let payload = batch.payload(Format::Json);
        assert_eq!(payload.split(|byte| *byte == b'\n').count(), 3);
        assert_eq!(batch.payload(Format::Json).as_ptr(), payload.as_ptr());
        let pushes =
            publications(3).iter().flat_map(|it| Format::Protobuf.push(it)).collect::<Vec<_>>();
        assert_eq!(*batch.payload(Format::Protobuf), pushes);
        assert_eq!((batch.first(), batch.last(), batch.len()), (1, 3, 3));
        let alone = publications(1);
        let json = alone[0].json_push().as_ptr();
        assert_eq!(Batch::new(alone).payload(Format::Json).as_ptr(), json, "one is not copied");
    }

    #[test]
    fn batches_are_bounded_in_bytes_and_keep_the_order() {
        let length = publications(1)[0].len();
        for (count, bytes_max, expected) in [
            (0, 100, vec![]),
            (3, 0, vec![1, 2, 3]),
            (5, 2 * length, vec![2, 4, 5]),
            (2, 2 * length - 1, vec![1, 2]),
        ] {
            let batches = Batch::split(publications(count), bytes_max);
            let last: Vec<_> = batches.iter().map(Batch::last).collect();
            assert_eq!(last, expected, "{count} of {length} in {bytes_max}");
        }
    }

    #[test]
    fn data_of_an_open_channel_is_published_as_it_is_with_who_published_it() {
        let event = Event {
            room: RoomId::open("a\"b").unwrap(),
            offset: 1,
            time: 1,
            id: None,
            user: Some(Person { id: UserId::parse("u").unwrap(), name: "U".into() }),
            body: EventBody::DataPublished {
                client: Some(ClientId::parse("c").unwrap()),
                data: r#"{"n":1.0}"#.into(),
            },
        };
        let said = |event: &Event| {
            String::from_utf8(Publication::encode(event).json_push().to_vec()).unwrap()
        };
        assert_eq!(
            said(&event),
            r#"{"push":{"channel":"a\"b","pub":{"data":{"n":1.0},"info":{"user":"u","client":"c","conn_info":{"name":"U"}},"offset":1}}}"#
        );
        let anonymous = Event { user: None, ..event.clone() };
        assert!(said(&anonymous).contains(r#""info":{"user":"","client":"c"},"#));
        let body = EventBody::DataPublished { client: None, data: "7".into() };
        let server = Event { user: None, body, ..event };
        assert!(said(&server).ends_with(r#""pub":{"data":7,"offset":1}}}"#));
    }

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
        assert_eq!(publication.json(), bare.as_bytes());
        let push = format!(r#"{{"push":{{"channel":"room:general","pub":{bare}}}}}"#);
        assert_eq!(publication.json_push(), push.as_bytes());
        assert!(bare.contains(str::from_utf8(&publication.data()).unwrap()));
    }
}
