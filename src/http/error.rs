//! Errors as problem objects (RFC 9457), made from the one table of codes.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use chat_protocol::ErrorCode;
use schemars::JsonSchema;
use serde::Serialize;

use crate::store::StoreError;

/// What a handler fails with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiError(pub ErrorCode);

/// A problem object (RFC 9457). `code` is the name in the table of codes, `detail` says what to do, `temporary` whether the
/// very same request may succeed later.
#[derive(Serialize, JsonSchema)]
pub struct Problem {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: &'static str,
    code: &'static str,
    temporary: bool,
}

impl ApiError {
    /// For extractors: whatever they dislike is a bad request.
    pub fn input<E>(_: E, _: &HttpRequest) -> actix_web::Error {
        Self(ErrorCode::BadRequest).into()
    }
}

impl From<ErrorCode> for ApiError {
    fn from(code: ErrorCode) -> Self {
        Self(code)
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        if let StoreError::Unavailable(why) = &error {
            tracing::warn!(err = %why, "store unavailable");
        }
        Self(error.code())
    }
}

impl std::fmt::Display for ApiError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.0.http()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        problem(self.status_code(), self.0)
    }
}

fn problem(status: StatusCode, code: ErrorCode) -> HttpResponse {
    let body = chat_protocol::json::encode(&Problem {
        r#type: format!("urn:scalable-chat:error:{}", code.name()),
        title: code.name(),
        status: status.as_u16(),
        detail: code.advice(),
        code: code.name(),
        temporary: code.temporary(),
    });
    HttpResponse::build(status).content_type("application/problem+json").body(body)
}

/// No such path.
pub async fn not_found() -> HttpResponse {
    problem(StatusCode::NOT_FOUND, ErrorCode::MethodNotFound)
}

/// JSON that is there already.
pub fn json(status: StatusCode, body: Vec<u8>) -> HttpResponse {
    HttpResponse::build(status).content_type("application/json").body(body)
}
