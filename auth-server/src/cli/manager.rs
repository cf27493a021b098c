//! What managing commands work with.

use super::CommandError;
use crate::{
    app::{StartError, open_store},
    audit::{ChainKey, chain_key},
    config::Settings,
    key_lifecycle::load_key_encryption_keys,
};
use shared::{clock::UnixSeconds, db::Store, random::SharedRandom, sealing::Sealing};
use std::sync::Arc;

/// Refuses to act on nothing: a command given in another directory would open a new, empty database and succeed. PostgreSQL is never
/// another directory's.
///
/// # Errors
/// [`CommandError`] when the file of the database does not exist; nothing is made.
pub(super) fn require_state(settings: &Settings) -> Result<(), CommandError> {
    let database = settings.database();
    match database.sqlite_file() {
        Some(file) if matches!(file.try_exists(), Ok(false)) => Err(CommandError::refused(format!(
            "there is no Postern state: {} does not exist; run the command in the directory where Postern was started, or name its data \
             directory: --data-dir of `postern`, or shared.data_dir (POSTERN__SHARED__DATA_DIR)",
            file.display()
        ))),
        _ => Ok(()),
    }
}

/// The database and what is needed to write it.
pub(super) struct Manager {
    pub(super) settings: Settings,
    pub(super) store: Store,
    pub(super) random: SharedRandom,
    pub(super) now: UnixSeconds,
}

impl Manager {
    /// Opens the database that `settings` name.
    pub(super) async fn open(settings: Settings, random: SharedRandom, now: UnixSeconds) -> Result<Self, CommandError> {
        let store = open_store(&settings, random.as_ref()).await?;
        Ok(Self { settings, store, random, now })
    }

    /// The key of the audit chain.
    pub(super) async fn audit_key(&self) -> Result<ChainKey, CommandError> {
        let random = self.random.as_ref();
        let keys = load_key_encryption_keys(&self.settings, &self.store, random).await.map_err(StartError::from)?;
        let sealing = Sealing::new(keys, Arc::clone(&self.random));
        Ok(chain_key::open(&self.store, &sealing, random, self.now).await.map_err(StartError::from)?)
    }

    /// The issuer.
    pub(super) fn issuer(&self) -> &str {
        self.settings.auth_server.public_url.as_str()
    }
}
