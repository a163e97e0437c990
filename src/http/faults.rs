//! `POST /faults/{point}?times=`: arms an injection point. Only in builds with the feature `faults`, which tests are.

use actix_web::{HttpResponse, web};
use serde::Deserialize;

/// How often the point shall panic.
#[derive(Deserialize)]
pub struct Times {
    times: Option<usize>,
}

/// Arms `point`.
pub async fn arm(point: web::Path<String>, query: web::Query<Times>) -> HttpResponse {
    crate::faults::arm(&point, query.times.unwrap_or(1));
    HttpResponse::NoContent().finish()
}
