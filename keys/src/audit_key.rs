//! The key of the audit chain: whoever can write the database, but not open this key, cannot change what was chained without being found out.

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use shared::random::{Random, random_32};
use std::fmt;
use zeroize::Zeroizing;

const KEY_BYTES: usize = 32;
const ID_BYTES: usize = 16;

/// The bytes are no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an audit key has 32 bytes")]
pub struct AuditKeyError;

/// A secret of 256 bits; wiped when dropped, never printed.
pub struct AuditKey {
    secret: Zeroizing<[u8; KEY_BYTES]>,
    hmac: hmac::Key,
    id: String,
}

impl AuditKey {
    /// A fresh key.
    pub fn generate(random: &dyn Random) -> Self {
        Self::new(Zeroizing::new(random_32(random)))
    }

    /// The key of these 32 bytes, as unsealed.
    ///
    /// # Errors
    /// [`AuditKeyError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, AuditKeyError> {
        let mut secret = Zeroizing::new([0; KEY_BYTES]);
        if bytes.len() != KEY_BYTES {
            return Err(AuditKeyError);
        }
        secret.copy_from_slice(bytes);
        Ok(Self::new(secret))
    }

    fn new(secret: Zeroizing<[u8; KEY_BYTES]>) -> Self {
        let hmac = hmac::Key::new(hmac::HMAC_SHA256, secret.as_slice());
        let id = URL_SAFE_NO_PAD.encode(&hmac::sign(&hmac, &message("id", &[])).as_ref()[..ID_BYTES]);
        Self { secret, hmac, id }
    }

    /// The bytes, to be sealed at once.
    pub fn to_bytes(&self) -> Zeroizing<[u8; KEY_BYTES]> {
        self.secret.clone()
    }

    /// Its name: says nothing of the key.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// HMAC-SHA-256 over `parts`, for one `purpose`: a value made for one never stands for another.
    pub fn sign(&self, purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
        let mut bits = [0; 32];
        bits.copy_from_slice(hmac::sign(&self.hmac, &message(purpose, parts)).as_ref());
        bits
    }

    /// Whether [`AuditKey::sign`] made `mac` of the same, in constant time.
    pub fn is_signed(&self, purpose: &str, parts: &[&[u8]], mac: &[u8]) -> bool {
        hmac::verify(&self.hmac, &message(purpose, parts), mac).is_ok()
    }
}

/// Each part behind its length, so that no two lists of parts make one message.
fn message(purpose: &str, parts: &[&[u8]]) -> Vec<u8> {
    let mut message = b"postern audit".to_vec();
    for part in std::iter::once(purpose.as_bytes()).chain(parts.iter().copied()) {
        message.extend_from_slice(&(part.len() as u64).to_be_bytes());
        message.extend_from_slice(part);
    }
    message
}

impl fmt::Debug for AuditKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditKey").field("id", &self.id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::AuditKey;
    use shared::random::SystemRandom;

    #[test]
    fn a_signature_is_for_one_purpose_one_message_and_one_key() {
        let key = AuditKey::generate(&SystemRandom);
        let mac = key.sign("row", &[b"ab", b"c"]);
        assert!(key.is_signed("row", &[b"ab", b"c"], &mac));
        assert!(!key.is_signed("row", &[b"a", b"bc"], &mac));
        assert!(!key.is_signed("head", &[b"ab", b"c"], &mac));
        assert!(!key.is_signed("row", &[b"ab", b"c"], &mac[..31]));
        assert!(!AuditKey::generate(&SystemRandom).is_signed("row", &[b"ab", b"c"], &mac));
    }

    #[test]
    fn a_key_survives_its_bytes_and_prints_its_id_only() {
        let key = AuditKey::generate(&SystemRandom);
        let again = AuditKey::from_bytes(key.to_bytes().as_slice()).unwrap();
        assert_eq!((again.id(), again.sign("row", &[])), (key.id(), key.sign("row", &[])));
        assert!(AuditKey::from_bytes(&[0; 31]).is_err());
        assert_eq!(format!("{key:?}"), format!("AuditKey {{ id: {:?}, .. }}", key.id()));
    }
}
