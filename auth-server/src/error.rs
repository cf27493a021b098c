//! The table cause → code → status: the one place where an internal cause becomes what a client may see.
//!
//! A cause is logged once, here, when it is ours (a store, a key); only a registered code and a constant sentence reach the wire.

use http::StatusCode;
use shared::{db::StoreError, protocol::error_code::ErrorCode};
use std::borrow::Cow;

/// What a client is told to wait when a store, a key or a cache cannot be reached.
pub const UNAVAILABLE_RETRY_AFTER_SECONDS: u32 = 2;

/// A refusal as it goes over the wire (RFC 6749 §5.2): never a cause, never text from the request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {description}")]
pub struct OAuthError {
    /// The registered code.
    pub code: ErrorCode,
    /// The HTTP status it travels with.
    pub status: StatusCode,
    /// A constant sentence for developers.
    pub description: &'static str,
    /// Sent as `Retry-After`.
    pub retry_after_seconds: Option<u32>,
    /// Sent as `WWW-Authenticate`.
    pub challenge: Option<Cow<'static, str>>,
}

impl OAuthError {
    /// A refusal with the status that belongs to its code.
    pub fn new(code: ErrorCode, description: &'static str) -> Self {
        let status = StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { code, status, description, retry_after_seconds: None, challenge: None }
    }

    /// `invalid_request` (RFC 6749 §5.2).
    pub fn invalid_request(description: &'static str) -> Self {
        Self::new(ErrorCode::InvalidRequest, description)
    }

    /// `invalid_grant` (RFC 6749 §5.2): the code, refresh token or assertion buys nothing.
    pub fn invalid_grant(description: &'static str) -> Self {
        Self::new(ErrorCode::InvalidGrant, description)
    }

    /// 503 with `Retry-After`: something we need cannot be reached; nothing was decided about the request.
    pub fn unavailable() -> Self {
        Self::new(ErrorCode::TemporarilyUnavailable, "The server cannot answer right now; try again.")
            .retry_after(UNAVAILABLE_RETRY_AFTER_SECONDS)
    }

    /// 429 with `Retry-After` (RFC 6585 §4).
    pub fn too_many_requests(retry_after_seconds: u32) -> Self {
        Self::new(ErrorCode::TemporarilyUnavailable, "Too many requests; wait before the next one.")
            .with_status(StatusCode::TOO_MANY_REQUESTS)
            .retry_after(retry_after_seconds)
    }

    /// The same refusal under another status.
    #[must_use]
    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// The same refusal, saying when to try again.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_seconds = Some(seconds.max(1));
        self
    }

    /// The same refusal with a `WWW-Authenticate` value.
    #[must_use]
    pub fn with_challenge(mut self, challenge: impl Into<Cow<'static, str>>) -> Self {
        self.challenge = Some(challenge.into());
        self
    }
}

impl From<StoreError> for OAuthError {
    /// A store that fails decides nothing: 503, never `invalid_grant` or `invalid_client` (clients wipe what they hold on those).
    fn from(cause: StoreError) -> Self {
        tracing::error!(%cause, "the store could not answer");
        Self::unavailable()
    }
}

#[cfg(test)]
mod tests {
    use super::OAuthError;
    use shared::{db::StoreError, protocol::error_code::ErrorCode};

    #[test]
    fn a_failing_store_is_503_with_retry_after_and_shows_no_cause() {
        let error = OAuthError::from(StoreError::Failed { statement: "client.find", cause: "disk I/O secret".into() });
        assert_eq!((error.code, error.status.as_u16()), (ErrorCode::TemporarilyUnavailable, 503));
        assert!(error.retry_after_seconds.is_some_and(|seconds| seconds > 0));
        assert!(!format!("{error:?} {error}").contains("disk"));
    }

    #[test]
    fn statuses_follow_the_code_unless_said_otherwise() {
        assert_eq!(OAuthError::invalid_grant("x").status.as_u16(), 400);
        assert_eq!(OAuthError::new(ErrorCode::InvalidClient, "x").status.as_u16(), 401);
        let error = OAuthError::too_many_requests(0);
        assert_eq!((error.status.as_u16(), error.retry_after_seconds), (429, Some(1)));
    }
}
