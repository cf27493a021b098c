//! Verified tokens by the SHA-256 of the token: signature and claims are not checked twice within a minute.
//!
//! Nothing stays longer for being used more, so there is no order of use to keep: what came within one minute is a generation, and leaves as one.

use super::verified_token::VerifiedToken;
use shared::clock::UnixSeconds;
use std::{
    collections::HashMap,
    mem,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

/// A verified token is looked at anew after this long, and never used past its expiry.
pub const CACHE_MAX_AGE_SECONDS: i64 = 60;
/// More tokens than this are not remembered (about 1 KiB each); those that came first go first.
pub const CACHE_MAX_TOKENS: usize = 50_000;
/// Writers of different shards do not wait for each other.
const SHARDS: usize = 16;
/// A shard holds two generations at most.
const GENERATION_MAX_TOKENS: usize = CACHE_MAX_TOKENS / SHARDS / 2;

/// SHA-256 of a token in its compact form.
pub type TokenDigest = [u8; 32];

/// The cache. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct TokenCache(Arc<[RwLock<Shard>; SHARDS]>);

type Generation = HashMap<TokenDigest, Arc<VerifiedToken>>;

/// What came since `began`, and what came before that.
#[derive(Debug, Default)]
struct Shard {
    began: UnixSeconds,
    young: Generation,
    old: Generation,
}

impl TokenCache {
    /// The token with this digest, if it may still be used at `now` without being verified anew.
    pub fn get(&self, digest: &TokenDigest, now: UnixSeconds) -> Option<Arc<VerifiedToken>> {
        let shard = self.read(digest);
        let token = shard.young.get(digest).or_else(|| shard.old.get(digest))?;
        // A clock that went back makes the age negative: verify anew.
        let age = now.saturating_sub(token.verified_at);
        let usable = now < token.principal.expires_at && (0..CACHE_MAX_AGE_SECONDS).contains(&age);
        usable.then(|| token.clone())
    }

    /// Remembers a token.
    pub fn insert(&self, digest: TokenDigest, token: Arc<VerifiedToken>) {
        let mut shard = self.write(&digest);
        let left = shard.make_room(token.verified_at);
        shard.young.insert(digest, token);
        drop(shard);
        // Thousands of tokens may leave: nobody waits for that.
        drop(left);
    }

    /// Forgets every token: a key was revoked.
    pub fn forget_all(&self) {
        for shard in self.0.iter() {
            *shard.write().unwrap_or_else(PoisonError::into_inner) = Shard::default();
        }
    }

    fn read(&self, digest: &TokenDigest) -> RwLockReadGuard<'_, Shard> {
        self.shard(digest).read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, digest: &TokenDigest) -> RwLockWriteGuard<'_, Shard> {
        self.shard(digest).write().unwrap_or_else(PoisonError::into_inner)
    }

    fn shard(&self, [first, ..]: &TokenDigest) -> &RwLock<Shard> {
        &self.0[usize::from(*first) % SHARDS]
    }
}

impl Shard {
    /// Begins a generation where the present one is full or far from `now`: what leaves for it is too old to be used, or came first. A token
    /// that took long to verify may be a little older than the generation is.
    fn make_room(&mut self, now: UnixSeconds) -> Generation {
        let is_current = self.began.abs_diff(now) < CACHE_MAX_AGE_SECONDS.unsigned_abs();
        if is_current && self.young.len() < GENERATION_MAX_TOKENS {
            return Generation::new();
        }
        self.began = now;
        let former = mem::take(&mut self.young);
        mem::replace(&mut self.old, former)
    }
}

#[cfg(test)]
mod tests {
    use super::{CACHE_MAX_AGE_SECONDS, CACHE_MAX_TOKENS, GENERATION_MAX_TOKENS, SHARDS, TokenCache, TokenDigest};
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
        cache.forget_all();
        assert!(cache.get(&[2; 32], 1001).is_none());
    }

    /// The digest of the token with this number, in the shard with that one.
    fn digest(number: usize) -> TokenDigest {
        let mut digest = [0; 32];
        digest[0] = u8::try_from(number % SHARDS).expect("a shard");
        digest[1..9].copy_from_slice(&number.to_be_bytes());
        digest
    }

    fn held(cache: &TokenCache) -> usize {
        cache.0.iter().map(|shard| shard.read().expect("a shard")).map(|it| it.young.len() + it.old.len()).sum()
    }

    #[test]
    fn of_too_many_the_first_go_first() {
        let cache = TokenCache::default();
        let one = token(1000, 9000);
        let count = 3 * CACHE_MAX_TOKENS;
        for number in 0..count {
            cache.insert(digest(number), one.clone());
            assert!(cache.get(&digest(number), 1000).is_some(), "the last one is always there");
        }
        assert!(held(&cache) <= CACHE_MAX_TOKENS, "{}", held(&cache));
        assert!(cache.get(&digest(count - GENERATION_MAX_TOKENS * SHARDS), 1000).is_some());
        assert!(cache.get(&digest(0), 1000).is_none());
    }

    #[test]
    fn what_is_too_old_leaves_when_others_come() {
        let cache = TokenCache::default();
        for number in 0..1000 {
            cache.insert(digest(number), token(1000, 9000));
        }
        for (minutes, left) in [(1, 1000 + SHARDS), (2, 2 * SHARDS), (3, 2 * SHARDS)] {
            for number in 0..SHARDS {
                let now = 1000 + minutes * CACHE_MAX_AGE_SECONDS;
                let mut digest = digest(number);
                digest[31] = u8::try_from(minutes).expect("few");
                cache.insert(digest, token(now, 9000));
            }
            assert_eq!(held(&cache), left, "{minutes}");
        }
    }

    #[test]
    fn one_that_took_long_to_verify_makes_no_other_leave() {
        let cache = TokenCache::default();
        for (number, verified_at) in [1000, 1030, 1060, 1059, 1060].into_iter().enumerate() {
            cache.insert(digest(number * SHARDS), token(verified_at, 9000));
        }
        let usable = (0..5).map(|number| cache.get(&digest(number * SHARDS), 1060).is_some());
        assert_eq!(usable.collect::<Vec<_>>(), [false, true, true, true, true]);
    }

    #[test]
    fn a_clock_that_goes_back_loses_nothing_that_comes_then() {
        let cache = TokenCache::default();
        cache.insert(digest(0), token(5000, 9000));
        cache.insert(digest(SHARDS), token(1000, 9000));
        assert!(cache.get(&digest(0), 1000).is_none() && cache.get(&digest(SHARDS), 1000).is_some());
        cache.forget_all();
        assert_eq!(held(&cache), 0);
    }
}
