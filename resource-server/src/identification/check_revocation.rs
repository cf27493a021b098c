//! Is the token revoked? While the feed is fresh the set in memory says; when it is silent the issuer is asked about
//! each token; when that fails too, only calls declared read-only pass, and after five minutes none. Never 401 for
//! what cannot be known. A token of another issuer lives until it ends: that issuer tells nobody what it revoked.
//!
//! Nobody is asked before the request was counted, so what is known here is looked at first and by itself.

use super::identify::Identified;
use crate::{
    bearer::revocations::{FeedState, READ_ONLY_GRACE_SECONDS, Revocations},
    issuer::introspection::Introspection,
};
use shared::clock::UnixSeconds;
use std::sync::Arc;

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

/// A token that may have been revoked since the feed fell silent: whoever made it is to be asked.
#[derive(Clone)]
pub struct Doubt {
    issuer: Arc<Introspection>,
    silent_seconds: i64,
}

/// Holds a token against what is known here, without asking anybody. `None` is full trust.
///
/// # Errors
/// [`Distrust`].
pub fn check_revocation(
    revocations: &Revocations,
    introspection: Option<&Arc<Introspection>>,
    identified: &Identified,
    now: UnixSeconds,
) -> Result<Option<Doubt>, Distrust> {
    let Some(issuer) = introspection.filter(|_| identified.token.own) else { return Ok(None) };
    let state = revocations.state(now);
    if state == FeedState::NotLoaded {
        return Err(Distrust::Unknowable);
    }
    if revocations.is_revoked(&identified.token) {
        return Err(Distrust::Revoked);
    }
    let FeedState::Silent { for_seconds: silent_seconds } = state else { return Ok(None) };
    match issuer.recall(&identified.digest, now) {
        Some(true) => Ok(None),
        Some(false) => Err(Distrust::Revoked),
        None => Ok(Some(Doubt { issuer: issuer.clone(), silent_seconds })),
    }
}

impl Doubt {
    /// Asks about the token, whose text is `text`.
    ///
    /// # Errors
    /// [`Distrust`].
    pub async fn settle(self, identified: &Identified, text: &str) -> Result<Trust, Distrust> {
        match self.issuer.ask(text, identified.digest).await {
            Some(true) => Ok(Trust::Full),
            Some(false) => Err(Distrust::Revoked),
            None if self.silent_seconds < READ_ONLY_GRACE_SECONDS => Ok(Trust::ReadOnly),
            None => Err(Distrust::Unknowable),
        }
    }
}
