//! An administrator, or the person who allowed it, ends one grant.

use super::revoke_grant::revoke_grant;
use crate::{
    audit::{Actor, AuditEvent, AuditKind},
    store::authorization_grant::{self, AuthorizationGrant, RevocationReason},
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
    end(store, random, by, grant, RevocationReason::Administrator, now).await
}

/// The same by the user who allowed it; `false` also for what somebody else allowed.
///
/// # Errors
/// The database failed; then nothing ended.
pub async fn end_own_grant(
    store: &Store,
    random: &dyn Random,
    user_id: &str,
    id: &str,
    now: UnixSeconds,
) -> Result<bool, StoreError> {
    let grant = authorization_grant::find(&mut store.read(), id).await?;
    let Some(grant) = &grant.filter(|grant| grant.user_id == user_id) else { return Ok(false) };
    let by = &Actor::Person { user_id: user_id.to_owned() };
    end(store, random, by, grant, RevocationReason::User, now).await
}

async fn end(
    store: &Store,
    random: &dyn Random,
    by: &Actor,
    grant: &AuthorizationGrant,
    reason: RevocationReason,
    now: UnixSeconds,
) -> Result<bool, StoreError> {
    let event = &revocation(grant, random, by, now);
    store.write(|mut tx| async move { revoke_grant(&mut tx, grant, reason, event, now).await }).await
}

/// The event that `by` ended `grant`.
pub(super) fn revocation(grant: &AuthorizationGrant, random: &dyn Random, by: &Actor, now: UnixSeconds) -> AuditEvent {
    AuditEvent::new(AuditKind::GrantRevoked, random, now)
        .user(&grant.user_id)
        .client(&grant.client_id)
        .grant(&grant.id)
        .by(by)
}
