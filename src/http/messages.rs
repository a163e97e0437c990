//! `/api/rooms/{room}/messages`: history, and sending without a socket.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use chat_protocol::client::{Anchor, HistoryPageRequest};
use chat_protocol::{ClientId, ErrorCode, RoomId};
use schemars::JsonSchema;
use serde::Deserialize;

use super::Mounted;
use super::auth::Identity;
use super::body::Object;
use super::error::{ApiError, json};
use super::rooms::ask;
use crate::actors::reply::ack;
use crate::domain::rpc::{Deed, check_message, check_page};

/// Which page: as `history.page`, with anchors as text.
#[derive(Deserialize, JsonSchema)]
pub struct PageQuery {
    before: Option<String>,
    after: Option<String>,
    around: Option<String>,
    limit: Option<u32>,
    epoch: Option<String>,
}

fn anchor(text: String) -> Anchor {
    text.parse().map_or(Anchor::Id(text), Anchor::Offset)
}

/// `GET /api/rooms/{room}/messages`
pub async fn page(
    mounted: Mounted,
    who: Identity,
    room: web::Path<RoomId>,
    query: web::Query<PageQuery>,
) -> Result<HttpResponse, ApiError> {
    let it = query.into_inner();
    let deed = check_page(HistoryPageRequest {
        room: room.into_inner(),
        before: it.before.map(anchor),
        after: it.after.map(anchor),
        around: it.around.map(anchor),
        limit: it.limit,
        epoch: it.epoch,
    })?;
    match deed {
        Deed::Ask(question) => ask(&mounted, &who, question).await,
        _ => Err(ErrorCode::Internal.into()),
    }
}

/// A message to send.
#[derive(Deserialize, JsonSchema)]
pub struct Send {
    client_id: ClientId,
    text: String,
}

/// `POST /api/rooms/{room}/messages`: 201, or 200 for a repeat.
pub async fn send(
    mounted: Mounted,
    who: Identity,
    room: web::Path<RoomId>,
    body: web::Json<Object<Send>>,
) -> Result<HttpResponse, ApiError> {
    let node = &mounted.node;
    let Send { client_id, text } = body.into_inner().0;
    let bytes_max = node.policy.text_bytes_max;
    match check_message(&who.0, room.into_inner(), client_id, &text, bytes_max)? {
        Deed::Publish(draft) => {
            let committed = node.publish(draft).await?;
            let status = if committed.repeat { StatusCode::OK } else { StatusCode::CREATED };
            Ok(json(status, ack(committed, node.durability)))
        }
        _ => Err(ErrorCode::Internal.into()),
    }
}
