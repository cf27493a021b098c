//! Everything that is sealed under a key-encryption key: what a replaced one must be taken from, and what a missing one would lose.

use super::KeyLifecycleError;
use crate::store::{audit_key, sealed_column::SealedColumn, signing_key, successor_key};
use shared::{
    db::{Store, StoreError},
    sealing::KeyEncryptionKeys,
};

/// Every sealed column of the schema. Whoever adds one adds it here; a test compares with the migrations.
pub static SEALED_COLUMNS: [&SealedColumn; 3] = [&signing_key::SEALED, &successor_key::SEALED, &audit_key::SEALED];

/// Whether anything was ever sealed: then the key-encryption key must not be made anew.
pub(super) async fn anything_is_sealed(store: &Store) -> Result<bool, StoreError> {
    for column in SEALED_COLUMNS {
        if !column.key_ids(&mut store.read()).await?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Refuses `keys` unless they open every sealed row: better not to start than to find out when a key is needed.
///
/// # Errors
/// [`KeyLifecycleError::RowsSealedUnderUnknownKey`]; or the database failed.
pub async fn check_sealed_columns(store: &Store, keys: &KeyEncryptionKeys) -> Result<(), KeyLifecycleError> {
    for column in SEALED_COLUMNS {
        for (key_id, rows) in column.key_ids(&mut store.read()).await? {
            if !keys.ids().any(|known| known == key_id) {
                return Err(KeyLifecycleError::RowsSealedUnderUnknownKey { table: column.table, key_id, rows });
            }
        }
    }
    Ok(())
}
