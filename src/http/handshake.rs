//! What a WebSocket handshake asks for beside the socket: the format of what will be said.

use actix_http::RequestHead;
use actix_http::header::{HeaderValue, SEC_WEBSOCKET_PROTOCOL};
use chat_protocol::Format;

/// What both sides will keep to.
#[derive(Debug, PartialEq, Eq)]
pub struct Agreed {
    pub format: Format,
    /// To be echoed: browsers end a connection whose server passes over what they asked for.
    pub subprotocol: Option<HeaderValue>,
}

/// The first subprotocol that is known decides, and is echoed; without one, the query; without that, it is JSON.
pub fn agree(head: &RequestHead) -> Agreed {
    let wanted = head.headers.get_all(SEC_WEBSOCKET_PROTOCOL);
    let mut wanted = wanted.filter_map(|names| names.to_str().ok()).flat_map(|it| it.split(','));
    let known = |name: &str| Format::ALL.into_iter().find(|it| it.subprotocol() == name.trim());
    match wanted.find_map(known) {
        Some(format) => {
            let subprotocol = Some(HeaderValue::from_static(format.subprotocol()));
            Agreed { format, subprotocol }
        }
        None => {
            Agreed { format: by_query(head.uri.query().unwrap_or_default()), subprotocol: None }
        }
    }
}

fn by_query(query: &str) -> Format {
    let is_protobuf = |pair| ["format=protobuf", "cf_protocol=protobuf"].contains(&pair);
    if query.split('&').any(is_protobuf) { Format::Protobuf } else { Format::Json }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_known_subprotocol_decides_then_the_query() {
        let (json, protobuf) = ("centrifuge-json", "centrifuge-protobuf");
        for (subprotocols, query, format, echoed) in [
            (&[][..], "", Format::Json, None),
            (&[protobuf], "", Format::Protobuf, Some(protobuf)),
            (&[json], "", Format::Json, Some(json)),
            (
                &["chat, centrifuge-protobuf , centrifuge-json"],
                "",
                Format::Protobuf,
                Some(protobuf),
            ),
            (&["chat", json, protobuf], "", Format::Json, Some(json)),
            (&["chat", "Centrifuge-Protobuf"], "", Format::Json, None),
            (&[], "?format=protobuf", Format::Protobuf, None),
            (&[], "?a=1&cf_protocol=protobuf&b", Format::Protobuf, None),
            (&[], "?format=json&cf_protocol_version=v2", Format::Json, None),
            (&[], "?xformat=protobuf", Format::Json, None),
            (&["chat"], "?format=protobuf", Format::Protobuf, None),
            (&[json], "?format=protobuf", Format::Json, Some(json)),
        ] {
            let mut head = RequestHead::default();
            head.uri = format!("/connection/websocket{query}").parse().unwrap();
            for names in subprotocols {
                head.headers.append(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(names));
            }
            let subprotocol = echoed.map(HeaderValue::from_static);
            assert_eq!(agree(&head), Agreed { format, subprotocol }, "{subprotocols:?} {query}");
        }
    }
}
