//! The keys of the issuer, by what they are for now. The life of a key is next, active, retired, gone.

use crate::{SigningError, SigningKey};
use serde::Serialize;
use shared::protocol::{jwk::JwkSet, jwt::VerificationKeys, token_algorithm::TokenAlgorithm};
use std::sync::{Arc, PoisonError, RwLock};

/// What a key is for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeyState {
    /// Signs; there is one of each algorithm.
    Active,
    /// Published so that every cache knows it before it signs.
    Next,
    /// Published as long as something it signed may live.
    Retired,
}

/// A key and its state.
#[derive(Debug, Clone)]
pub struct KeyEntry {
    /// The key.
    pub key: SigningKey,
    /// What it is for now.
    pub state: KeyState,
}

/// Why keys make no ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyRingError {
    /// Two keys of this algorithm would sign.
    #[error("two {0} keys are active")]
    TwoActive(TokenAlgorithm),
    /// A key is there twice, or there are more than a JWK Set may hold.
    #[error("the keys make no JWK Set")]
    Set,
}

/// The issuer's keys; clones share them. Reading takes a lock for as long as a pointer is copied.
#[derive(Debug, Clone)]
pub struct KeyRing(Arc<RwLock<Arc<Snapshot>>>);

#[derive(Debug)]
struct Snapshot {
    active: Vec<SigningKey>,
    suspended: bool,
    jwks: JwkSet,
    verification: VerificationKeys,
}

impl KeyRing {
    /// A ring of these keys. An algorithm without an active key cannot be signed with until [`KeyRing::replace`] brings one.
    ///
    /// # Errors
    /// [`KeyRingError`].
    pub fn new(entries: Vec<KeyEntry>) -> Result<Self, KeyRingError> {
        Ok(Self(Arc::new(RwLock::new(Arc::new(Snapshot::new(entries)?)))))
    }

    /// Takes these keys instead, for all clones, and ends a suspension. Signatures under way finish with the keys they found.
    ///
    /// # Errors
    /// [`KeyRingError`]; the ring then keeps what it had.
    pub fn replace(&self, entries: Vec<KeyEntry>) -> Result<(), KeyRingError> {
        self.set(Snapshot::new(entries)?);
        Ok(())
    }

    /// Signs nothing more until [`KeyRing::replace`]: what an instance does that could not reload its keys for longer than the interval.
    /// The keys stay published.
    pub fn suspend(&self) {
        let Snapshot { active, jwks, verification, .. } = &*self.get();
        self.set(Snapshot {
            suspended: true,
            active: active.clone(),
            jwks: jwks.clone(),
            verification: verification.clone(),
        });
    }

    /// A compact JWS of these claims by the active key of this algorithm.
    ///
    /// # Errors
    /// [`SigningError`]; for a client all of them are 503.
    pub fn sign(&self, algorithm: TokenAlgorithm, typ: &str, claims: &impl Serialize) -> Result<String, SigningError> {
        let snapshot = self.get();
        if snapshot.suspended {
            return Err(SigningError::Suspended);
        }
        let key = snapshot.active.iter().find(|key| key.algorithm() == algorithm);
        key.ok_or(SigningError::NoActiveKey(algorithm))?.sign(typ, claims)
    }

    /// Whether [`KeyRing::sign`] has a key for every algorithm: a condition of readiness.
    pub fn can_sign(&self) -> bool {
        let snapshot = self.get();
        !snapshot.suspended
            && TokenAlgorithm::ALL.iter().all(|wanted| snapshot.active.iter().any(|key| key.algorithm() == *wanted))
    }

    /// What is published: active, next and retired keys, in this order (naive clients take the first).
    pub fn jwks(&self) -> JwkSet {
        self.get().jwks.clone()
    }

    /// The published keys, ready to verify our own tokens.
    pub fn verification_keys(&self) -> VerificationKeys {
        self.get().verification.clone()
    }

    fn get(&self) -> Arc<Snapshot> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, snapshot: Snapshot) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(snapshot);
    }
}

impl Snapshot {
    fn new(mut entries: Vec<KeyEntry>) -> Result<Self, KeyRingError> {
        entries.sort_by_key(|entry| entry.state);
        let active: Vec<_> =
            entries.iter().filter(|entry| entry.state == KeyState::Active).map(|entry| entry.key.clone()).collect();
        for (index, key) in active.iter().enumerate() {
            if active[..index].iter().any(|earlier| earlier.algorithm() == key.algorithm()) {
                return Err(KeyRingError::TwoActive(key.algorithm()));
            }
        }
        let published = entries.iter().map(|entry| entry.key.public_jwk().clone()).collect();
        let jwks = JwkSet::new(published).map_err(|_| KeyRingError::Set)?;
        let verification = VerificationKeys::from_jwks(&jwks);
        Ok(Self { active, suspended: false, jwks, verification })
    }
}

