//! HTTP: REST, as `routes.rs` lists it, and the two session shells.
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
pub mod openapi;
pub mod operation;
pub mod publish;
pub mod revocations;
pub mod rooms;
pub mod routes;
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
use operation::Operation;

pub use ws::on_connect;

/// Bytes of a request body at most.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// Where REST is.
const API: &str = "/api";

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
        .app_data(web::QueryConfig::default().error_handler(ApiError::input));
    let mut api = web::scope(API).wrap(DefaultHeaders::new().add(("Cache-Control", "no-store")));
    for Operation { path, route, .. } in routes::table() {
        match path.strip_prefix(API) {
            Some(below) => api = api.route(below, route),
            None => drop(config.route(path, route)),
        }
    }
    config.service(api.default_service(web::to(error::not_found)));
}
