//! The sealed key of the chain: made with the chain itself, once.

use super::chain_link::{FIRST_HASH, ends};
use crate::{
    key_lifecycle::KeyLifecycleError,
    store::{
        audit_chain, audit_event,
        audit_key::{self, AuditKeyRow, SEALED},
    },
};
use keys::AuditKey;
use shared::{
    clock::UnixSeconds,
    db::{Store, StoreError},
    random::Random,
    sealing::Sealing,
};
use std::sync::Arc;

/// The key of this installation's chain; cheap to clone.
pub type ChainKey = Arc<AuditKey>;

/// The key; begins the chain when there is none.
///
/// # Errors
/// The key does not open; or it is gone while rows are chained, which a new key must not paper over; or the database failed.
pub async fn open(
    store: &Store,
    sealing: &Sealing,
    random: &dyn Random,
    now: UnixSeconds,
) -> Result<ChainKey, KeyLifecycleError> {
    if let Some(row) = audit_key::find(&mut store.read()).await? {
        return unseal(&row, sealing);
    }
    let key = AuditKey::generate(random);
    let sealed = &sealing.seal(&SEALED.context(key.id()), key.to_bytes().as_slice());
    let (id, first) = (key.id(), &ends(&key, (0, &FIRST_HASH), (0, &FIRST_HASH)));
    let begun = store
        .write(|mut tx| async move {
            let tx = &mut tx;
            if audit_key::find(tx).await?.is_some() {
                return Ok::<_, StoreError>(true);
            }
            if !audit_event::list_chained(tx, 0, 1).await?.is_empty() || !audit_chain::insert(tx, first).await? {
                return Ok(false);
            }
            audit_key::insert(tx, id, sealed, now).await?;
            Ok(true)
        })
        .await?;
    let row = audit_key::find(&mut store.read()).await?.filter(|_| begun);
    let gone = || KeyLifecycleError::Unusable("the key of the audit chain is gone, but rows are chained".to_owned());
    unseal(&row.ok_or_else(gone)?, sealing)
}

fn unseal(row: &AuditKeyRow, sealing: &Sealing) -> Result<ChainKey, KeyLifecycleError> {
    let bytes = sealing.open(&SEALED.context(&row.id), &row.sealed.key_id, &row.sealed.bytes)?;
    let key = AuditKey::from_bytes(&bytes).ok().filter(|key| key.id() == row.id);
    let unusable = || KeyLifecycleError::Unusable(format!("the stored audit key {} cannot be read", row.id));
    key.map(Arc::new).ok_or_else(unusable)
}
