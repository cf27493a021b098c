//! Why a request is refused, and what the client is told: the table cause → status → body.
//!
//! Bodies and challenges are constant texts; a cause that names more is logged where it arises and stays here.

use crate::mcp::{
    allow_link::AllowLink,
    json_rpc_error::{INTERNAL_ERROR, INVALID_REQUEST, JsonRpcError, REFUSED},
};
use axum::body::Body;
use http::{
    HeaderMap, HeaderValue, Response, StatusCode,
    header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
};
use shared::{
    http::RefusalReason,
    protocol::{error_code::ErrorCode, scope::ScopeSet, www_authenticate::Challenge},
    rate_limit::RateDecision,
};

/// Everything a request can be refused for.
#[derive(Debug, Clone, PartialEq)]
pub enum Refusal {
    /// `Host` names another server (DNS rebinding).
    ForeignHost,
    /// `Origin` is a page that may not call.
    ForeignOrigin,
    /// No token where one is looked for.
    NoToken,
    /// A token that is none, is not ours, is not for this resource, has expired or is revoked. Which of these is nobody's business.
    InvalidToken,
    /// A token in two places at once, or the header twice.
    TwoTokens,
    /// Too many tokens that were never ours, from one block of addresses.
    TooManyFailures {
        /// What their limit says.
        counted: RateDecision,
    },
    /// The principal's limit is used up.
    RateLimited {
        /// Seconds until the window ends.
        retry_after_seconds: u64,
    },
    /// The principal has as many calls running as it may.
    TooManyCalls,
    /// The principal has as many streams open as it may.
    TooManyStreams,
    /// Not a method of this endpoint, as this client speaks.
    MethodNotAllowed {
        /// The methods that are.
        allow: &'static str,
    },
    /// The body is longer than allowed.
    BodyTooLarge,
    /// The body did not arrive in time.
    BodyTooSlow,
    /// The body broke off.
    BodyBroken,
    /// The body does not say that it is JSON.
    NotJson,
    /// A JSON-RPC or MCP rule; the answer is made already.
    Protocol(JsonRpcError),
    /// The token lacks scopes that it could be granted.
    InsufficientScope {
        /// All that the operation needs, and what the token has.
        needed: ScopeSet,
        /// The refusal for JSON-RPC, with the id.
        error: JsonRpcError,
    },
    /// The same, and the client did nothing about it that its person could see: the person gets a link.
    ToBeAllowed {
        /// All that the operation needs, and what the token has.
        needed: ScopeSet,
        /// The link.
        link: AllowLink,
    },
    /// The session is unknown, over, or somebody else's.
    NoSuchSession(JsonRpcError),
    /// Nothing can be judged just now: no keys, no enrolment, no revocations.
    Unavailable,
    /// The upstream broke down; the id is the request's.
    UpstreamFailed(JsonRpcError),
}

/// Every [`Refusal::reason`].
pub const REASONS: [&str; 20] = [
    "foreign_host",
    "foreign_origin",
    "no_token",
    "invalid_token",
    "two_tokens",
    "too_many_forged_tokens",
    "rate_limited",
    "too_many_calls",
    "too_many_streams",
    "method_not_allowed",
    "body_too_large",
    "body_too_slow",
    "body_broken",
    "not_json",
    "protocol",
    "insufficient_scope",
    "to_be_allowed",
    "no_such_session",
    "unavailable",
    "upstream_failed",
];

impl Refusal {
    /// The word for it in logs and metrics: one of [`REASONS`].
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::ForeignHost => "foreign_host",
            Self::ForeignOrigin => "foreign_origin",
            Self::NoToken => "no_token",
            Self::InvalidToken => "invalid_token",
            Self::TwoTokens => "two_tokens",
            Self::TooManyFailures { .. } => "too_many_forged_tokens",
            Self::RateLimited { .. } => "rate_limited",
            Self::TooManyCalls => "too_many_calls",
            Self::TooManyStreams => "too_many_streams",
            Self::MethodNotAllowed { .. } => "method_not_allowed",
            Self::BodyTooLarge => "body_too_large",
            Self::BodyTooSlow => "body_too_slow",
            Self::BodyBroken => "body_broken",
            Self::NotJson => "not_json",
            Self::Protocol(_) => "protocol",
            Self::InsufficientScope { .. } => "insufficient_scope",
            Self::ToBeAllowed { .. } => "to_be_allowed",
            Self::NoSuchSession(_) => "no_such_session",
            Self::Unavailable => "unavailable",
            Self::UpstreamFailed(_) => "upstream_failed",
        }
    }
}

