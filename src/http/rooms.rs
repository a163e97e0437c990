//! `/api/rooms`: the same deeds as the `room.*` methods.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use chat_protocol::client::{Paging, RoomCreate, RoomUpdate};
use chat_protocol::{ErrorCode, Offset, RoomId};
use schemars::JsonSchema;
use serde::Deserialize;

use super::Mounted;
use super::auth::Identity;
use super::body::Object;
use super::error::{ApiError, json};
use crate::actors::answer;
use crate::domain::question::{Answer, Question};
use crate::domain::record::{Change, ReadMark};
use crate::domain::rpc::{Deed, check_create, check_update};

/// Answers a question of `who`.
pub(super) async fn ask(
    mounted: &Mounted,
    who: &Identity,
    question: Question,
) -> Result<HttpResponse, ApiError> {
    let (store, nodes) = (&*mounted.node.store, &*mounted.node.nodes);
    match answer::answer(store, nodes, &who.0.id, question).await? {
        Answer::Data(body) => Ok(json(StatusCode::OK, body)),
        // Asked over the socket alone.
        Answer::History(_) | Answer::Presence(_) | Answer::PresenceStats(_) => {
            Err(ErrorCode::Internal.into())
        }
    }
}

/// Changes the directory.
pub(super) async fn change(
    mounted: &Mounted,
    status: StatusCode,
    change: Change,
) -> Result<HttpResponse, ApiError> {
    Ok(json(status, answer::changed(&mounted.node.store.change(change).await?)))
}

/// `GET /api/rooms`
pub async fn list(
    mounted: Mounted,
    who: Identity,
    paging: web::Query<Paging>,
) -> Result<HttpResponse, ApiError> {
    ask(&mounted, &who, Question::Rooms(paging.into_inner())).await
}

/// `POST /api/rooms`
pub async fn create(
    mounted: Mounted,
    who: Identity,
    body: web::Json<Object<RoomCreate>>,
) -> Result<HttpResponse, ApiError> {
    match check_create(&who.0, body.into_inner().0)? {
        Deed::Change(it) => change(&mounted, StatusCode::CREATED, it).await,
        _ => Err(ErrorCode::Internal.into()),
    }
}

/// `GET /api/rooms/{room}`
pub async fn get(
    mounted: Mounted,
    who: Identity,
    room: web::Path<RoomId>,
) -> Result<HttpResponse, ApiError> {
    ask(&mounted, &who, Question::Room(room.into_inner())).await
}

/// What of a room can be changed.
#[derive(Deserialize, JsonSchema)]
pub struct Update {
    name: Option<String>,
    topic: Option<String>,
}

/// `PATCH /api/rooms/{room}`
pub async fn update(
    mounted: Mounted,
    who: Identity,
    room: web::Path<RoomId>,
    body: web::Json<Object<Update>>,
) -> Result<HttpResponse, ApiError> {
    let Update { name, topic } = body.into_inner().0;
    match check_update(&who.0, RoomUpdate { room: room.into_inner(), name, topic })? {
        Deed::Change(it) => change(&mounted, StatusCode::OK, it).await,
        _ => Err(ErrorCode::Internal.into()),
    }
}

/// How far a room was read.
#[derive(Deserialize, JsonSchema)]
pub struct ReadTo {
    offset: Offset,
}

/// `PUT /api/rooms/{room}/read`
pub async fn mark_read(
    mounted: Mounted,
    who: Identity,
    room: web::Path<RoomId>,
    body: web::Json<Object<ReadTo>>,
) -> Result<HttpResponse, ApiError> {
    let (room, user, offset) = (room.into_inner(), who.0.id, body.0.0.offset);
    let read = mounted.node.store.mark_read(ReadMark { room, user, offset }, 0).await?;
    Ok(json(StatusCode::OK, chat_protocol::json::encode(&read)))
}
