//! The server: one port for the page, REST and sessions.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_codec::Framed;
use actix_http::{HttpService, Protocol, Request, h1};
use actix_server::Server;
use actix_service::{ServiceFactoryExt, fn_service, map_config};
use actix_web::dev::AppConfig;
use actix_web::rt::net::TcpStream;
use actix_web::{App, web};

use super::shared_stream::SharedStream;
use super::{Mount, Mounted, configure, static_files, upgrade, ws};
use crate::config::Shell;

/// How long a client may take to send the head of a request.
const HEAD_WITHIN: Duration = Duration::from_secs(5);
const GONE_WITHIN: Duration = Duration::from_secs(1);

/// Serves `listener` on `workers` threads until its handle is stopped. Signals are the caller's business.
///
/// # Errors
/// If the listener can't be taken over.
pub fn serve(
    listener: TcpListener,
    workers: usize,
    shell: Shell,
    mount: Arc<Mount>,
) -> std::io::Result<Server> {
    let builder = Server::build().workers(workers).disable_signals().shutdown_timeout(1);
    /// The HTTP side, the same for both shells.
    macro_rules! http {
        ($mount:expr) => {{
            let mounted = Mounted::from($mount.clone());
            map_config(
                App::new()
                    .configure(move |config| configure(config, mounted.clone()))
                    .default_service(web::get().to(static_files::serve)),
                |_| AppConfig::default(),
            )
        }};
    }
    /// What both have in common; a macro, because the two have different types.
    macro_rules! service {
        () => {
            HttpService::build()
                .client_request_timeout(HEAD_WITHIN)
                .client_disconnect_timeout(GONE_WITHIN)
        };
    }
    let builder = match shell {
        Shell::Lean => builder.listen("chat", listener, move || {
            let (node, gate) = (mount.node.clone(), mount.gate.clone());
            let start = move |(req, framed): (Request, Framed<TcpStream, h1::Codec>)| {
                upgrade::upgrade(node.clone(), gate.clone(), req, framed)
            };
            service!().tcp_nodelay(true).upgrade(fn_service(start)).finish(http!(mount)).tcp()
        })?,
        Shell::Actors => builder.listen("chat", listener, move || {
            let share = |stream: TcpStream| async {
                let _ = stream.set_nodelay(true); // slower without it, and no worse
                let peer = stream.peer_addr().ok();
                Ok((SharedStream::new(stream), Protocol::Http1, peer))
            };
            let http = service!().on_connect_ext(ws::keep_socket).finish(http!(mount));
            fn_service(share).and_then(http)
        })?,
    };
    Ok(builder.run())
}
