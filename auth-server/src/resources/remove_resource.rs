//! A resource goes: every token for it ends.

use crate::{
    audit::{self, Actor, AuditEvent, AuditKind},
    change_log::{self, Change},
    store::{
        self,
        authorization_grant::{self, RevocationReason},
        remembered_consent,
    },
};
use shared::{
    clock::UnixSeconds,
    db::{Store, StoreError, Tx},
    protocol::resource_indicator::ResourceIndicator,
    random::Random,
};

/// Removes the resource that is written exactly so, as an administrator asks; its resource server may register it again. `false` if there is
/// none.
///
/// # Errors
/// The database failed.
pub async fn remove_resource(
    store: &Store,
    random: &dyn Random,
    by: &Actor,
    id: &str,
    now: UnixSeconds,
) -> Result<bool, StoreError> {
    let Some(resource) = store::resource::find_by_id(&mut store.read(), id).await? else { return Ok(false) };
    let event = &AuditEvent::new(AuditKind::ResourceRemoved, random, now).client(&resource.owner_client_id).by(by);
    store
        .write(|mut tx| async move {
            let tx = &mut tx;
            if !remove(tx, id, now).await? {
                return Ok(false);
            }
            audit::record(tx, event).await?;
            Ok(true)
        })
        .await
}

/// Removes it and says so to whoever follows; what was allowed for it ends with it, so that whoever registers the same name next gets nothing
/// of that. `false`, and nothing is written: there is none.
pub(super) async fn remove(tx: &mut Tx, id: &str, now: UnixSeconds) -> Result<bool, StoreError> {
    let is_removed = store::resource::remove(tx, id, now).await?;
    if is_removed {
        authorization_grant::revoke_of_resource(tx, id, RevocationReason::ResourceRemoved, now).await?;
        remembered_consent::forget_of_resource(tx, id).await?;
        change_log::append(tx, Change::ResourceRevoked(id), now).await?;
    }
    Ok(is_removed)
}

/// Removes the resources of the resource server `client_id` that lie under none of `origins`: it may not register them any more.
///
/// # Errors
/// The database failed.
pub(super) async fn remove_outside(
    tx: &mut Tx,
    client_id: &str,
    origins: &[String],
    now: UnixSeconds,
) -> Result<(), StoreError> {
    for id in store::resource::list_of_owner(tx, client_id).await? {
        let is_inside =
            ResourceIndicator::parse(&id).is_ok_and(|id| origins.iter().any(|origin| origin == id.origin()));
        if !is_inside {
            remove(tx, &id, now).await?;
        }
    }
    Ok(())
}

/// Removes every resource of the resource server `client_id`: the grants and tokens for them end.
///
/// # Errors
/// The database failed.
pub async fn remove_of_owner(tx: &mut Tx, client_id: &str, now: UnixSeconds) -> Result<(), StoreError> {
    for id in store::resource::list_of_owner(tx, client_id).await? {
        remove(tx, &id, now).await?;
    }
    Ok(())
}
