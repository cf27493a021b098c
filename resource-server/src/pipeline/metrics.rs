//! What the pipeline counts of its steps.

use super::Pipeline;
use crate::issuer::introspection;
use shared::metrics::{Counter, Histogram, Page};

/// Counted where it happens.
#[derive(Debug, Default)]
pub struct PipelineMetrics {
    /// Tokens that were remembered.
    pub(super) cache_hits: Counter,
    /// Tokens that had to be verified.
    pub(super) cache_misses: Counter,
    /// How long upstreams took to begin their answers.
    pub(super) upstream: Histogram,
    /// Calls that an upstream did not answer.
    pub(super) upstream_failures: Counter,
}

impl Pipeline {
    /// Writes them, with what there is at the moment.
    pub fn write_metrics(&self, page: &mut Page) {
        let counted = &self.metrics;
        page.counter("postern_token_cache_total", "Tokens of requests, by whether they were remembered.")
            .value(&[("outcome", "hit")], counted.cache_hits.get())
            .value(&[("outcome", "refused")], self.identify.refused.remembered.get())
            .value(&[("outcome", "miss")], counted.cache_misses.get());
        self.signatures.write_metrics(page);
        let own = self.introspection.iter().map(|own| own.asked());
        introspection::write_metrics(own.chain(self.identify.issuers.asked()), page);
        page.histogram("postern_upstream_duration_seconds", "From a call to the head of its answer.")
            .durations(&[], &counted.upstream);
        page.counter("postern_upstream_failures_total", "Calls that an upstream did not answer, or not in time.")
            .value(&[], counted.upstream_failures.get());
        let running = self.identify.shares.running();
        page.gauge("postern_running_calls", "Calls and streams that hold a place of their principal.")
            .value(&[], running.calls);
        page.gauge("postern_open_streams", "Streams that listen.").value(&[], running.streams);
        page.gauge("postern_principals", "Users with a client that were seen of late.").value(&[], running.principals);
        page.gauge("postern_sessions", "Legacy sessions that this process holds.").value(&[], self.upstream.sessions());
    }
}
