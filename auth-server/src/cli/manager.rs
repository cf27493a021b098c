//! What managing commands work with.

use super::CommandError;
use crate::{app::open_store, config::Settings};
use shared::{clock::UnixSeconds, db::Store, random::SharedRandom};

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

    /// The issuer.
    pub(super) fn issuer(&self) -> &str {
        self.settings.auth_server.public_url.as_str()
    }
}
