//! Why a request is refused, and what the client is told: the table cause → status → body.
//!
//! Bodies and challenges are constant texts that say what is wrong and what to do about it; a cause that names more is logged where it arises
//! and stays here. Once a message was read the answer is JSON-RPC with its id; before, 401 and 429 are a document of the members that RFC 6750
//! names, for whoever takes JSON, and a line of text for all others.

mod wording;

use crate::{
    issuer::jwks::COOL_DOWN_SECONDS,
    mcp::{
        allow_link::AllowLink,
        json_rpc_error::{INTERNAL_ERROR, INVALID_REQUEST, JsonRpcError, REFUSED},
        request_id::RequestId,
    },
};
use axum::body::Body;
use http::{
    HeaderMap, HeaderValue, Response, StatusCode,
    header::{ALLOW, RETRY_AFTER, WWW_AUTHENTICATE},
};
use shared::{
    http::RefusalReason,
    protocol::{error_code::ErrorCode, scope::ScopeSet, www_authenticate::Challenge},
    rate_limit::RateDecision,
};
use wording::{
    FOREIGN_HOST, FOREIGN_ORIGIN, Form, INVALID_TOKEN, JSON, NOT_TRIED, PlainRefusal, RATE_LIMITED, TOO_MANY_CALLS,
    TOO_MANY_FAILURES, TOO_MANY_STREAMS, TOOL_RATE_LIMITED, TWO_TOKENS, UNAVAILABLE, UNKNOWN_KEY, answer, json,
    no_token,
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
    /// A limit of the principal is used up.
    RateLimited {
        /// Which.
        limit: Limit,
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
    BodyTooLarge {
        /// The most bytes.
        most: usize,
    },
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
    /// The token names a key that may have been published since its issuer was asked last, a moment ago.
    UnknownKey,
    /// The token's signature was not looked at: too many wrong ones came from its block of addresses.
    NotTried,
    /// Nothing can be judged just now: no keys, no enrolment, no revocations.
    Unavailable,
    /// The upstream broke down; the id is the request's.
    UpstreamFailed(JsonRpcError),
    /// Any of those that know no id, of a request that was read.
    OfRequest {
        /// The request.
        id: RequestId,
        /// Which.
        refusal: Box<Refusal>,
    },
}

/// What is counted for a principal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// All its requests.
    Requests,
    /// Its calls of the tool.
    Tool,
}

/// Every [`Refusal::reason`].
pub const REASONS: [&str; 22] = [
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
    "unknown_key",
    "not_tried",
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
            Self::BodyTooLarge { .. } => "body_too_large",
            Self::BodyTooSlow => "body_too_slow",
            Self::BodyBroken => "body_broken",
            Self::NotJson => "not_json",
            Self::Protocol(_) => "protocol",
            Self::InsufficientScope { .. } => "insufficient_scope",
            Self::ToBeAllowed { .. } => "to_be_allowed",
            Self::NoSuchSession(_) => "no_such_session",
            Self::UnknownKey => "unknown_key",
            Self::NotTried => "not_tried",
            Self::Unavailable => "unavailable",
            Self::UpstreamFailed(_) => "upstream_failed",
            Self::OfRequest { refusal, .. } => refusal.reason(),
        }
    }

    /// The same as the answer to the request `id`.
    #[must_use]
    pub fn answering(self, id: Option<&RequestId>) -> Self {
        let knows_it = matches!(
            self,
            Self::Protocol(_)
                | Self::InsufficientScope { .. }
                | Self::ToBeAllowed { .. }
                | Self::NoSuchSession(_)
                | Self::UpstreamFailed(_)
                | Self::OfRequest { .. }
        );
        match id {
            Some(id) if !knows_it => Self::OfRequest { id: id.clone(), refusal: Box::new(self) },
            _ => self,
        }
    }
}

