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
use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

/// How many clients are kept in memory.
pub const CACHED_CLIENTS: u64 = 10_000;

/// How many ids of no client are remembered as such.
pub const CACHED_ABSENCES: u64 = 10_000;
/// How long an id of no client is not looked up again. Whatever makes a client appends to the change log, except a
/// registration: its id has 127 random bits and is told only when it is stored, so nobody can have asked for it before.
pub const ABSENCE_SECONDS: u64 = 30;
/// Longer ids are none of ours and are looked up each time rather than kept.
const ABSENT_ID_MAX_BYTES: usize = 64;

/// The clients of this installation.
pub struct ClientDirectory {
    store: Store,
    clock: SharedClock,
    follower: Arc<Follower>,
    cache: Cache<String, Arc<Client>>,
    absences: Cache<String, ()>,
    /// Grows whenever something is forgotten: what was read before that and arrives after it must not be kept.
    forgettings: RwLock<u64>,
}

impl ClientDirectory {
    /// The directory over `store`; `follower` tells how fresh memory is.
    pub fn new(store: Store, clock: SharedClock, follower: Arc<Follower>) -> Self {
        let absences =
            Cache::builder().max_capacity(CACHED_ABSENCES).time_to_live(Duration::from_secs(ABSENCE_SECONDS));
        let (cache, absences) = (Cache::new(CACHED_CLIENTS), absences.build());
        Self { store, clock, follower, cache, absences, forgettings: RwLock::new(0) }
    }

    /// The living client of that id: not removed, and confirmed or younger than a day.
    pub async fn find(&self, id: &str) -> Result<Option<Arc<Client>>, StoreError> {
        let now = self.clock.now();
        if self.follower.silence() < CACHE_MAX_SILENCE {
            if let Some(client) = self.cache.get(id) {
                return Ok(client.is_alive(now).then_some(client));
            }
            if self.absences.contains_key(id) {
                return Ok(None);
            }
        }
        let forgettings = *self.forgettings.read().unwrap_or_else(PoisonError::into_inner);
        let Some(client) = store::client::find(&mut self.store.read(), id).await? else {
            self.keep_absence(id, forgettings);
            return Ok(None);
        };
        let client = Arc::new(client);
        self.keep(&client, forgettings);
        Ok(client.is_alive(now).then_some(client))
    }

    /// Forgets what memory holds of a client: it was made, altered or removed.
    pub fn forget(&self, id: &str) {
        *self.forgettings.write().unwrap_or_else(PoisonError::into_inner) += 1;
        self.cache.invalidate(id);
        self.absences.invalidate(id);
    }

    /// Forgets everything.
    pub fn forget_all(&self) {
        *self.forgettings.write().unwrap_or_else(PoisonError::into_inner) += 1;
        self.cache.invalidate_all();
        self.absences.invalidate_all();
    }

    fn keep_absence(&self, id: &str, forgettings_before_reading: u64) {
        let forgettings = self.forgettings.read().unwrap_or_else(PoisonError::into_inner);
        if *forgettings == forgettings_before_reading && id.len() <= ABSENT_ID_MAX_BYTES {
            self.absences.insert(id.to_owned(), ());
        }
    }

    fn keep(&self, client: &Arc<Client>, forgettings_before_reading: u64) {
        let forgettings = self.forgettings.read().unwrap_or_else(PoisonError::into_inner);
        if *forgettings == forgettings_before_reading {
            self.cache.insert(client.id.clone(), Arc::clone(client));
        }
    }
}
