//! In memory: for one instance.

use super::expiring_map::{Entry, ExpiringMap};
use super::{Count, Ephemeral, EphemeralError, check_key, check_value};
use crate::clock::{SharedClock, UnixSeconds};
use async_trait::async_trait;

/// 64 MiB of kept values, 32 MiB of counters: less than half of what a process may take under load; apart, so that
/// counters never push sessions out.
const MOST_VALUE_BYTES: usize = 64 << 20;
const MOST_COUNTER_BYTES: usize = 32 << 20;

/// Bounded, expiring by the given clock, lost with the process.
pub struct MemoryEphemeral {
    clock: SharedClock,
    values: ExpiringMap<Vec<u8>>,
    counters: ExpiringMap<u64>,
}

impl MemoryEphemeral {
    /// An empty store.
    pub fn new(clock: SharedClock) -> Self {
        Self { clock, values: ExpiringMap::new(MOST_VALUE_BYTES), counters: ExpiringMap::new(MOST_COUNTER_BYTES) }
    }

    fn add(&self, key: &str, times: u32, window_seconds: u32) -> Result<Count, EphemeralError> {
        check_key(key)?;
        let now = self.clock.now();
        let mut shard = self.counters.shard(key);
        if let Some(entry) = shard.get(key, now) {
            entry.value = entry.value.saturating_add(times.into());
            return Ok(Count { count: entry.value, reset_seconds: seconds_until(entry.expires_at, now) });
        }
        let window_seconds = window_seconds.max(1);
        shard.insert(key, Entry { value: times.into(), expires_at: now + i64::from(window_seconds) }, now);
        Ok(Count { count: times.into(), reset_seconds: window_seconds })
    }

    fn look(&self, key: &str) -> Result<Option<Count>, EphemeralError> {
        check_key(key)?;
        let now = self.clock.now();
        let mut shard = self.counters.shard(key);
        Ok(shard
            .get(key, now)
            .map(|entry| Count { count: entry.value, reset_seconds: seconds_until(entry.expires_at, now) }))
    }
}

fn seconds_until(end: UnixSeconds, now: UnixSeconds) -> u32 {
    u32::try_from(end - now).unwrap_or(u32::MAX).max(1)
}

#[async_trait]
impl Ephemeral for MemoryEphemeral {
    async fn put(&self, key: &str, value: &[u8], ttl_seconds: u32) -> Result<(), EphemeralError> {
        check_key(key)?;
        check_value(value)?;
        let now = self.clock.now();
        let mut shard = self.values.shard(key);
        if ttl_seconds == 0 {
            shard.remove(key, now);
        } else {
            shard.insert(key, Entry { value: value.to_vec(), expires_at: now + i64::from(ttl_seconds) }, now);
        }
        Ok(())
    }

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, EphemeralError> {
        check_key(key)?;
        let now = self.clock.now();
        Ok(self.values.shard(key).get(key, now).map(|entry| entry.value.clone()))
    }

    async fn take(&self, key: &str) -> Result<Option<Vec<u8>>, EphemeralError> {
        check_key(key)?;
        let now = self.clock.now();
        Ok(self.values.shard(key).remove(key, now))
    }

    async fn compare_and_set(
        &self,
        key: &str,
        old: Option<&[u8]>,
        new: &[u8],
        ttl_seconds: u32,
    ) -> Result<bool, EphemeralError> {
        check_key(key)?;
        check_value(new)?;
        let now = self.clock.now();
        let mut shard = self.values.shard(key);
        let is_as_thought = shard.get(key, now).map(|entry| entry.value.as_slice()) == old;
        if is_as_thought {
            shard.insert(key, Entry { value: new.to_vec(), expires_at: now + i64::from(ttl_seconds.max(1)) }, now);
        }
        Ok(is_as_thought)
    }

    async fn count(&self, key: &str, times: u32, window_seconds: u32) -> Result<Count, EphemeralError> {
        self.add(key, times, window_seconds)
    }

    async fn uncount(&self, key: &str) -> Result<(), EphemeralError> {
        check_key(key)?;
        let now = self.clock.now();
        if let Some(entry) = self.counters.shard(key).get(key, now) {
            entry.value = entry.value.saturating_sub(1);
        }
        Ok(())
    }

    async fn counted(&self, key: &str) -> Result<Option<Count>, EphemeralError> {
        self.look(key)
    }

    async fn check(&self) -> Result<(), EphemeralError> {
        Ok(())
    }

    fn count_now(&self, key: &str, times: u32, window_seconds: u32) -> Option<Result<Count, EphemeralError>> {
        Some(self.add(key, times, window_seconds))
    }

    fn counted_now(&self, key: &str) -> Option<Result<Option<Count>, EphemeralError>> {
        Some(self.look(key))
    }
}
