//! What is not there, and methods that are not answered: JSON, as everything a program reads; and a page for a person who lost the way.

use super::pages::visit::Visit;
use crate::{app::App, endpoints::respond::json_no_store, pages::Notice};
use axum::{extract::State, response::Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::json;
use shared::http::RequestId;
use std::sync::Arc;

/// 404: a page for a browser that asks for one. MCP clients are often given this server's URL; they are told that of the tools.
pub async fn not_found(State(app): State<Arc<App>>, id: RequestId, headers: HeaderMap) -> Response {
    if asks_for_a_page(&headers) {
        return Visit::new(&app, &headers, &id).answer(Err(Notice::NotFound.into()));
    }
    let tools = app.resources.registered_default();
    let tools = tools.map(|tools| format!(" The MCP server is at {}.", tools.id)).unwrap_or_default();
    let words = format!("There is nothing at this URL.{tools}");
    let body = json!({ "error": "not_found", "error_description": words });
    json_no_store(StatusCode::NOT_FOUND, &body)
}

/// 405; the router adds `Allow` (RFC 9110 §15.5.6).
pub async fn method_not_allowed() -> Response {
    let body = json!({ "error": "method_not_allowed", "error_description": "This URL does not answer this method." });
    json_no_store(StatusCode::METHOD_NOT_ALLOWED, &body)
}

/// 405 for `HEAD` where only `GET` and `POST` are answered.
pub async fn head_not_allowed() -> Response {
    let mut response = method_not_allowed().await;
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, POST"));
    response
}

/// Browsers name `text/html` when somebody follows a link or types an address; programs do not.
fn asks_for_a_page(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(header::ACCEPT).iter().filter_map(|line| line.to_str().ok());
    let mut types = lines.flat_map(|line| line.split(',')).filter_map(|range| range.split(';').next());
    types.any(|essence| essence.trim().eq_ignore_ascii_case("text/html"))
}
