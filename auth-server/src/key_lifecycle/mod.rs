//! The signing keys and the successor key of this installation: made once, sealed, loaded, reloaded.

pub mod key_encryption_keys;
pub mod signing_keys;
pub mod successor_keys;

pub use key_encryption_keys::{KEY_ENCRYPTION_KEY_FILE, load_key_encryption_keys};
pub use successor_keys::SuccessorKeys;

use shared::{db::StoreError, sealing::SealingError};

/// Why keys cannot be made or loaded.
#[derive(Debug, thiserror::Error)]
pub enum KeyLifecycleError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A key does not open.
    #[error(transparent)]
    Sealing(#[from] SealingError),
    /// A stored key is unusable, or a new one could not be made.
    #[error("{0}")]
    Unusable(String),
    /// Something is sealed, and the key that opens it is not here.
    #[error(
        "the key-encryption key is missing: {0} does not exist, and the database holds keys sealed under it; restore that file, \
         or set shared.key_encryption_key"
    )]
    KeyEncryptionKeyMissing(String),
}
