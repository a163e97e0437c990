//! The actix-web-actors shell: the same session, for whoever mounts the chat into an actix-web application of their own.
//!
//! The only file that names that crate. Its actor is polled as a response body: once some 32 KiB wait for a slow reader,
//! mailbox and timers stand still. So it is watched from outside, and its socket is kept at hand, to cut it.

use std::any::Any;
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use actix::fut::ActorFuture;
use actix::{Actor, ActorContext, AsyncContext, StreamHandler};
use actix_http::header::SEC_WEBSOCKET_PROTOCOL;
use actix_http::ws::{CloseReason, verify_handshake};
use actix_web::dev::Extensions;
use actix_web::rt::net::TcpStream;
use actix_web::{HttpRequest, HttpResponse, web};
use actix_web_actors::ws::{self, WebsocketContext};
use bytes::BytesMut;
use chat_protocol::{ErrorCode, Format};
use futures_util::{Stream, stream};
use socket2::SockRef;

use super::Mounted;
use super::error::ApiError;
use super::frames::{Reader, Received, append_payload};
use super::handshake::{Agreed, agree};
use super::shared_stream::SharedStream;
use crate::actors::node::Node;
use crate::actors::session::Driver;
use crate::actors::sessions::Kill;

/// A connection's socket, to end it from outside.
#[derive(Clone)]
struct Socket(Rc<dyn AsFd>);

/// For `HttpServer::on_connect`: without it, a client that stops reading could hold its session for ever.
///
/// The stream is only lent here, and what a connection will be is not known yet: so each costs a second descriptor, for
/// as long as it lasts. Taking the descriptor's number down and duplicating it later would be cheaper, and unsound: by
/// then the number could be another connection's. The chat's own server shares its streams instead.
pub fn on_connect(connection: &dyn Any, data: &mut Extensions) {
    if let Some(stream) = connection.downcast_ref::<TcpStream>()
        && let Ok(duplicate) = SockRef::from(stream).try_clone()
    {
        data.insert(Socket(Rc::new(duplicate)));
    }
}

/// The same where the stream is shared.
pub fn keep_socket(stream: &SharedStream, data: &mut Extensions) {
    data.insert(Socket(stream.socket().clone()));
}

/// `GET /connection/websocket`
pub async fn connect(
    mounted: Mounted,
    req: HttpRequest,
    stream: web::Payload,
) -> Result<HttpResponse, actix_web::Error> {
    verify_handshake(req.head())?; // who wants no WebSocket is told so before anything else
    let (node, gate) = (&mounted.node, &mounted.gate);
    if !node.is_ready() {
        return Err(ApiError(ErrorCode::Unavailable).into());
    }
    if !gate.connects.pass(req.peer_addr().map(|peer| peer.ip())) {
        return Err(ApiError(ErrorCode::TooManyRequests).into());
    }
    let Some(Socket(socket)) = req.conn_data::<Socket>().cloned() else {
        tracing::error!(
            "give HttpServer::on_connect the chat's on_connect, or slow readers can't be ended"
        );
        return Err(ApiError(ErrorCode::Internal).into());
    };
    let kill: Kill = Box::new(move || {
        let _ = SockRef::from(&socket).shutdown(Shutdown::Both); // it may be gone already
    });
    let Agreed { format, subprotocol } = agree(req.head());
    let reader = Reader::new(format, node.frame_bytes_max);
    let frames = Frames { payload: stream, inb: BytesMut::new(), reader };
    let beginning = Box::new(Beginning { node: Arc::clone(node), format, kill, frames });
    let session = WsSession { beginning: Some(beginning), driver: None };
    let mut response = ws::WsResponseBuilder::new(session, &req, stream::pending()).start()?;
    if let Some(subprotocol) = subprotocol {
        response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, subprotocol);
    }
    Ok(response)
}

/// What the client sends.
struct Frames {
    payload: web::Payload,
    inb: BytesMut,
    reader: Reader,
}

impl Stream for Frames {
    type Item = Received;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Received>> {
        let this = &mut *self;
        loop {
            if let Some(received) = this.reader.next(&mut this.inb) {
                return Poll::Ready(Some(received));
            }
            match ready!(Pin::new(&mut this.payload).poll_next(cx)) {
                Some(Ok(chunk)) => this.inb.extend_from_slice(&chunk),
                Some(Err(_)) | None => return Poll::Ready(None), // the client is gone
            }
        }
    }
}

/// What a session is made from when its actor starts.
struct Beginning {
    node: Arc<Node>,
    format: Format,
    kill: Kill,
    frames: Frames,
}

/// See the module.
struct WsSession {
    /// Boxed: it is wanted once.
    beginning: Option<Box<Beginning>>,
    driver: Option<Driver>,
}

/// Polled whenever the actor is: it takes in what the session was told, all in one turn.
struct Listen;

impl ActorFuture<WsSession> for Listen {
    type Output = ();

    fn poll(
        self: Pin<&mut Self>,
        session: &mut WsSession,
        ctx: &mut WebsocketContext<WsSession>,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        session.drive(ctx, |driver| driver.attend(cx.waker()));
        Poll::Pending
    }
}

impl Actor for WsSession {
    type Context = WebsocketContext<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        if let Some(it) = self.beginning.take() {
            self.driver = Driver::new(it.node, it.format, Some(it.kill));
            ctx.add_stream(it.frames);
        }
        if self.driver.is_some() {
            ctx.spawn(Listen);
        } else {
            ctx.stop();
        }
    }
}

impl WsSession {
    /// Lets something happen to the session, and passes on what follows from it.
    fn drive(&mut self, ctx: &mut WebsocketContext<Self>, act: impl FnOnce(&mut Driver)) {
        let Some(driver) = &mut self.driver else { return };
        act(driver);
        while !driver.outbound().is_empty() {
            driver.outbound().drain(|payload| {
                let mut frame = BytesMut::with_capacity(payload.length);
                append_payload(&mut frame, payload);
                if payload.format.is_binary() {
                    ctx.binary(frame);
                } else if let Ok(text) = frame.freeze().try_into() {
                    ctx.write_raw(ws::Message::Text(text)); // JSON that this server wrote is UTF-8
                }
            });
            // The context has it: all that can be known here. When the socket is full, this actor isn't polled.
            driver.drained();
        }
        if let Some(code) = driver.closing() {
            self.driver = None; // whatever else comes in this turn is too late
            ctx.close(Some(CloseReason::from((code.code().into(), code.reason()))));
            ctx.stop();
        }
    }
}

impl StreamHandler<Received> for WsSession {
    fn handle(&mut self, it: Received, ctx: &mut Self::Context) {
        match it {
            Received::Frame(frame) => self.drive(ctx, |driver| driver.on_frame(&frame)),
            Received::Ping(data) => ctx.pong(&data),
            Received::Close(code) => self.drive(ctx, |driver| driver.close(code)),
            Received::Nonsense => ctx.stop(),
        }
    }

    fn finished(&mut self, ctx: &mut Self::Context) {
        ctx.stop();
    }
}

/// That crate wants it, and hands nothing over: its own stream has no end and no items.
impl StreamHandler<Result<ws::Message, ws::ProtocolError>> for WsSession {
    fn handle(&mut self, _: Result<ws::Message, ws::ProtocolError>, _: &mut Self::Context) {}
}
