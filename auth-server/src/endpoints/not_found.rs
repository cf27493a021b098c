//! What is not there, and methods that are not answered: JSON, as everything a program reads.

use crate::endpoints::respond::json_no_store;
use axum::response::Response;
use http::StatusCode;
use serde_json::json;

/// 404.
pub async fn not_found() -> Response {
    let body = json!({ "error": "not_found", "error_description": "There is nothing at this URL." });
    json_no_store(StatusCode::NOT_FOUND, &body)
}

/// 405; the router adds `Allow` (RFC 9110 §15.5.6).
pub async fn method_not_allowed() -> Response {
    let body = json!({ "error": "method_not_allowed", "error_description": "This URL does not answer this method." });
    json_no_store(StatusCode::METHOD_NOT_ALLOWED, &body)
}
