//! How what an operation answers goes over the wire.

use super::{Operation, Refusal};
use crate::{administration::Reply, app::App, endpoints::respond::json_no_store, router::paths::ADMIN};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderName, HeaderValue, header};
use shared::http::set_no_store;

/// The answer to `operation`. No cache keeps it: lists hold what is nobody else's business, and some answers a secret.
pub(super) fn render(app: &App, operation: &Operation, done: Result<Reply, Refusal>) -> Response {
    let reply = match done {
        Ok(reply) => reply,
        Err(refusal) => return refuse(&refusal),
    };
    let mut response = match &reply.body {
        Some(body) => json_no_store(operation.status, body),
        None => operation.status.into_response(),
    };
    set_no_store(response.headers_mut());
    let location = reply.location.map(|location| format!("{}{ADMIN}{location}", app.issuer));
    set(&mut response, header::LOCATION, location);
    set(&mut response, header::ETAG, reply.version);
    response
}

fn refuse(refusal: &Refusal) -> Response {
    let mut response = json_no_store(refusal.status, refusal);
    set(&mut response, header::RETRY_AFTER, refusal.retry_after_seconds.map(|seconds| seconds.to_string()));
    response
}

fn set(response: &mut Response, name: HeaderName, value: Option<String>) {
    if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
        response.headers_mut().insert(name, value);
    }
}
