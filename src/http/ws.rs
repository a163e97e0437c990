//! The actix-web-actors shell: the same session, for whoever mounts the chat into an actix-web application of their own.
//!
//! The only file that names that crate. Its actor is polled as a response body: once some 32 KiB wait for a slow reader,
//! mailbox and timers stand still. So it is watched from outside, and its socket is kept at hand, to cut it.

use std::any::Any;
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::sync::Arc;

use actix::{Actor, ActorContext, AsyncContext, Handler, Message, StreamHandler};
use actix_http::ws::{CloseReason, Codec};
use actix_web::dev::Extensions;
use actix_web::rt::net::TcpStream;
use actix_web::{HttpRequest, HttpResponse, web};
use actix_web_actors::ws::{self, WebsocketContext};
use bytes::BytesMut;
use chat_protocol::{CloseCode, ErrorCode};
use socket2::SockRef;

use super::Mounted;
use super::error::ApiError;
use super::frames::{Assembler, append_joined};
use super::shared_stream::SharedStream;
use crate::actors::session::Driver;
use crate::actors::sessions::Kill;
use crate::actors::workers::ToSession;

/// A connection's socket, to end it from outside.
#[derive(Clone)]
struct Socket(Arc<dyn AsFd + Send + Sync>);

/// For `HttpServer::on_connect`: without it, a client that stops reading could hold its session for ever.
///
/// The stream is only lent here, and what a connection will be is not known yet: so each costs a second descriptor, for
/// as long as it lasts. Taking the descriptor's number down and duplicating it later would be cheaper, and unsound: by
/// then the number could be another connection's. The chat's own server shares its streams instead.
pub fn on_connect(connection: &dyn Any, data: &mut Extensions) {
    if let Some(stream) = connection.downcast_ref::<TcpStream>()
        && let Ok(duplicate) = SockRef::from(stream).try_clone()
    {
        data.insert(Socket(Arc::new(duplicate)));
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
    let frame_bytes_max = node.frame_bytes_max;
    let session = WsSession {
        node: Some((Arc::clone(node), kill)),
        driver: None,
        assembler: Assembler::default(),
        frame_bytes_max,
        flushing: false,
    };
    ws::WsResponseBuilder::new(session, &req, stream)
        .codec(Codec::new().max_size(frame_bytes_max))
        .start()
}

/// See the module.
struct WsSession {
    /// What the session is made from when its actor starts.
    node: Option<(Arc<crate::actors::node::Node>, Kill)>,
    driver: Option<Driver>,
    assembler: Assembler,
    frame_bytes_max: usize,
    /// A flush is on its way: what queues until then leaves with it.
    flushing: bool,
}

/// Everything that queued in this turn leaves now.
#[derive(Message)]
#[rtype(result = "()")]
struct Flush;

impl Actor for WsSession {
    type Context = WebsocketContext<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        if let Some((node, kill)) = self.node.take() {
            self.driver = Driver::new(node, ctx.address().recipient(), Some(kill));
        }
        if self.driver.is_none() {
            ctx.stop();
        }
    }
}

impl WsSession {
    fn drive(&mut self, ctx: &mut WebsocketContext<Self>, act: impl FnOnce(&mut Driver)) {
        let Some(driver) = &mut self.driver else { return };
        act(driver);
        let busy = !driver.outbound().is_empty() || driver.closing().is_some();
        if busy && !self.flushing {
            self.flushing = true;
            ctx.notify(Flush);
        }
    }
}

impl Handler<ToSession> for WsSession {
    type Result = ();

    fn handle(&mut self, message: ToSession, ctx: &mut Self::Context) {
        self.drive(ctx, |driver| driver.on_message(message));
    }
}

impl Handler<Flush> for WsSession {
    type Result = ();

    fn handle(&mut self, _: Flush, ctx: &mut Self::Context) {
        self.flushing = false;
        let Some(driver) = &mut self.driver else { return };
        driver.outbound().drain(|parts, length| {
            let mut text = BytesMut::with_capacity(length);
            append_joined(&mut text, parts);
            // Payloads are JSON that this server wrote, so UTF-8.
            if let Ok(text) = text.freeze().try_into() {
                ctx.write_raw(ws::Message::Text(text));
            }
        });
        if let Some(code) = driver.closing() {
            ctx.close(Some(CloseReason::from((code.code().into(), code.reason()))));
            ctx.stop();
            return;
        }
        // The context has it: all that can be known here. When the socket is full, this actor isn't polled.
        self.drive(ctx, Driver::drained);
    }
}

impl StreamHandler<Result<ws::Message, ws::ProtocolError>> for WsSession {
    fn handle(&mut self, it: Result<ws::Message, ws::ProtocolError>, ctx: &mut Self::Context) {
        let max = self.frame_bytes_max;
        match it {
            Ok(ws::Message::Text(text)) => self.drive(ctx, |driver| driver.on_frame(&text)),
            Ok(ws::Message::Continuation(item)) => match self.assembler.take(item, max) {
                Ok(Some(text)) => self.drive(ctx, |driver| match std::str::from_utf8(&text) {
                    Ok(text) => driver.on_frame(text),
                    Err(_) => driver.close(CloseCode::InvalidUtf8),
                }),
                Ok(None) => {}
                Err(code) => self.drive(ctx, |driver| driver.close(code)),
            },
            Ok(ws::Message::Ping(data)) => ctx.pong(&data),
            Ok(ws::Message::Binary(_)) => {
                self.drive(ctx, |driver| driver.close(CloseCode::BadRequest))
            }
            Ok(ws::Message::Close(_)) => self.drive(ctx, |driver| driver.close(CloseCode::Normal)),
            Ok(ws::Message::Pong(_) | ws::Message::Nop) => {}
            Err(ws::ProtocolError::Overflow) => {
                self.drive(ctx, |driver| driver.close(CloseCode::MessageTooBig));
            }
            Err(_) => ctx.stop(),
        }
    }

    fn finished(&mut self, ctx: &mut Self::Context) {
        ctx.stop();
    }
}
