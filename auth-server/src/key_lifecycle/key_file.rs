//! The file of key-encryption keys is followed while the server runs: whoever replaces a key edits the file, and nothing is restarted.

use super::{KEY_ENCRYPTION_KEY_FILE, KeyLifecycleError, sealed_columns::check_sealed_columns};
use crate::config::Settings;
use shared::{
    db::Store,
    sealing::{KeyEncryptionKeys, Sealing},
};
use std::path::{Path, PathBuf};
use tokio::{sync::Mutex, task::spawn_blocking};

/// The file, if the keys are not given by the configuration, which is read at the start alone.
#[derive(Debug, Default)]
pub struct KeyFile {
    path: Option<PathBuf>,
    /// What was wrong with it when it was last read: told once.
    problem: Mutex<Option<String>>,
}

impl KeyFile {
    /// The file that these settings name.
    pub fn of(settings: &Settings) -> Self {
        let is_file = settings.shared.key_encryption_key.is_none();
        let path = is_file.then(|| settings.shared.data_file(KEY_ENCRYPTION_KEY_FILE));
        Self { path, problem: Mutex::default() }
    }

    /// Lets `sealing` have the keys that the file names now, unless one of the sealed rows would not open with them: then, and when the file cannot
    /// be read, it keeps what it has.
    pub async fn follow(&self, store: &Store, sealing: &Sealing) {
        let Some(path) = &self.path else { return };
        let mut problem = self.problem.lock().await;
        match read_again(path, store, sealing).await {
            Ok(is_new) => {
                *problem = None;
                if is_new {
                    let sealed_under = sealing.current_key_id();
                    tracing::info!(sealed_under, "the key-encryption keys were read again");
                }
            }
            Err(cause) => {
                let cause = cause.to_string();
                if problem.as_ref() != Some(&cause) {
                    tracing::warn!(%cause, "the key-encryption keys stay as they were read before");
                    *problem = Some(cause);
                }
            }
        }
    }
}

/// Whether they are others than before.
async fn read_again(path: &Path, store: &Store, sealing: &Sealing) -> Result<bool, KeyLifecycleError> {
    let path = path.to_owned();
    let read = spawn_blocking(move || KeyEncryptionKeys::load_file(&path)).await;
    let keys = read.map_err(|error| KeyLifecycleError::Unusable(error.to_string()))??;
    if sealing.has_keys(&keys) {
        return Ok(false);
    }
    check_sealed_columns(store, &keys).await?;
    sealing.replace_keys(keys);
    Ok(true)
}
