//! Finished spans leave in batches, as OTLP in JSON over HTTP. A collector that does not answer costs nothing but what it would have been
//! told: the queue has an end, and nobody waits for room in it.

use super::{Counts, SpanId, SpanKind, TraceContext};
use serde_json::{Value, json};
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Spans in one request.
const BATCH_MAX_SPANS: usize = 512;
/// How long a span may wait for company.
const BATCH_TIME: Duration = Duration::from_millis(500);
/// How long the collector may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// And when the server stops.
const LAST_ANSWER_TIMEOUT: Duration = Duration::from_millis(800);

/// A span as the collector is told of it.
#[derive(Debug)]
pub(super) struct FinishedSpan {
    pub(super) context: TraceContext,
    pub(super) parent: Option<SpanId>,
    pub(super) link: Option<TraceContext>,
    pub(super) name: Cow<'static, str>,
    pub(super) attributes: Vec<(&'static str, Cow<'static, str>)>,
    pub(super) failed: bool,
    pub(super) ended_at: u64,
    kind: SpanKind,
    began_at: u64,
}

impl FinishedSpan {
    pub(super) fn begin(context: TraceContext, parent: Option<SpanId>, kind: SpanKind, began_at: u64) -> Self {
        let (name, attributes) = (Cow::Borrowed("request"), Vec::new());
        Self { context, parent, link: None, name, attributes, failed: false, ended_at: began_at, kind, began_at }
    }

    /// `Span` of opentelemetry/proto/trace/v1/trace.proto in the JSON of OTLP: ids in hexadecimal, 64-bit numbers as text.
    fn to_json(&self) -> Value {
        let link =
            |link: TraceContext| json!({"traceId": link.trace_id.to_string(), "spanId": link.span_id.to_string()});
        let kind = match self.kind {
            SpanKind::Internal => 1,
            SpanKind::Server => 2,
            SpanKind::Client => 3,
        };
        json!({
            "traceId": self.context.trace_id.to_string(),
            "spanId": self.context.span_id.to_string(),
            "parentSpanId": self.parent.map(|parent| parent.to_string()).unwrap_or_default(),
            "name": self.name,
            "kind": kind,
            "startTimeUnixNano": self.began_at.to_string(),
            "endTimeUnixNano": self.ended_at.to_string(),
            "attributes": self.attributes.iter().map(|(key, value)| attribute(key, value)).collect::<Vec<_>>(),
            "links": self.link.map(link).into_iter().collect::<Vec<_>>(),
            "status": if self.failed { json!({"code": 2}) } else { json!({}) },
        })
    }
}

fn attribute(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}

/// Tells the collector.
pub struct Exporter {
    url: String,
    service: &'static str,
    finished: mpsc::Receiver<FinishedSpan>,
    counts: Arc<Counts>,
}

impl Exporter {
    pub(super) fn new(
        url: String,
        service: &'static str,
        finished: mpsc::Receiver<FinishedSpan>,
        counts: Arc<Counts>,
    ) -> Self {
        Self { url, service, finished, counts }
    }

    /// Exports until `stop`, then what is left.
    pub async fn run(mut self, stop: CancellationToken) {
        let client = match reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build() {
            Ok(client) => client,
            Err(cause) => return tracing::error!(%cause, "traces are not exported: there is no HTTP client"),
        };
        let (mut batch, mut failing) = (Vec::with_capacity(BATCH_MAX_SPANS), false);
        while !stop.is_cancelled() {
            let first = stop.run_until_cancelled(self.finished.recv_many(&mut batch, BATCH_MAX_SPANS)).await;
            if first == Some(0) {
                return;
            }
            stop.run_until_cancelled(tokio::time::sleep(BATCH_TIME)).await;
            self.take_more(&mut batch);
            self.send(&client, &mut batch, ANSWER_TIMEOUT, &mut failing).await;
        }
        self.finished.close();
        let last = async {
            while self.finished.recv_many(&mut batch, BATCH_MAX_SPANS).await > 0 {
                self.send(&client, &mut batch, LAST_ANSWER_TIMEOUT, &mut failing).await;
            }
        };
        let _ = tokio::time::timeout(LAST_ANSWER_TIMEOUT, last).await;
    }

    fn take_more(&mut self, batch: &mut Vec<FinishedSpan>) {
        while batch.len() < BATCH_MAX_SPANS {
            match self.finished.try_recv() {
                Ok(span) => batch.push(span),
                Err(_) => return,
            }
        }
    }

    /// Sends the batch and empties it, whatever becomes of it; each change of state is one line in the log.
    async fn send(
        &self,
        client: &reqwest::Client,
        batch: &mut Vec<FinishedSpan>,
        timeout: Duration,
        failing: &mut bool,
    ) {
        if batch.is_empty() {
            return;
        }
        let request = client.post(&self.url).timeout(timeout).json(&self.request(batch));
        let outcome = request.send().await.and_then(reqwest::Response::error_for_status);
        let counter = if outcome.is_ok() { &self.counts.exported } else { &self.counts.dropped };
        counter.add(batch.len());
        batch.clear();
        let failed_before = std::mem::replace(failing, outcome.is_err());
        match outcome {
            Ok(_) if failed_before => tracing::info!("the trace collector takes spans again"),
            Err(cause) if !failed_before => {
                let cause = cause.without_url();
                tracing::warn!(%cause, "the trace collector does not take spans; they are dropped");
            }
            _ => {}
        }
    }

    /// `ExportTraceServiceRequest` (opentelemetry/proto/collector/trace/v1).
    fn request(&self, batch: &[FinishedSpan]) -> Value {
        let version = env!("CARGO_PKG_VERSION");
        let resource = [attribute("service.name", self.service), attribute("service.version", version)];
        json!({"resourceSpans": [{
            "resource": {"attributes": resource},
            "scopeSpans": [{
                "scope": {"name": "postern", "version": version},
                "spans": batch.iter().map(FinishedSpan::to_json).collect::<Vec<_>>(),
            }],
        }]})
    }
}