/// The refusal of an operation that needs more scopes, to be completed with the id.
pub fn insufficient_scope_error() -> JsonRpcError {
    JsonRpcError::new(StatusCode::FORBIDDEN, REFUSED, "Insufficient scope")
}

/// A session that does not exist for this principal.
pub fn no_such_session_error() -> JsonRpcError {
    JsonRpcError::new(StatusCode::NOT_FOUND, INVALID_REQUEST, "Session not found")
}

/// An answer of the client where the server asked nothing: outside of a legacy session it never does.
pub fn nothing_asked_error() -> JsonRpcError {
    JsonRpcError::new(StatusCode::BAD_REQUEST, INVALID_REQUEST, "Invalid Request: nothing was asked")
}

/// A call whose upstream broke down.
pub fn upstream_failed_error() -> JsonRpcError {
    JsonRpcError::new(StatusCode::BAD_GATEWAY, INTERNAL_ERROR, "The tool's server failed")
}

/// A call whose upstream did not answer in time.
pub fn upstream_too_slow_error() -> JsonRpcError {
    JsonRpcError::new(StatusCode::GATEWAY_TIMEOUT, INTERNAL_ERROR, "The tool's server did not answer in time")
}

/// After this many seconds it is worth trying again when something is down.
pub const UNAVAILABLE_RETRY_AFTER_SECONDS: u64 = 5;
/// After this many when too many calls are running.
const BUSY_RETRY_AFTER_SECONDS: u64 = 1;

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Writes refusals for one resource: it knows the URL of its metadata and what to ask for first.
#[derive(Debug, Clone)]
pub struct RefusalWriter {
    resource_metadata: String,
    without_token: HeaderValue,
    invalid_token: HeaderValue,
    two_tokens: HeaderValue,
}

impl RefusalWriter {
    /// For the resource whose metadata is at `resource_metadata`; clients are told to ask for `first_scopes`.
    pub fn new(resource_metadata: &str, first_scopes: &ScopeSet) -> Self {
        let complete =
            |challenge: Challenge| value(&challenge.resource_metadata(resource_metadata).scope(first_scopes));
        let refused = |code, description| complete(Challenge::refused(code, description));
        Self {
            resource_metadata: resource_metadata.to_owned(),
            without_token: complete(Challenge::without_token()),
            invalid_token: refused(ErrorCode::InvalidToken, "The access token is expired, revoked or not valid here"),
            two_tokens: refused(ErrorCode::InvalidRequest, "Send the access token once, in the Authorization header"),
        }
    }

    /// The answer.
    pub fn write(&self, refusal: &Refusal) -> Response<Body> {
        let mut response = self.answer(refusal);
        response.extensions_mut().insert(RefusalReason(refusal.reason()));
        response
    }

