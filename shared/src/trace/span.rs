//! One step of a call, and what runs on behalf of it.

use super::export::FinishedSpan;
use super::{SpanId, TraceContext, Tracer, unix_nanoseconds};
use http::{HeaderName, HeaderValue};
use std::borrow::Cow;
use std::future::Future;

/// The header that carries a context (W3C Trace Context §3.2).
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Which side of a call a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A step within this process.
    Internal,
    /// Answers another process.
    Server,
    /// Asks another process.
    Client,
}

/// A context with what records its steps: where something runs on behalf of a request.
#[derive(Debug, Clone)]
pub struct Traced {
    tracer: Tracer,
    context: TraceContext,
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

/// What a request to another process carries as [`TRACEPARENT`], if it is made on behalf of something that is traced.
pub fn traceparent() -> Option<HeaderValue> {
    HeaderValue::try_from(current()?.context.to_string()).ok()
}

/// `work`, for another task, on behalf of what it is started for.
pub fn carried<F: Future>(work: F) -> impl Future<Output = F::Output> {
    CURRENT.scope(current(), work)
}

/// A step of what this runs on behalf of; of nothing, if that is not traced.
pub fn begin(name: &'static str, kind: Kind) -> Span {
    let Some(Traced { tracer, context }) = current() else { return Span::passing(Tracer::default(), None) };
    if !tracer.records() || !context.sampled {
        return Span::passing(tracer, Some(context));
    }
    let parent = context.span_id;
    let mut span = Span::recorded(tracer.clone(), tracer.child(context), Some(parent), kind);
    span.name(name);
    span
}

/// A step under way; it ends when it is dropped.
#[derive(Debug)]
pub struct Span {
    tracer: Tracer,
    context: Option<TraceContext>,
    open: Option<Box<FinishedSpan>>,
}

impl Span {
    /// Records nothing, and hands on the context that came in.
    pub(super) fn passing(tracer: Tracer, context: Option<TraceContext>) -> Self {
        Self { tracer, context, open: None }
    }

    pub(super) fn recorded(tracer: Tracer, context: TraceContext, parent: Option<SpanId>, kind: Kind) -> Self {
        let open = context.sampled.then(|| Box::new(FinishedSpan::begin(context, parent, kind, unix_nanoseconds())));
        Self { tracer, context: Some(context), open }
    }

    /// Where it is, if it is traced.
    pub fn context(&self) -> Option<TraceContext> {
        self.context
    }

    /// What runs on behalf of it.
    pub fn traced(&self) -> Option<Traced> {
        self.context.map(|context| Traced { tracer: self.tracer.clone(), context })
    }

    /// Whether it will be told of; what costs something to say need not be said otherwise.
    pub fn is_recorded(&self) -> bool {
        self.open.is_some()
    }

    /// What it is called.
    pub fn name(&mut self, name: impl Into<Cow<'static, str>>) {
        if let Some(open) = &mut self.open {
            open.name = name.into();
        }
    }

    /// Says something of it: a constant, a route, a method, a status.
    pub fn say(&mut self, key: &'static str, value: impl Into<Cow<'static, str>>) {
        if let Some(open) = &mut self.open {
            open.attributes.push((key, value.into()));
        }
    }

    /// It failed.
    pub fn fail(&mut self) {
        if let Some(open) = &mut self.open {
            open.failed = true;
        }
    }

    /// It is a step of `other`, which came in with the message, and what led here so far is linked.
    pub fn continues(&mut self, other: TraceContext) {
        let (Some(open), Some(context)) = (&mut self.open, &mut self.context) else {
            self.context = Some(other);
            return;
        };
        open.link = open.parent.map(|parent| TraceContext { span_id: parent, ..*context });
        context.trace_id = other.trace_id;
        (open.context, open.parent) = (*context, Some(other.span_id));
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
