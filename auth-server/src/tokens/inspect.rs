//! Whether one of our own access tokens is good right now: signature and claims once, expiry and revocation each time.

use super::Revocations;
use crate::{app::App, change_log::follower::catch_up};
use moka::sync::Cache;
use shared::{
    clock::UnixSeconds,
    protocol::{
        access_token_claims::AccessTokenClaims,
        jwt::{Audience, Expectation, VerifiedAccessToken, verify_access_token},
        opaque_token::TokenHash,
    },
};
use std::{sync::Arc, time::Duration};

/// When the change log was not seen for this long, it is read before a token is called good.
pub const INSPECTION_MAX_SILENCE: Duration = Duration::from_secs(2);
/// Verified tokens that are remembered at once.
const VERIFIED_MAX_COUNT: u64 = 10_000;

/// Tokens whose signature and claims were found right, by their SHA-256.
#[derive(Debug, Clone)]
pub struct VerifiedTokens(Cache<[u8; 32], Arc<VerifiedAccessToken>>);

impl Default for VerifiedTokens {
    fn default() -> Self {
        Self(Cache::new(VERIFIED_MAX_COUNT))
    }
}

impl VerifiedTokens {
    /// Forgets all of them: a key was revoked.
    pub fn forget_all(&self) {
        self.0.invalidate_all();
    }
}

/// Nothing can be said: the change log cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the change log cannot be read")]
pub struct RevocationsUnknown;

/// The claims of a token that is ours, has not ended and is not revoked; `None` for any other text.
///
/// # Errors
/// [`RevocationsUnknown`].
pub async fn inspect(
    app: &App,
    token: &str,
    now: UnixSeconds,
) -> Result<Option<AccessTokenClaims>, RevocationsUnknown> {
    let Some(verified) = verify(app, token, now) else { return Ok(None) };
    if app.follower.silence() > INSPECTION_MAX_SILENCE {
        catch_up(app).await.map_err(|cause| {
            tracing::error!(%cause, "the change log cannot be read");
            RevocationsUnknown
        })?;
    }
    let good = now < verified.claims.exp && !is_revoked(&app.revocations, &verified);
    Ok(good.then(|| verified.claims.clone()))
}

fn is_revoked(revocations: &Revocations, verified: &VerifiedAccessToken) -> bool {
    revocations.cover(&verified.claims, &verified.kid)
}

fn verify(app: &App, token: &str, now: UnixSeconds) -> Option<Arc<VerifiedAccessToken>> {
    let hash = TokenHash::of(token).0;
    if let Some(verified) = app.verified_tokens.0.get(&hash) {
        return Some(verified);
    }
    let expected = Expectation { issuer: &app.issuer, audience: Audience::Any, now, leeway_seconds: 0 };
    let verified = verify_access_token(token, &app.keys.verification_keys(), &expected)
        .inspect_err(|refusal| tracing::debug!(%refusal, "an access token was refused"))
        .map(Arc::new)
        .ok()?;
    app.verified_tokens.0.insert(hash, Arc::clone(&verified));
    Some(verified)
}
