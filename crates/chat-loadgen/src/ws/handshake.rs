//! The HTTP upgrade on both sides: of the generator's connections and of the floor server.

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use memchr::memmem;
use sha1::{Digest, Sha1};

/// The longest head of a request or response that is read.
const HANDSHAKE_BYTES_MAX: usize = 8 * 1024;

const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const HEAD_END: &[u8] = b"\r\n\r\n";

/// The `Sec-WebSocket-Accept` that answers `key`.
fn accept_key(key: &str) -> String {
    let digest = Sha1::new().chain_update(key.trim()).chain_update(GUID).finalize();
    STANDARD.encode(digest)
}

/// A client's upgrade request, and the accept key that must come back.
pub fn request_upgrade(host: &str, path: &str) -> (String, String) {
    let key = STANDARD.encode(fastrand::u128(..).to_le_bytes());
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    );
    (request, accept_key(&key))
}

/// Checks a server's response once its head is there as a whole; then says how long the head is.
/// `None` asks for more bytes.
///
/// # Errors
/// Anything but a 101 with the right accept key.
pub fn read_accepted(bytes: &[u8], accept: &str) -> Result<Option<usize>> {
    let Some(end) = memmem::find(bytes, HEAD_END) else {
        ensure!(bytes.len() <= HANDSHAKE_BYTES_MAX, "the upgrade response has no end");
        return Ok(None);
    };
    let head = std::str::from_utf8(&bytes[..end]).context("the upgrade response isn't text")?;
    let status = head.lines().next().unwrap_or_default();
    ensure!(status.starts_with("HTTP/1.1 101"), "upgrade refused: {status}");
    let given = header(head, "sec-websocket-accept").context("no Sec-WebSocket-Accept")?;
    ensure!(given == accept, "wrong Sec-WebSocket-Accept");
    Ok(Some(end + HEAD_END.len()))
}

/// The floor's answer to an upgrade request at the start of `bytes`, and the request's length;
/// `None` asks for more bytes.
///
/// # Errors
/// A request without a WebSocket key.
pub fn answer_upgrade(bytes: &[u8]) -> Result<Option<(String, usize)>> {
    let Some(end) = memmem::find(bytes, HEAD_END) else {
        ensure!(bytes.len() <= HANDSHAKE_BYTES_MAX, "the upgrade request has no end");
        return Ok(None);
    };
    let head = std::str::from_utf8(&bytes[..end]).context("the upgrade request isn't text")?;
    let key = header(head, "sec-websocket-key").context("no Sec-WebSocket-Key")?;
    let response = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\n\r\n",
        accept_key(key)
    );
    Ok(Some((response, end + HEAD_END.len())))
}

fn header<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    let fields = head.lines().filter_map(|line| line.split_once(':'));
    let mut named = fields.filter(|(field, _)| field.trim().eq_ignore_ascii_case(name));
    named.next().map(|(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_accept_key_of_rfc_6455() {
        assert_eq!(accept_key("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn both_sides_agree() {
        let (request, accept) = request_upgrade("127.0.0.1:1", "/connection/websocket");
        let (response, len) = answer_upgrade(request.as_bytes()).unwrap().unwrap();
        assert_eq!(len, request.len());
        let followed = format!("{response}\x01");
        assert_eq!(read_accepted(followed.as_bytes(), &accept).unwrap(), Some(response.len()));
    }

    #[test]
    fn an_unfinished_head_asks_for_more() {
        assert!(answer_upgrade(b"GET / HTTP/1.1\r\nHost: x\r\n").unwrap().is_none());
        assert!(read_accepted(b"HTTP/1.1 101 Sw", "").unwrap().is_none());
    }

    #[test]
    fn refusals_and_wrong_keys_are_errors() {
        assert!(read_accepted(b"HTTP/1.1 403 Forbidden\r\n\r\n", "x").is_err());
        let wrong = b"HTTP/1.1 101 S\r\nSec-WebSocket-Accept: y\r\n\r\n";
        assert!(read_accepted(wrong, "x").is_err());
        assert!(answer_upgrade(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").is_err());
    }
}
