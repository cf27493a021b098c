//! Verified tokens by the SHA-256 of the token: signature and claims are not checked twice within a minute.

use super::verified_token::VerifiedToken;
use shared::clock::UnixSeconds;
use std::{sync::Arc, time::Duration};

/// A verified token is looked at anew after this long, and never used past its expiry.
pub const CACHE_MAX_AGE_SECONDS: i64 = 60;
/// More tokens than this are not remembered (about 1 KiB each).
pub const CACHE_MAX_TOKENS: u64 = 50_000;

/// SHA-256 of a token in its compact form.
pub type TokenDigest = [u8; 32];

/// The cache. Cheap to clone; reads take no lock that writers hold for long.
#[derive(Debug, Clone)]
pub struct TokenCache(moka::sync::Cache<TokenDigest, Arc<VerifiedToken>>);

impl Default for TokenCache {
    fn default() -> Self {
        let max_age = Duration::from_secs(CACHE_MAX_AGE_SECONDS.unsigned_abs());
        Self(moka::sync::Cache::builder().max_capacity(CACHE_MAX_TOKENS).time_to_live(max_age).build())
    }
}

impl TokenCache {
    /// The token with this digest, if it may still be used at `now` without being verified anew.
    pub fn get(&self, digest: &TokenDigest, now: UnixSeconds) -> Option<Arc<VerifiedToken>> {
        let token = self.0.get(digest)?;
        // A clock that went back makes the age negative: verify anew.
        let age = now.saturating_sub(token.verified_at);
        let usable = now < token.principal.expires_at && (0..CACHE_MAX_AGE_SECONDS).contains(&age);
        usable.then_some(token)
    }

    /// Remembers a token.
    pub fn insert(&self, digest: TokenDigest, token: Arc<VerifiedToken>) {
        self.0.insert(digest, token);
    }

    /// Forgets one token.
    pub fn forget(&self, digest: &TokenDigest) {
        self.0.invalidate(digest);
    }

    /// Forgets every token: a key was revoked.
    pub fn forget_all(&self) {
        self.0.invalidate_all();
    }
}

#[cfg(test)]
mod tests {
    use super::{CACHE_MAX_AGE_SECONDS, TokenCache};
    use crate::bearer::{
        principal::Principal,
        verified_token::{PrincipalShares, VerifiedToken},
    };
    use shared::{clock::UnixSeconds, protocol::scope::ScopeSet};
    use std::sync::Arc;

    fn token(verified_at: UnixSeconds, expires_at: UnixSeconds) -> Arc<VerifiedToken> {
        let principal = Principal {
            issuer: "i".into(),
            subject: "s".into(),
            client_id: "c".into(),
            scopes: ScopeSet::default(),
            registered_scopes: ScopeSet::default(),
            roles: vec![],
            grant_id: None,
            token_id: "t".into(),
            organization_id: None,
            tenant_id: None,
            issued_at: verified_at,
            expires_at,
        };
        Arc::new(VerifiedToken::new(principal, "k".into(), true, verified_at, &PrincipalShares::default()))
    }

    #[test]
    fn is_used_for_a_minute_and_never_past_its_expiry() {
        let cache = TokenCache::default();
        cache.insert([1; 32], token(1000, 1010));
        cache.insert([2; 32], token(1000, 9000));
        assert!(cache.get(&[1; 32], 1009).is_some());
        assert!(cache.get(&[1; 32], 1010).is_none());
        assert!(cache.get(&[2; 32], 1000 + CACHE_MAX_AGE_SECONDS - 1).is_some());
        assert!(cache.get(&[2; 32], 1000 + CACHE_MAX_AGE_SECONDS).is_none());
        assert!(cache.get(&[2; 32], 999).is_none());
        assert!(cache.get(&[3; 32], 1000).is_none());
        cache.forget(&[2; 32]);
        assert!(cache.get(&[2; 32], 1001).is_none());
    }
}
