//! `/api/rooms/{room}/members`: who is in, who comes, who goes.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use chat_protocol::client::Paging;
use chat_protocol::event::Removal;
use chat_protocol::{ErrorCode, RoomId, UserId};
use schemars::JsonSchema;
use serde::Deserialize;

use super::Mounted;
use super::auth::Identity;
use super::error::ApiError;
use super::rooms::{ask, change};
use crate::domain::question::Question;
use crate::domain::record::Change;
use crate::domain::rpc::{person, read_object};

/// `GET /api/rooms/{room}/members`
pub async fn list(
    mounted: Mounted,
    who: Identity,
    room: web::Path<RoomId>,
    paging: web::Query<Paging>,
) -> Result<HttpResponse, ApiError> {
    ask(&mounted, &who, Question::Members(room.into_inner(), paging.into_inner())).await
}

/// Whom to add; nobody named means oneself.
#[derive(Default, Deserialize, JsonSchema)]
pub struct Add {
    user: Option<UserId>,
}

/// `POST /api/rooms/{room}/members`; an empty body joins.
pub async fn add(
    mounted: Mounted,
    who: Identity,
    room: web::Path<RoomId>,
    body: Result<web::Bytes, actix_web::Error>,
) -> Result<HttpResponse, ApiError> {
    let body = body.map_err(|_| ErrorCode::BadRequest)?; // too large, or cut short
    let named = if body.is_empty() { None } else { read_object::<Add>(&body)?.user };
    let member = named.unwrap_or_else(|| who.0.id.clone());
    let it = Change::AddMember { room: room.into_inner(), by: person(&who.0), member };
    change(&mounted, StatusCode::OK, it).await
}

/// `DELETE /api/rooms/{room}/members/{user}`; `me` leaves.
pub async fn remove(
    mounted: Mounted,
    who: Identity,
    path: web::Path<(RoomId, String)>,
) -> Result<HttpResponse, ApiError> {
    let (room, user) = path.into_inner();
    let me = &who.0.id;
    let member = if user == "me" { me.clone() } else { UserId::parse(&user)? };
    let reason = if &member == me { Removal::Left } else { Removal::Removed };
    let it = Change::RemoveMember { room, by: person(&who.0), member, reason };
    change(&mounted, StatusCode::OK, it).await
}
