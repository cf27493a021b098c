//! Tools written on rmcp as an upstream: stateless by default, with legacy sessions where the operator asks for them.

use super::{
    Message, ReplyBody, SessionSettings, ToolDefinition, Upstream, UpstreamError, UpstreamReply,
    leased::Leased,
    legacy_sessions::{HANDSHAKE_MAX_BYTES, LegacySessions, PostError},
};
use crate::{
    bearer::principal::Principal,
    config::ResourceServerSettings,
    mcp::{
        era::Era,
        host_and_origin::HostAndOrigin,
        json_rpc_error::{INVALID_REQUEST, JsonRpcError, REFUSED},
        sessions::SESSION_HEADER,
    },
};
use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, combinators::BoxBody};
use rmcp::{
    ServerHandler,
    model::Tool,
    transport::{
        StreamableHttpServerConfig, StreamableHttpService, streamable_http_server::session::never::NeverSessionManager,
    },
};
use shared::http::DRAIN;
use std::{convert::Infallible, error::Error, sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

const JSON: &str = "application/json";
const EVENT_STREAM: &str = "text/event-stream";
/// Calls that run when the server stops have this much less than everything else to finish: what they then hear still arrives.
const TIME_TO_HEAR: Duration = Duration::from_millis(500);

/// What rmcp is set to; the pipeline in front has checked the same things already.
#[derive(Clone)]
pub struct RmcpLimits {
    /// `Host` values that reach this server.
    pub allowed_hosts: Vec<String>,
    /// `Origin` values that may call; an empty list refuses every one.
    pub allowed_origins: Vec<String>,
    /// Bytes of a body.
    pub body_max_bytes: usize,
    /// How legacy sessions are kept; none without sessions.
    pub sessions: Option<SessionSettings>,
}

impl RmcpLimits {
    /// What the settings say, for requests that `allowed` lets through.
    pub fn new(settings: &ResourceServerSettings, allowed: &HostAndOrigin, sessions: Option<SessionSettings>) -> Self {
        Self {
            allowed_hosts: allowed.hosts(),
            allowed_origins: allowed.origins(),
            body_max_bytes: settings.body_max.bytes(),
            sessions,
        }
    }
}

/// A server written on rmcp as an upstream.
pub struct RmcpUpstream<S> {
    /// Answers every message on its own.
    stateless: StreamableHttpService<S, NeverSessionManager>,
    /// Answers in legacy sessions, where they are on.
    sessions: Option<Sessions<S>>,
    definitions: Vec<ToolDefinition>,
    server_info: String,
}

struct Sessions<S> {
    service: StreamableHttpService<Leased<S>, LegacySessions>,
    held: Arc<LegacySessions>,
}

impl<S: ServerHandler + Clone + Sync> RmcpUpstream<S> {
    /// `server` with these `tools`. At `stop` its calls have until shortly before the end of the drain time; to end its `listen` with a result
    /// is the server's own.
    pub fn new(server: S, tools: &[Tool], limits: &RmcpLimits, stop: CancellationToken) -> Self {
        let definitions = tools.iter().map(definition).collect();
        let server_info = serde_json::to_string(&server.get_info().server_info).expect("it has text keys only");
        let config = StreamableHttpServerConfig::default()
            .with_allowed_hosts(limits.allowed_hosts.clone())
            .with_allowed_origins(limits.allowed_origins.clone())
            .enforce_origin_validation()
            .with_max_request_body_bytes(limits.body_max_bytes)
            .with_json_response(true)
            .with_cancellation_token(drained(&stop));
        let sessions = limits.sessions.as_ref().map(|settings| {
            let held = LegacySessions::new(settings);
            held.sweep(stop);
            let (server, mut config) = (server.clone(), config.clone().with_legacy_session_mode(true));
            config.session_store = held.store();
            let service = StreamableHttpService::new(move || Ok(Leased(server.clone())), held.clone(), config);
            Sessions { service, held }
        });
        let config = config.with_legacy_session_mode(false);
        let stateless = StreamableHttpService::new(move || Ok(server.clone()), Arc::default(), config);
        Self { stateless, sessions, definitions, server_info }
    }

    /// The sessions, for whatever opens, uses or ends one; a message on its own needs none. Who could not read the stream of a session
    /// is given none: it sent no `Accept`, or one for JSON.
    fn sessions_for(&self, message: &Message) -> Option<&Sessions<S>> {
        let opens = message.initializes()
            && message.headers.get(header::ACCEPT).is_some_and(|accept| accept.to_str().is_ok_and(names_events));
        let in_session = message.envelope.is_none() || message.in_session();
        self.sessions.as_ref().filter(|_| message.era == Era::Legacy && (opens || in_session))
    }
}

#[async_trait]
impl<S: ServerHandler + Clone + Sync> Upstream for RmcpUpstream<S> {
    fn tools(&self) -> Vec<ToolDefinition> {
        self.definitions.clone()
    }

    fn server_info(&self) -> Option<String> {
        Some(self.server_info.clone())
    }

    fn sessions(&self) -> usize {
        self.sessions.as_ref().map_or(0, |sessions| sessions.held.count())
    }

    async fn call(&self, principal: &Arc<Principal>, message: Message) -> Result<UpstreamReply, UpstreamError> {
        let id = message.envelope.as_ref().and_then(|envelope| envelope.id().cloned());
        let response = match self.sessions_for(&message) {
            Some(sessions) => match sessions.handle(principal, message).await? {
                InSession::Answered(response) => response,
                InSession::NotHere(reply) => return Ok(reply),
            },
            None => self.stateless.handle(request(principal, message)).await,
        };
        let mut reply = reply(response).await?;
        if reply.status.is_client_error() && !has_type(reply.content_type.as_ref(), JSON) {
            // rmcp explains some refusals in plain text; JSON-RPC clients expect JSON-RPC.
            let error = JsonRpcError::new(reply.status, INVALID_REQUEST, refusal(&reply)).answering(id.as_ref());
            reply.body = ReplyBody::Whole(error.body());
            reply.content_type = Some(HeaderValue::from_static(JSON));
        }
        Ok(reply)
    }
}

/// What became of a message in a session.
enum InSession {
    /// This process answered.
    Answered(Response<BoxBody<Bytes, Infallible>>),
    /// It concerns another one, which gets it, or is refused.
    NotHere(UpstreamReply),
}

impl<S: ServerHandler + Clone + Sync> Sessions<S> {
    async fn handle(&self, principal: &Arc<Principal>, message: Message) -> Result<InSession, UpstreamError> {
        if message.initializes() && message.body.len() > HANDSHAKE_MAX_BYTES {
            return Ok(InSession::NotHere(too_large(&message, "An initialize has at most 16 KiB")));
        }
        match self.held.hand_over(&message).await {
            Ok(false) => {}
            Ok(true) => return Ok(InSession::NotHere(without_body(StatusCode::ACCEPTED))),
            Err(PostError::TooLarge) => {
                let words = "The answer is too large for the process that asked, which is another one";
                return Ok(InSession::NotHere(too_large(&message, words)));
            }
            Err(cause) => return Err(unavailable(&cause)),
        }
        let alone = self.held.restore_lock(&message).await;
        let _alone = alone.map_err(|cause| unavailable(&cause))?;
        Ok(InSession::Answered(self.service.handle(request(principal, message)).await))
    }
}

fn unavailable(cause: &dyn Error) -> UpstreamError {
    UpstreamError::Unavailable { cause: cause.to_string() }
}

fn without_body(status: StatusCode) -> UpstreamReply {
    UpstreamReply { status, content_type: None, session_id: None, body: ReplyBody::Whole(Bytes::new()) }
}

fn too_large(message: &Message, words: &'static str) -> UpstreamReply {
    // The id of an answer is that of a question of ours.
    let id = message.envelope.as_ref().and_then(|envelope| envelope.id());
    let error = JsonRpcError::new(StatusCode::PAYLOAD_TOO_LARGE, REFUSED, words).answering(id);
    let content_type = Some(HeaderValue::from_static(JSON));
    UpstreamReply { content_type, body: ReplyBody::Whole(error.body()), ..without_body(error.status) }
}

/// Cancelled when calls have had their time after `stop`.
fn drained(stop: &CancellationToken) -> CancellationToken {
    let (drained, stop) = (CancellationToken::new(), stop.clone());
    let end = drained.clone();
    tokio::spawn(async move {
        stop.cancelled().await;
        tokio::time::sleep(DRAIN.saturating_sub(TIME_TO_HEAR)).await;
        end.cancel();
    });
    drained
}

fn definition(tool: &Tool) -> ToolDefinition {
    let annotations = tool.annotations.as_ref();
    ToolDefinition {
        name: tool.name.to_string(),
        json: serde_json::to_string(tool).expect("a tool has text keys only"),
        read_only: annotations.and_then(|annotations| annotations.read_only_hint).unwrap_or(false),
    }
}

/// The request for rmcp: `Accept` says what rmcp insists on (clients send `*/*`, or nothing), the principal goes beside it.
fn request(principal: &Arc<Principal>, message: Message) -> Request<Full<Bytes>> {
    let accept = if message.envelope.is_some() { "application/json, text/event-stream" } else { EVENT_STREAM };
    let mut request = Request::new(Full::new(message.body));
    *request.method_mut() = message.http_method;
    let mut headers: HeaderMap = message.headers;
    headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON));
    *request.headers_mut() = headers;
    request.extensions_mut().insert(principal.clone());
    if let Some(lease) = message.lease {
        request.extensions_mut().insert(lease);
    }
    request
}

