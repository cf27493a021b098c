//! One step of a call, and what runs on behalf of it.

use super::export::FinishedSpan;
use super::{SpanId, TraceContext, TraceId, TraceState, Tracer, unix_nanoseconds};
use http::{HeaderMap, HeaderName, HeaderValue};
use std::borrow::Cow;
use std::future::Future;

/// The header that carries a context (W3C Trace Context §3.2).
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// The header that carries what other tracing systems say beside it (§3.3).
pub const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Which side of a call a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanKind {
    /// A step within this process.
    Internal,
    /// Answers another process.
    Server,
    /// Asks another process.
    Client,
}

/// Where in which trace something happens, with what goes on beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpanContext {
    /// The ids.
    pub context: TraceContext,
    /// What other tracing systems say of it.
    pub state: TraceState,
}

impl SpanContext {
    /// What came in with `headers`; `None` without a `traceparent`, whose `tracestate` counts for nothing (W3C Trace Context §4.3).
    pub fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let context = TraceContext::parse(headers.get(TRACEPARENT)?.to_str().ok()?)?;
        let mut states = headers.get_all(TRACESTATE).iter().map(HeaderValue::to_str).peekable();
        let state = match states.peek() {
            None => TraceState::default(),
            Some(_) => states.collect::<Result<Vec<_>, _>>().map(TraceState::parse).unwrap_or_default(),
        };
        Some(Self { context, state })
    }
}

/// A context with what records its steps: where something runs on behalf of a request.
#[derive(Debug, Clone)]
pub struct Traced {
    tracer: Tracer,
    at: SpanContext,
}

tokio::task_local! {
    static CURRENT: Option<Traced>;
}

fn current() -> Option<Traced> {
    CURRENT.try_with(Clone::clone).ok().flatten()
}

impl Traced {
    /// Runs `work` on behalf of it.
    pub fn run<T>(&self, work: impl FnOnce() -> T) -> T {
        CURRENT.sync_scope(Some(self.clone()), work)
    }
}

/// The trace of what this runs on behalf of, if that is traced.
pub fn current_trace_id() -> Option<TraceId> {
    CURRENT.try_with(|current| current.as_ref().map(|traced| traced.at.context.trace_id)).ok().flatten()
}

/// What a request to another process carries ([`TRACEPARENT`], [`TRACESTATE`]), if it is made on behalf of something that is traced.
pub fn propagation_headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    let Some(Traced { at, .. }) = current() else { return headers };
    let mut add = |name, text: &str| HeaderValue::try_from(text).map(|value| headers.insert(name, value)).ok();
    add(TRACEPARENT, &at.context.to_string());
    at.state.as_str().map(|state| add(TRACESTATE, state));
    headers
}

/// `work`, for another task, as a part of the step that it is started for. [`crate::http::carried`] does that for a whole request.
pub(crate) fn carried<F: Future>(work: F) -> impl Future<Output = F::Output> {
    CURRENT.scope(current(), work)
}

/// A step of what this runs on behalf of; of nothing, if that is not traced.
pub fn begin(name: &'static str, kind: SpanKind) -> Span {
    let Some(Traced { tracer, at }) = current() else { return Span::non_recording(Tracer::default(), None) };
    Span::child(tracer, at, name, kind)
}

/// A step of `remote`, which came in with a message, in this process; the step that brought the message is linked. `remote` alone decides whether
/// it is recorded.
pub fn begin_remote(name: &'static str, kind: SpanKind, remote: SpanContext) -> Span {
    let here = current();
    let mut span = Span::child(here.as_ref().map(|here| here.tracer.clone()).unwrap_or_default(), remote, name, kind);
    if let (Some(open), Some(here)) = (&mut span.open, here) {
        open.link = Some(here.at.context);
    }
    span
}

/// A step under way; it ends when it is dropped.
#[derive(Debug)]
pub struct Span {
    tracer: Tracer,
    at: Option<SpanContext>,
    open: Option<Box<FinishedSpan>>,
}

impl Span {
    /// Records nothing, and hands on the context that came in.
    pub(super) fn non_recording(tracer: Tracer, at: Option<SpanContext>) -> Self {
        Self { tracer, at, open: None }
    }

    pub(super) fn recorded(tracer: Tracer, at: SpanContext, parent: Option<SpanId>, kind: SpanKind) -> Self {
        let begun = || Box::new(FinishedSpan::begin(at.context, parent, kind, unix_nanoseconds()));
        let open = at.context.sampled.then(begun);
        Self { tracer, at: Some(at), open }
    }

    /// A step under `parent`, if that is recorded; else whatever runs on behalf of it runs on behalf of `parent`.
    fn child(tracer: Tracer, parent: SpanContext, name: &'static str, kind: SpanKind) -> Self {
        if !tracer.records() || !parent.context.sampled {
            return Self::non_recording(tracer, Some(parent));
        }
        let (context, above) = (tracer.child(parent.context), parent.context.span_id);
        let mut span = Self::recorded(tracer, SpanContext { context, ..parent }, Some(above), kind);
        span.update_name(name);
        span
    }

    /// Where it is, if it is traced.
    pub fn context(&self) -> Option<TraceContext> {
        self.at.as_ref().map(|at| at.context)
    }

    /// What runs on behalf of it.
    pub fn traced(&self) -> Option<Traced> {
        self.at.as_ref().map(|at| Traced { tracer: self.tracer.clone(), at: at.clone() })
    }

    /// Whether it will be told of; what costs something to say need not be said otherwise.
    pub fn is_recording(&self) -> bool {
        self.open.is_some()
    }

    /// What it is called.
    pub fn update_name(&mut self, name: impl Into<Cow<'static, str>>) {
        if let Some(open) = &mut self.open {
            open.name = name.into();
        }
    }

    /// Says something of it: a constant, a route, a method, a status.
    pub fn set_attribute(&mut self, key: &'static str, value: impl Into<Cow<'static, str>>) {
        if let Some(open) = &mut self.open {
            open.attributes.push((key, value.into()));
        }
    }

    /// It failed.
    pub fn set_error(&mut self) {
        if let Some(open) = &mut self.open {
            open.failed = true;
        }
    }

    /// Runs `work` on behalf of it.
    pub async fn run<T>(&self, work: impl Future<Output = T>) -> T {
        CURRENT.scope(self.traced(), work).await
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        if let Some(mut open) = self.open.take() {
            open.ended_at = unix_nanoseconds();
            self.tracer.take(*open);
        }
    }
}
