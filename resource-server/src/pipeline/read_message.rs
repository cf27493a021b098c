//! Steps "bounded body" and "envelope and era": from bytes to a message that rules can look at.

use super::{Pipeline, request_id};
use crate::{
    bearer::extract::carries_token,
    mcp::{
        batch, envelope,
        era::{self, Era},
        host_and_origin::requested_host,
        json_rpc_error::JsonRpcError,
        request_id::RequestId,
        sessions::SESSION_HEADER,
    },
    policy::rule_message::lists_tools,
    refusal::Refusal,
    upstreams::Message,
};
use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header, request::Parts};
use shared::http::{BodyRefusal, read_body};

/// What goes on to the upstream beside `Host`; everything else, `Authorization` and cookies first, stays here.
const FORWARDED_HEADERS: [HeaderName; 3] = [header::ACCEPT, header::ORIGIN, HeaderName::from_static("last-event-id")];
const FORWARDED_PREFIX: &str = "mcp-";

/// What a request brings.
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every request is one message, which a box would cost an allocation"
)]
pub(super) enum Incoming {
    /// A message, or the GET or DELETE of a session.
    One(Message),
    /// Several, from a client of the revision that has batches.
    Batch(Vec<Message>),
}

impl Incoming {
    /// The id to answer to; the messages of a batch have one each.
    pub(super) fn request_id(&self) -> Option<&RequestId> {
        if let Self::One(message) = self { request_id(message) } else { None }
    }
}

impl Pipeline {
    /// Reads what a request brings.
    pub(super) async fn read_message(&self, parts: &Parts, body: Body) -> Result<Incoming, Refusal> {
        if parts.method != Method::POST {
            let headers = self.forwarded_headers(parts, Era::Legacy);
            return Ok(Incoming::One(Message::of_session(parts.method.clone(), headers)));
        }
        let body = read_body(&parts.headers, body, self.limits.body).await.map_err(|cause| match cause {
            BodyRefusal::TooLarge => Refusal::BodyTooLarge { most: self.limits.body.bytes },
            BodyRefusal::TooSlow => Refusal::BodyTooSlow,
            BodyRefusal::Broken => Refusal::BodyBroken,
        })?;
        check_content_type(&parts.headers, &body)?;
        if batch::is_batch(&body) {
            return self.take_apart(parts, &body).map(Incoming::Batch).map_err(Refusal::Protocol);
        }
        let envelope = envelope::parse(&body).map_err(Refusal::Protocol)?;
        let era = era::of_message(&envelope, &parts.headers).map_err(Refusal::Protocol)?;
        let stays_here = lists_tools(&envelope) && self.sessions.is_none();
        let headers = if stays_here { HeaderMap::new() } else { self.forwarded_headers(parts, era) };
        Ok(Incoming::One(Message {
            http_method: Method::POST,
            headers,
            envelope: Some(envelope),
            era,
            body,
            lease: None,
        }))
    }

    /// The messages of a batch; one that is none refuses all.
    fn take_apart(&self, parts: &Parts, body: &Bytes) -> Result<Vec<Message>, JsonRpcError> {
        era::check_batch(&parts.headers)?;
        let messages = batch::split(body)?.into_iter().map(|body| {
            let envelope = envelope::parse(&body)?;
            let era = era::of_batched_message(&envelope, &parts.headers)?;
            let headers = self.forwarded_headers(parts, era);
            Ok(Message { http_method: Method::POST, headers, envelope: Some(envelope), era, body, lease: None })
        });
        messages.collect()
    }

    fn forwarded_headers(&self, parts: &Parts, era: Era) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(8);
        for (name, value) in &parts.headers {
            if FORWARDED_HEADERS.contains(name) || name.as_str().starts_with(FORWARDED_PREFIX) {
                headers.append(name, value.clone());
            }
        }
        if self.sessions.is_none() || era == Era::Modern {
            // There are no sessions to name (MCP 2026-07-28: ignore the header).
            headers.remove(SESSION_HEADER);
        }
        let host = requested_host(&parts.uri, &parts.headers).and_then(|host| HeaderValue::from_str(host).ok());
        headers.extend(host.map(|host| (header::HOST, host)));
        headers
    }
}

/// JSON it must be. A form with a token in it (RFC 6750 §2.2) beside the header is two tokens.
fn check_content_type(headers: &HeaderMap, body: &[u8]) -> Result<(), Refusal> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    if media_type.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let is_form = media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded");
    let carries = is_form && std::str::from_utf8(body).is_ok_and(carries_token);
    Err(if carries { Refusal::TwoTokens } else { Refusal::NotJson })
}
