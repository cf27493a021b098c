//! A client goes, at the wish of an administrator or its own: whatever it holds ends with it.

use crate::{
    audit::{self, Actor, AuditEvent, AuditKind},
    change_log::{self, Change},
    resources::remove_resource::remove_of_owner,
    store::{
        self,
        authorization_grant::{self, RevocationReason},
        remembered_consent,
    },
};
use shared::{
    clock::UnixSeconds,
    db::{Store, StoreError, Tx},
    random::Random,
};

/// Removes a client; every grant and token of it ends, and so does every resource it registered. `false` if there is none.
///
/// # Errors
/// The database failed.
pub async fn remove_client(
    store: &Store,
    random: &dyn Random,
    by: &Actor,
    id: &str,
    now: UnixSeconds,
) -> Result<bool, StoreError> {
    let event = &AuditEvent::new(AuditKind::ClientRemoved, random, now).client(id).by(by);
    store.write(|mut tx| async move { remove_in(&mut tx, id, event, now).await }).await
}

/// Ends a registration at the wish of the client itself (RFC 7592 §2.3). `false` if it is gone.
///
/// # Errors
/// The database failed.
pub async fn remove_registration(
    store: &Store,
    random: &dyn Random,
    id: &str,
    now: UnixSeconds,
) -> Result<bool, StoreError> {
    let event = &AuditEvent::new(AuditKind::RegistrationRemoved, random, now).client(id);
    store.write(|mut tx| async move { remove_in(&mut tx, id, event, now).await }).await
}

async fn remove_in(tx: &mut Tx, id: &str, event: &AuditEvent, now: UnixSeconds) -> Result<bool, StoreError> {
    if !store::client::remove(tx, id, now).await? {
        return Ok(false);
    }
    remembered_consent::forget_of_client(tx, id).await?;
    remove_of_owner(tx, id, now).await?;
    authorization_grant::revoke_of_client(tx, id, RevocationReason::ClientRemoved, now).await?;
    change_log::append(tx, Change::ClientRevoked(id), now).await?;
    audit::record(tx, event).await?;
    Ok(true)
}
