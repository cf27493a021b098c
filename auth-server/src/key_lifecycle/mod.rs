//! The keys of this installation. Signing keys live *next → active → retired → gone*; successor keys as long as a family needs them; all of
//! them sealed under a key-encryption key, which can be replaced.

pub mod activate_next_key;
pub mod advance_signing_keys;
pub mod key_act;
pub mod key_encryption_keys;
pub mod key_file;
pub mod replace_key_encryption_key;
pub mod revoke_signing_key;
pub mod rotate_signing_key;
pub mod rotate_successor_key;
pub mod sealed_columns;
pub mod signing_keys;
pub mod successor_keys;
pub mod times;

pub use activate_next_key::ActivatedKey;
pub use advance_signing_keys::advance_signing_keys;
pub use key_act::KeyAct;
pub use key_encryption_keys::{KEY_ENCRYPTION_KEY_FILE, load_key_encryption_keys};
pub use key_file::KeyFile;
pub use replace_key_encryption_key::{ResealedColumn, replace_key_encryption_key};
pub use revoke_signing_key::{RevokedSigningKey, revoke_signing_key};
pub use rotate_signing_key::{Pace, Rotation, rotate_signing_key};
pub use rotate_successor_key::rotate_successor_key;
pub use sealed_columns::SEALED_COLUMNS;
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
    /// Some rows are sealed under a key that is not among those given.
    #[error(
        "the key-encryption key {key_id:?} is missing: {rows} rows of {table} are sealed under it; keep it beside the current one until \
         `keys replace-key-encryption-key` has sealed them anew"
    )]
    RowsSealedUnderUnknownKey {
        /// The table.
        table: &'static str,
        /// The id that the rows name.
        key_id: String,
        /// How many.
        rows: i64,
    },
}
