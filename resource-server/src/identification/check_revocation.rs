//! Is the token revoked? While the feed is fresh the set in memory says; when it is silent the issuer is asked about
//! each token; when that fails too, only calls declared read-only pass, and after five minutes none. Never 401 for
//! what cannot be known. A token of another issuer lives until it ends: that issuer tells nobody what it revoked.

use super::identify::Identified;
use crate::{
    bearer::revocations::{FeedState, READ_ONLY_GRACE_SECONDS, Revocations},
    issuer::introspection::Introspection,
};
use shared::clock::UnixSeconds;

/// What a token that is not known to be revoked may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Whatever its scopes allow.
    Full,
    /// Only what is declared to change nothing.
    ReadOnly,
}

/// Why it may do nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Distrust {
    /// It is revoked.
    Revoked,
    /// Nobody can tell.
    Unknowable,
}

/// Checks a token, given its `text` for the issuer.
///
/// # Errors
/// [`Distrust`].
pub async fn check_revocation(
    revocations: &Revocations,
    introspection: Option<&Introspection>,
    identified: &Identified,
    text: &str,
    now: UnixSeconds,
) -> Result<Trust, Distrust> {
    let Some(introspection) = introspection.filter(|_| identified.token.own) else { return Ok(Trust::Full) };
    let state = revocations.state(now);
    if state == FeedState::NotLoaded {
        return Err(Distrust::Unknowable);
    }
    if revocations.is_revoked(&identified.token) {
        return Err(Distrust::Revoked);
    }
    let FeedState::Silent { for_seconds } = state else { return Ok(Trust::Full) };
    match Box::pin(introspection.is_active(text, &identified.digest)).await {
        Ok(true) => Ok(Trust::Full),
        Ok(false) => Err(Distrust::Revoked),
        Err(cause) => {
            tracing::debug!(%cause, "a token cannot be introspected");
            if for_seconds < READ_ONLY_GRACE_SECONDS { Ok(Trust::ReadOnly) } else { Err(Distrust::Unknowable) }
        }
    }
}
