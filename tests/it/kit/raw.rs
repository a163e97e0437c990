//! A connection by hand, for what no well-behaved client would send.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Server, within};

/// First bytes of WebSocket frames (RFC 6455 §5.2): the bit that says "last fragment", and opcodes.
pub const FIN: u8 = 0x80;
pub const CONTINUATION: u8 = 0x0;
pub const TEXT: u8 = 0x1;
pub const BINARY: u8 = 0x2;
pub const CLOSE: u8 = 0x8;
pub const PING: u8 = 0x9;
pub const PONG: u8 = 0xA;

/// A TCP connection to a server.
pub struct Raw {
    stream: TcpStream,
    /// What came and was not asked for yet.
    came: Vec<u8>,
}

/// The head of a response.
#[derive(Debug)]
pub struct Head {
    pub status: u16,
    /// Status line and headers as they came.
    pub text: String,
}

impl Head {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        let of_name = |line: &str| -> Option<usize> {
            let (this, _) = line.split_once(':')?;
            this.eq_ignore_ascii_case(name).then_some(this.len() + 1)
        };
        self.text.lines().find_map(|line| of_name(line).map(|at| line[at..].trim()))
    }
}

impl Raw {
    /// A connection on which nothing was said.
    pub async fn open(server: &Server) -> Self {
        let stream = within("a connection", TcpStream::connect(server.address)).await.unwrap();
        Self { stream, came: Vec::new() }
    }

    /// A WebSocket on which nothing was said.
    pub async fn upgraded(server: &Server) -> Self {
        let mut raw = Self::open(server).await;
        raw.send(upgrade(&[])).await;
        let head = raw.head().await.expect("the handshake is answered");
        assert_eq!(head.status, 101, "{head:?}");
        raw
    }

    /// A WebSocket that has connected with this token.
    pub async fn connected(server: &Server, token: &str) -> Self {
        let mut raw = Self::upgraded(server).await;
        let connect = serde_json::json!({ "id": 1, "connect": { "token": token } });
        raw.send(frame(FIN | TEXT, connect.to_string())).await;
        let (_, reply) = raw.frame().await.expect("connect is answered");
        assert!(reply.starts_with(br#"{"id":1,"connect":{"#), "{reply:?}");
        raw
    }

    /// Sends bytes; `false` if nobody takes them any more.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        within("the bytes are taken", self.stream.write_all(bytes.as_ref())).await.is_ok()
    }

    /// The same connection, after these bytes.
    pub async fn after(mut self, bytes: &[u8]) -> Self {
        self.send(bytes).await;
        self
    }

    /// Forgets a body that came with the last head.
    pub fn skip(&mut self, body: &str) {
        if self.came.starts_with(body.as_bytes()) {
            self.came.drain(..body.len());
        }
    }

    /// The head of the next response; none: the connection ended. A body is left where it is.
    pub async fn head(&mut self) -> Option<Head> {
        let end = loop {
            if let Some(at) = self.came.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            if !self.read().await {
                return None;
            }
        };
        let text = String::from_utf8(self.came.drain(..end).collect()).unwrap();
        let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
        Some(Head { status: status.expect("a status line"), text })
    }

    /// The next WebSocket frame's opcode and payload; none: the connection ended.
    pub async fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        loop {
            if let Some((opcode, from, to)) = whole_frame(&self.came) {
                let payload = self.came[from..to].to_vec();
                self.came.drain(..to);
                return Some((opcode, payload));
            }
            if !self.read().await {
                return None;
            }
        }
    }

    /// Code and reason of the close frame, whatever comes before it; none: the connection ended without one.
    pub async fn closed(&mut self) -> Option<(u16, String)> {
        loop {
            let (opcode, payload) = self.frame().await?;
            if opcode == CLOSE {
                let code = payload.first_chunk().map_or(0, |code| u16::from_be_bytes(*code));
                let reason = payload.get(2..).unwrap_or_default().to_vec();
                return Some((code, String::from_utf8(reason).unwrap()));
            }
        }
    }

    /// Waits until the server has ended the connection.
    pub async fn ended(&mut self) {
        while self.read().await {}
    }

    async fn read(&mut self) -> bool {
        let mut chunk = [0; 16 * 1024];
        let read = within("the server says something", self.stream.read(&mut chunk)).await;
        let count = read.unwrap_or(0); // reset is an end too
        self.came.extend_from_slice(&chunk[..count]);
        count > 0
    }
}

/// A WebSocket handshake, right but for what `changes` say: another value for a header, or none.
pub fn upgrade(changes: &[(&str, Option<&str>)]) -> String {
    let mut headers = vec![
        ("Host", "127.0.0.1"),
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    for (name, value) in changes {
        headers.retain(|(this, _)| this != name);
        headers.extend(value.map(|value| (*name, value)));
    }
    let headers: String =
        headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("GET /connection/websocket HTTP/1.1\r\n{headers}\r\n")
}

/// A client's frame: its first byte, the length, a mask of zeros that changes nothing, the payload.
pub fn frame(first: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    let mut frame = frame_head(first, payload.len() as u64);
    frame.extend_from_slice(payload);
    frame
}

/// The same before its payload.
pub fn frame_head(first: u8, length: u64) -> Vec<u8> {
    const MASKED: u8 = 0x80;
    let mut head = vec![first];
    match length {
        0..=125 => head.push(MASKED | length as u8),
        126..=0xFFFF => {
            head.push(MASKED | 126);
            head.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            head.push(MASKED | 127);
            head.extend_from_slice(&length.to_be_bytes());
        }
    }
    head.extend_from_slice(&[0; 4]);
    head
}

/// Opcode and bounds of the payload of the frame that `bytes` begin with, if all of it is there.
fn whole_frame(bytes: &[u8]) -> Option<(u8, usize, usize)> {
    let opcode = bytes.first()? & 0xF;
    let (from, length) = match bytes.get(1)? {
        126 => (4, u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?).into()),
        127 => (10, u64::from_be_bytes(*bytes.get(2..)?.first_chunk()?)),
        short => (2, u64::from(*short)),
    };
    let to = from + usize::try_from(length).unwrap();
    (bytes.len() >= to).then_some((opcode, from, to))
}
