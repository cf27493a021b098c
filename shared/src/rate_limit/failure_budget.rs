//! How many failures an address block may cause before it is not listened to: bad tokens, guessed codes.

use super::{Limit, RateDecision, RateLimiter};
use crate::ephemeral::EphemeralError;
use crate::http::AddressBlock;

/// A budget of failures for each address block. Success costs nothing, so honest callers behind one address never meet
/// it.
#[derive(Clone)]
pub struct FailureBudget {
    limiter: RateLimiter,
    bucket: &'static str,
    limit: Limit,
}

impl FailureBudget {
    /// At most `limit` failures of the kind that `bucket` names.
    pub fn new(limiter: RateLimiter, bucket: &'static str, limit: Limit) -> Self {
        Self { limiter, bucket, limit }
    }

    /// To be asked before another failure is counted: the refusal (429), when the budget of `block` is used up.
    ///
    /// # Errors
    /// As [`RateLimiter::check`].
    pub async fn refusal(&self, block: AddressBlock) -> Result<Option<RateDecision>, EphemeralError> {
        let decision = self.limiter.look(self.bucket, &block.to_string(), self.limit).await?;
        let spent = decision.filter(|decision| decision.remaining == 0);
        if spent.is_some() {
            self.limiter.count_refusal(self.bucket);
        }
        Ok(spent.map(|decision| RateDecision { allowed: false, ..decision }))
    }

    /// Counts a failure.
    ///
    /// # Errors
    /// As [`RateLimiter::check`].
    pub async fn record_failure(&self, block: AddressBlock) -> Result<(), EphemeralError> {
        self.limiter.check(self.bucket, &block.to_string(), self.limit).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::in_memory;
    use super::{FailureBudget, Limit};
    use crate::http::AddressBlock;

    #[tokio::test]
    async fn a_block_that_failed_too_often_is_refused_until_the_window_ends() {
        let (clock, limiter) = in_memory();
        let budget = FailureBudget::new(limiter, "bad token", Limit { requests: 3, window_seconds: 60 });
        let block = |address: &str| AddressBlock::of(address.parse().unwrap());
        for _ in 0..3 {
            assert_eq!(budget.refusal(block("203.0.113.9")).await.unwrap(), None);
            budget.record_failure(block("203.0.113.9")).await.unwrap();
        }
        let refusal = budget.refusal(block("203.0.113.200")).await.unwrap().unwrap();
        assert_eq!((refusal.allowed, refusal.remaining, refusal.reset_seconds), (false, 0, 60));
        assert_eq!(budget.refusal(block("198.51.100.1")).await.unwrap(), None);
        clock.advance(60);
        assert_eq!(budget.refusal(block("203.0.113.9")).await.unwrap(), None);
    }
}
