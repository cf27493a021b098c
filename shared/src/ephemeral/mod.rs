//! What may vanish: shared rate counters, legacy MCP sessions, wake-ups, caches. In memory for one instance, over Redis
//! for several.
//!
//! Nothing that must be used once or remembered lives here: that is a row in the database, consumed in the transaction
//! that issues what it buys.

mod expiring_map;
mod memory;
mod redis;

pub use memory::MemoryEphemeral;
pub use redis::RedisEphemeral;

use crate::clock::SharedClock;
use async_trait::async_trait;
use std::sync::Arc;

/// 512 bytes: the longest key.
pub const MAX_KEY_BYTES: usize = 512;
/// 64 KiB: the longest value.
pub const MAX_VALUE_BYTES: usize = 64 * 1024;

/// The store that `redis_url` names, whose keys begin with `prefix` and a colon; without a URL one in memory.
///
/// # Errors
/// [`EphemeralError::Unavailable`] for a URL that cannot be used.
pub fn open(redis_url: Option<&str>, prefix: &str, clock: &SharedClock) -> Result<Arc<dyn Ephemeral>, EphemeralError> {
    Ok(match redis_url {
        Some(url) => Arc::new(RedisEphemeral::connect(url, prefix)?),
        None => Arc::new(MemoryEphemeral::new(Arc::clone(clock))),
    })
}

/// How often something happened in the current window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// What was counted this time included.
    pub count: u64,
    /// Seconds until the window ends, at least 1.
    pub reset_seconds: u32,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EphemeralError {
    /// The store cannot be reached (also: its URL cannot be used), is not ready, or did not answer in time: 503, never
    /// "was not there".
    #[error("the ephemeral store does not answer: {0}")]
    Unavailable(String),
    /// A key or value beyond [`MAX_KEY_BYTES`] or [`MAX_VALUE_BYTES`].
    #[error("{what} of {bytes} bytes is longer than {most}")]
    TooLarge {
        /// "a key" or "a value".
        what: &'static str,
        /// Its length.
        bytes: usize,
        /// The limit.
        most: usize,
    },
}

/// A store for what may vanish at any time.
#[async_trait]
pub trait Ephemeral: Send + Sync + 'static {
    /// Keeps `value` under `key` for `ttl_seconds` (0 removes it), in place of what was there.
    async fn put(&self, key: &str, value: &[u8], ttl_seconds: u32) -> Result<(), EphemeralError>;

    /// What is kept under `key`.
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, EphemeralError>;

    /// Removes and returns what is kept under `key`: of several callers at most one gets it.
    async fn take(&self, key: &str) -> Result<Option<Vec<u8>>, EphemeralError>;

    /// Keeps `new` under `key` for `ttl_seconds` (at least 1) where exactly `old` is kept (`None`: nothing). Whether it was: of several
    /// callers with the same `old` at most one hears yes.
    async fn compare_and_set(
        &self,
        key: &str,
        old: Option<&[u8]>,
        new: &[u8],
        ttl_seconds: u32,
    ) -> Result<bool, EphemeralError>;

    /// Counts `times` more under `key` (which shares nothing with kept values) in a window that begins with the first count
    /// and lasts `window_seconds`.
    async fn count(&self, key: &str, times: u32, window_seconds: u32) -> Result<Count, EphemeralError>;

    /// Takes one count back, if there is one in the current window.
    async fn uncount(&self, key: &str) -> Result<(), EphemeralError>;

    /// The count so far, without counting; `None` where no window is open.
    async fn counted(&self, key: &str) -> Result<Option<Count>, EphemeralError>;

    /// Whether the store answers, for readiness.
    async fn check(&self) -> Result<(), EphemeralError>;

    /// [`Ephemeral::count`] without waiting; `None` where the store has to wait.
    fn count_now(&self, _key: &str, _times: u32, _window_seconds: u32) -> Option<Result<Count, EphemeralError>> {
        None
    }

    /// [`Ephemeral::counted`] without waiting; `None` where the store has to wait.
    fn counted_now(&self, _key: &str) -> Option<Result<Option<Count>, EphemeralError>> {
        None
    }
}

fn check_key(key: &str) -> Result<(), EphemeralError> {
    check_length("a key", key.len(), MAX_KEY_BYTES)
}

fn check_value(value: &[u8]) -> Result<(), EphemeralError> {
    check_length("a value", value.len(), MAX_VALUE_BYTES)
}

fn check_length(what: &'static str, bytes: usize, most: usize) -> Result<(), EphemeralError> {
    if bytes > most { Err(EphemeralError::TooLarge { what, bytes, most }) } else { Ok(()) }
}
