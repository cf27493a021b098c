//! How refusals are said: in text or as a document before a message was read, as JSON-RPC afterwards. All three say the same.

use crate::mcp::{
    json_rpc_error::{JsonRpcError, REFUSED},
    request_id::RequestId,
};
use axum::body::Body;
use http::{
    HeaderMap, HeaderValue, Response, StatusCode,
    header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE},
};
use serde_json::json;
use shared::protocol::error_code::ErrorCode;
use std::borrow::Cow;

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
/// The type of everything else.
pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// What is said before a message was read.
#[derive(Debug, Clone)]
pub(super) struct PlainRefusal {
    status: StatusCode,
    /// RFC 6750 §3.1, and RFC 6749 §4.1.2.1 for what that has no word for.
    code: ErrorCode,
    /// What is wrong: a line of its own in text, which scripts compare.
    words: &'static str,
    /// And what to do about it.
    advice: Cow<'static, str>,
}

/// Whoever brings no token may be a person with a browser, who is told where people belong: at `issuer`.
pub(super) fn no_token(issuer: &str) -> PlainRefusal {
    let advice = format!(
        "This URL is for MCP clients: add it to one, and it has you sign in at {issuer}. By hand, send an access token in the \
         Authorization header; resource_metadata in WWW-Authenticate says who gives one."
    );
    PlainRefusal {
        status: StatusCode::UNAUTHORIZED,
        code: ErrorCode::InvalidToken,
        words: "Missing authentication.",
        advice: advice.into(),
    }
}

pub(super) const INVALID_TOKEN: PlainRefusal = PlainRefusal {
    status: StatusCode::UNAUTHORIZED,
    code: ErrorCode::InvalidToken,
    words: "Invalid or revoked MCP token",
    advice: Cow::Borrowed("Refresh it, or have this resource authorized anew."),
};
pub(super) const TWO_TOKENS: PlainRefusal = PlainRefusal {
    status: StatusCode::BAD_REQUEST,
    code: ErrorCode::InvalidRequest,
    words: "Too many access tokens.",
    advice: Cow::Borrowed("Send the access token once, in the Authorization header."),
};
pub(super) const RATE_LIMITED: PlainRefusal = PlainRefusal {
    status: StatusCode::TOO_MANY_REQUESTS,
    code: ErrorCode::TemporarilyUnavailable,
    words: RATE_LIMIT_EXCEEDED,
    advice: Cow::Borrowed(
        "One user may make so many requests a minute with one client (requests_per_minute). Go on after the seconds of Retry-After.",
    ),
};
pub(super) const TOOL_RATE_LIMITED: PlainRefusal = PlainRefusal {
    status: StatusCode::TOO_MANY_REQUESTS,
    code: ErrorCode::TemporarilyUnavailable,
    words: RATE_LIMIT_EXCEEDED,
    advice: Cow::Borrowed(
        "One user may call this tool so often a minute with one client (tool_limits). Call it again after the seconds of \
         Retry-After; others can be called now.",
    ),
};
pub(super) const TOO_MANY_FAILURES: PlainRefusal = PlainRefusal {
    status: StatusCode::TOO_MANY_REQUESTS,
    code: ErrorCode::TemporarilyUnavailable,
    words: RATE_LIMIT_EXCEEDED,
    advice: Cow::Borrowed("Too many forged tokens came from this network. Go on after the seconds of Retry-After."),
};
pub(super) const TOO_MANY_CALLS: PlainRefusal = PlainRefusal {
    status: StatusCode::TOO_MANY_REQUESTS,
    code: ErrorCode::TemporarilyUnavailable,
    words: "Too many calls are running.",
    advice: Cow::Borrowed("Wait for one of them to end (concurrent_calls)."),
};
pub(super) const TOO_MANY_STREAMS: PlainRefusal = PlainRefusal {
    status: StatusCode::TOO_MANY_REQUESTS,
    code: ErrorCode::TemporarilyUnavailable,
    words: "Too many streams are open.",
    advice: Cow::Borrowed("Close one of them (open_streams)."),
};

const RATE_LIMIT_EXCEEDED: &str = "Rate limit exceeded.";

/// What is not ours is never repeated.
pub(super) const FOREIGN_HOST: &str =
    "This server does not answer that Host: it is neither that of public_url nor one of allowed_hosts";
pub(super) const FOREIGN_ORIGIN: &str =
    "This server does not answer that Origin: it is neither that of public_url nor one of allowed_origins";
/// Something is down, or not known yet.
pub(super) const UNAVAILABLE: &str = "Temporarily unavailable: try again after the seconds of Retry-After";
pub(super) const UNKNOWN_KEY: &str =
    "The token's key is not known here yet: send the token again after the seconds of Retry-After";
pub(super) const NOT_TRIED: &str =
    "Too many forged tokens come from this network to look at this one: send it again after the seconds of Retry-After";

/// How a refusal is said.
#[derive(Clone, Copy)]
pub(super) enum Form<'i> {
    /// The line that scripts compare, and nothing else.
    Text,
    /// That line with the help below it, for a person who came with a browser.
    Help,
    Json,
    /// The answer to this request.
    Message(&'i RequestId),
}

impl Form<'_> {
    /// That which a request with these headers takes; one that takes anything was written by hand, mostly, and hears the line of old.
    pub(super) fn of(request: &HeaderMap) -> Self {
        if takes(request, "application/json") {
            Self::Json
        } else if takes(request, "text/html") {
            Self::Help
        } else {
            Self::Text
        }
    }

    pub(super) fn say(self, what: &PlainRefusal) -> Response<Body> {
        let PlainRefusal { status, code, words, advice } = what;
        let sentences = || format!("{}. {advice}", words.trim_end_matches('.'));
        match self {
            Self::Text => answer(*status, TEXT, Body::from(*words)),
            Self::Help => answer(*status, TEXT, Body::from(format!("{words}\n{advice}\n"))),
            Self::Json => {
                let document = json!({"error": code.as_str(), "error_description": sentences()});
                answer(*status, JSON, Body::from(document.to_string()))
            }
            Self::Message(id) => self::json(&JsonRpcError::new(*status, REFUSED, sentences()).answering(Some(id))),
        }
    }

    /// What is JSON-RPC also where no id is known.
    pub(super) fn refuse(self, status: StatusCode, message: impl Into<Cow<'static, str>>) -> Response<Body> {
        let id = if let Self::Message(id) = self { Some(id) } else { None };
        self::json(&JsonRpcError::new(status, REFUSED, message).answering(id))
    }
}

/// Whether a request names this type among those that it takes.
fn takes(request: &HeaderMap, media_type: &str) -> bool {
    let accepted = request.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut ranges = accepted.flat_map(|value| value.split(','));
    ranges.any(|range| range.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(media_type))
}

/// An error in JSON-RPC.
pub(super) fn json(error: &JsonRpcError) -> Response<Body> {
    answer(error.status, JSON, Body::from(error.body()))
}

/// An answer that no cache keeps.
pub(super) fn answer(status: StatusCode, content_type: HeaderValue, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers: &mut HeaderMap = response.headers_mut();
    headers.insert(CONTENT_TYPE, content_type);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
