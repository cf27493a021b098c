//! The numbers of the pipeline.

use shared::{http::BodyLimit, rate_limit::Limit};
use std::time::Duration;

/// What one principal, one request, one call may use.
#[derive(Debug, Clone, Copy)]
pub struct PipelineLimits {
    /// Requests of a principal.
    pub requests: Limit,
    /// Calls and streams of a principal at one time.
    pub concurrent_calls: u32,
    /// A body.
    pub body: BodyLimit,
    /// A call, its stream included.
    pub call_time: Duration,
}
