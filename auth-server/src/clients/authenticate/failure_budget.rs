//! A budget of failed authentications for each client and network: spent, further failures are told to wait. Who proves
//! itself never meets it, whatever its neighbours did (`docs/decisions/`).
//!
//! Kept by each instance for itself: generated secrets cannot be guessed, so the budget only slows clients that go on failing.

use super::AuthenticationError;
use moka::sync::Cache;
use shared::{clock::UnixSeconds, http::AddressBlock};
use std::sync::{Arc, Mutex, PoisonError};

/// Failures that one client may have from one network in a window.
pub const FAILURES_MAX: u32 = 30;
/// Length of a window.
pub const FAILURE_WINDOW_SECONDS: i64 = 60;
/// More pairs of client and network than this are not remembered at once.
const BUDGETS_MAX_COUNT: u64 = 10_000;
/// More bytes of a client id than this do not tell clients apart here.
const CLIENT_ID_KEY_MAX_BYTES: usize = 64;

type Key = (String, Option<AddressBlock>);

#[derive(Debug, Clone, Copy)]
struct Window {
    began_at: UnixSeconds,
    failures: u32,
}

/// Failures so far. Cheap to clone.
#[derive(Debug, Clone)]
pub struct FailureBudget {
    windows: Cache<Key, Arc<Mutex<Window>>>,
}

impl Default for FailureBudget {
    fn default() -> Self {
        Self { windows: Cache::new(BUDGETS_MAX_COUNT) }
    }
}

impl FailureBudget {
    /// Lets a failure be told as one unless the budget is spent.
    ///
    /// # Errors
    /// [`AuthenticationError::TooManyFailures`].
    pub fn check(
        &self,
        client_id: &str,
        block: Option<AddressBlock>,
        now: UnixSeconds,
    ) -> Result<(), AuthenticationError> {
        let Some(window) = self.windows.get(&key(client_id, block)) else { return Ok(()) };
        let window = *window.lock().unwrap_or_else(PoisonError::into_inner);
        let left_seconds = window.began_at + FAILURE_WINDOW_SECONDS - now;
        if window.failures < FAILURES_MAX || left_seconds <= 0 {
            return Ok(());
        }
        let retry_after_seconds = u32::try_from(left_seconds.min(FAILURE_WINDOW_SECONDS)).unwrap_or(1);
        Err(AuthenticationError::TooManyFailures { retry_after_seconds })
    }

    /// Counts a failure.
    pub fn record(&self, client_id: &str, block: Option<AddressBlock>, now: UnixSeconds) {
        let fresh = || Arc::new(Mutex::new(Window { began_at: now, failures: 0 }));
        let window = self.windows.get_with(key(client_id, block), fresh);
        let mut window = window.lock().unwrap_or_else(PoisonError::into_inner);
        if now >= window.began_at + FAILURE_WINDOW_SECONDS {
            *window = Window { began_at: now, failures: 0 };
        }
        window.failures = window.failures.saturating_add(1);
    }
}

fn key(client_id: &str, block: Option<AddressBlock>) -> Key {
    (client_id.chars().take(CLIENT_ID_KEY_MAX_BYTES).collect(), block)
}

#[cfg(test)]
mod tests {
    use super::{FAILURE_WINDOW_SECONDS, FAILURES_MAX, FailureBudget};
    use shared::http::AddressBlock;

    #[test]
    fn a_spent_budget_refuses_this_client_from_this_network_until_the_window_ends() {
        let budget = FailureBudget::default();
        let here = Some(AddressBlock::of("192.0.2.1".parse().expect("address")));
        let there = Some(AddressBlock::of("198.51.100.1".parse().expect("address")));
        for _ in 0..FAILURES_MAX {
            assert!(budget.check("c", here, 1000).is_ok());
            budget.record("c", here, 1000);
        }
        assert!(budget.check("c", here, 1000 + FAILURE_WINDOW_SECONDS - 1).is_err());
        assert!(budget.check("c", there, 1000).is_ok());
        assert!(budget.check("d", here, 1000).is_ok());
        assert!(budget.check("c", here, 1000 + FAILURE_WINDOW_SECONDS).is_ok());
        budget.record("c", here, 1000 + FAILURE_WINDOW_SECONDS);
        assert!(budget.check("c", here, 1001 + FAILURE_WINDOW_SECONDS).is_ok());
    }
}
