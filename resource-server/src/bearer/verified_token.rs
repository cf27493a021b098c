//! A token that verified: the principal, and what must be asked again on each call.

use super::principal::{Principal, PrincipalKey};
use crate::weak_map::WeakMap;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};
use shared::clock::UnixSeconds;
use std::sync::{
    Arc,
    atomic::{AtomicU32, AtomicU64, Ordering},
};

/// No set of revocations ever reaches this generation.
const NO_GENERATION: u64 = u64::MAX;

/// A token whose signature and claims were found good. Whether it is revoked is asked on every call.
#[derive(Debug)]
pub struct VerifiedToken {
    /// Who calls.
    pub principal: Arc<Principal>,
    /// `kid` of the key that signed it; empty for one that is no JWT.
    pub key_id: Arc<str>,
    /// Whether our own issuer made it, so that its revocations concern it.
    pub own: bool,
    /// When it was verified.
    pub verified_at: UnixSeconds,
    /// What all tokens of this principal share.
    pub share: Arc<PrincipalShare>,
    /// The generation of the revocations it was last held against.
    pub checked_generation: AtomicU64,
}

impl VerifiedToken {
    /// A token that verified at `verified_at`, not yet held against any revocation.
    pub fn new(
        principal: Principal,
        key_id: Arc<str>,
        own: bool,
        verified_at: UnixSeconds,
        shares: &PrincipalShares,
    ) -> Self {
        let share = shares.share_of(&principal.key());
        let checked_generation = AtomicU64::new(NO_GENERATION);
        Self { principal: Arc::new(principal), key_id, own, verified_at, share, checked_generation }
    }

    /// Whose sessions it may use.
    pub fn session_owner(&self) -> PrincipalKey {
        self.principal.session_owner(&self.share.key)
    }
}

/// A principal's share of this server: its bucket and what it has running.
#[derive(Debug)]
pub struct PrincipalShare {
    /// `(iss, sub, client_id)`.
    pub key: PrincipalKey,
    /// The key under which its requests are counted: of one length, however long the ids are.
    pub counter: String,
    calls: AtomicU32,
    streams: AtomicU32,
    asides: AtomicU32,
}

/// One running call or open stream; the place is given back when this is dropped by all who work on it.
#[derive(Debug)]
pub struct Place {
    share: Arc<PrincipalShare>,
    counter: fn(&PrincipalShare) -> &AtomicU32,
}

/// How much all principals together have running.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Running {
    /// Users with a client that were seen of late.
    pub principals: usize,
    /// Their calls.
    pub calls: u64,
    /// Their streams that listen.
    pub streams: u64,
}

impl PrincipalShare {
    fn new(key: PrincipalKey) -> Self {
        let counter = URL_SAFE_NO_PAD.encode(Sha256::digest(key.as_str().as_bytes()));
        Self { key, counter, calls: AtomicU32::new(0), streams: AtomicU32::new(0), asides: AtomicU32::new(0) }
    }

    /// Takes a place among at most `max` running calls; `None` when all are taken.
    pub fn enter(self: &Arc<Self>, max: u32) -> Option<Arc<Place>> {
        self.take(max, |share| &share.calls)
    }

    /// Takes a place among at most `max` streams that listen; `None` when all are taken.
    pub fn open_stream(self: &Arc<Self>, max: u32) -> Option<Arc<Place>> {
        self.take(max, |share| &share.streams)
    }

    /// Takes a place among at most `max` short messages that end calls and sessions; `None` when all are taken.
    pub fn step_aside(self: &Arc<Self>, max: u32) -> Option<Arc<Place>> {
        self.take(max, |share| &share.asides)
    }

    fn take(self: &Arc<Self>, max: u32, counter: fn(&Self) -> &AtomicU32) -> Option<Arc<Place>> {
        let one_more = |taken: u32| (taken < max).then_some(taken + 1);
        let entered = counter(self).fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more);
        entered.is_ok().then(|| Arc::new(Place { share: self.clone(), counter }))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        (self.counter)(&self.share).fetch_sub(1, Ordering::AcqRel);
    }
}

/// The shares in use, so that all tokens of a principal count together. Asked only when a token is verified anew.
#[derive(Debug, Default)]
pub struct PrincipalShares(WeakMap<PrincipalKey, PrincipalShare>);

impl PrincipalShares {
    /// The share of `key`, the same one for as long as somebody holds it.
    pub fn share_of(&self, key: &PrincipalKey) -> Arc<PrincipalShare> {
        self.0.get_or_make(key, |key| PrincipalShare::new(key.clone()))
    }

    /// Whether a token of this principal was verified here. Long ago is forgotten, sooner where many come.
    pub fn has_seen(&self, key: &PrincipalKey) -> bool {
        self.0.remembers(key)
    }

    /// How much everybody has running.
    pub fn running(&self) -> Running {
        self.0.held().iter().fold(Running::default(), |sum, share| Running {
            principals: sum.principals + 1,
            calls: sum.calls + u64::from(share.calls.load(Ordering::Relaxed)),
            streams: sum.streams + u64::from(share.streams.load(Ordering::Relaxed)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{PrincipalShares, Running};
    use crate::bearer::principal::PrincipalKey;
    use std::sync::Arc;

    #[test]
    fn a_principal_has_one_share_and_places_come_back() {
        let shares = PrincipalShares::default();
        let key = PrincipalKey::new("i", "s", "c");
        let (one, two) = (shares.share_of(&key), shares.share_of(&key));
        assert!(Arc::ptr_eq(&one, &two));
        let places: Vec<_> = (0..2).map_while(|_| one.enter(2)).collect();
        assert_eq!(places.len(), 2);
        assert!(two.enter(2).is_none());
        let stream = two.open_stream(1);
        assert!(stream.is_some() && one.open_stream(1).is_none(), "streams are counted for themselves");
        assert_eq!(shares.running(), Running { principals: 1, calls: 2, streams: 1 });
        drop((places, stream));
        assert!(two.enter(2).is_some() && two.open_stream(1).is_some());
        drop((one, two));
        assert_eq!(shares.running(), Running::default());
    }
}
