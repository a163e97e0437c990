//! The lean shell: a session is one actor that polls its own upgraded socket.
//!
//! actix-http hands over every WebSocket upgrade with its socket; the connection's own task ends, with its buffers. What
//! stays is this actor: one task, no buffer while idle, no second queue. Everything that it was told in one turn leaves
//! in one write. A stalled reader blocks nothing: its bytes wait here, counted by [`Flow`](crate::actors::flow).

use std::cell::Cell;
use std::io;
use std::mem::{self, MaybeUninit};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Cx, Poll};
use std::time::Duration;

use actix::fut::ActorFuture;
use actix::{Actor, ActorContext, AsyncContext, Context};
use actix_codec::{AsyncRead, AsyncWrite, Framed, ReadBuf};
use actix_http::body::BodySize;
use actix_http::header::SEC_WEBSOCKET_PROTOCOL;
use actix_http::ws;
use actix_http::{Request, Response, StatusCode, h1};
use bytes::{Buf, Bytes, BytesMut};
use chat_protocol::{CloseCode, Format};
use futures_util::SinkExt;

use super::frames::{Reader, Received, append_control, append_frame};
use super::gate::Gate;
use super::handshake::agree;
use crate::actors::node::Node;
use crate::actors::session::Driver;

/// Where clients connect.
pub const PATH: &str = "/connection/websocket";
/// Read passes in one turn before others come first.
const PASSES: usize = 16;
/// Pongs are queued as long as fewer bytes than this wait to be written.
const PONG_BELOW_BYTES: usize = 16 * 1024;
/// How long a closing connection waits for the client to close its side.
const LINGER: Duration = Duration::from_secs(2);

thread_local! {
    /// The write buffer of this thread: it is with a session only while that has something to write.
    static SPARE: Cell<BytesMut> = Cell::default();
}

/// A socket that can be a session's.
pub trait Io: AsyncRead + AsyncWrite + Unpin + 'static {}
impl<T: AsyncRead + AsyncWrite + Unpin + 'static> Io for T {}

/// Answers an upgrade and starts the session. Never fails: a client that is gone has nothing to be told.
pub async fn upgrade<T: Io>(
    node: Arc<Node>,
    gate: Arc<Gate>,
    req: Request,
    mut framed: Framed<T, h1::Codec>,
) -> Result<(), actix_http::Error> {
    let allowed = node.is_ready();
    let calm = gate.connects.pass(req.peer_addr().map(|peer| peer.ip()));
    let agreed = agree(req.head());
    let response = match (req.path(), ws::handshake(req.head())) {
        (PATH, _) if !allowed => Response::new(StatusCode::SERVICE_UNAVAILABLE).drop_body(),
        (PATH, _) if !calm => Response::new(StatusCode::TOO_MANY_REQUESTS).drop_body(),
        (PATH, Ok(mut accepted)) => {
            if let Some(subprotocol) = agreed.subprotocol {
                accepted.insert_header((SEC_WEBSOCKET_PROTOCOL, subprotocol));
            }
            accepted.finish().drop_body()
        }
        (PATH, Err(refused)) => Response::from(refused).drop_body(),
        _ => Response::not_found().drop_body(),
    };
    let accepted = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    let size = if accepted { BodySize::None } else { BodySize::Sized(0) };
    let sent = framed.send(h1::Message::Item((response, size))).await;
    if accepted && sent.is_ok() {
        let parts = framed.into_parts();
        let inb = BytesMut::from(&parts.read_buf[..]); // bytes that came with the head; the big buffer goes
        start(node, agreed.format, parts.io, inb);
    }
    Ok(())
}

fn start<T: Io>(node: Arc<Node>, format: Format, io: T, inb: BytesMut) {
    let reader = Reader::new(format, node.frame_bytes_max);
    let Some(driver) = Driver::new(node, format, None) else { return };
    let out = BytesMut::new();
    Context::new().run(LeanSession { io, inb, out, reader, pong: None, driver, end: End::Open });
}

#[derive(Debug, PartialEq, Eq)]
enum End {
    Open,
    /// The close frame is queued; then our side is shut, and the client's end is waited for.
    Closing,
    Shut,
}

/// See the module.
pub struct LeanSession<T: Io> {
    io: T,
    inb: BytesMut,
    out: BytesMut,
    reader: Reader,
    /// What the newest ping said, until it is answered: who pings and doesn't read is owed no other (RFC 6455 §5.5.3).
    pong: Option<Bytes>,
    driver: Driver,
    end: End,
}

impl<T: Io> Actor for LeanSession<T> {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.spawn(Pump);
    }
}

