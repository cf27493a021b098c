//! Steps "upstream" and "stream end": the call is timed, contained and cut by revocation, and so is its stream.

use super::{Caller, Pipeline};
use crate::{
    bearer::verified_token::Place,
    mcp::{
        end_stream::{EndingStream, LAST_WORDS, StreamEnd, UNREAD_MAX},
        envelope::Envelope,
        era::Era,
        request_id::RequestId,
        sessions::SESSION_HEADER,
        tools_list::ToolsAnswer,
    },
    policy::rule_message::known_method,
    refusal::{Refusal, upstream_failed_error, upstream_too_slow_error},
    upstreams::{Lease, Message, ReplyBody, UpstreamError, UpstreamReply},
};
use axum::{body::Body, response::Response};
use bytes::Bytes;
use futures_util::FutureExt as _;
use http::{
    HeaderMap, HeaderValue, Method,
    header::{CACHE_CONTROL, CONTENT_TYPE, HOST},
};
use http_body_util::{Full, combinators::BoxBody};
use shared::{
    clock::UnixSeconds,
    http::current_request,
    trace::{Span, SpanContext, SpanKind, TraceContext, TraceState, begin, begin_remote},
};
use std::{
    convert::Infallible,
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// A longer answer that is no stream holds the place of its call until it is taken, as a stream does: in memory it costs as much as the call did.
const UNHELD_MAX_BYTES: u64 = 64 * 1024;

/// The type of a stream.
pub(super) fn event_stream() -> HeaderValue {
    HeaderValue::from_static("text/event-stream")
}

/// `response` for this caller alone.
pub(super) fn no_store(mut response: Response) -> Response {
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

impl Pipeline {
    /// `tools/list`, cut to what the caller may see.
    pub(super) fn list_tools(
        &self,
        caller: &Caller,
        message: &Message,
        place: Arc<Place>,
        now: UnixSeconds,
    ) -> Response {
        let tools = self.tools_for(caller, message);
        let body = tools.map_or_else(Body::empty, |tools| self.hold(caller, tools, place, now));
        let mut response = no_store(Response::new(body));
        response.headers_mut().insert(CONTENT_TYPE, JSON);
        response
    }

    /// The answer to `tools/list`.
    pub(super) fn tools_for(&self, caller: &Caller, message: &Message) -> Option<ToolsAnswer> {
        let id = message.envelope.as_ref().and_then(|envelope| envelope.id())?;
        let principal = &caller.identified.token.principal;
        let selection = self.policy.selection(principal);
        Some(self.tools_list.answer(id, message.era, selection, self.policy.visible_tools(principal)))
    }

    /// Calls the upstream and takes care of what it opens.
    pub(super) async fn call_upstream(
        self: &Arc<Self>,
        caller: &Caller,
        message: Message,
        place: Arc<Place>,
        now: UnixSeconds,
    ) -> Result<Response, Refusal> {
        let outline = Outline::of(&message);
        // What listens holds no place of a call, once it listens.
        let listening = if outline.listens.is_some() { Some(self.open_stream(caller)) } else { None };
        let of_request = |refusal: Refusal| refusal.answering(outline.id.as_ref());
        let listening = listening.transpose().map_err(of_request)?;
        let reply = self.call_in_session(caller, message, &outline, &place, now).await.map_err(of_request)?;
        let mut response = no_store(Response::new(Body::empty()));
        *response.status_mut() = reply.status;
        let headers: &mut HeaderMap = response.headers_mut();
        headers.extend(reply.content_type.map(|value| (CONTENT_TYPE, value)));
        headers.extend(reply.session_id.map(|value| (SESSION_HEADER, value)));
        match reply.body {
            ReplyBody::Whole(bytes) => *response.body_mut() = self.hold(caller, Full::new(bytes), place, now),
            ReplyBody::Stream(stream) => {
                let end = self.end_of_stream(caller, outline.listens, now);
                self.stream(&mut response, stream, listening.unwrap_or(place), end);
            }
        }
        Ok(response)
    }

    /// The body of an answer that is there. A long one holds `place` until it is taken, or its time is up.
    pub(super) fn hold<B>(&self, caller: &Caller, answer: B, place: Arc<Place>, now: UnixSeconds) -> Body
    where
        B: http_body::Body<Data = Bytes, Error = Infallible> + Send + Sync + 'static,
    {
        if answer.size_hint().upper().is_some_and(|bytes| bytes <= UNHELD_MAX_BYTES) {
            return Body::new(answer);
        }
        Body::new(EndingStream::new(BoxBody::new(answer), place, self.end_of_stream(caller, None, now)))
    }

    /// Makes `stream` the body of an answer: it holds `place` until its end, and no proxy holds it back.
    pub(super) fn stream(
        &self,
        response: &mut Response,
        stream: BoxBody<Bytes, Infallible>,
        place: Arc<Place>,
        end: StreamEnd,
    ) {
        response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
        *response.body_mut() = Body::new(EndingStream::new(stream, place, end));
    }

    /// What listens ends with its token, or with the server; the answer to a call within its time.
    pub(super) fn end_of_stream(&self, caller: &Caller, listens: Option<Era>, now: UnixSeconds) -> StreamEnd {
        let (token, revocations) = (caller.identified.token.clone(), self.revocations.clone());
        let time_limit = match listens {
            Some(_) => until(token.principal.expires_at, now),
            None => self.limits.call_time,
        };
        let stop = listens.is_some().then(|| self.stop.clone());
        let last_words = if listens == Some(Era::Modern) { LAST_WORDS } else { Duration::ZERO };
        StreamEnd { time_limit, unread_max: UNREAD_MAX, stop, last_words, revocations, token }
    }

    fn open_stream(&self, caller: &Caller) -> Result<Arc<Place>, Refusal> {
        caller.identified.token.share.open_stream(self.limits.open_streams).ok_or(Refusal::TooManyStreams)
    }

    /// One call: within its time, its panics contained, over when the token is revoked.
    pub(super) async fn call(
        &self,
        caller: &Caller,
        mut message: Message,
        id: Option<&RequestId>,
        place: &Arc<Place>,
    ) -> Result<UpstreamReply, Refusal> {
        let token = &caller.identified.token;
        let step = begin_message(&message);
        message.lease = self.lease(caller, &message, place);
        let call = AssertUnwindSafe(self.upstream.call(&token.principal, message)).catch_unwind();
        let failed = || Refusal::UpstreamFailed(upstream_failed_error().answering(id));
        let began = Instant::now();
        let answered = async {
            tokio::select! {
                biased;
                reply = call => match reply {
                    Ok(Ok(reply)) => Ok(reply),
                    Ok(Err(UpstreamError::Unavailable { cause })) => {
                        tracing::error!(%cause, "an upstream is unavailable");
                        Err(Refusal::Unavailable)
                    }
                    Ok(Err(UpstreamError::Failed { cause })) => {
                        tracing::error!(%cause, "an upstream failed");
                        Err(failed())
                    }
                    Err(_panic) => {
                        tracing::error!("an upstream panicked");
                        Err(failed())
                    }
                },
                () = self.revocations.revoked(token) => Err(Refusal::InvalidToken),
                () = tokio::time::sleep(self.limits.call_time) => {
                    Err(Refusal::UpstreamFailed(upstream_too_slow_error().answering(id)))
                }
            }
        };
        // What is logged of the call is logged as a part of its step.
        let answer = step.run(answered).await;
        self.metrics.upstream.observe(began.elapsed());
        if matches!(answer, Err(Refusal::UpstreamFailed(_))) {
            self.metrics.upstream_failures.increment();
        }
        answer
    }

    /// What a request in a session goes on with when its client hangs up.
    fn lease(&self, caller: &Caller, message: &Message, place: &Arc<Place>) -> Option<Arc<Lease>> {
        let asks = message.envelope.as_ref().is_some_and(|envelope| envelope.id().is_some());
        let (token, revocations) = (&caller.identified.token, &self.revocations);
        (message.in_session() && asks).then(|| {
            let (place, token, revocations) = (place.clone(), token.clone(), revocations.clone());
            let (time_limit, request) = (self.limits.call_time, current_request());
            Arc::new(Lease { place, token, revocations, time_limit, request })
        })
    }
}

/// The step that an allowed message is. A request of the modern revision names the step of its client, which this one continues; the HTTP
/// request, which came through whatever stands between, is linked.
fn begin_message(message: &Message) -> Span {
    let Some(envelope) = &message.envelope else { return begin("message", SpanKind::Internal) };
    let mut step = match sent_by(envelope).filter(|_| message.era == Era::Modern) {
        Some(sent_by) => begin_remote("message", SpanKind::Internal, sent_by),
        None => begin("message", SpanKind::Internal),
    };
    if step.is_recording()
        && let Some(method) = known_method(&envelope.method)
    {
        // A tool that is called is there.
        let tool = envelope.params.name.as_deref().filter(|_| method == "tools/call");
        step.update_name([method].into_iter().chain(tool).collect::<Vec<_>>().join(" "));
    }
    step
}

fn sent_by(envelope: &Envelope) -> Option<SpanContext> {
    let meta = envelope.params.meta.as_ref()?;
    let context = TraceContext::parse(meta.traceparent.as_deref()?)?;
    Some(SpanContext { context, state: TraceState::parse(meta.tracestate.as_deref()) })
}

/// What is still needed of a message once it is gone.
#[derive(Clone)]
pub(super) struct Outline {
    pub(super) id: Option<RequestId>,
    pub(super) http_method: Method,
    pub(super) session: Option<HeaderValue>,
    /// What it was sent to.
    pub(super) host: Option<HeaderValue>,
    /// How it listens, if it does.
    listens: Option<Era>,
}

impl Outline {
    fn of(message: &Message) -> Self {
        let envelope = message.envelope.as_ref();
        let listens = message.http_method == Method::GET
            || envelope.is_some_and(|envelope| &*envelope.method == "subscriptions/listen");
        Self {
            id: envelope.and_then(|envelope| envelope.id().cloned()),
            http_method: message.http_method.clone(),
            session: message.headers.get(SESSION_HEADER).cloned(),
            host: message.headers.get(HOST).cloned(),
            listens: listens.then_some(message.era),
        }
    }
}

fn until(end: UnixSeconds, now: UnixSeconds) -> Duration {
    Duration::from_secs(u64::try_from(end - now).unwrap_or(0))
}
