//! `GET /assets/{name}`: the stylesheet and the icon, under names that change with their content.

use crate::{app::App, endpoints::not_found::not_found, pages::assets};
use axum::{
    extract::{Path, State},
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, header};
use shared::http::RequestId;
use std::sync::Arc;

/// One file, for a year.
pub async fn asset(State(app): State<Arc<App>>, id: RequestId, asked: HeaderMap, Path(name): Path<String>) -> Response {
    let Some(asset) = assets::find(&name) else { return not_found(State(app), id, asked).await };
    let headers = [
        (header::CONTENT_TYPE, asset.content_type),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, asset.content).into_response()
}
