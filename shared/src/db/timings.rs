//! How long the database takes, and how many wait for it to write.

use crate::metrics::{Counter, Gauge, Histogram, Page};
use tokio::time::Instant;

/// What one store counts.
#[derive(Debug, Default)]
pub(super) struct Timings {
    reads: Histogram,
    writes: Histogram,
    writing: Gauge,
    conflicts: Counter,
}

impl Timings {
    /// A read begins; it is counted when the value is dropped.
    pub(super) fn read(&self) -> Running<'_> {
        Running { histogram: &self.reads, gauge: None, began: Instant::now() }
    }

    /// A write begins; it is counted when the value is dropped.
    pub(super) fn write(&self) -> Running<'_> {
        self.writing.increment();
        Running { histogram: &self.writes, gauge: Some(&self.writing), began: Instant::now() }
    }

    /// A write has to be repeated.
    pub(super) fn conflict(&self) {
        self.conflicts.increment();
    }

    pub(super) fn show(&self, page: &mut Page) {
        page.histogram("postern_database_duration_seconds", "Reads, and whole write transactions with their waiting.")
            .durations(&[("operation", "read")], &self.reads)
            .durations(&[("operation", "write")], &self.writes);
        page.gauge("postern_database_writing", "Write transactions that wait or run.").value(&[], self.writing.get());
        page.counter("postern_database_conflicts_total", "Write transactions that had to begin again.")
            .value(&[], self.conflicts.get());
    }
}

/// A read or write under way, also when it is given up.
pub(super) struct Running<'t> {
    histogram: &'t Histogram,
    gauge: Option<&'t Gauge>,
    began: Instant,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.histogram.observe(self.began.elapsed());
        if let Some(gauge) = self.gauge {
            gauge.decrement();
        }
    }
}
