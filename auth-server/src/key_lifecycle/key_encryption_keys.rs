//! The key-encryption keys: given by the configuration, or a file in the data directory.

use super::{
    KeyLifecycleError,
    sealed_columns::{anything_is_sealed, check_sealed_columns},
};
use crate::config::Settings;
use shared::{db::Store, random::Random, sealing::KeyEncryptionKeys};

/// The file in the data directory.
pub const KEY_ENCRYPTION_KEY_FILE: &str = "key-encryption-key";

/// The keys that open what the database holds, all of it. They are made, in the data directory, only while nothing is sealed: a lost
/// key must not be papered over by a new one.
///
/// # Errors
/// The keys are missing or unusable, a row is sealed under another one, or the database could not be asked.
pub async fn load_key_encryption_keys(
    settings: &Settings,
    store: &Store,
    random: &dyn Random,
) -> Result<KeyEncryptionKeys, KeyLifecycleError> {
    let keys = load(settings, store, random).await?;
    check_sealed_columns(store, &keys).await?;
    Ok(keys)
}

async fn load(settings: &Settings, store: &Store, random: &dyn Random) -> Result<KeyEncryptionKeys, KeyLifecycleError> {
    if let Some(text) = &settings.shared.key_encryption_key {
        return Ok(KeyEncryptionKeys::parse(text.expose())?);
    }
    let path = settings.shared.data_file(KEY_ENCRYPTION_KEY_FILE);
    if path.exists() {
        return Ok(KeyEncryptionKeys::load_file(&path)?);
    }
    if anything_is_sealed(store).await? {
        return Err(KeyLifecycleError::KeyEncryptionKeyMissing(path.display().to_string()));
    }
    match KeyEncryptionKeys::create_file(&path, random) {
        Ok(keys) => Ok(keys),
        // Another process that starts in the same directory was first.
        Err(_) if path.exists() => Ok(KeyEncryptionKeys::load_file(&path)?),
        Err(error) => Err(error.into()),
    }
}
