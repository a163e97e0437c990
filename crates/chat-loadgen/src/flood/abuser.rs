//! Ten abusers in a thread of their own, each from an address of its own: limits count by address.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

use super::got::Got;
use super::kinds::Kind;
use crate::link::Link;
use crate::ws::{self, opcode};

/// Longest wait for an upgrade.
const UPGRADE_WITHIN: Duration = Duration::from_secs(2);
/// After a refused connection, so that the generator doesn't spend its core on connecting alone.
const REFUSED_WAITS: Duration = Duration::from_millis(1);
/// Commands in one frame.
const COMMANDS_PER_FRAME: u64 = 32;
/// The server's own bound, in bytes.
const FRAME_BYTES_MAX: usize = 65_536;
/// One in so many of the largest frames is a byte too large.
const TOO_LARGE_ONE_IN: u64 = 50;
/// Connections that one abuser holds open; the oldest makes room.
const HELD_MAX: usize = 200;
/// What the kernel keeps for who doesn't read: little, so that the server soon has to.
const RECEIVE_BUFFER_BYTES: u32 = 4096;
/// How much less of their shared core abusers get than the users whose time is measured.
const NICE: i32 = 10;

/// Who they are, and what they know.
pub(super) struct Abusers {
    pub(super) server: SocketAddr,
    pub(super) tokens: Vec<String>,
    pub(super) room: String,
}

impl Abusers {
    /// All of them at once, as one kind, until the time is over; all their connections end with it.
    pub(super) fn storm(
        &self,
        kind: Kind,
        lasting: Duration,
        got: &Arc<Got>,
    ) -> JoinHandle<Result<()>> {
        let abuser = |n: usize, token: &String| Abuser {
            server: self.server,
            from: Ipv4Addr::new(127, 0, 1, u8::try_from(n + 1).unwrap_or(u8::MAX)),
            token: token.clone(),
            room: self.room.clone(),
            got: Arc::clone(got),
        };
        let abusers: Vec<_> =
            self.tokens.iter().enumerate().map(|(n, token)| abuser(n, token)).collect();
        std::thread::spawn(move || {
            rustix::process::nice(NICE)?;
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let mut tasks = JoinSet::new();
                for abuser in abusers {
                    tasks.spawn(async move { abuser.abuse(kind).await });
                }
                tokio::time::sleep(lasting).await;
            });
            Ok(())
        })
    }
}

struct Abuser {
    server: SocketAddr,
    from: Ipv4Addr,
    token: String,
    room: String,
    got: Arc<Got>,
}

impl Abuser {
    async fn abuse(self, kind: Kind) {
        let mut held = VecDeque::new();
        for turn in 0_u64.. {
            let Some(socket) = self.connect(kind).await else { continue };
            if kind == Kind::Silent && turn % 2 == 1 {
                self.got.count("connected, not a byte");
                held.push_back(socket);
            } else if let Some(link) = self.upgrade(socket).await {
                let (socket, unread) = link.into_socket();
                if kind == Kind::Silent {
                    held.push_back(socket);
                } else {
                    self.converse(kind, socket, unread).await;
                }
            }
            if held.len() > HELD_MAX {
                held.pop_front();
            }
        }
    }

    async fn connect(&self, kind: Kind) -> Option<TcpStream> {
        let connected = async {
            let socket = TcpSocket::new_v4()?;
            socket.bind((self.from, 0).into())?;
            if kind == Kind::NeverReading {
                socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES)?;
            }
            socket.connect(self.server).await
        };
        match connected.await {
            Ok(socket) => Some(socket),
            Err(error) => {
                self.got.count(format!("not connected: {:?}", error.kind()));
                tokio::time::sleep(REFUSED_WAITS).await;
                None
            }
        }
    }

    async fn upgrade(&self, socket: TcpStream) -> Option<Link> {
        let upgraded = Link::upgraded(socket, self.server);
        match tokio::time::timeout(UPGRADE_WITHIN, upgraded).await {
            Ok(Ok(link)) => {
                self.got.count("upgraded");
                Some(link)
            }
            Ok(Err(error)) => {
                self.got.count(error.to_string());
                tokio::time::sleep(REFUSED_WAITS).await;
                None
            }
            Err(_) => {
                self.got.count("no upgrade in time");
                None
            }
        }
    }

    /// Talks as its kind does until the server, or the time, ends it.
    async fn converse(&self, kind: Kind, socket: TcpStream, mut unread: Vec<u8>) {
        let (mut reading, mut writing) = socket.into_split();
        let write = async {
            writing.write_all(&framed(&self.hello())).await?;
            for turn in 1_u64.. {
                writing.write_all(&framed(&self.payload(kind, turn))).await?;
            }
            std::io::Result::Ok(())
        };
        let read = async {
            while reading.read_buf(&mut unread).await? > 0 {
                if self.got.take(&mut unread) {
                    return Ok(true);
                }
            }
            std::io::Result::Ok(false)
        };
        if kind == Kind::NeverReading {
            if write.await.is_err() {
                self.got.count("cut off");
            }
            return;
        }
        // A failed write isn't the end: the close that explains it is still to be read.
        let write = async {
            drop(write.await);
            std::future::pending::<()>().await;
        };
        tokio::select! {
            closed = read => if !closed.unwrap_or(false) { self.got.count("cut off"); },
            () = write => {}
        }
    }

    fn hello(&self) -> String {
        let Self { token, room, .. } = self;
        format!(
            r#"{{"id":1,"connect":{{"token":"{token}"}}}}
{{"id":2,"subscribe":{{"channel":"room:{room}"}}}}"#
        )
    }

    fn payload(&self, kind: Kind, turn: u64) -> String {
        let room = &self.room;
        let first = turn * COMMANDS_PER_FRAME;
        let many = |command: &dyn Fn(u64) -> String| {
            let commands: Vec<_> = (first..first + COMMANDS_PER_FRAME).map(command).collect();
            commands.join("\n")
        };
        let send = |id: u64, text: &str| {
            let key = fastrand::u64(..);
            format!(
                r#"{{"id":{id},"rpc":{{"method":"message.send","data":{{"room":"{room}","client_id":"{key:x}","text":"{text}"}}}}}}"#
            )
        };
        match kind {
            Kind::Commands => many(&|id| send(id, "spam")),
            Kind::LargestFrames => {
                let room_left = FRAME_BYTES_MAX - send(first, "").len() - 32;
                let mut frame = send(first, &"x".repeat(room_left));
                let too_large = usize::from(turn.is_multiple_of(TOO_LARGE_ONE_IN));
                frame.extend(std::iter::repeat_n(' ', FRAME_BYTES_MAX + too_large - frame.len()));
                frame
            }
            Kind::Malformed | Kind::Silent => "[".repeat(1000),
            Kind::NeverReading => many(&|id| {
                format!(
                    r#"{{"id":{id},"rpc":{{"method":"history.page","data":{{"room":"{room}","limit":200}}}}}}"#
                )
            }),
        }
    }
}

fn framed(payload: &str) -> Vec<u8> {
    let mut frame = Vec::with_capacity(payload.len() + 14);
    let mask = fastrand::u32(..).to_le_bytes();
    ws::put_client_frame(&mut frame, opcode::TEXT, payload.as_bytes(), mask);
    frame
}
