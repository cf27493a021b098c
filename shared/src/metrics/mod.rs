//! Numbers for a Prometheus server. Whoever does something counts it in a field of its own, which costs one addition; a
//! [`Page`] collects the fields when somebody asks. Nothing is registered anywhere, so nothing is process-wide.
//!
//! Label values are constants of ours and routes of the router, never something that a caller chose: the number of series
//! is known before the first request.

mod histogram;
mod page;
mod requests;

pub use histogram::Histogram;
pub use page::{Page, Samples};
pub use requests::{OTHER_REASON, RequestMetrics};

use crate::clock::UnixSeconds;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// Writes which program this is and since when (unix seconds) it runs.
pub fn write_build(page: &mut Page, version: &str, started_at: UnixSeconds) {
    page.gauge("postern_build_info", "1, with the version.").value(&[("version", version)], 1);
    page.gauge("postern_start_time_seconds", "When this server was started, in unix seconds.").value(&[], started_at);
}

/// Something that only rises.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// One more.
    pub fn increment(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// So many more.
    pub fn add(&self, count: usize) {
        self.0.fetch_add(u64::try_from(count).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// How many there were.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How many of something there are just now.
#[derive(Debug, Default)]
pub struct Gauge(AtomicI64);

impl Gauge {
    /// One more.
    pub fn increment(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// One less.
    pub fn decrement(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    /// How many there are.
    pub fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}
