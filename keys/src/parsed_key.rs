//! Key pairs of aws-lc-rs, parsed once, and the table by which jsonwebtoken's signer factory finds them: the library hands over nothing but
//! the bytes of an `EncodingKey`, and would parse a private key anew for each signature.

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256, RsaKeyPair},
};
use shared::protocol::token_algorithm::TokenAlgorithm;
use std::{
    collections::BTreeMap,
    sync::{
        Arc, PoisonError, RwLock, Weak,
        atomic::{AtomicU64, Ordering},
    },
};

/// Begins every handle; a DER key begins with 0x30, so neither is taken for the other.
const HANDLE_PREFIX: &[u8] = b"postern.signing-key.";

/// The keys that exist. It holds none alive: a key leaves when its last [`crate::SigningKey`] drops.
static KEYS: RwLock<BTreeMap<u64, Weak<ParsedKey>>> = RwLock::new(BTreeMap::new());
static NEXT_NUMBER: AtomicU64 = AtomicU64::new(0);

enum KeyPair {
    Es256(EcdsaKeyPair),
    Rs256(RsaKeyPair),
}

/// A key pair that can sign.
pub(crate) struct ParsedKey {
    pair: KeyPair,
    number: u64,
}

/// aws-lc-rs refused the key, or could not sign with it; it does not say why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("aws-lc-rs refused the key")]
pub(crate) struct Refused;

impl ParsedKey {
    /// Parses PKCS#8 DER and enters the key in the table.
    pub(crate) fn from_pkcs8(algorithm: TokenAlgorithm, pkcs8: &[u8]) -> Result<Arc<Self>, Refused> {
        let pair = match algorithm {
            TokenAlgorithm::Es256 => {
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8).map(KeyPair::Es256)
            }
            TokenAlgorithm::Rs256 => RsaKeyPair::from_pkcs8(pkcs8).map(KeyPair::Rs256),
        };
        // A number is never used twice, so a handle that outlives its key finds nothing.
        let number = NEXT_NUMBER.fetch_add(1, Ordering::Relaxed);
        let key = Arc::new(Self { pair: pair.map_err(|_| Refused)?, number });
        KEYS.write().unwrap_or_else(PoisonError::into_inner).insert(number, Arc::downgrade(&key));
        Ok(key)
    }

    /// What an `EncodingKey` carries instead of a key.
    pub(crate) fn handle(&self) -> Vec<u8> {
        [HANDLE_PREFIX, &self.number.to_be_bytes()].concat()
    }

    /// The algorithm it signs with.
    pub(crate) fn algorithm(&self) -> TokenAlgorithm {
        match self.pair {
            KeyPair::Es256(_) => TokenAlgorithm::Es256,
            KeyPair::Rs256(_) => TokenAlgorithm::Rs256,
        }
    }

    /// Signs `message`: `r ‖ s` of 64 bytes for ES256 (RFC 7518 §3.4), as long as the modulus for RS256 (§3.3).
    pub(crate) fn signature(&self, message: &[u8]) -> Result<Vec<u8>, Refused> {
        let random = SystemRandom::new();
        match &self.pair {
            KeyPair::Es256(pair) => {
                pair.sign(&random, message).map(|signature| signature.as_ref().to_vec()).map_err(|_| Refused)
            }
            KeyPair::Rs256(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).map_err(|_| Refused)?;
                Ok(signature)
            }
        }
    }
}

impl Drop for ParsedKey {
    fn drop(&mut self) {
        KEYS.write().unwrap_or_else(PoisonError::into_inner).remove(&self.number);
    }
}

/// What the bytes of an `EncodingKey` are.
pub(crate) enum Resolved {
    /// A handle of this key.
    Key(Arc<ParsedKey>),
    /// A handle whose key is gone.
    Gone,
    /// No handle: a key of somebody else's, in itself.
    NoHandle,
}

/// Looks the bytes of an `EncodingKey` up.
pub(crate) fn resolve(bytes: &[u8]) -> Resolved {
    let Some(number) = bytes.strip_prefix(HANDLE_PREFIX) else { return Resolved::NoHandle };
    let Ok(number) = number.try_into().map(u64::from_be_bytes) else { return Resolved::Gone };
    let keys = KEYS.read().unwrap_or_else(PoisonError::into_inner);
    let key = keys.get(&number).and_then(Weak::upgrade);
    // The lock goes first: dropping the last owner of a key takes it, too.
    drop(keys);
    key.map_or(Resolved::Gone, Resolved::Key)
}

#[cfg(test)]
mod tests {
    use super::{KEYS, ParsedKey, Refused, Resolved, resolve};
    use crate::SigningKey;
    use shared::protocol::token_algorithm::TokenAlgorithm;

    #[test]
    fn a_key_is_found_by_its_handle_until_its_last_owner_drops() {
        let pkcs8 = SigningKey::generate(TokenAlgorithm::Es256).expect("key").to_pkcs8();
        let key = ParsedKey::from_pkcs8(TokenAlgorithm::Es256, &pkcs8).expect("parsed");
        let same = ParsedKey::from_pkcs8(TokenAlgorithm::Es256, &pkcs8).expect("parsed");
        let (handle, other) = (key.handle(), same.handle());
        assert_ne!(handle, other);
        let number = key.number;
        let listed = || KEYS.read().expect("table").contains_key(&number);
        let second_owner = key.clone();
        drop(key);
        assert!(matches!(resolve(&handle), Resolved::Key(_)));
        assert!(listed());
        drop(second_owner);
        assert!(matches!(resolve(&handle), Resolved::Gone));
        assert!(!listed(), "nothing of it stays");
        assert!(matches!(resolve(&other), Resolved::Key(_)), "another parse of the same key lives on its own");
        assert!(matches!(resolve(&handle[..20]), Resolved::Gone));
        assert!(matches!(resolve(&pkcs8), Resolved::NoHandle));
        assert!(matches!(resolve(b""), Resolved::NoHandle));
    }

    #[test]
    fn what_aws_lc_refuses_is_refused() {
        for algorithm in TokenAlgorithm::ALL {
            assert_eq!(ParsedKey::from_pkcs8(algorithm, b"no key").err(), Some(Refused));
        }
    }
}
