//! `/api/publish`: data of the operator's servers for an open channel.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use chat_protocol::ErrorCode;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Mounted;
use super::auth::ServerKey;
use super::body::Object;
use super::error::{ApiError, json};
use crate::domain::channel::room_of;
use crate::domain::rpc::check_data;

/// Any JSON, and where it goes.
#[derive(Deserialize, JsonSchema)]
pub struct Publish {
    channel: String,
    #[schemars(with = "serde_json::Value")]
    data: Box<RawValue>,
}

/// `POST /api/publish`: answered when it is in the log. What is said in a room is somebody's, and a server is nobody.
pub async fn publish(
    mounted: Mounted,
    _key: ServerKey,
    body: web::Json<Object<Publish>>,
) -> Result<HttpResponse, ApiError> {
    let (node, Publish { channel, data }) = (&mounted.node, body.into_inner().0);
    let room = room_of(&channel, node.policy.open_channels)?;
    if !room.is_open() {
        return Err(ErrorCode::PermissionDenied.into());
    }
    node.publish(check_data(room, None, data.get().as_bytes(), node.policy.text_bytes_max)?)
        .await?;
    Ok(json(StatusCode::OK, br#"{"result":{}}"#.to_vec()))
}