/// Polled whenever the actor is: it takes in what the session was told, then what the client sent, then writes all
/// that queued.
struct Pump;

impl<T: Io> ActorFuture<LeanSession<T>> for Pump {
    type Output = ();

    fn poll(
        self: Pin<&mut Self>,
        session: &mut LeanSession<T>,
        ctx: &mut Context<LeanSession<T>>,
        cx: &mut Cx<'_>,
    ) -> Poll<()> {
        match session.turn(ctx, cx) {
            Ok(true) => Poll::Pending,
            Ok(false) | Err(_) => {
                ctx.stop(); // the client is gone, or nothing more can be said to it
                Poll::Ready(())
            }
        }
    }
}

impl<T: Io> LeanSession<T> {
    /// One turn; `false` when the connection is over.
    fn turn(&mut self, ctx: &mut Context<Self>, cx: &mut Cx<'_>) -> io::Result<bool> {
        self.driver.attend(cx.waker());
        let open = self.read(cx)?;
        if let Some(code) = self.driver.closing()
            && self.end == End::Open
        {
            self.end = End::Closing;
            self.queue_frames();
            self.pong = None; // nothing follows a close frame
            self.queue_close(code);
            ctx.run_later(LINGER, |_, ctx| ctx.stop());
        }
        loop {
            self.queue_pong();
            self.queue_frames();
            let drained = self.write(cx)?;
            if !drained {
                // A slow reader that is being ended doesn't get to hold its bytes.
                return Ok(open && self.driver.closing() != Some(CloseCode::Slow));
            }
            self.driver.drained();
            if self.driver.outbound().is_empty() && self.pong.is_none() {
                break;
            }
        }
        if self.end == End::Closing && Pin::new(&mut self.io).poll_shutdown(cx)?.is_ready() {
            self.end = End::Shut;
        }
        Ok(open)
    }

    /// Takes what the client sent; `false` at the end of its stream.
    fn read(&mut self, cx: &mut Cx<'_>) -> io::Result<bool> {
        // On the stack: an idle session owns no read buffer.
        let mut chunk = [const { MaybeUninit::uninit() }; 8 * 1024];
        for _ in 0..PASSES {
            while self.end == End::Open && self.driver.closing().is_none() {
                let Some(received) = self.reader.next(&mut self.inb) else { break };
                if !self.on_received(received) {
                    return Ok(false);
                }
            }
            if self.inb.is_empty() || self.end != End::Open {
                self.inb = BytesMut::new();
            }
            let mut buffer = ReadBuf::uninit(&mut chunk);
            let Poll::Ready(result) = Pin::new(&mut self.io).poll_read(cx, &mut buffer) else {
                return Ok(true);
            };
            result?;
            if buffer.filled().is_empty() {
                return Ok(false);
            }
            self.inb.extend_from_slice(buffer.filled());
        }
        cx.waker().wake_by_ref();
        Ok(true)
    }

    /// Acts on what came; `false`: there is nobody to talk to.
    fn on_received(&mut self, received: Received) -> bool {
        match received {
            Received::Frame(frame) => self.driver.on_frame(&frame),
            Received::Ping(data) => {
                self.pong = Some(data);
                self.queue_pong();
            }
            Received::Close(code) => self.driver.close(code),
            Received::Nonsense => return false,
        }
        true
    }

    fn queue_frames(&mut self) {
        if self.out.is_empty() {
            self.out = SPARE.take();
        }
        let out = &mut self.out;
        self.driver.outbound().drain(|payload| append_frame(out, payload));
    }

    fn queue_pong(&mut self) {
        if self.out.len() < PONG_BELOW_BYTES
            && let Some(data) = self.pong.take()
        {
            self.queue_frames();
            append_control(&mut self.out, ws::Message::Pong(data));
        }
    }

    fn queue_close(&mut self, code: CloseCode) {
        let reason = (ws::CloseCode::from(code.code()), code.reason()).into();
        append_control(&mut self.out, ws::Message::Close(Some(reason)));
    }

    /// Writes what it can; `true` when all is out.
    fn write(&mut self, cx: &mut Cx<'_>) -> io::Result<bool> {
        while !self.out.is_empty() {
            let Poll::Ready(written) = Pin::new(&mut self.io).poll_write(cx, &self.out) else {
                return Ok(false);
            };
            match written? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                n => {
                    self.out.advance(n);
                    self.driver.wrote(n);
                }
            }
        }
        SPARE.set(mem::take(&mut self.out)); // an idle session owns no write buffer either
        let _ = Pin::new(&mut self.io).poll_flush(cx)?; // a TCP socket has nothing to flush; TLS may
        Ok(true)
    }
}
