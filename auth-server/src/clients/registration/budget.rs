//! How many registrations are taken: for one address block, and for everybody together.

use crate::{config::AuthServerSettings, error::OAuthError};
use shared::{
    http::ClientAddress,
    rate_limit::{Limit, RateLimiter},
};

const HOUR_SECONDS: u32 = 3600;
const BUCKET: &str = "register";
/// No address block is written so.
const EVERYBODY: &str = "everybody";

/// Counts one registration from `address`.
///
/// # Errors
/// 429 with `Retry-After` when the block's or everybody's budget of the hour is spent; 503 when it cannot be counted. For
/// addresses that many people share only everybody's budget counts.
pub async fn check_budget(
    limits: &RateLimiter,
    settings: &AuthServerSettings,
    address: ClientAddress,
) -> Result<(), OAuthError> {
    let shared_egress = settings.registration_shared_egress.iter().any(|range| range.contains(address.ip()));
    if !shared_egress {
        spend(limits, &address.block().to_string(), settings.registrations_per_block_per_hour).await?;
    }
    spend(limits, EVERYBODY, settings.registrations_per_hour).await
}

async fn spend(limits: &RateLimiter, key: &str, requests: u32) -> Result<(), OAuthError> {
    let limit = Limit { requests, window_seconds: HOUR_SECONDS };
    let decision = limits.check(BUCKET, key, limit).await.map_err(|cause| {
        tracing::error!(%cause, "registrations cannot be counted");
        OAuthError::unavailable()
    })?;
    if decision.allowed { Ok(()) } else { Err(OAuthError::too_many_requests(decision.reset_seconds)) }
}
