//! Form state that travels through a browser: sealed, good for one purpose and until its end.

use super::{Sealing, SealingError, decrypt, encrypt, length_prefixed};
use crate::clock::UnixSeconds;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

/// The format of the text; another one takes another letter.
const VERSION: u8 = b'1';
const EXPIRY_BYTES: usize = size_of::<UnixSeconds>();

impl Sealing {
    /// Seals `plain` into text of `A-Za-z0-9-_` that only [`Sealing::open_text`] with the same `purpose` opens, before
    /// `expires_at` (unix seconds).
    ///
    /// Whoever needs it used once only puts an id inside and consumes that id in the database.
    pub fn seal_text(&self, purpose: &str, expires_at: UnixSeconds, plain: &[u8]) -> String {
        let keys = self.keys();
        let key = keys.current();
        let mut payload = Zeroizing::new(Vec::with_capacity(EXPIRY_BYTES + plain.len()));
        payload.extend_from_slice(&expires_at.to_be_bytes());
        payload.extend_from_slice(plain);
        let encrypted = encrypt(key.text_key(), self.fresh_nonce(), &text_aad(purpose, key.id()), &payload);
        let id_length = u8::try_from(key.id().len()).expect("ids have at most 64 characters");
        let mut bytes = Vec::with_capacity(2 + key.id().len() + encrypted.len());
        bytes.extend_from_slice(&[VERSION, id_length]);
        bytes.extend_from_slice(key.id().as_bytes());
        bytes.extend_from_slice(&encrypted);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Opens what [`Sealing::seal_text`] made for `purpose`, if `now` is before its end.
    ///
    /// # Errors
    /// [`SealingError::Expired`] when it was ours but is too old, [`SealingError::UnknownKey`] when its key is gone,
    /// else [`SealingError::DoesNotOpen`].
    pub fn open_text(&self, purpose: &str, now: UnixSeconds, text: &str) -> Result<Zeroizing<Vec<u8>>, SealingError> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| SealingError::DoesNotOpen)?;
        let (key_id, encrypted) = split(&bytes).ok_or(SealingError::DoesNotOpen)?;
        let keys = self.keys();
        let key = keys.find(key_id)?;
        let mut payload = decrypt(key.text_key(), &text_aad(purpose, key_id), encrypted)?;
        let (expiry, _) = payload.split_first_chunk::<EXPIRY_BYTES>().ok_or(SealingError::DoesNotOpen)?;
        if now >= UnixSeconds::from_be_bytes(*expiry) {
            return Err(SealingError::Expired);
        }
        payload.drain(..EXPIRY_BYTES);
        Ok(payload)
    }
}

fn text_aad(purpose: &str, key_id: &str) -> Vec<u8> {
    length_prefixed(&[b"postern sealed text 1", purpose.as_bytes(), key_id.as_bytes()])
}

fn split(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (&[version, id_length], rest) = bytes.split_first_chunk::<2>()?;
    let (id, encrypted) = rest.split_at_checked(usize::from(id_length))?;
    (version == VERSION).then_some((std::str::from_utf8(id).ok()?, encrypted))
}

#[cfg(test)]
mod tests {
    use crate::random::SystemRandom;
    use crate::sealing::{KeyEncryptionKeys, Sealing, SealingContext, SealingError};
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use std::sync::Arc;

    fn sealing() -> Sealing {
        Sealing::new(KeyEncryptionKeys::generate(&SystemRandom), Arc::new(SystemRandom))
    }

    #[test]
    fn opens_for_its_purpose_until_its_end() {
        let sealing = sealing();
        let text = sealing.seal_text("authorization request", 1_600, b"client_id=c&scope=mcp.read");
        assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')), "{text}");
        assert_eq!(*sealing.open_text("authorization request", 1_000, &text).unwrap(), b"client_id=c&scope=mcp.read");
        assert!(sealing.open_text("authorization request", 1_599, &text).is_ok());
        for late in [1_600, 1_601, i64::MAX] {
            assert!(matches!(sealing.open_text("authorization request", late, &text), Err(SealingError::Expired)));
        }
        assert!(matches!(sealing.open_text("sign-in", 1_000, &text), Err(SealingError::DoesNotOpen)));
        assert!(matches!(sealing.open_text("sign-in", 9_000, &text), Err(SealingError::DoesNotOpen)));
    }

    #[test]
    fn foreign_and_changed_text_does_not_open() {
        let sealing = sealing();
        let text = sealing.seal_text("p", 100, b"state");
        let bytes = URL_SAFE_NO_PAD.decode(&text).unwrap();
        for position in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[position] ^= 0x20;
            assert!(sealing.open_text("p", 1, &URL_SAFE_NO_PAD.encode(&changed)).is_err(), "byte {position}");
            assert!(sealing.open_text("p", 1, &URL_SAFE_NO_PAD.encode(&bytes[..position])).is_err());
        }
        for foreign in ["", "A", "!!!", "MQ", "Mf8", "äö"] {
            assert!(sealing.open_text("p", 1, foreign).is_err(), "{foreign}");
        }
        assert!(matches!(self::sealing().open_text("p", 1, &text), Err(SealingError::UnknownKey { .. })));
    }

    #[test]
    fn a_sealed_row_is_not_a_sealed_text() {
        let sealing = sealing();
        let place = SealingContext { table: "t", column: "c", row: "r", owner: "" };
        let row = sealing.seal(&place, &[0x7f; 16]);
        let mut forged = vec![super::VERSION, u8::try_from(row.key_id.len()).unwrap()];
        forged.extend_from_slice(row.key_id.as_bytes());
        forged.extend_from_slice(&row.bytes);
        assert!(sealing.open_text("p", 0, &URL_SAFE_NO_PAD.encode(forged)).is_err());
    }
}
