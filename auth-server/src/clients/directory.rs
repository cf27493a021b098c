//! Clients by id, from memory where that is known to be fresh. Follows the change log.

use super::Client;
use crate::{
    change_log::{Follower, follower::CACHE_MAX_SILENCE},
    store,
};
use moka::sync::Cache;
use shared::{
    clock::SharedClock,
    db::{Store, StoreError},
};
use std::sync::{Arc, PoisonError, RwLock};

/// How many clients are kept in memory.
pub const CACHED_CLIENTS: u64 = 10_000;

/// The clients of this installation.
pub struct ClientDirectory {
    store: Store,
    clock: SharedClock,
    follower: Arc<Follower>,
    cache: Cache<String, Arc<Client>>,
    /// Grows whenever something is forgotten: what was read before that and arrives after it must not be kept.
    forgettings: RwLock<u64>,
}

impl ClientDirectory {
    /// The directory over `store`; `follower` tells how fresh memory is.
    pub fn new(store: Store, clock: SharedClock, follower: Arc<Follower>) -> Self {
        Self { store, clock, follower, cache: Cache::new(CACHED_CLIENTS), forgettings: RwLock::new(0) }
    }

    /// The living client of that id: not removed, and confirmed or younger than a day.
    pub async fn find(&self, id: &str) -> Result<Option<Arc<Client>>, StoreError> {
        let now = self.clock.now();
        if self.follower.silence() < CACHE_MAX_SILENCE
            && let Some(client) = self.cache.get(id)
        {
            return Ok(client.is_alive(now).then_some(client));
        }
        let forgettings = *self.forgettings.read().unwrap_or_else(PoisonError::into_inner);
        let Some(client) = store::client::find(&mut self.store.read(), id).await? else { return Ok(None) };
        let client = Arc::new(client);
        self.keep(&client, forgettings);
        Ok(client.is_alive(now).then_some(client))
    }

    /// Forgets what memory holds of a client: it was made, altered or removed.
    pub fn forget(&self, id: &str) {
        *self.forgettings.write().unwrap_or_else(PoisonError::into_inner) += 1;
        self.cache.invalidate(id);
    }

    /// Forgets everything.
    pub fn forget_all(&self) {
        *self.forgettings.write().unwrap_or_else(PoisonError::into_inner) += 1;
        self.cache.invalidate_all();
    }

    fn keep(&self, client: &Arc<Client>, forgettings_before_reading: u64) {
        let forgettings = self.forgettings.read().unwrap_or_else(PoisonError::into_inner);
        if *forgettings == forgettings_before_reading {
            self.cache.insert(client.id.clone(), Arc::clone(client));
        }
    }
}