async fn reply(response: Response<BoxBody<Bytes, Infallible>>) -> Result<UpstreamReply, UpstreamError> {
    let (mut parts, body) = response.into_parts();
    let content_type = parts.headers.remove(header::CONTENT_TYPE);
    let session_id = parts.headers.remove(SESSION_HEADER);
    let streams = parts.status.is_success() && has_type(content_type.as_ref(), EVENT_STREAM);
    let body = if streams { ReplyBody::Stream(body) } else { ReplyBody::Whole(whole(body).await) };
    match body {
        ReplyBody::Whole(text) if parts.status.is_server_error() => {
            Err(UpstreamError::Failed { cause: String::from_utf8_lossy(&text).into_owned() })
        }
        body => Ok(UpstreamReply { status: parts.status, content_type, session_id, body }),
    }
}

async fn whole(body: BoxBody<Bytes, Infallible>) -> Bytes {
    match body.collect().await {
        Ok(collected) => collected.to_bytes(),
        Err(never) => match never {},
    }
}

fn names_events(accept: &str) -> bool {
    accept.split(',').any(|range| {
        range.trim_start().get(..EVENT_STREAM.len()).is_some_and(|name| name.eq_ignore_ascii_case(EVENT_STREAM))
    })
}

fn has_type(content_type: Option<&HeaderValue>, wanted: &str) -> bool {
    content_type.is_some_and(|value| value.as_bytes().starts_with(wanted.as_bytes()))
}

/// What to say instead of rmcp's plain text; nothing of the request is echoed.
fn refusal(reply: &UpstreamReply) -> &'static str {
    match reply.status {
        StatusCode::NOT_FOUND => "Session not found",
        StatusCode::METHOD_NOT_ALLOWED => "Method not allowed",
        StatusCode::PAYLOAD_TOO_LARGE => "The body is too large",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "Invalid Request",
        _ => "Bad Request",
    }
}
