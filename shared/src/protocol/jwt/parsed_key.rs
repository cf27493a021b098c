//! Public keys of aws-lc-rs, parsed once, and the table by which jsonwebtoken's verifier factory finds them: the library hands over nothing
//! but the bytes of a `DecodingKey`, and would parse them anew for each signature.

use crate::protocol::jwk::{JwsAlgorithm, PublicKey};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
};
use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock, Weak},
};

/// The keys that are parsed, by their bytes. It holds none alive; the dead leave when the next one comes.
static KEYS: RwLock<BTreeMap<Vec<u8>, Weak<ParsedKey>>> = RwLock::new(BTreeMap::new());

/// A public key, ready to verify with one algorithm.
#[derive(Debug)]
pub(super) struct ParsedKey {
    key: ParsedPublicKey,
    algorithm: JwsAlgorithm,
}

impl ParsedKey {
    /// Parses a key of an algorithm that issuers sign access tokens with, and enters it in the table; one that is there already is shared.
    /// `None` for other algorithms, whose keys verify little.
    pub(super) fn enter(key: &PublicKey, algorithm: JwsAlgorithm) -> Option<Arc<Self>> {
        let parsed = match (key, algorithm) {
            (PublicKey::EcP256 { .. }, JwsAlgorithm::Es256) => {
                ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key.sec1_point()).ok()?
            }
            (PublicKey::Rsa { n, e }, JwsAlgorithm::Rs256) => {
                RsaPublicKeyComponents { n, e }.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256).ok()?
            }
            _ => return None,
        };
        let parsed = Arc::new(Self { key: parsed, algorithm });
        let mut keys = KEYS.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(same) = keys.get(parsed.bytes()).and_then(Weak::upgrade) {
            return Some(same);
        }
        keys.retain(|_, key| key.strong_count() > 0);
        keys.insert(parsed.bytes().to_vec(), Arc::downgrade(&parsed));
        Some(parsed)
    }

    /// The key in the table that a `DecodingKey` of these bytes means with this algorithm.
    pub(super) fn find(bytes: &[u8], algorithm: JwsAlgorithm) -> Option<Arc<Self>> {
        let keys = KEYS.read().unwrap_or_else(PoisonError::into_inner);
        keys.get(bytes).and_then(Weak::upgrade).filter(|key| key.algorithm == algorithm)
    }

    /// What a `DecodingKey` carries: the point of an elliptic key (SEC 1 §2.3.3), the DER of another.
    pub(super) fn bytes(&self) -> &[u8] {
        self.key.as_ref()
    }

    /// Whether `signature` is this key's over `message`.
    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        self.key.verify_sig(message, signature).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::{KEYS, ParsedKey};
    use crate::protocol::{jwk::JwsAlgorithm, jwt::forge::Forge};
    use std::sync::Arc;

    #[test]
    fn a_key_is_found_by_its_bytes_for_as_long_as_somebody_holds_it() {
        for (forge, algorithm, other) in [
            (Forge::es256(), JwsAlgorithm::Es256, JwsAlgorithm::Rs256),
            (Forge::rs256(), JwsAlgorithm::Rs256, JwsAlgorithm::Ps256),
        ] {
            let key = ParsedKey::enter(&forge.public_key(), algorithm).expect("a key");
            let again = ParsedKey::enter(&forge.public_key(), algorithm).expect("a key");
            assert!(Arc::ptr_eq(&key, &again), "parsed once");
            let bytes = key.bytes().to_vec();
            assert!(ParsedKey::find(&bytes, algorithm).is_some());
            assert!(ParsedKey::find(&bytes, other).is_none(), "one key, one algorithm");
            drop((key, again));
            assert!(ParsedKey::find(&bytes, algorithm).is_none());
            let _next = ParsedKey::enter(&Forge::es256().public_key(), JwsAlgorithm::Es256).expect("a key");
            assert!(!KEYS.read().expect("table").contains_key(&bytes), "nothing of it stays");
        }
    }

    #[test]
    fn keys_that_sign_no_access_tokens_are_not_entered() {
        for (forge, algorithm) in [(Forge::ps256(), JwsAlgorithm::Ps256), (Forge::ed25519(), JwsAlgorithm::EdDsa)] {
            assert!(ParsedKey::enter(&forge.public_key(), algorithm).is_none());
        }
    }
}
