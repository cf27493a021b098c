//! How answers of the OAuth endpoints are rendered.

use crate::{
    error::{OAuthError, Remedy},
    grants::Counted,
    metrics::RATE_LIMITED,
};
use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Serialize;
use shared::http::{RefusalReason, set_no_store, set_rate_limit_headers};

/// The members of an error answer (RFC 6749 §5.2), and beside them the scope that its challenge names (RFC 6750 §3) or that the client may
/// have, and the resources that it may name.
#[derive(Serialize)]
struct ErrorBody<'a> {
    error: &'static str,
    error_description: &'static str,
    #[serde(flatten)]
    remedy: Option<&'a Remedy>,
}

/// A JSON answer that no cache keeps (RFC 6749 §5.1).
pub fn json_no_store(status: StatusCode, body: &impl Serialize) -> Response {
    let mut response = (status, Json(body)).into_response();
    set_no_store(response.headers_mut());
    response
}

/// Tells the caller what is left of a limit.
pub fn set_counted(headers: &mut HeaderMap, counted: Option<&Counted>) {
    if let Some(counted) = counted {
        set_rate_limit_headers(headers, &[(counted.policy, counted.decision)], counted.at);
    }
}

impl IntoResponse for OAuthError {
    fn into_response(self) -> Response {
        let (error, error_description) = (self.code.as_str(), self.description);
        let body = ErrorBody { error, error_description, remedy: self.remedy.as_deref() };
        let mut response = json_no_store(self.status, &body);
        let reason = if self.status == StatusCode::TOO_MANY_REQUESTS { RATE_LIMITED } else { self.code.as_str() };
        response.extensions_mut().insert(RefusalReason(reason));
        let headers: &mut HeaderMap = response.headers_mut();
        set_counted(headers, self.counted.as_ref());
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(challenge) = self.challenge.and_then(|challenge| HeaderValue::try_from(challenge.as_ref()).ok()) {
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}
