//! One client connection for what is not hot: opening, joining, and all of the crash harness.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::wire;
use crate::ws::{self, Frame, opcode};

/// Longest wait for an answer while opening and joining: SDKs give up after this long too.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// A WebSocket connection to a server that speaks the protocol.
pub struct Link {
    socket: TcpStream,
    /// Read and not yet handed out.
    unread: Vec<u8>,
    /// Commands of the frame that [`Link::flush`] will send.
    commands: Vec<u8>,
    next_id: u64,
}

/// The server said a final no: trying again won't help.
#[derive(Debug, thiserror::Error)]
#[error("refused: {code} {message}")]
pub struct Refused {
    pub code: u32,
    pub message: String,
}

/// Whether clients must not come back after a close with this code.
fn is_final(code: u32) -> bool {
    matches!(code, 3500..=3999 | 4500..=4999)
}

/// Where a subscription began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined {
    pub epoch: String,
    pub offset: u64,
}

impl Link {
    /// Connects and upgrades.
    ///
    /// # Errors
    /// Nobody listens there, or it refuses, or it takes longer than SDKs wait.
    pub async fn open(address: SocketAddr) -> Result<Self> {
        timeout(ANSWER_WITHIN, Self::upgrade(address)).await.context("no upgrade in time")?
    }

    async fn upgrade(address: SocketAddr) -> Result<Self> {
        Self::upgraded(TcpStream::connect(address).await?, address).await
    }

    /// Upgrades a connection that is there; how long it may take is the caller's to say.
    ///
    /// # Errors
    /// The server refuses it; its status line is in the message.
    pub async fn upgraded(mut socket: TcpStream, address: SocketAddr) -> Result<Self> {
        socket.set_nodelay(true)?;
        let (request, accept) = ws::request_upgrade(&address.to_string(), wire::PATH);
        socket.write_all(request.as_bytes()).await?;
        let mut unread = Vec::with_capacity(512);
        loop {
            ensure!(socket.read_buf(&mut unread).await? > 0, "closed during the upgrade");
            if let Some(head) = ws::read_accepted(&unread, &accept)? {
                unread.drain(..head);
                let commands = Vec::new();
                return Ok(Self { socket, unread, commands, next_id: 0 });
            }
        }
    }

    /// Queues the command that `put` writes for the next frame; returns its id.
    pub fn queue(&mut self, put: impl FnOnce(&mut Vec<u8>, u64)) -> u64 {
        self.next_id += 1;
        if !self.commands.is_empty() {
            self.commands.push(b'\n');
        }
        put(&mut self.commands, self.next_id);
        self.next_id
    }

    /// Sends what is queued as one frame.
    ///
    /// # Errors
    /// The connection is gone.
    pub async fn flush(&mut self) -> Result<()> {
        if !self.commands.is_empty() {
            let payload = std::mem::take(&mut self.commands);
            self.send(opcode::TEXT, &payload).await?;
        }
        Ok(())
    }

    /// Answers a ping of the protocol.
    ///
    /// # Errors
    /// The connection is gone.
    pub async fn pong(&mut self) -> Result<()> {
        self.send(opcode::TEXT, b"{}").await
    }

    async fn send(&mut self, opcode: u8, payload: &[u8]) -> Result<()> {
        let mut frame = Vec::with_capacity(payload.len() + 14);
        ws::put_client_frame(&mut frame, opcode, payload, fastrand::u32(..).to_le_bytes());
        Ok(self.socket.write_all(&frame).await?)
    }

    /// The payload of the next text frame; it may be cancelled without losing anything.
    ///
    /// # Errors
    /// The connection ended, with the close code in the message if there was one.
    pub async fn next_text(&mut self) -> Result<Vec<u8>> {
        loop {
            while let Some(frame) = Frame::at_start_of(&self.unread) {
                let payload = self.unread[frame.head..frame.total()].to_vec();
                self.unread.drain(..frame.total());
                match frame.opcode {
                    opcode::TEXT => return Ok(payload),
                    opcode::PING => self.send(opcode::PONG, &payload).await?,
                    opcode::CLOSE => {
                        let (code, message) = ws::close_reason(&payload);
                        let code = u32::from(code);
                        ensure!(is_final(code), "closed by the server: {code} {message}");
                        bail!(Refused { code, message });
                    }
                    _ => {}
                }
            }
            ensure!(self.socket.read_buf(&mut self.unread).await? > 0, "connection lost");
        }
    }

    /// Connects and subscribes to `rooms` in one frame; returns where each of them stands.
    ///
    /// # Errors
    /// A refusal, an event before load began, or no answer in time.
    pub async fn join(&mut self, token: Option<&str>, rooms: &[&str]) -> Result<Vec<Joined>> {
        let connect = self.queue(|out, id| wire::put_connect(out, id, token));
        for room in rooms {
            self.queue(|out, id| wire::put_subscribe(out, id, room, None));
        }
        self.flush().await?;
        let joined = self.joined(connect, rooms.len());
        timeout(ANSWER_WITHIN, joined).await.context("no answer to connect in time")?
    }

    async fn joined(&mut self, connect: u64, rooms: usize) -> Result<Vec<Joined>> {
        let mut joined = vec![None; rooms];
        let mut connected = false;
        while !connected || joined.iter().any(Option::is_none) {
            let payload = self.next_text().await?;
            for line in payload.split(|byte| *byte == b'\n') {
                let line = wire::read_line(line)?;
                if let Some(error) = line.error {
                    let (code, message) = (error.code, error.message.into_owned());
                    ensure!(!error.temporary, "not now: {code} {message}");
                    bail!(Refused { code, message });
                }
                if let Some(publication) = line.push.and_then(|push| push.publication) {
                    ensure!(publication.offset.is_none(), "an event before any was sent");
                }
                let Some(id) = line.id else { continue };
                connected |= id == connect;
                if let Some(reply) = line.subscribe {
                    let at = usize::try_from(id - connect - 1)?;
                    let place = joined.get_mut(at).ok_or_else(|| anyhow!("unknown id {id}"))?;
                    let epoch = reply.epoch.into_owned();
                    *place = Some(Joined { epoch, offset: reply.offset });
                }
            }
        }
        Ok(joined.into_iter().flatten().collect())
    }

    /// The socket, and what was read from it already.
    pub fn into_socket(self) -> (TcpStream, Vec<u8>) {
        (self.socket, self.unread)
    }

    /// The socket, out of tokio's hands, what was read from it already, and the last command id.
    ///
    /// # Errors
    /// The socket can't be taken back from the runtime.
    pub fn into_parts(self) -> Result<(std::net::TcpStream, Vec<u8>, u64)> {
        Ok((self.socket.into_std()?, self.unread, self.next_id))
    }
}
