//! What this server tells a Prometheus server; docs/operations.md says what to watch.

use crate::{
    issuer::jwks::{self, JwksCache},
    pipeline::Pipeline,
};
use shared::{
    clock::UnixSeconds,
    db::Store,
    metrics::{Page, RequestMetrics, write_build},
    trace::Tracer,
};
use std::sync::Arc;

/// Everything there is to tell.
pub struct Metrics {
    /// Requests by route, refusals by reason.
    pub requests: Arc<RequestMetrics>,
    /// What judges calls.
    pub pipeline: Arc<Pipeline>,
    /// The keys that tokens are verified with, an issuer each.
    pub key_sets: Vec<Arc<JwksCache>>,
    /// What the built-in tools keep.
    pub store: Store,
    /// What records the steps of requests.
    pub tracer: Tracer,
    /// When this server was started.
    pub started_at: UnixSeconds,
}

impl Metrics {
    /// All of it.
    pub fn page(&self) -> Page {
        let (mut page, now) = (Page::default(), self.pipeline.clock.now());
        write_build(&mut page, env!("CARGO_PKG_VERSION"), self.started_at);
        self.requests.write(&mut page);
        self.pipeline.rate_limiter.write(&mut page);
        self.store.write_metrics(&mut page);
        self.tracer.write_metrics(&mut page);
        self.pipeline.write_metrics(&mut page);
        jwks::write_metrics(&self.key_sets, &mut page, now);
        self.write_feed(&mut page, now);
        page
    }

    fn write_feed(&self, page: &mut Page, now: UnixSeconds) {
        let mut age =
            page.gauge("postern_revocation_feed_age_seconds", "Since the feed of revocations was read to its end.");
        if let Some(at) = self.pipeline.revocations.confirmed_at() {
            age.value(&[], now - at);
        }
        page.gauge("postern_revocations", "Revocations that are kept in memory.")
            .value(&[], self.pipeline.revocations.len());
    }
}
