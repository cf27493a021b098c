//! The key by which the successor of a refresh token is derived: whoever holds the token reaches the same successors, and neither the
//! database nor this key alone yields one.

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use shared::random::{Random, random_32};
use std::fmt;
use zeroize::Zeroizing;

const KEY_BYTES: usize = 32;
const ID_BYTES: usize = 16;
/// Begins the message whose HMAC is the id. A derivation begins with the length of a text, which is never so large.
const ID_MESSAGE: [u8; 8] = [0xFF; 8];

/// The bytes are no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a refresh successor key has 32 bytes")]
pub struct RefreshSuccessorKeyError;

/// A secret of 256 bits; wiped when dropped, never printed.
pub struct RefreshSuccessorKey {
    secret: Zeroizing<[u8; KEY_BYTES]>,
    hmac: hmac::Key,
    id: String,
}

impl RefreshSuccessorKey {
    /// A fresh key.
    pub fn generate(random: &dyn Random) -> Self {
        Self::new(Zeroizing::new(random_32(random)))
    }

    /// The key of these 32 bytes, as unsealed.
    ///
    /// # Errors
    /// [`RefreshSuccessorKeyError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RefreshSuccessorKeyError> {
        let mut secret = Zeroizing::new([0; KEY_BYTES]);
        if bytes.len() != KEY_BYTES {
            return Err(RefreshSuccessorKeyError);
        }
        secret.copy_from_slice(bytes);
        Ok(Self::new(secret))
    }

    fn new(secret: Zeroizing<[u8; KEY_BYTES]>) -> Self {
        let hmac = hmac::Key::new(hmac::HMAC_SHA256, secret.as_slice());
        let id = URL_SAFE_NO_PAD.encode(&hmac::sign(&hmac, &ID_MESSAGE).as_ref()[..ID_BYTES]);
        Self { secret, hmac, id }
    }

    /// The bytes, to be sealed at once.
    pub fn to_bytes(&self) -> Zeroizing<[u8; KEY_BYTES]> {
        self.secret.clone()
    }

    /// Its name in the rows that were derived with it: says nothing of the key.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The 256 bits of the token that follows `previous_plain` in `family` as `generation`: HMAC-SHA-256 over the three, each text behind its
    /// length, so that no two triples make one message.
    pub fn next(&self, previous_plain: &str, family: &str, generation: i64) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.hmac);
        for text in [previous_plain, family] {
            context.update(&(text.len() as u64).to_be_bytes());
            context.update(text.as_bytes());
        }
        context.update(&generation.to_be_bytes());
        let mut bits = [0; 32];
        bits.copy_from_slice(context.sign().as_ref());
        bits
    }
}

impl fmt::Debug for RefreshSuccessorKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefreshSuccessorKey").field("id", &self.id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::{RefreshSuccessorKey, RefreshSuccessorKeyError};
    use aws_lc_rs::hmac;
    use shared::random::SystemRandom;

    #[test]
    fn the_same_triple_gives_the_same_token_and_every_part_matters() {
        let key = RefreshSuccessorKey::generate(&SystemRandom);
        let again = RefreshSuccessorKey::from_bytes(key.to_bytes().as_slice()).expect("key");
        assert_eq!(again.id(), key.id());
        let next = key.next("postern_rt_x", "family", 1);
        assert_eq!(again.next("postern_rt_x", "family", 1), next);
        let other = RefreshSuccessorKey::generate(&SystemRandom);
        for different in [
            key.next("postern_rt_y", "family", 1),
            key.next("postern_rt_x", "familz", 1),
            key.next("postern_rt_x", "family", 2),
            key.next("postern_rt_xf", "amily", 1),
            key.next("", "postern_rt_xfamily", 1),
            other.next("postern_rt_x", "family", 1),
        ] {
            assert_ne!(different, next);
        }
    }

    /// Stored families depend on the exact message.
    #[test]
    fn the_message_is_as_documented() {
        let key = RefreshSuccessorKey::from_bytes(&[7; 32]).expect("key");
        let message =
            [&[0, 0, 0, 0, 0, 0, 0, 2][..], b"ab", &[0, 0, 0, 0, 0, 0, 0, 1], b"f", &[0, 0, 0, 0, 0, 0, 1, 0]].concat();
        let expected = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]), &message);
        assert_eq!(key.next("ab", "f", 256), expected.as_ref());
    }

    #[test]
    fn other_lengths_are_no_keys_and_nothing_is_shown() {
        for length in [0, 31, 33] {
            assert_eq!(RefreshSuccessorKey::from_bytes(&vec![1; length]).err(), Some(RefreshSuccessorKeyError));
        }
        let key = RefreshSuccessorKey::from_bytes(&[7; 32]).expect("key");
        assert_eq!(format!("{key:?}"), format!("RefreshSuccessorKey {{ id: {:?}, .. }}", key.id()));
    }
}
