//! The keys that derive a refresh token's successor: one for new families, older ones for those begun under them.

use super::KeyLifecycleError;
use crate::store::{
    self,
    successor_key::{SEALED, SuccessorKeyRow},
};
use keys::RefreshSuccessorKey;
use shared::{clock::UnixSeconds, db::Store, random::Random, sealing::Sealing};
use std::sync::{Arc, PoisonError, RwLock};

/// The successor keys in memory.
#[derive(Debug)]
pub struct SuccessorKeys(RwLock<Arc<Loaded>>);

#[derive(Debug)]
struct Loaded {
    current: Arc<RefreshSuccessorKey>,
    all: Vec<Arc<RefreshSuccessorKey>>,
}

impl SuccessorKeys {
    /// Makes the first key if there is none, and loads all.
    ///
    /// # Errors
    /// A key does not open, or the database failed.
    pub async fn open(
        store: &Store,
        sealing: &Sealing,
        random: &dyn Random,
        now: UnixSeconds,
    ) -> Result<Self, KeyLifecycleError> {
        create_missing(store, sealing, random, now).await?;
        Ok(Self(RwLock::new(Arc::new(load(store, sealing).await?))))
    }

    /// Replaces memory by what the database holds.
    ///
    /// # Errors
    /// As [`SuccessorKeys::open`]; memory then stays as it was.
    pub async fn reload(&self, store: &Store, sealing: &Sealing) -> Result<(), KeyLifecycleError> {
        let loaded = Arc::new(load(store, sealing).await?);
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = loaded;
        Ok(())
    }

    /// The key for families that begin now.
    pub fn current(&self) -> Arc<RefreshSuccessorKey> {
        Arc::clone(&self.loaded().current)
    }

    /// The key of that id.
    pub fn find(&self, id: &str) -> Option<Arc<RefreshSuccessorKey>> {
        self.loaded().all.iter().find(|key| key.id() == id).cloned()
    }

    fn loaded(&self) -> Arc<Loaded> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn create_missing(
    store: &Store,
    sealing: &Sealing,
    random: &dyn Random,
    now: UnixSeconds,
) -> Result<(), KeyLifecycleError> {
    if store::successor_key::current_exists(&mut store.read()).await? {
        return Ok(());
    }
    let key = RefreshSuccessorKey::generate(random);
    let sealed = sealing.seal(&SEALED.context(key.id()), key.to_bytes().as_slice());
    store
        .write(|mut tx| {
            let (id, sealed) = (key.id(), &sealed);
            async move { store::successor_key::insert_first(&mut tx, id, sealed, now).await }
        })
        .await?;
    Ok(())
}

async fn load(store: &Store, sealing: &Sealing) -> Result<Loaded, KeyLifecycleError> {
    let (mut current, mut all) = (None, Vec::new());
    for row in store::successor_key::list(&mut store.read()).await? {
        let key = Arc::new(open(&row, sealing)?);
        if row.retired_at.is_none() {
            current = Some(Arc::clone(&key));
        }
        all.push(key);
    }
    let current = current.ok_or_else(|| KeyLifecycleError::Unusable("there is no successor key".to_owned()))?;
    Ok(Loaded { current, all })
}

fn open(row: &SuccessorKeyRow, sealing: &Sealing) -> Result<RefreshSuccessorKey, KeyLifecycleError> {
    let bytes = sealing.open(&SEALED.context(&row.id), &row.sealed.key_id, &row.sealed.bytes)?;
    let key = RefreshSuccessorKey::from_bytes(&bytes);
    let unusable = || KeyLifecycleError::Unusable(format!("the stored successor key {} cannot be read", row.id));
    key.ok().filter(|key| key.id() == row.id).ok_or_else(unusable)
}
