//! HTTP: the whole route table, and the two session shells.
//!
//! `docs/PROTOCOL.md` describes what is here; errors are always `application/problem+json`.

pub mod auth;
pub mod body;
pub mod error;
#[cfg(feature = "faults")]
pub mod faults;
pub mod frames;
pub mod gate;
pub mod guests;
pub mod handshake;
pub mod health;
pub mod members;
pub mod messages;
pub mod revocations;
pub mod rooms;
pub mod server;
pub mod shared_stream;
pub mod static_files;
pub mod upgrade;
pub mod ws;

use std::sync::Arc;

use actix_web::middleware::DefaultHeaders;
use actix_web::web::{self, ServiceConfig};

use crate::actors::node::Node;
use crate::tokens::ApiKey;
use error::ApiError;
use gate::Gate;

pub use ws::on_connect;

/// Bytes of a request body at most.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// What handlers reach.
pub struct Mount {
    pub node: Arc<Node>,
    pub gate: Arc<Gate>,
    /// Of the operator's servers; `None`: they may ask nothing.
    pub api_key: Option<ApiKey>,
}

/// The same, as an extractor.
pub type Mounted = web::Data<Mount>;

/// Mounts the chat into an actix-web application: REST, sessions (the actix-web-actors shell), health. The server that
/// it runs in must be given [`on_connect`].
pub fn configure(config: &mut ServiceConfig, mount: Mounted) {
    #[cfg(feature = "faults")]
    config.route("/faults/{point}", web::post().to(faults::arm));
    config
        .app_data(mount)
        .app_data(web::JsonConfig::default().limit(BODY_BYTES_MAX).error_handler(ApiError::input))
        .app_data(web::PayloadConfig::new(BODY_BYTES_MAX))
        .app_data(web::PathConfig::default().error_handler(ApiError::input))
        .app_data(web::QueryConfig::default().error_handler(ApiError::input))
        .route(upgrade::PATH, web::get().to(ws::connect))
        .route("/health/live", web::get().to(health::live))
        .route("/health/ready", web::get().to(health::ready))
        .route("/metrics", web::get().to(health::metrics))
        .service(
            web::scope("/api")
                .wrap(DefaultHeaders::new().add(("Cache-Control", "no-store")))
                .route("/guests", web::post().to(guests::create))
                .route("/tokens/refresh", web::post().to(guests::refresh))
                .route("/tokens/revoke", web::post().to(revocations::revoke_own))
                .route("/disconnect", web::post().to(revocations::disconnect))
                .route("/revoke", web::post().to(revocations::revoke))
                .route("/me", web::get().to(guests::me))
                .route("/me", web::patch().to(guests::rename))
                .route("/rooms", web::get().to(rooms::list))
                .route("/rooms", web::post().to(rooms::create))
                .route("/rooms/{room}", web::get().to(rooms::get))
                .route("/rooms/{room}", web::patch().to(rooms::update))
                .route("/rooms/{room}/members", web::get().to(members::list))
                .route("/rooms/{room}/members", web::post().to(members::add))
                .route("/rooms/{room}/members/{user}", web::delete().to(members::remove))
                .route("/rooms/{room}/messages", web::get().to(messages::page))
                .route("/rooms/{room}/messages", web::post().to(messages::send))
                .default_service(web::to(error::not_found)),
        );
}
