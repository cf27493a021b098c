//! A JSON document that anybody may read and keep for a while.

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

/// The document with its entity tag, or 304 for whoever has it (RFC 9110 §13.1.2).
pub fn answer(document: &impl Serialize, max_age_seconds: u32, request: &HeaderMap) -> Response {
    let bytes = serde_json::to_vec(document).expect("our own documents have a JSON form");
    let tag = format!("\"{}\"", &URL_SAFE_NO_PAD.encode(Sha256::digest(&bytes))[..22]);
    let mut response = if has(request, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let mut response = Body::from(bytes).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    };
    let headers = response.headers_mut();
    let keep = format!("public, max-age={max_age_seconds}, stale-if-error=86400");
    headers.insert(header::CACHE_CONTROL, HeaderValue::try_from(keep).expect("digits and commas are a header value"));
    headers.insert(header::ETAG, HeaderValue::try_from(tag).expect("base64url is a header value"));
    response
}

fn has(request: &HeaderMap, tag: &str) -> bool {
    let lines = request.get_all(header::IF_NONE_MATCH).iter().filter_map(|line| line.to_str().ok());
    lines
        .flat_map(|line| line.split(','))
        .map(str::trim)
        .any(|each| each.trim_start_matches("W/") == tag || each == "*")
}
