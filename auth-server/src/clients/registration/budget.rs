//! How many registrations are taken: for one address block, and for everybody together.

use crate::{config::AuthServerSettings, error::OAuthError, grants::Counted};
use shared::{
    clock::UnixSeconds,
    http::ClientAddress,
    rate_limit::{Limit, RateDecision, RateLimiter},
};

const HOUR_SECONDS: u32 = 3600;
const BUCKET: &str = "register";
/// No address block is written so.
const EVERYBODY: &str = "everybody";

/// How the headers call the limit of a block; of everybody's nobody is told.
const LIMIT: &str = "registrations-of-address-block";

/// Counts one registration from `address`.
///
/// # Errors
/// 429 with `Retry-After` when the block's (which its headers tell) or everybody's budget of the hour is spent; 503 when it cannot be counted. For
/// addresses that many people share only everybody's budget counts.
pub async fn check_budget(
    limits: &RateLimiter,
    settings: &AuthServerSettings,
    address: ClientAddress,
    now: UnixSeconds,
) -> Result<(), OAuthError> {
    let shared_egress = settings.registration_shared_egress.iter().any(|range| range.contains(address.ip()));
    if !shared_egress {
        let of_block = spend(limits, &address.block().to_string(), settings.registrations_per_block_per_hour).await?;
        if !of_block.allowed {
            let counted = Some(Counted { policy: LIMIT, decision: of_block, at: now });
            return Err(OAuthError { counted, ..OAuthError::too_many_requests(of_block.reset_seconds) });
        }
    }
    let of_all = spend(limits, EVERYBODY, settings.registrations_per_hour).await?;
    if of_all.allowed { Ok(()) } else { Err(OAuthError::too_many_requests(of_all.reset_seconds)) }
}

async fn spend(limits: &RateLimiter, key: &str, requests: u32) -> Result<RateDecision, OAuthError> {
    let limit = Limit { requests, window_seconds: HOUR_SECONDS };
    limits.check(BUCKET, key, limit).await.map_err(|cause| {
        tracing::error!(%cause, "registrations cannot be counted");
        OAuthError::unavailable()
    })
}
