//! `/api/guests`, `/api/tokens`, `/api/me`: people who come without an account.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use chat_protocol::client::Named;
use chat_protocol::object::User;
use chat_protocol::text::parse_name;
use chat_protocol::{ErrorCode, UserId};
use schemars::JsonSchema;
use serde::Serialize;

use super::Mounted;
use super::auth::Identity;
use super::body::Object;
use super::error::{ApiError, json};
use crate::actors::node::Node;
use crate::domain::record::Change;
use crate::domain::rpc::fresh_id;
use crate::store::Changed;

/// A token, and whose it is.
#[derive(Serialize, JsonSchema)]
pub struct Ticket<'a> {
    token: &'a str,
    /// When it ends, ms since the Unix epoch.
    expires_at: u64,
    user: &'a User,
}

fn ticket(node: &Node, status: StatusCode, user: &User) -> Result<HttpResponse, ApiError> {
    let guests = node.tokens.guests().ok_or(ErrorCode::NotAvailable)?;
    let issued = guests.issue(&user.id, node.clock.now_ms());
    let (token, expires_at) = issued.map_err(|err| {
        tracing::error!(%err, "token could not be signed");
        ErrorCode::Internal
    })?;
    Ok(json(status, chat_protocol::json::encode(&Ticket { token: &token, expires_at, user })))
}

/// `POST /api/guests`
pub async fn create(
    mounted: Mounted,
    req: HttpRequest,
    body: web::Json<Object<Named>>,
) -> Result<HttpResponse, ApiError> {
    let node = &mounted.node;
    if node.tokens.guests().is_none() {
        return Err(ErrorCode::NotAvailable.into());
    }
    let name = parse_name(&body.0.0.name)?;
    if !mounted.gate.guests.pass(req.peer_addr().map(|peer| peer.ip())) {
        return Err(ErrorCode::TooManyRequests.into());
    }
    let user = User { id: UserId::parse(&fresh_id())?, name, guest: true };
    node.store.change(Change::CreateUser(user.clone())).await?;
    ticket(node, StatusCode::CREATED, &user)
}

/// `POST /api/tokens/refresh`
pub async fn refresh(mounted: Mounted, who: Identity) -> Result<HttpResponse, ApiError> {
    if !who.0.guest {
        return Err(ErrorCode::PermissionDenied.into()); // their next token comes from where they got this one
    }
    ticket(&mounted.node, StatusCode::OK, &who.0)
}

/// `GET /api/me`
pub async fn me(who: Identity) -> HttpResponse {
    json(StatusCode::OK, chat_protocol::json::encode(&who.0))
}

/// `PATCH /api/me`
pub async fn rename(
    mounted: Mounted,
    who: Identity,
    body: web::Json<Object<Named>>,
) -> Result<HttpResponse, ApiError> {
    let change = Change::RenameUser { user: who.0.id, name: parse_name(&body.0.0.name)? };
    match mounted.node.store.change(change).await? {
        Changed::User(user) => Ok(json(StatusCode::OK, chat_protocol::json::encode(&user))),
        Changed::Room(_) | Changed::Gone => Err(ErrorCode::Internal.into()),
    }
}
