//! `GET /.well-known/jwks.json` (RFC 7517 §5): active, next and retired keys.

use crate::{app::App, endpoints::public_document};
use axum::{extract::State, response::Response};
use http::HeaderMap;
use std::sync::Arc;

/// How long caches may keep the keys; a key is published at least this long before it signs.
pub const MAX_AGE_SECONDS: u32 = 300;

/// The key set.
pub async fn show(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    public_document::answer(&app.keys.jwks(), MAX_AGE_SECONDS, &headers)
}
