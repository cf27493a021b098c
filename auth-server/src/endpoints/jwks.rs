//! `GET /.well-known/jwks.json` (RFC 7517 §5): active, next and retired keys.

use crate::{
    app::App, change_log::follower::CACHE_MAX_SILENCE, endpoints::public_document,
    key_lifecycle::times::JWKS_MAX_AGE_SECONDS,
};
use axum::{extract::State, response::Response};
use http::HeaderMap;
use std::sync::Arc;

/// An instance that has not heard of the database publishes what it knows, for so long only.
const SILENT_MAX_AGE_SECONDS: u32 = 10;

/// The key set.
pub async fn show(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let is_silent = app.follower.silence() > CACHE_MAX_SILENCE;
    let max_age_seconds = if is_silent { SILENT_MAX_AGE_SECONDS } else { JWKS_MAX_AGE_SECONDS };
    public_document::answer(&app.keys.jwks(), max_age_seconds, &headers)
}
