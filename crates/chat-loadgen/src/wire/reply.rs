//! The lines that a server sends, as far as the generator looks at them. Fields that are not
//! named here are ignored, as the protocol asks of clients.

use std::borrow::Cow;

use serde::Deserialize;

/// One line of a server's frame: a reply (with `id`), a push, or, with neither, a ping.
#[derive(Debug, Default, Deserialize)]
pub struct Line<'l> {
    pub id: Option<u64>,
    #[serde(borrow)]
    pub error: Option<WireError<'l>>,
    #[serde(borrow)]
    pub push: Option<Push<'l>>,
    #[serde(borrow)]
    pub subscribe: Option<SubscribeReply<'l>>,
    #[serde(borrow)]
    pub rpc: Option<RpcReply<'l>>,
}

impl Line<'_> {
    /// A ping asks for a `{}` in return.
    pub fn is_ping(&self) -> bool {
        self.id.is_none() && self.push.is_none()
    }
}

#[derive(Debug, Deserialize)]
pub struct WireError<'l> {
    pub code: u32,
    #[serde(borrow, default)]
    pub message: Cow<'l, str>,
    #[serde(default)]
    pub temporary: bool,
}

#[derive(Debug, Deserialize)]
pub struct RpcReply<'l> {
    #[serde(borrow, default)]
    pub data: Ack<'l>,
}

/// The data of the reply to `message.send`.
#[derive(Debug, Default, Deserialize)]
pub struct Ack<'l> {
    #[serde(borrow, default)]
    pub id: Cow<'l, str>,
    #[serde(borrow, default)]
    pub durability: Cow<'l, str>,
}

#[derive(Debug, Deserialize)]
pub struct SubscribeReply<'l> {
    #[serde(borrow, default)]
    pub epoch: Cow<'l, str>,
    #[serde(default)]
    pub offset: u64,
    #[serde(default)]
    pub recovered: bool,
    #[serde(borrow, default)]
    pub publications: Vec<Publication<'l>>,
}

#[derive(Debug, Deserialize)]
pub struct Push<'l> {
    #[serde(borrow, default)]
    pub channel: Cow<'l, str>,
    #[serde(borrow, rename = "pub")]
    pub publication: Option<Publication<'l>>,
    #[serde(borrow)]
    pub unsubscribe: Option<Ending<'l>>,
    #[serde(borrow)]
    pub disconnect: Option<Ending<'l>>,
}

/// Why a subscription or a connection was ended from the other side.
#[derive(Debug, Deserialize)]
pub struct Ending<'l> {
    #[serde(default)]
    pub code: u32,
    #[serde(borrow, default)]
    pub reason: Cow<'l, str>,
}

#[derive(Debug, Deserialize)]
pub struct Publication<'l> {
    /// Absent for what has no place, such as typing and presence.
    pub offset: Option<u64>,
    #[serde(borrow, default)]
    pub data: Event<'l>,
}

/// A room's event, live or from a page of history.
#[derive(Debug, Default, Deserialize)]
pub struct Event<'l> {
    #[serde(borrow, default, rename = "type")]
    pub kind: Cow<'l, str>,
    #[serde(borrow)]
    pub id: Option<Cow<'l, str>>,
    pub offset: Option<u64>,
    pub time: Option<u64>,
    #[serde(borrow)]
    pub user: Option<User<'l>>,
    #[serde(borrow)]
    pub client_id: Option<Cow<'l, str>>,
    #[serde(borrow)]
    pub text: Option<Cow<'l, str>>,
}

#[derive(Debug, Deserialize)]
pub struct User<'l> {
    #[serde(borrow, default)]
    pub id: Cow<'l, str>,
}

/// Reads one line.
///
/// # Errors
/// The line isn't what the protocol says.
pub fn read_line(line: &[u8]) -> serde_json::Result<Line<'_>> {
    serde_json::from_slice(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ping_is_neither_reply_nor_push() {
        assert!(read_line(b"{}").unwrap().is_ping());
        assert!(!read_line(br#"{"id":1,"connect":{}}"#).unwrap().is_ping());
        assert!(!read_line(br#"{"push":{"channel":"c"}}"#).unwrap().is_ping());
    }

    #[test]
    fn a_publication_is_read_with_its_place_and_text() {
        let line = br#"{"push":{"channel":"room:r","pub":{"data":{"type":"message.created",
            "id":"e","offset":3,"time":5,"user":{"id":"u","name":"n"},"client_id":"c",
            "text":"a\nb","new":1},"offset":3}}}"#;
        let push = read_line(line).unwrap().push.unwrap();
        let publication = push.publication.unwrap();
        assert_eq!((push.channel.as_ref(), publication.offset), ("room:r", Some(3)));
        let event = publication.data;
        assert_eq!((event.kind.as_ref(), event.text.as_deref()), ("message.created", Some("a\nb")));
        assert_eq!(
            (event.offset, event.time, event.user.unwrap().id.as_ref()),
            (Some(3), Some(5), "u")
        );
    }

    #[test]
    fn replies_are_told_apart() {
        let ack = read_line(br#"{"id":3,"rpc":{"data":{"id":"e","durability":"fsync"}}}"#).unwrap();
        let data = ack.rpc.unwrap().data;
        assert_eq!((ack.id, data.id.as_ref(), data.durability.as_ref()), (Some(3), "e", "fsync"));
        let line = br#"{"id":4,"error":{"code":400,"message":"unavailable: x","temporary":true}}"#;
        let error = read_line(line).unwrap().error.unwrap();
        assert!(error.temporary && error.code == 400);
        let line = br#"{"id":5,"subscribe":{"recoverable":true,"epoch":"1.x","offset":9,
            "recovered":true,"publications":[{"data":{"type":"void"},"offset":10}]}}"#;
        let subscribe = read_line(line).unwrap().subscribe.unwrap();
        assert!(subscribe.recovered && subscribe.offset == 9);
        assert_eq!(subscribe.publications[0].offset, Some(10));
    }

    #[test]
    fn nonsense_is_an_error() {
        assert!(read_line(b"{\"id\":").is_err());
    }
}
