//! How long a lost race waits before the next attempt.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};
use tokio::time::Instant;

/// A transaction that still meets conflicts after this time is given up as unavailable.
pub(super) const CONFLICT_DEADLINE: Duration = Duration::from_secs(5);
const FIRST_WAIT: Duration = Duration::from_millis(1);
const LONGEST_WAIT: Duration = Duration::from_millis(50);

/// 2^64 divided by the golden ratio: multiples of it spread evenly over the circle (Weyl), which is what jitter wants;
/// unpredictability is not needed, so no source of randomness is.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
static STEP: AtomicU64 = AtomicU64::new(0);

/// Exponential waits with jitter, up to a deadline.
pub(super) struct Backoff {
    deadline: Instant,
    ceiling: Duration,
}

impl Backoff {
    /// Starts now.
    pub(super) fn start() -> Self {
        Self { deadline: Instant::now() + CONFLICT_DEADLINE, ceiling: FIRST_WAIT }
    }

    /// When to give up.
    pub(super) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Waits for the next attempt; false if there is no time for one.
    pub(super) async fn wait(&mut self) -> bool {
        let wait = jittered(self.ceiling);
        self.ceiling = (self.ceiling * 2).min(LONGEST_WAIT);
        if Instant::now() + wait >= self.deadline {
            return false;
        }
        tokio::time::sleep(wait).await;
        true
    }
}

/// Something between a quarter of `ceiling` and `ceiling`.
fn jittered(ceiling: Duration) -> Duration {
    let step = STEP.fetch_add(1, Ordering::Relaxed).wrapping_add(u64::from(std::process::id()));
    let fraction = step.wrapping_mul(GOLDEN) >> 48; // of 65536
    let ceiling = u64::try_from(ceiling.as_micros()).unwrap_or(u64::MAX);
    Duration::from_micros(ceiling / 4 + (ceiling - ceiling / 4) * fraction / 65_536)
}

#[cfg(test)]
mod tests {
    use super::jittered;
    use std::{collections::BTreeSet, time::Duration};

    #[test]
    fn jitter_stays_in_bounds_and_differs() {
        let waits: BTreeSet<_> = (0..64).map(|_| jittered(Duration::from_millis(8))).collect();
        assert!(waits.iter().all(|wait| (Duration::from_millis(2)..=Duration::from_millis(8)).contains(wait)));
        assert!(waits.len() > 32);
    }
}
