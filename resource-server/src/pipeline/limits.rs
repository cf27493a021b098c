//! The numbers of the pipeline.

use crate::config::ResourceServerSettings;
use shared::{http::BodyLimit, rate_limit::Limit};
use std::{collections::HashMap, time::Duration};

/// Limits of single tools, by name.
pub type ToolLimits = HashMap<String, Limit>;

/// What the settings say of single tools.
pub fn tool_limits(settings: &ResourceServerSettings) -> ToolLimits {
    let limits = settings.tool_limits.iter();
    limits.map(|limit| (limit.tool.clone(), Limit::per_minute(limit.calls_per_minute))).collect()
}

/// What one principal, one request, one call may use.
#[derive(Debug, Clone, Copy)]
pub struct PipelineLimits {
    /// Requests of a principal.
    pub requests: Limit,
    /// Calls of a principal at one time.
    pub concurrent_calls: u32,
    /// Streams of a principal that listen, at one time.
    pub open_streams: u32,
    /// A body.
    pub body: BodyLimit,
    /// A call, its stream included.
    pub call_time: Duration,
}

impl PipelineLimits {
    /// What the settings say.
    pub fn of(settings: &ResourceServerSettings) -> Self {
        Self {
            requests: Limit::per_minute(settings.requests_per_minute),
            concurrent_calls: settings.concurrent_calls,
            open_streams: settings.open_streams,
            body: BodyLimit { bytes: settings.body_max.bytes(), timeout: settings.body_timeout.duration() },
            call_time: settings.call_timeout.duration(),
        }
    }
}
