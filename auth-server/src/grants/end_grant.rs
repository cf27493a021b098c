//! An administrator ends one grant.

use super::revoke_grant::revoke_grant;
use crate::{
    audit::{Actor, AuditEvent, AuditKind},
    store::authorization_grant::{self, RevocationReason},
};
use shared::{
    clock::UnixSeconds,
    db::{Store, StoreError},
    random::Random,
};

/// Ends the grant with this id and every token of it, at once; `false` when there is none that still stands.
///
/// # Errors
/// The database failed; then nothing ended.
pub async fn end_grant(
    store: &Store,
    random: &dyn Random,
    by: &Actor,
    id: &str,
    now: UnixSeconds,
) -> Result<bool, StoreError> {
    let Some(grant) = &authorization_grant::find(&mut store.read(), id).await? else { return Ok(false) };
    let event = &AuditEvent::new(AuditKind::GrantRevoked, random, now)
        .user(&grant.user_id)
        .client(&grant.client_id)
        .grant(id)
        .by(by);
    store
        .write(|mut tx| async move { revoke_grant(&mut tx, grant, RevocationReason::Administrator, event, now).await })
        .await
}
