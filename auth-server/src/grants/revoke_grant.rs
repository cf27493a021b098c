//! The one way a single grant ends early. What its user allowed without being asked again ends with it, or the client would
//! take the access back at once and in silence (`prompt=none`).

use crate::{
    audit::{self, AuditEvent},
    change_log::{self, Change},
    store::{
        authorization_grant::{self, AuthorizationGrant, RevocationReason},
        remembered_consent,
    },
};
use shared::{
    clock::UnixSeconds,
    db::{StoreError, Tx},
};

/// Ends `grant` with its code and tokens, tells the resource servers, forgets the consents that its client could renew it by,
/// and records `event`. `false`, and nothing is written: it had ended before.
///
/// # Errors
/// The store decided nothing.
pub async fn revoke_grant(
    tx: &mut Tx,
    grant: &AuthorizationGrant,
    reason: RevocationReason,
    event: &AuditEvent,
    now: UnixSeconds,
) -> Result<bool, StoreError> {
    if !authorization_grant::revoke(tx, &grant.id, reason, now).await? {
        return Ok(false);
    }
    remembered_consent::forget_of_grant(tx, &grant.user_id, &grant.client_id, &grant.resource).await?;
    change_log::append(tx, Change::GrantRevoked(&grant.id), now).await?;
    audit::record(tx, event).await?;
    Ok(true)
}
