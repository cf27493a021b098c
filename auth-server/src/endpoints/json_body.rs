//! The body of an endpoint that reads JSON.

use crate::error::OAuthError;
use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use shared::http::{BodyLimit, BodyRefusal, OAUTH_BODY_BYTES, read_body};

/// The bytes of a JSON body of at most 64 KiB.
///
/// # Errors
/// 415 for another content type, 413 when it is too long, 408 and 400 when it does not arrive.
pub async fn read(headers: &HeaderMap, body: Body) -> Result<Bytes, OAuthError> {
    if !is_json(headers) {
        return Err(OAuthError::invalid_request("The request body must be application/json.")
            .with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
    }
    read_body(headers, body, BodyLimit::of_bytes(OAUTH_BODY_BYTES)).await.map_err(|refusal| {
        let description = match refusal {
            BodyRefusal::TooLarge => "The request body is longer than 64 KiB.",
            BodyRefusal::TooSlow => "The request body did not arrive in time.",
            BodyRefusal::Broken => "The request body broke off.",
        };
        OAuthError::invalid_request(description).with_status(refusal.status())
    })
}

/// RFC 9110 §8.3: the type matters, its parameters and case do not.
fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}
