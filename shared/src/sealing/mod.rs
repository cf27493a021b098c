//! Secrets at rest: AES-256-GCM under key-encryption keys that live outside the database, each known by an id so that
//! it can be replaced.
//!
//! The associated data of a sealed row names table, column, row, owner and key, every part with its length, so that a
//! ciphertext moved to another place does not open there. Sealed text (form state) is under keys derived for that use
//! alone and carries its purpose and its expiry.

mod key_encryption_keys;
mod sealed_text;

pub use key_encryption_keys::KeyEncryptionKeys;

use crate::random::SharedRandom;
use aws_lc_rs::aead::{Aad, LessSafeKey, NONCE_LEN, Nonce};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use zeroize::Zeroizing;

/// Where a sealed value lives. All parts take part in the authentication: a value opens only in the place it was sealed
/// for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealingContext<'a> {
    /// The table.
    pub table: &'a str,
    /// The column.
    pub column: &'a str,
    /// The primary key of the row.
    pub row: &'a str,
    /// Whom the value belongs to (an organization, a user); empty where nobody in particular.
    pub owner: &'a str,
}

/// A sealed value, to be stored with the id of its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The key-encryption key that opens it.
    pub key_id: String,
    /// Nonce, ciphertext and tag.
    pub bytes: Vec<u8>,
}

/// Why something could not be sealed, opened or loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealingError {
    /// The value was sealed under a key that is not loaded.
    #[error(
        "the key-encryption key {key_id:?} is not loaded; keep replaced keys in the file until nothing is sealed under them"
    )]
    UnknownKey {
        /// The id that was asked for.
        key_id: String,
    },
    /// Not sealed by us, not for this place, or changed since.
    #[error("the sealed value does not open here: it was changed, moved, or sealed under another key of the same id")]
    DoesNotOpen,
    /// A sealed text whose time is over.
    #[error("the sealed text has expired")]
    Expired,
    /// A file or text of key-encryption keys that cannot be used.
    #[error("key-encryption keys: {0}")]
    UnusableKeys(String),
    /// A file of key-encryption keys that could not be read or made.
    #[error("key-encryption key file {}: {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
}

/// Seals and opens; cheap to clone. Clones share their keys, also when these are replaced.
#[derive(Clone)]
pub struct Sealing {
    keys: Arc<RwLock<Arc<KeyEncryptionKeys>>>,
    random: SharedRandom,
}

impl Sealing {
    /// Seals under the current one of `keys`, with nonces from `random`.
    pub fn new(keys: KeyEncryptionKeys, random: SharedRandom) -> Self {
        Self { keys: Arc::new(RwLock::new(Arc::new(keys))), random }
    }

    /// From now on seals under the current one of `keys` and opens with them, and with no other.
    pub fn replace_keys(&self, keys: KeyEncryptionKeys) {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
    }

    /// Whether these are the keys it has, in the same order.
    pub fn has_keys(&self, keys: &KeyEncryptionKeys) -> bool {
        *self.keys() == *keys
    }

    fn keys(&self) -> Arc<KeyEncryptionKeys> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Seals `plain` for one place, under the current key.
    pub fn seal(&self, context: &SealingContext<'_>, plain: &[u8]) -> Sealed {
        let keys = self.keys();
        let key = keys.current();
        let bytes = encrypt(key.row_key(), self.fresh_nonce(), &row_aad(context, key.id()), plain);
        Sealed { key_id: key.id().to_owned(), bytes }
    }

    /// Opens what [`Sealing::seal`] made for the same place.
    ///
    /// # Errors
    /// [`SealingError::UnknownKey`] and [`SealingError::DoesNotOpen`].
    pub fn open(
        &self,
        context: &SealingContext<'_>,
        key_id: &str,
        bytes: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, SealingError> {
        let keys = self.keys();
        let key = keys.find(key_id)?;
        decrypt(key.row_key(), &row_aad(context, key_id), bytes)
    }

    /// The id of the key that seals.
    pub fn current_key_id(&self) -> String {
        self.keys().current().id().to_owned()
    }

    fn fresh_nonce(&self) -> [u8; NONCE_LEN] {
        let mut nonce = [0; NONCE_LEN];
        self.random.fill(&mut nonce);
        nonce
    }
}

impl std::fmt::Debug for Sealing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sealing").field("keys", &self.keys()).finish_non_exhaustive()
    }
}