    fn answer(&self, refusal: &Refusal) -> Response<Body> {
        match refusal {
            Refusal::ForeignHost => refused(StatusCode::FORBIDDEN, "This server does not answer that Host"),
            Refusal::ForeignOrigin => refused(StatusCode::FORBIDDEN, "This server does not answer that Origin"),
            Refusal::NoToken => challenged(StatusCode::UNAUTHORIZED, "Missing authentication.", &self.without_token),
            Refusal::InvalidToken => {
                challenged(StatusCode::UNAUTHORIZED, "Invalid or revoked MCP token", &self.invalid_token)
            }
            Refusal::TwoTokens => challenged(
                StatusCode::BAD_REQUEST,
                "Send the access token once, in the Authorization header",
                &self.two_tokens,
            ),
            Refusal::TooManyFailures { counted } => over_limit(u64::from(counted.reset_seconds)),
            Refusal::RateLimited { retry_after_seconds } => over_limit(*retry_after_seconds),
            Refusal::TooManyCalls => {
                let response = refused(StatusCode::TOO_MANY_REQUESTS, "Too many calls are running");
                with_retry_after(response, BUSY_RETRY_AFTER_SECONDS)
            }
            Refusal::TooManyStreams => {
                let response = refused(StatusCode::TOO_MANY_REQUESTS, "Too many streams are open");
                with_retry_after(response, BUSY_RETRY_AFTER_SECONDS)
            }
            Refusal::MethodNotAllowed { allow } => {
                let mut response = refused(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed");
                response.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
                response
            }
            Refusal::BodyTooLarge => refused(StatusCode::PAYLOAD_TOO_LARGE, "The body is too large"),
            Refusal::BodyTooSlow => refused(StatusCode::REQUEST_TIMEOUT, "The body did not arrive in time"),
            Refusal::BodyBroken => refused(StatusCode::BAD_REQUEST, "The body broke off"),
            Refusal::NotJson => {
                refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Send JSON with Content-Type: application/json")
            }
            Refusal::Protocol(error) | Refusal::NoSuchSession(error) | Refusal::UpstreamFailed(error) => json(error),
            Refusal::InsufficientScope { needed, error } => {
                let mut response = json(error);
                response.headers_mut().insert(WWW_AUTHENTICATE, value(&self.insufficient_scope(needed)));
                response
            }
            Refusal::ToBeAllowed { needed, link } => {
                let challenge = self.insufficient_scope(needed).to_string();
                answer(StatusCode::OK, JSON, Body::from(link.body(&challenge)))
            }
            Refusal::Unavailable => {
                let response = refused(StatusCode::SERVICE_UNAVAILABLE, "Temporarily unavailable");
                with_retry_after(response, UNAVAILABLE_RETRY_AFTER_SECONDS)
            }
        }
    }

    fn insufficient_scope(&self, needed: &ScopeSet) -> Challenge {
        Challenge::refused(ErrorCode::InsufficientScope, "The operation needs more scopes")
            .resource_metadata(&self.resource_metadata)
            .scope(needed)
    }
}

fn value(challenge: &Challenge) -> HeaderValue {
    HeaderValue::try_from(challenge.to_string()).expect("a challenge is visible ASCII")
}

/// A refusal in JSON-RPC, before any id is known.
fn refused(status: StatusCode, message: &'static str) -> Response<Body> {
    json(&JsonRpcError::new(status, REFUSED, message))
}

fn json(error: &JsonRpcError) -> Response<Body> {
    answer(error.status, JSON, Body::from(error.body()))
}

fn text(status: StatusCode, words: &'static str) -> Response<Body> {
    answer(status, TEXT, Body::from(words))
}

fn challenged(status: StatusCode, words: &'static str, challenge: &HeaderValue) -> Response<Body> {
    let mut response = text(status, words);
    response.headers_mut().insert(WWW_AUTHENTICATE, challenge.clone());
    response
}

fn over_limit(retry_after_seconds: u64) -> Response<Body> {
    with_retry_after(text(StatusCode::TOO_MANY_REQUESTS, "Rate limit exceeded."), retry_after_seconds)
}

fn with_retry_after(mut response: Response<Body>, seconds: u64) -> Response<Body> {
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
    response
}

fn answer(status: StatusCode, content_type: HeaderValue, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers: &mut HeaderMap = response.headers_mut();
    headers.insert(CONTENT_TYPE, content_type);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::{Refusal, RefusalWriter, insufficient_scope_error};
    use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};

    fn writer() -> RefusalWriter {
        RefusalWriter::new("http://r/.well-known/oauth-protected-resource/mcp", &"mcp.read".parse().expect("scopes"))
    }

    #[test]
    fn no_token_names_no_error() {
        let response = writer().write(&Refusal::NoToken);
        assert_eq!(response.status(), 401);
        assert_eq!(
            response.headers()[WWW_AUTHENTICATE],
            "Bearer resource_metadata=\"http://r/.well-known/oauth-protected-resource/mcp\", scope=\"mcp.read\""
        );
        assert_eq!(response.headers()[CONTENT_TYPE], "text/plain; charset=utf-8");
    }

    #[test]
    fn a_step_up_names_all_scopes_and_a_wait_is_said() {
        let needed = "mcp.write mcp.read".parse().expect("scopes");
        let response = writer().write(&Refusal::InsufficientScope { needed, error: insufficient_scope_error() });
        let challenge = response.headers()[WWW_AUTHENTICATE].to_str().expect("ASCII");
        assert!(challenge.starts_with("Bearer error=\"insufficient_scope\""), "{challenge}");
        assert!(challenge.contains("scope=\"mcp.read mcp.write\""), "{challenge}");
        assert_eq!(response.status(), 403);
        assert_eq!(writer().write(&Refusal::RateLimited { retry_after_seconds: 0 }).headers()[RETRY_AFTER], "1");
        assert_eq!(writer().write(&Refusal::Unavailable).headers()[RETRY_AFTER], "5");
    }
}
