//! `/api/disconnect`, `/api/revoke`, `/api/tokens/revoke`: sessions and tokens that end, on every node.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use chat_protocol::{ErrorCode, UserId};
use schemars::JsonSchema;
use serde::Deserialize;

use super::Mounted;
use super::auth::{Identity, ServerKey};
use super::body::Object;
use super::error::{ApiError, json};
use crate::domain::record::Change;
use crate::domain::revocation::{Revocation, Revoked};

/// Bytes of a token's id at most.
const TOKEN_ID_BYTES_MAX: usize = 255;

/// Whose sessions.
#[derive(Deserialize, JsonSchema)]
pub struct Disconnect {
    user: UserId,
}

/// Whose tokens: all of them, or one.
#[derive(Deserialize, JsonSchema)]
pub struct Revoke {
    user: UserId,
    token_id: Option<String>,
}

/// Answered when it is written down; every node obeys within a second.
async fn order(mounted: &Mounted, user: UserId, what: Revoked) -> Result<HttpResponse, ApiError> {
    let node = &mounted.node;
    let revocation = Revocation { user, what, at: node.clock.now_ms() };
    node.store.change(Change::Revoke(revocation)).await?;
    Ok(json(StatusCode::OK, br#"{"result":{}}"#.to_vec()))
}

/// `POST /api/disconnect`
pub async fn disconnect(
    mounted: Mounted,
    _key: ServerKey,
    body: web::Json<Object<Disconnect>>,
) -> Result<HttpResponse, ApiError> {
    order(&mounted, body.into_inner().0.user, Revoked::Sessions).await
}

/// `POST /api/revoke`
pub async fn revoke(
    mounted: Mounted,
    _key: ServerKey,
    body: web::Json<Object<Revoke>>,
) -> Result<HttpResponse, ApiError> {
    let Revoke { user, token_id } = body.into_inner().0;
    if token_id.as_ref().is_some_and(|id| id.len() > TOKEN_ID_BYTES_MAX || id.contains('\0')) {
        return Err(ErrorCode::BadRequest.into());
    }
    order(&mounted, user, token_id.map_or(Revoked::Tokens, Revoked::Token)).await
}

/// `POST /api/tokens/revoke`: one's own, this one too.
pub async fn revoke_own(mounted: Mounted, who: Identity) -> Result<HttpResponse, ApiError> {
    order(&mounted, who.0.id, Revoked::Tokens).await
}
