//! The web client, built into the binary.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse};
use rust_embed::RustEmbed;

use super::error;

/// Nothing inline, nothing from elsewhere; the socket goes back to where the page came from.
const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self' ws: wss:; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

#[derive(RustEmbed)]
#[folder = "static/"]
struct Files;

/// `GET /…`
pub async fn serve(req: HttpRequest) -> HttpResponse {
    let path = match req.path() {
        "/" => "index.html",
        path => path.trim_start_matches('/'),
    };
    let Some(file) = Files::get(path) else { return error::not_found().await };
    let etag = header::EntityTag::new_strong(hex(&file.metadata.sha256_hash()));
    let seen = req.headers().get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    if seen == Some(etag.to_string().as_str()) {
        return HttpResponse::NotModified().insert_header(header::ETag(etag)).finish();
    }
    HttpResponse::Ok()
        .insert_header(header::ETag(etag))
        .insert_header((header::CACHE_CONTROL, "no-cache")) // asked for each time, sent only when changed
        .insert_header((header::CONTENT_SECURITY_POLICY, CSP))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
        .content_type(file.metadata.mimetype())
        .body(file.data.into_owned())
}

fn hex(bytes: &[u8; 32]) -> String {
    bytes.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
