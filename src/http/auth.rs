//! Who asks: the bearer of a token, the same that connects; or one of the operator's servers, by its key.

use std::future::{Future, Ready, ready};
use std::pin::Pin;

use actix_web::http::header::AUTHORIZATION;
use actix_web::{FromRequest, HttpRequest, dev};
use chat_protocol::ErrorCode;
use chat_protocol::object::User;

use super::Mounted;
use super::error::ApiError;
use crate::domain::session::Denied;

/// The user of a request.
pub struct Identity(pub User);

impl FromRequest for Identity {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(req: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let mounted = req.app_data::<Mounted>().cloned();
        let header = req.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = header.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
        let token = token.trim().to_owned();
        Box::pin(async move {
            let node = &mounted.ok_or(ErrorCode::Internal)?.node;
            let admitted = node.admissions.admit(&token).await.map_err(|denied| match denied {
                Denied::Expired => ErrorCode::TokenExpired,
                Denied::Unavailable => ErrorCode::Unavailable,
                Denied::Invalid | Denied::Missing => ErrorCode::Unauthorized,
            })?;
            Ok(Self(admitted.user))
        })
    }
}

/// One of the operator's servers.
pub struct ServerKey;

impl FromRequest for ServerKey {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(req: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let key = req.app_data::<Mounted>().and_then(|mounted| mounted.api_key.as_ref());
        let given = req.headers().get("X-API-Key");
        ready(match (key, given) {
            (None, _) => Err(ErrorCode::NotAvailable.into()),
            (Some(key), Some(given)) if key.is(given.as_bytes()) => Ok(Self),
            (Some(_), _) => Err(ErrorCode::Unauthorized.into()),
        })
    }
}
