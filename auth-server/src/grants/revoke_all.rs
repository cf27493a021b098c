//! The panic button: nothing that was issued until now is good any more.

use crate::{
    audit::{self, Actor, AuditEvent, AuditKind},
    change_log::{self, Change},
    store::{
        authorization_grant::{self, RevocationReason},
        remembered_consent,
    },
};
use shared::{
    clock::UnixSeconds,
    db::{Store, StoreError},
    random::Random,
};

/// Ends every grant, every access token that was issued until `now` (machines' too) and every remembered consent, in one transaction.
/// Accounts, browser sessions, clients and keys stay: people allow their clients anew. Returns how many grants ended.
///
/// # Errors
/// The store decided nothing.
pub async fn revoke_all(
    store: &Store,
    random: &dyn Random,
    actor: &Actor,
    now: UnixSeconds,
) -> Result<u64, StoreError> {
    let event = &AuditEvent::new(AuditKind::AllRevoked, random, now).by(actor);
    store
        .write(|mut tx| async move {
            let tx = &mut tx;
            let grants = authorization_grant::revoke_every(tx, RevocationReason::Administrator, now).await?;
            remembered_consent::forget_every(tx).await?;
            change_log::append(tx, Change::AllRevoked, now).await?;
            audit::record(tx, event).await?;
            Ok(grants)
        })
        .await
}
