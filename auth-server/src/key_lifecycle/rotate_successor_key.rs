//! The key of new families of refresh tokens is replaced once in a while. Families keep the key that they began under, so a
//! replaced one stays until no grant names it.

use super::{
    KeyAct, KeyLifecycleError,
    times::{SUCCESSOR_KEY_PERIOD_SECONDS, SUCCESSOR_KEY_RETIRED_SECONDS},
};
use crate::{
    audit::{self, AuditKind},
    change_log::{self, Change},
    store::successor_key::{self, SEALED},
};
use keys::RefreshSuccessorKey;
use shared::db::{StoreError, Tx};

/// Replaces the key if it is due, and forgets the old ones that no grant needs; returns whether anything changed.
///
/// # Errors
/// The database failed.
pub async fn rotate_successor_key(act: &KeyAct<'_>) -> Result<bool, KeyLifecycleError> {
    let made_by = act.now - SUCCESSOR_KEY_PERIOD_SECONDS;
    let rows = successor_key::list(&mut act.store.read()).await?;
    let is_due = rows.iter().any(|row| row.retired_at.is_none() && row.created_at <= made_by);
    let retired_before = act.now - SUCCESSOR_KEY_RETIRED_SECONDS;
    let may_end = rows.iter().any(|row| row.retired_at.is_some_and(|at| at < retired_before));
    let replaced = is_due && replace(act, made_by).await?;
    let forgotten = may_end
        && act.store.write(|mut tx| async move { successor_key::forget(&mut tx, retired_before).await }).await? > 0;
    Ok(replaced || forgotten)
}

async fn replace(act: &KeyAct<'_>, made_by: i64) -> Result<bool, StoreError> {
    let key = RefreshSuccessorKey::generate(act.random);
    let sealed = act.sealing.seal(&SEALED.context(key.id()), key.to_bytes().as_slice());
    let event = act.event(AuditKind::SuccessorKeyReplaced).detail(key.id());
    let work = |mut tx: Tx| {
        let (id, sealed, event) = (key.id(), &sealed, &event);
        async move {
            // Of two instances one retires it.
            if !successor_key::retire(&mut tx, made_by, act.now).await? {
                return Ok(false);
            }
            successor_key::insert_first(&mut tx, id, sealed, act.now).await?;
            audit::record(&mut tx, event).await?;
            change_log::append(&mut tx, Change::SigningKeysChanged(id), act.now).await?;
            Ok(true)
        }
    };
    act.store.write(work).await
}
