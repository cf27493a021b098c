//! How many requests a principal has had.

use super::{Caller, Pipeline};
use crate::refusal::{Limit, Refusal};
use shared::rate_limit::RateDecision;

/// What counts the requests of principals.
const PRINCIPAL_BUCKET: &str = "mcp";
/// How the headers call that limit.
pub(super) const PRINCIPAL_LIMIT: &str = "principal";

impl Pipeline {
    /// So many more requests of this principal.
    pub(super) async fn count_requests(&self, caller: &Caller, times: u32) -> Result<RateDecision, Refusal> {
        let (counter, limit) = (&caller.identified.token.share.counter, self.limits.requests);
        self.rate_limiter.check_many(PRINCIPAL_BUCKET, counter, times, limit).await.map_err(|cause| {
            tracing::error!(%cause, "requests cannot be counted");
            Refusal::Unavailable
        })
    }
}

/// Refuses whoever has had more than `limit`.
pub(super) fn refuse_over_limit(rate: &RateDecision, limit: Limit) -> Result<(), Refusal> {
    let retry_after_seconds = u64::from(rate.reset_seconds);
    if rate.allowed { Ok(()) } else { Err(Refusal::RateLimited { limit, retry_after_seconds }) }
}
