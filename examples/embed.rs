//! The chat inside an actix-web application of one's own: its API and sessions beside your pages, on your port.
//!
//! `cargo run --example embed`, then open the address that it prints.

use std::process::ExitCode;

use actix_web::{App, HttpServer, rt, web};
use chat_server::app::App as Chat;
use chat_server::config::{Config, Overrides};
use chat_server::http::{self, Mounted};
use chat_server::lifecycle;

async fn home() -> &'static str {
    "This page is the application's own. The chat's API is below /api, its sessions at /connection/websocket.\n"
}

#[actix_web::main]
async fn main() -> anyhow::Result<ExitCode> {
    let config = Config::load(None, std::env::vars(), &Overrides::default())?;
    let chat = Chat::without_server(&config).await?;
    let mount = Mounted::from(chat.mount.clone());
    let server = HttpServer::new(move || {
        App::new()
            .configure(|config| http::configure(config, mount.clone()))
            .route("/", web::get().to(home))
    })
    .on_connect(http::on_connect) // by this a client that stops reading can be cut off
    .disable_signals() // the chat sends its sessions away first: a server that stops would wait for them
    .bind((config.http.host.as_str(), config.http.port))?;
    for address in server.addrs() {
        println!("open  http://{address}");
    }
    let server = server.run();
    let handle = server.handle();
    rt::spawn(server);
    let end = lifecycle::run(chat).await?; // until Ctrl-C or SIGTERM, and everyone is gone
    handle.stop(true).await;
    Ok(end.exit_code().into())
}
