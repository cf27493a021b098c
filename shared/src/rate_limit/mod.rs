//! How often somebody may do something.

mod failure_budget;

pub use failure_budget::FailureBudget;

use crate::clock::SharedClock;
use crate::ephemeral::{Count, Ephemeral, EphemeralError, MemoryEphemeral};
use crate::metrics::Page;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// So many requests in a window that begins with the first of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// How many are allowed.
    pub requests: u32,
    /// How long the window lasts.
    pub window_seconds: u32,
}

impl Limit {
    /// That many a minute.
    pub const fn per_minute(requests: u32) -> Self {
        Self { requests, window_seconds: 60 }
    }
}

/// What a limit says to one request, and to the headers of its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateDecision {
    /// Whether the request may go on; otherwise 429.
    pub allowed: bool,
    /// How many are allowed in a window.
    pub limit: u32,
    /// How many more are allowed in this window.
    pub remaining: u32,
    /// Seconds until the window ends, at least 1.
    pub reset_seconds: u32,
    /// How long a window lasts.
    pub window_seconds: u32,
}

impl RateDecision {
    fn of(limit: Limit, count: Count) -> Self {
        let used = u32::try_from(count.count).unwrap_or(u32::MAX);
        Self {
            allowed: used <= limit.requests,
            limit: limit.requests,
            remaining: limit.requests.saturating_sub(used),
            reset_seconds: count.reset_seconds,
            window_seconds: limit.window_seconds,
        }
    }
}

/// Counts requests against limits; cheap to clone.
#[derive(Clone)]
pub struct RateLimiter {
    counters: Arc<dyn Ephemeral>,
    fallback: Option<Arc<MemoryEphemeral>>,
    /// By bucket; touched when something is refused, and then only.
    refused: Arc<Mutex<BTreeMap<&'static str, u64>>>,
}

impl RateLimiter {
    /// Counts in `counters`; what cannot be counted is an error.
    pub fn new(counters: Arc<dyn Ephemeral>) -> Self {
        Self { counters, fallback: None, refused: Arc::default() }
    }

    /// While the shared counters do not answer, this instance counts for itself: limits still hold, each instance on
    /// its own.
    #[must_use]
    pub fn with_local_fallback(self, clock: SharedClock) -> Self {
        Self { fallback: Some(Arc::new(MemoryEphemeral::new(clock))), ..self }
    }

    /// Counts one request of `key` in `bucket` (a constant name: what is limited). In memory this neither waits nor
    /// takes a global lock.
    ///
    /// # Errors
    /// [`EphemeralError::Unavailable`] when the shared counters do not answer and there is no fallback: 503.
    pub async fn check(&self, bucket: &'static str, key: &str, limit: Limit) -> Result<RateDecision, EphemeralError> {
        self.check_many(bucket, key, 1, limit).await
    }

    /// Counts so many requests of `key` in `bucket` at once, in one trip. They are allowed together or not at all.
    ///
    /// # Errors
    /// As [`RateLimiter::check`].
    pub async fn check_many(
        &self,
        bucket: &'static str,
        key: &str,
        times: u32,
        limit: Limit,
    ) -> Result<RateDecision, EphemeralError> {
        let (key, window_seconds) = (counter_key(bucket, key), limit.window_seconds);
        let counted = match self.counters.count_now(&key, times, window_seconds) {
            Some(counted) => counted,
            None => self.counters.count(&key, times, window_seconds).await,
        };
        let count =
            counted.or_else(|error| self.instead(error, |local| local.count_now(&key, times, window_seconds)))?;
        let decision = RateDecision::of(limit, count);
        if !decision.allowed {
            self.count_refusal(bucket);
        }
        Ok(decision)
    }

    /// What the limit would say, without counting; `None` when nothing was counted in this window.
    ///
    /// # Errors
    /// As [`RateLimiter::check`].
    pub async fn look(&self, bucket: &str, key: &str, limit: Limit) -> Result<Option<RateDecision>, EphemeralError> {
        let key = counter_key(bucket, key);
        let counted = match self.counters.counted_now(&key) {
            Some(counted) => counted,
            None => self.counters.counted(&key).await,
        };
        let count = counted.or_else(|error| self.instead(error, |local| local.counted_now(&key)))?;
        Ok(count.map(|count| RateDecision::of(limit, count)))
    }

    /// Takes back what [`RateLimiter::check`] counted for something that turned out not to count.
    ///
    /// # Errors
    /// As [`RateLimiter::check`].
    pub async fn take_back(&self, bucket: &str, key: &str) -> Result<(), EphemeralError> {
        let key = counter_key(bucket, key);
        match (self.counters.uncount(&key).await, &self.fallback) {
            (Err(EphemeralError::Unavailable(_)), Some(local)) => local.uncount(&key).await,
            (outcome, _) => outcome,
        }
    }

    /// Writes how often each limit was found used up.
    pub fn write(&self, page: &mut Page) {
        let mut samples = page.counter("postern_rate_limited_total", "How often a limit was found used up.");
        for (bucket, count) in &*self.refused.lock().unwrap_or_else(PoisonError::into_inner) {
            samples.value(&[("limit", bucket)], count);
        }
    }

