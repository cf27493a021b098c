//! Traces: what a call cost, step by step, through every process that it passes. Contexts travel as W3C `traceparent` and `tracestate`; finished steps go
//! to a collector (OTLP over HTTP) from a task of their own.
//!
//! A server owns a [`Tracer`] and gives each request a [`Span`]; whatever runs on behalf of it [begins](begin) a span of its own by name,
//! and need not know of any tracer. Without a collector nothing is recorded, and a context that came in is handed on as it came.
//! Spans hold names of ours, routes, methods and statuses; never a query, a token, a body or a text that a caller chose.

mod context;
mod export;
mod span;
mod state;

pub use context::{SpanId, TraceContext, TraceId};
pub use export::Exporter;
pub(crate) use span::carried;
pub use span::{
    Span, SpanContext, SpanKind, TRACEPARENT, TRACESTATE, Traced, begin, begin_remote, current_trace_id,
    propagation_headers,
};
pub use state::TraceState;

use crate::clock::unix_nanoseconds;
use crate::config::SharedSettings;
use crate::metrics::{Counter, Page};
use crate::random::SharedRandom;
use export::FinishedSpan;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Finished spans that wait for their batch; more are dropped and counted.
const QUEUE_MAX_SPANS: usize = 4096;

/// What records the steps of one server, or nothing. Cheap to clone.
#[derive(Clone, Default)]
pub struct Tracer(Option<Arc<Recorder>>);

struct Recorder {
    queue: mpsc::Sender<FinishedSpan>,
    random: SharedRandom,
    percent: u32,
    counts: Arc<Counts>,
}

/// What became of spans.
#[derive(Debug, Default)]
struct Counts {
    exported: Counter,
    dropped: Counter,
}

impl Tracer {
    /// What the settings say: a tracer for the server called `service`, and what exports its spans, once it runs. Without a collector a
    /// tracer that records nothing.
    pub fn of(settings: &SharedSettings, service: &'static str, random: &SharedRandom) -> (Self, Option<Exporter>) {
        let Some(collector) = &settings.trace_collector_url else { return (Self::default(), None) };
        let (queue, finished) = mpsc::channel(QUEUE_MAX_SPANS);
        let (random, percent, counts) = (Arc::clone(random), settings.trace_percent, Arc::<Counts>::default());
        let exporter = Exporter::new(collector.traces(), service, finished, Arc::clone(&counts));
        (Self(Some(Arc::new(Recorder { queue, random, percent, counts }))), Some(exporter))
    }

    /// The span of a request that came in with `parent`: it continues that trace, or begins one.
    pub fn start_request(&self, parent: Option<SpanContext>) -> Span {
        self.start(SpanKind::Server, parent)
    }

    /// The span of something called `name` that nobody asked this process for.
    pub fn start_root(&self, name: &'static str) -> Span {
        let mut span = self.start(SpanKind::Internal, None);
        span.update_name(name);
        span
    }

    fn start(&self, kind: SpanKind, parent: Option<SpanContext>) -> Span {
        let Some(recorder) = &self.0 else { return Span::non_recording(self.clone(), parent) };
        let span_id = recorder.span_id();
        let Some(SpanContext { context, state }) = parent else {
            let context = TraceContext { trace_id: recorder.trace_id(), span_id, sampled: recorder.is_sampled() };
            return Span::recorded(self.clone(), SpanContext { context, state: TraceState::default() }, None, kind);
        };
        let at = SpanContext { context: TraceContext { span_id, ..context }, state };
        Span::recorded(self.clone(), at, Some(context.span_id), kind)
    }

    /// The context of a step under `parent`.
    fn child(&self, parent: TraceContext) -> TraceContext {
        match &self.0 {
            Some(recorder) if parent.sampled => TraceContext { span_id: recorder.span_id(), ..parent },
            _ => parent,
        }
    }

    fn records(&self) -> bool {
        self.0.is_some()
    }

    fn take(&self, span: FinishedSpan) {
        if let Some(recorder) = &self.0
            && recorder.queue.try_send(span).is_err()
        {
            recorder.counts.dropped.increment();
        }
    }

    /// Writes what became of spans.
    pub fn write_metrics(&self, page: &mut Page) {
        let (exported, dropped) = match &self.0 {
            Some(recorder) => (recorder.counts.exported.get(), recorder.counts.dropped.get()),
            None => (0, 0),
        };
        page.counter("postern_trace_spans_total", "Recorded steps of requests, by what became of them.")
            .value(&[("outcome", "exported")], exported)
            .value(&[("outcome", "dropped")], dropped);
    }
}

impl Recorder {
    fn trace_id(&self) -> TraceId {
        TraceId(self.draw())
    }

    fn span_id(&self) -> SpanId {
        SpanId(self.draw())
    }

    /// An id is never all zeros.
    fn draw<const N: usize>(&self) -> [u8; N] {
        let mut id = [0; N];
        self.random.fill(&mut id);
        if id == [0; N] {
            id[N - 1] = 1;
        }
        id
    }

    fn is_sampled(&self) -> bool {
        let [drawn] = self.draw::<1>();
        u32::from(drawn) * 100 < self.percent * 256
    }
}

impl std::fmt::Debug for Tracer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.records() { "Tracer(on)" } else { "Tracer(off)" })
    }
}

#[cfg(test)]
mod tests;
