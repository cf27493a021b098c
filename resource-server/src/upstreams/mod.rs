//! What answers MCP messages once they are allowed: one trait, and what is written on rmcp so far.

pub mod builtin;
mod leased;
mod legacy_sessions;
pub mod rmcp_upstream;

use crate::{
    bearer::principal::Principal,
    mcp::{envelope::Envelope, era::Era, sessions::SESSION_HEADER},
};
use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use http_body_util::combinators::BoxBody;
use std::{convert::Infallible, sync::Arc};

pub use crate::mcp::tools_list::ToolDefinition;
pub use leased::Lease;
pub use legacy_sessions::{SessionSettings, SharingProcess};

/// One allowed HTTP request of the MCP endpoint.
#[derive(Debug)]
pub struct Message {
    /// POST; GET and DELETE only in a legacy session.
    pub http_method: Method,
    /// The request's MCP headers: never `Authorization`, never cookies.
    pub headers: HeaderMap,
    /// What the body says; none for GET and DELETE.
    pub envelope: Option<Envelope>,
    /// How the client speaks.
    pub era: Era,
    /// The body as it was sent.
    pub body: Bytes,
    /// For a request in a legacy session, which goes on when its client hangs up.
    pub lease: Option<Arc<Lease>>,
}

impl Message {
    /// The GET or DELETE of a legacy session, which has no body.
    pub fn of_session(http_method: Method, headers: HeaderMap) -> Self {
        Self { http_method, headers, envelope: None, era: Era::Legacy, body: Bytes::new(), lease: None }
    }

    /// Whether it names a legacy session. Where there are none, the header that does so does not come this far.
    pub fn in_session(&self) -> bool {
        self.headers.contains_key(SESSION_HEADER)
    }

    /// Whether it is the handshake of the revisions before 2026-07-28.
    pub fn initializes(&self) -> bool {
        self.envelope.as_ref().is_some_and(|envelope| &*envelope.method == "initialize")
    }
}

/// An answer.
#[derive(Debug)]
pub struct UpstreamReply {
    /// HTTP status.
    pub status: StatusCode,
    /// `Content-Type` of the body.
    pub content_type: Option<HeaderValue>,
    /// The session that the answer opens (legacy `initialize`).
    pub session_id: Option<HeaderValue>,
    /// What it says.
    pub body: ReplyBody,
}

/// The body of an answer.
#[derive(Debug)]
pub enum ReplyBody {
    /// All of it.
    Whole(Bytes),
    /// Server-sent events.
    Stream(BoxBody<Bytes, Infallible>),
}

/// Why there is no answer; the cause is for the log alone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamError {
    /// It answered with something that is no answer, or broke down.
    #[error("the upstream failed: {cause}")]
    Failed {
        /// What went wrong.
        cause: String,
    },
    /// It cannot be known now; the same message may be answered in a moment.
    #[error("the upstream cannot answer now: {cause}")]
    Unavailable {
        /// What is missing.
        cause: String,
    },
}

/// What answers.
#[async_trait]
pub trait Upstream: Send + Sync + 'static {
    /// The tools it has, for the policy and the list.
    fn tools(&self) -> Vec<ToolDefinition>;

    /// Who it is: the JSON object of its name and version (`Implementation`), where it says.
    fn server_info(&self) -> Option<String> {
        None
    }

    /// How many legacy sessions it holds in this process.
    fn sessions(&self) -> usize {
        0
    }

    /// Answers one allowed message of `principal`. Dropping the future cancels the call.
    async fn call(&self, principal: &Arc<Principal>, message: Message) -> Result<UpstreamReply, UpstreamError>;
}