#[cfg(test)]
mod tests {
    use super::{KeyEntry, KeyRing, KeyRingError, KeyState};
    use crate::{SigningError, SigningKey, install_crypto_provider};
    use serde_json::json;
    use shared::protocol::jwt::{JwsProfile, JwtRefusal, UnverifiedJws, verify_jws};
    use shared::protocol::token_algorithm::TokenAlgorithm;

    fn entry(state: KeyState) -> KeyEntry {
        KeyEntry { key: SigningKey::generate(TokenAlgorithm::Es256).expect("key"), state }
    }

    #[test]
    fn the_active_key_signs_and_all_are_published_active_first() {
        install_crypto_provider();
        let (retired, next, active) = (entry(KeyState::Retired), entry(KeyState::Next), entry(KeyState::Active));
        let ring = KeyRing::new(vec![retired.clone(), next.clone(), active.clone()]).expect("ring");
        let token = ring.sign(TokenAlgorithm::Es256, "at+jwt", &json!({})).expect("token");
        assert_eq!(UnverifiedJws::parse(&token).expect("a JWS").key_id(), Some(active.key.kid()));
        let jwks = ring.jwks();
        let published: Vec<_> = jwks.keys().iter().filter_map(|key| key.kid()).collect();
        assert_eq!(published, [active.key.kid(), next.key.kid(), retired.key.kid()]);
        for key in [&retired.key, &next.key] {
            let token = key.sign("at+jwt", &json!({})).expect("token");
            assert!(verify_jws(&token, &ring.verification_keys(), &JwsProfile::ACCESS_TOKEN).is_ok());
        }
        assert_eq!(
            ring.sign(TokenAlgorithm::Rs256, "at+jwt", &json!({})),
            Err(SigningError::NoActiveKey(TokenAlgorithm::Rs256))
        );
        assert!(!ring.can_sign());
    }

    #[test]
    fn replacing_reaches_every_clone_and_a_revoked_key_is_unknown_at_once() {
        install_crypto_provider();
        let (old, new) = (entry(KeyState::Active), entry(KeyState::Active));
        let ring = KeyRing::new(vec![old]).expect("ring");
        let clone = ring.clone();
        let token = clone.sign(TokenAlgorithm::Es256, "at+jwt", &json!({})).expect("token");
        ring.replace(vec![new.clone()]).expect("replaced");
        let verified = verify_jws(&token, &clone.verification_keys(), &JwsProfile::ACCESS_TOKEN);
        assert_eq!(verified, Err(JwtRefusal::UnknownKid));
        let token = clone.sign(TokenAlgorithm::Es256, "at+jwt", &json!({})).expect("token");
        assert_eq!(UnverifiedJws::parse(&token).expect("a JWS").key_id(), Some(new.key.kid()));
    }

    #[test]
    fn two_active_keys_or_one_key_twice_make_no_ring() {
        let two = vec![entry(KeyState::Active), entry(KeyState::Active)];
        assert_eq!(KeyRing::new(two.clone()).err(), Some(KeyRingError::TwoActive(TokenAlgorithm::Es256)));
        let once = entry(KeyState::Active);
        let twice = vec![once.clone(), KeyEntry { state: KeyState::Retired, ..once.clone() }];
        assert_eq!(KeyRing::new(twice).err(), Some(KeyRingError::Set));
        let ring = KeyRing::new(vec![once.clone()]).expect("ring");
        assert!(ring.replace(two).is_err());
        assert_eq!(ring.jwks().keys()[0].kid(), Some(once.key.kid()), "a refused replacement changes nothing");
    }

    #[test]
    fn a_suspended_ring_publishes_and_signs_nothing_until_it_is_reloaded() {
        install_crypto_provider();
        let rsa = KeyEntry { key: SigningKey::generate(TokenAlgorithm::Rs256).expect("key"), state: KeyState::Active };
        let entries = vec![entry(KeyState::Active), rsa];
        let ring = KeyRing::new(entries.clone()).expect("ring");
        assert!(ring.can_sign());
        ring.suspend();
        for algorithm in TokenAlgorithm::ALL {
            assert_eq!(ring.sign(algorithm, "at+jwt", &json!({})), Err(SigningError::Suspended));
        }
        assert!(!ring.can_sign());
        assert_eq!(ring.jwks().keys().len(), 2);
        ring.replace(entries).expect("replaced");
        assert!(ring.sign(TokenAlgorithm::Rs256, "at+jwt", &json!({})).is_ok());
    }
}
