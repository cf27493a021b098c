//! What is not there, and methods that are not answered: JSON, as everything a program reads.

use crate::endpoints::respond::json_no_store;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
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

/// 405 for `HEAD` where only `GET` is answered.
pub async fn head_not_allowed() -> Response {
    let mut response = method_not_allowed().await;
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET"));
    response
}