    pub(super) fn count_refusal(&self, bucket: &'static str) {
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner).entry(bucket).or_default() += 1;
    }

    fn instead<T>(
        &self,
        error: EphemeralError,
        local: impl FnOnce(&MemoryEphemeral) -> Option<Result<T, EphemeralError>>,
    ) -> Result<T, EphemeralError> {
        if !matches!(error, EphemeralError::Unavailable(_)) {
            return Err(error);
        }
        tracing::debug!(%error, "rate limits are counted by this instance alone");
        self.fallback.as_deref().and_then(local).unwrap_or(Err(error))
    }
}

fn counter_key(bucket: &str, key: &str) -> String {
    let mut joined = String::with_capacity(bucket.len() + 1 + key.len());
    joined.push_str(bucket);
    joined.push(':');
    joined.push_str(key);
    joined
}

#[cfg(test)]
mod tests {
    use super::{Limit, RateLimiter};
    use crate::ephemeral::{Count, Ephemeral, EphemeralError, MemoryEphemeral};
    use crate::test_clock::TestClock;
    use async_trait::async_trait;
    use std::future::Future;
    use std::pin::pin;
    use std::sync::Arc;
    use std::task::{Context, Poll, Waker};

    pub(super) fn in_memory() -> (Arc<TestClock>, RateLimiter) {
        let clock = Arc::new(TestClock::at(1_000));
        (clock.clone(), RateLimiter::new(Arc::new(MemoryEphemeral::new(clock))))
    }

    /// A shared store that does not answer.
    struct Gone;

    #[async_trait]
    impl Ephemeral for Gone {
        async fn put(&self, _: &str, _: &[u8], _: u32) -> Result<(), EphemeralError> {
            Err(EphemeralError::Unavailable("gone".to_owned()))
        }
        async fn get(&self, _: &str) -> Result<Option<Vec<u8>>, EphemeralError> {
            Err(EphemeralError::Unavailable("gone".to_owned()))
        }
        async fn take(&self, _: &str) -> Result<Option<Vec<u8>>, EphemeralError> {
            Err(EphemeralError::Unavailable("gone".to_owned()))
        }
        async fn compare_and_set(&self, _: &str, _: Option<&[u8]>, _: &[u8], _: u32) -> Result<bool, EphemeralError> {
            Err(EphemeralError::Unavailable("gone".to_owned()))
        }
        async fn count(&self, _: &str, _: u32, _: u32) -> Result<Count, EphemeralError> {
            Err(EphemeralError::Unavailable("gone".to_owned()))
        }
        async fn uncount(&self, _: &str) -> Result<(), EphemeralError> {
            Err(EphemeralError::Unavailable("gone".to_owned()))
        }
        async fn counted(&self, _: &str) -> Result<Option<Count>, EphemeralError> {
            Err(EphemeralError::Unavailable("gone".to_owned()))
        }
        async fn check(&self) -> Result<(), EphemeralError> {
            Err(EphemeralError::Unavailable("gone".to_owned()))
        }
    }

    #[tokio::test]
    async fn the_121st_request_of_a_minute_is_refused_and_the_next_minute_is_new() {
        let (clock, limiter) = in_memory();
        let limit = Limit::per_minute(120);
        for used in 1..=120 {
            let decision = limiter.check("principal", "a", limit).await.unwrap();
            assert_eq!((decision.allowed, decision.remaining, decision.reset_seconds), (true, 120 - used, 60));
        }
        clock.advance(59);
        let refused = limiter.check("principal", "a", limit).await.unwrap();
        assert_eq!((refused.allowed, refused.remaining, refused.reset_seconds, refused.limit), (false, 0, 1, 120));
        assert!(limiter.check("principal", "b", limit).await.unwrap().allowed, "another principal");
        assert!(limiter.check("client", "a", limit).await.unwrap().allowed, "another bucket");
        clock.advance(1);
        assert_eq!(limiter.check("principal", "a", limit).await.unwrap().remaining, 119);
    }

    #[tokio::test]
    async fn many_are_counted_at_once() {
        let (_, limiter) = in_memory();
        let limit = Limit::per_minute(10);
        let check = async |times| {
            let decision = limiter.check_many("principal", "a", times, limit).await.unwrap();
            (decision.allowed, decision.remaining)
        };
        assert_eq!((check(7).await, check(3).await, check(0).await), ((true, 3), (true, 0), (true, 0)));
        assert_eq!((check(1).await, check(u32::MAX).await), ((false, 0), (false, 0)));
    }

    #[test]
    fn in_memory_nothing_waits() {
        let (_, limiter) = in_memory();
        let polled =
            pin!(limiter.check("principal", "a", Limit::per_minute(1))).poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(polled, Poll::Ready(Ok(_))));
    }

    #[tokio::test]
    async fn a_store_that_does_not_answer_is_an_error_or_the_instance_counts_for_itself() {
        let limit = Limit::per_minute(1);
        let strict = RateLimiter::new(Arc::new(Gone));
        assert!(matches!(strict.check("b", "k", limit).await, Err(EphemeralError::Unavailable(_))));
        let lenient = strict.with_local_fallback(Arc::new(TestClock::at(0)));
        assert!(lenient.check("b", "k", limit).await.unwrap().allowed);
        assert!(!lenient.check("b", "k", limit).await.unwrap().allowed, "the limit still holds");
    }
}
