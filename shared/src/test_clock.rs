//! A clock that tests set.

use crate::clock::{Clock, UnixSeconds};
use std::sync::atomic::{AtomicI64, Ordering};

/// Stands still until it is moved.
pub(crate) struct TestClock(AtomicI64);

impl TestClock {
    /// A clock that shows `now`.
    pub(crate) fn at(now: UnixSeconds) -> Self {
        Self(AtomicI64::new(now))
    }

    /// Moves on.
    pub(crate) fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> UnixSeconds {
        self.0.load(Ordering::SeqCst)
    }
}
