//! A clock that tests set.

use shared::clock::{Clock, UnixSeconds};
use std::sync::atomic::{AtomicI64, Ordering};

/// Stands still until it is set; it begins at 0.
#[derive(Default)]
pub(crate) struct TestClock(AtomicI64);

impl TestClock {
    /// Shows `now` from now on.
    pub(crate) fn set(&self, now: UnixSeconds) {
        self.0.store(now, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> UnixSeconds {
        self.0.load(Ordering::SeqCst)
    }
}