/// The refusal of an operation that needs more scopes, `needed` and no others, to be completed with the id.
pub fn insufficient_scope_error(needed: &ScopeSet) -> JsonRpcError {
    let message = format!("Insufficient scope: ask the authorization server for a token with {needed}");
    let data = serde_json::json!({"error": ErrorCode::InsufficientScope.as_str(), "scope": needed.to_string()});
    JsonRpcError::new(StatusCode::FORBIDDEN, REFUSED, message).with_data(data)
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

/// A call of several whose upstream cannot answer now, where the others are answered.
pub fn unavailable_error() -> JsonRpcError {
    let message = "Temporarily unavailable: send this message alone again in a few seconds";
    JsonRpcError::new(StatusCode::SERVICE_UNAVAILABLE, REFUSED, message)
}

/// A message of a batch that was not run, because the answers to those before it are large.
pub fn answers_too_large_error() -> JsonRpcError {
    let message = "The answers of this batch are too large together: send this message alone";
    JsonRpcError::new(StatusCode::PAYLOAD_TOO_LARGE, REFUSED, message)
}

/// A call whose upstream did not answer in time.
pub fn upstream_too_slow_error() -> JsonRpcError {
    JsonRpcError::new(StatusCode::GATEWAY_TIMEOUT, INTERNAL_ERROR, "The tool's server did not answer in time")
}

/// After this many seconds it is worth trying again when something is down.
pub const UNAVAILABLE_RETRY_AFTER_SECONDS: u64 = 5;
/// After this many seconds a block of addresses has signatures left again.
const NOT_TRIED_RETRY_AFTER_SECONDS: u64 = 1;
/// After this many seconds one of too many calls or streams may be over.
const BUSY_RETRY_AFTER_SECONDS: u64 = 1;

/// Writes refusals for one resource: it knows the URL of its metadata and what to ask for first.
#[derive(Debug, Clone)]
pub struct RefusalWriter {
    resource_metadata: String,
    no_token: PlainRefusal,
    without_token: HeaderValue,
    invalid_token: HeaderValue,
    two_tokens: HeaderValue,
}

impl RefusalWriter {
    /// For the resource whose metadata is at `resource_metadata`; clients are told to ask for `first_scopes`, and people that they sign in at
    /// `issuer`.
    pub fn new(resource_metadata: &str, issuer: &str, first_scopes: &ScopeSet) -> Self {
        let complete =
            |challenge: Challenge| value(&challenge.resource_metadata(resource_metadata).scope(first_scopes));
        let refused = |code, description| complete(Challenge::refused(code, description));
        Self {
            resource_metadata: resource_metadata.to_owned(),
            no_token: no_token(issuer),
            without_token: complete(Challenge::without_token()),
            invalid_token: refused(ErrorCode::InvalidToken, "The access token is expired, revoked or not valid here"),
            two_tokens: refused(ErrorCode::InvalidRequest, "Send the access token once, in the Authorization header"),
        }
    }

    /// The answer, for whoever takes JSON.
    pub fn write(&self, refusal: &Refusal) -> Response<Body> {
        self.write_as(refusal, Form::Json)
    }

    /// The answer to a request with these headers.
    pub fn write_to(&self, request: &HeaderMap, refusal: &Refusal) -> Response<Body> {
        self.write_as(refusal, Form::of(request))
    }

    fn write_as(&self, refusal: &Refusal, form: Form<'_>) -> Response<Body> {
        let mut response = self.answer(refusal, form);
        response.extensions_mut().insert(RefusalReason(refusal.reason()));
        response
    }

    fn answer(&self, refusal: &Refusal, form: Form<'_>) -> Response<Body> {
        match refusal {
            Refusal::ForeignHost => form.refuse(StatusCode::FORBIDDEN, FOREIGN_HOST),
            Refusal::ForeignOrigin => form.refuse(StatusCode::FORBIDDEN, FOREIGN_ORIGIN),
            Refusal::NoToken => challenged(form.say(&self.no_token), &self.without_token),
            Refusal::InvalidToken => challenged(form.say(&INVALID_TOKEN), &self.invalid_token),
            Refusal::TwoTokens => challenged(form.say(&TWO_TOKENS), &self.two_tokens),
            Refusal::TooManyFailures { counted } => {
                with_retry_after(form.say(&TOO_MANY_FAILURES), u64::from(counted.reset_seconds))
            }
            Refusal::RateLimited { limit, retry_after_seconds } => {
                let words = if *limit == Limit::Tool { TOOL_RATE_LIMITED } else { RATE_LIMITED };
                with_retry_after(form.say(&words), *retry_after_seconds)
            }
            Refusal::TooManyCalls => with_retry_after(form.say(&TOO_MANY_CALLS), BUSY_RETRY_AFTER_SECONDS),
            Refusal::TooManyStreams => with_retry_after(form.say(&TOO_MANY_STREAMS), BUSY_RETRY_AFTER_SECONDS),
            Refusal::MethodNotAllowed { allow } => {
                let mut response = form.refuse(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed: POST one message");
                response.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
                response
            }
            Refusal::BodyTooLarge { most } => {
                let words = format!("The body is longer than {most} bytes (body_max)");
                form.refuse(StatusCode::PAYLOAD_TOO_LARGE, words)
            }
            Refusal::BodyTooSlow => {
                form.refuse(StatusCode::REQUEST_TIMEOUT, "The body did not arrive in time (body_timeout)")
            }
            Refusal::BodyBroken => form.refuse(StatusCode::BAD_REQUEST, "The body broke off"),
            Refusal::NotJson => {
                form.refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Send JSON with Content-Type: application/json")
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
            Refusal::UnknownKey => {
                let response = form.refuse(StatusCode::SERVICE_UNAVAILABLE, UNKNOWN_KEY);
                with_retry_after(response, COOL_DOWN_SECONDS.unsigned_abs())
            }
            Refusal::NotTried => {
                let response = form.refuse(StatusCode::SERVICE_UNAVAILABLE, NOT_TRIED);
                with_retry_after(response, NOT_TRIED_RETRY_AFTER_SECONDS)
            }
            Refusal::Unavailable => {
                let response = form.refuse(StatusCode::SERVICE_UNAVAILABLE, UNAVAILABLE);
                with_retry_after(response, UNAVAILABLE_RETRY_AFTER_SECONDS)
            }
            Refusal::OfRequest { id, refusal } => self.answer(refusal, Form::Message(id)),
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

fn challenged(mut response: Response<Body>, challenge: &HeaderValue) -> Response<Body> {
    response.headers_mut().insert(WWW_AUTHENTICATE, challenge.clone());
    response
}

fn with_retry_after(mut response: Response<Body>, seconds: u64) -> Response<Body> {
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
    response
}

#[cfg(test)]
mod tests {
    use super::{Limit, Refusal, RefusalWriter, RequestId, insufficient_scope_error, no_such_session_error};
    use axum::body::Body;
    use futures_util::FutureExt as _;
    use http::{
        HeaderMap, HeaderValue, Response,
        header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
    };
    use http_body_util::BodyExt as _;
    use serde_json::{Value, value::RawValue};
    use shared::{http::RefusalReason, protocol::scope::ScopeSet};

    fn writer() -> RefusalWriter {
        let scopes = "mcp.read".parse().expect("scopes");
        RefusalWriter::new("http://r/.well-known/oauth-protected-resource/mcp", "http://i", &scopes)
    }

    fn body(response: &mut Response<Body>) -> String {
        let body = std::mem::take(response.body_mut()).collect().now_or_never().expect("it is there").expect("a body");
        String::from_utf8(body.to_bytes().to_vec()).expect("UTF-8")
    }

    fn headers(accept: Option<&'static str>) -> HeaderMap {
        accept.map(|accept| (ACCEPT, HeaderValue::from_static(accept))).into_iter().collect()
    }

    #[test]
    fn no_token_names_no_error() {
        const TEXT: &str = "text/plain; charset=utf-8";
        for (accept, content_type, helps) in [
            (None, TEXT, false),
            (Some("*/*"), TEXT, false),
            (Some("Text/HTML,application/xhtml+xml,*/*;q=0.8"), TEXT, true),
            (Some("text/event-stream, Application/JSON;q=0.9"), "application/json", true),
        ] {
            let mut response = writer().write_to(&headers(accept), &Refusal::NoToken);
            assert_eq!(response.status(), 401);
            assert_eq!(
                response.headers()[WWW_AUTHENTICATE],
                "Bearer resource_metadata=\"http://r/.well-known/oauth-protected-resource/mcp\", scope=\"mcp.read\""
            );
            assert_eq!(response.headers()[CONTENT_TYPE], content_type);
            let said = body(&mut response);
            assert_eq!(said.starts_with('{'), content_type == "application/json");
            assert!(said.contains("Missing authentication."), "{accept:?}: {said}");
            assert_eq!(said == "Missing authentication.", !helps, "{accept:?}: {said}");
            for help in ["add it to one", "sign in at http://i.", "Authorization header"] {
                assert_eq!(said.contains(help), helps, "{accept:?}: {said}");
            }
        }
    }

    #[test]
    fn what_was_read_is_answered_with_its_id() {
        let raw = RawValue::from_string("7".to_owned()).expect("JSON");
        let id = RequestId::from_json(&raw);
        for (refusal, status) in [
            (Refusal::RateLimited { limit: Limit::Requests, retry_after_seconds: 9 }, 429),
            (Refusal::TooManyStreams, 429),
            (Refusal::InvalidToken, 401),
            (Refusal::Unavailable, 503),
        ] {
            let reason = refusal.reason();
            let mut response = writer().write_to(&headers(None), &refusal.answering(id.as_ref()));
            assert_eq!(
                (response.status().as_u16(), &response.headers()[CONTENT_TYPE]),
                (status, &HeaderValue::from_static("application/json"))
            );
            assert_eq!(response.headers().contains_key(WWW_AUTHENTICATE), status == 401);
            assert_eq!(response.headers().contains_key(RETRY_AFTER), status != 401);
            assert_eq!(response.extensions().get::<RefusalReason>(), Some(&RefusalReason(reason)));
            let said: Value = serde_json::from_str(&body(&mut response)).expect("JSON");
            assert_eq!((&said["id"], &said["error"]["code"]), (&Value::from(7), &Value::from(-32000)));
        }
        let known = Refusal::Protocol(no_such_session_error()).answering(id.as_ref());
        assert!(matches!(known, Refusal::Protocol(_)), "what carries its own id keeps it");
    }

    #[test]
    fn a_step_up_names_all_scopes_and_a_wait_is_said() {
        let needed: ScopeSet = "mcp.write mcp.read".parse().expect("scopes");
        let error = insufficient_scope_error(&needed);
        let mut response = writer().write(&Refusal::InsufficientScope { needed, error });
        let said: Value = serde_json::from_str(&body(&mut response)).expect("JSON");
        assert_eq!(said["error"]["data"]["scope"], "mcp.read mcp.write");
        assert!(said["error"]["message"].as_str().is_some_and(|words| words.ends_with("mcp.read mcp.write")), "{said}");
        let challenge = response.headers()[WWW_AUTHENTICATE].to_str().expect("ASCII");
        assert!(challenge.starts_with("Bearer error=\"insufficient_scope\""), "{challenge}");
        assert!(challenge.contains("scope=\"mcp.read mcp.write\""), "{challenge}");
        assert_eq!(response.status(), 403);
        let over = Refusal::RateLimited { limit: Limit::Tool, retry_after_seconds: 0 };
        assert_eq!(writer().write(&over).headers()[RETRY_AFTER], "1");
        assert_eq!(writer().write(&Refusal::Unavailable).headers()[RETRY_AFTER], "5");
    }
}
