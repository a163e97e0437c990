//! `/health` and `/metrics`: for who operates the node.

use actix_web::HttpResponse;

use super::Mounted;

/// `GET /health/live`: the process turns its loops.
pub async fn live() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain").body("live\n")
}

/// `GET /health/ready`: the node takes new sessions.
pub async fn ready(mounted: Mounted) -> HttpResponse {
    if mounted.node.is_ready() {
        HttpResponse::Ok().content_type("text/plain").body("ready\n")
    } else {
        HttpResponse::ServiceUnavailable().content_type("text/plain").body("draining\n")
    }
}

/// `GET /metrics`, in the Prometheus text format.
pub async fn metrics() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4; charset=utf-8")
        .body(crate::metrics::render())
}
