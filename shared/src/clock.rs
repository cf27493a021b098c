//! Time as a parameter: an endpoint reads the clock once and passes `now` (unix seconds) down.

use std::sync::Arc;

/// Seconds since 1970-01-01T00:00:00Z, without leap seconds.
pub type UnixSeconds = i64;

/// Where "now" comes from. Only the edges (an endpoint, a job, a command) may ask.
pub trait Clock: Send + Sync + 'static {
    /// The current time in whole seconds.
    fn now(&self) -> UnixSeconds;
}

/// Nanoseconds since 1970, for steps of traces, which several machines measure; nothing is decided by it.
#[expect(clippy::disallowed_methods, reason = "the one place where ambient time enters")]
pub(crate) fn unix_nanoseconds() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |elapsed| u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX))
}

/// The clock that an application shares.
pub type SharedClock = Arc<dyn Clock>;

/// The operating system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place where ambient time enters")]
    fn now(&self) -> UnixSeconds {
        std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |elapsed| i64::try_from(elapsed.as_secs()).unwrap_or(i64::MAX))
    }
}