fn row_aad(context: &SealingContext<'_>, key_id: &str) -> Vec<u8> {
    length_prefixed(&[
        b"postern sealed row 1",
        context.table.as_bytes(),
        context.column.as_bytes(),
        context.row.as_bytes(),
        context.owner.as_bytes(),
        key_id.as_bytes(),
    ])
}

/// Joins parts so that no two lists of parts give the same bytes.
fn length_prefixed(parts: &[&[u8]]) -> Vec<u8> {
    let mut joined = Vec::with_capacity(parts.iter().map(|part| part.len() + 8).sum());
    for part in parts {
        joined.extend_from_slice(&(part.len() as u64).to_be_bytes());
        joined.extend_from_slice(part);
    }
    joined
}

fn encrypt(key: &LessSafeKey, nonce: [u8; NONCE_LEN], aad: &[u8], plain: &[u8]) -> Vec<u8> {
    let mut sealed = Vec::with_capacity(NONCE_LEN + plain.len() + key.algorithm().tag_len());
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(plain);
    let tag = key
        .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(aad), &mut sealed[NONCE_LEN..])
        .expect("AES-256-GCM seals whatever fits into memory");
    sealed.extend_from_slice(tag.as_ref());
    sealed
}

fn decrypt(key: &LessSafeKey, aad: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealingError> {
    let (nonce, ciphertext) = sealed.split_at_checked(NONCE_LEN).ok_or(SealingError::DoesNotOpen)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealingError::DoesNotOpen)?;
    let mut plain = Zeroizing::new(ciphertext.to_vec());
    let length = key.open_in_place(nonce, Aad::from(aad), &mut plain).map_err(|_| SealingError::DoesNotOpen)?.len();
    plain.truncate(length);
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::{KeyEncryptionKeys, Sealing, SealingContext, SealingError, length_prefixed};
    use crate::random::SystemRandom;
    use std::sync::Arc;

    const PLACE: SealingContext<'_> =
        SealingContext { table: "signing_keys", column: "private_key", row: "kid-1", owner: "organization-1" };

    fn sealing() -> Sealing {
        Sealing::new(KeyEncryptionKeys::generate(&SystemRandom), Arc::new(SystemRandom))
    }

    #[test]
    fn opens_where_it_was_sealed() {
        let sealing = sealing();
        for plain in [&b""[..], b"x", &[7; 4_000]] {
            let sealed = sealing.seal(&PLACE, plain);
            assert_eq!(sealed.key_id, sealing.current_key_id());
            assert!(plain.len() < 2 || !sealed.bytes.windows(plain.len()).any(|window| window == plain));
            assert_eq!(*sealing.open(&PLACE, &sealed.key_id, &sealed.bytes).unwrap(), plain);
        }
    }

    #[test]
    fn never_seals_twice_alike() {
        let sealing = sealing();
        assert_ne!(sealing.seal(&PLACE, b"same").bytes, sealing.seal(&PLACE, b"same").bytes);
    }

    #[test]
    fn opens_nowhere_else() {
        let sealing = sealing();
        let sealed = sealing.seal(&PLACE, b"private");
        let elsewhere = [
            SealingContext { table: "signing_key", ..PLACE },
            SealingContext { column: "private_keys", ..PLACE },
            SealingContext { row: "kid-2", ..PLACE },
            SealingContext { owner: "", ..PLACE },
            // The same letters, cut at another place.
            SealingContext { table: "signing_keysprivate", column: "_key", ..PLACE },
        ];
        for place in elsewhere {
            assert!(matches!(sealing.open(&place, &sealed.key_id, &sealed.bytes), Err(SealingError::DoesNotOpen)));
        }
    }

    #[test]
    fn every_changed_or_missing_byte_is_noticed() {
        let sealing = sealing();
        let sealed = sealing.seal(&PLACE, b"private");
        for position in 0..sealed.bytes.len() {
            let mut changed = sealed.bytes.clone();
            changed[position] ^= 1;
            assert!(sealing.open(&PLACE, &sealed.key_id, &changed).is_err(), "byte {position}");
            assert!(sealing.open(&PLACE, &sealed.key_id, &sealed.bytes[..position]).is_err(), "first {position} bytes");
        }
    }

    #[test]
    fn a_replaced_key_still_opens_and_a_missing_one_is_named() {
        let old_keys = KeyEncryptionKeys::generate(&SystemRandom);
        let newer = KeyEncryptionKeys::generate(&SystemRandom).to_text();
        let text = format!("{}\n{}", newer.expose(), old_keys.to_text().expose());
        let new_keys = KeyEncryptionKeys::parse(&text).unwrap();
        let old = Sealing::new(old_keys, Arc::new(SystemRandom));
        let new = Sealing::new(new_keys, Arc::new(SystemRandom));
        let sealed = old.seal(&PLACE, b"private");
        assert_eq!(*new.open(&PLACE, &sealed.key_id, &sealed.bytes).unwrap(), b"private");

        let sealed_anew = new.seal(&PLACE, b"private");
        assert_ne!(sealed_anew.key_id, sealed.key_id);
        match old.open(&PLACE, &sealed_anew.key_id, &sealed_anew.bytes) {
            Err(SealingError::UnknownKey { key_id }) => assert_eq!(key_id, sealed_anew.key_id),
            other => panic!("{other:?}"),
        }
        assert!(new.open(&PLACE, &sealed_anew.key_id, &sealed.bytes).is_err(), "another key's value must not open");
    }

    #[test]
    fn replaced_keys_count_in_every_clone() {
        let old_keys = KeyEncryptionKeys::generate(&SystemRandom);
        let (old_text, new_text) = (old_keys.to_text(), KeyEncryptionKeys::generate(&SystemRandom).to_text());
        let keys = |text: String| KeyEncryptionKeys::parse(&text).unwrap();
        let both = || keys(format!("{}{}", new_text.expose(), old_text.expose()));
        let swapped = keys(format!("{}{}", old_text.expose(), new_text.expose()));
        let sealing = Sealing::new(old_keys, Arc::new(SystemRandom));
        let (clone, sealed) = (sealing.clone(), sealing.seal(&PLACE, b"private"));
        assert!(sealing.has_keys(&keys(old_text.expose().to_owned())) && !sealing.has_keys(&both()));
        clone.replace_keys(both());
        assert!(sealing.has_keys(&both()) && !sealing.has_keys(&swapped), "their order is part of them");
        assert_eq!(*sealing.open(&PLACE, &sealed.key_id, &sealed.bytes).unwrap(), b"private");
        assert_ne!(sealing.seal(&PLACE, b"private").key_id, sealed.key_id);
        clone.replace_keys(keys(new_text.expose().to_owned()));
        let gone = sealing.open(&PLACE, &sealed.key_id, &sealed.bytes);
        assert!(matches!(gone, Err(SealingError::UnknownKey { .. })), "{gone:?}");
    }

    #[test]
    fn parts_are_joined_without_ambiguity() {
        assert_ne!(length_prefixed(&[b"ab", b"c"]), length_prefixed(&[b"a", b"bc"]));
        assert_ne!(length_prefixed(&[b"a", b""]), length_prefixed(&[b"a"]));
    }

    #[test]
    fn debug_output_shows_ids_only() {
        let keys = KeyEncryptionKeys::generate(&SystemRandom);
        let text = keys.to_text();
        let secret_part = text.expose().trim().split_once(':').unwrap().1.to_owned();
        let shown = format!("{:?}", Sealing::new(keys, Arc::new(SystemRandom)));
        assert!(!shown.contains(&secret_part), "{shown}");
    }
}
