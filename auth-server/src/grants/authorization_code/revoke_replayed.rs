//! A code that is presented a second time: somebody else had it, so all it ever bought ends (RFC 6749 §4.1.2).

use crate::{
    app::App,
    audit::{AuditEvent, AuditKind},
    grants::{GrantRefusal, TokenCall, revoke_grant::revoke_grant},
    store::authorization_grant::{AuthorizationGrant, RevocationReason},
};
use shared::{
    clock::UnixSeconds,
    db::{StoreError, Tx},
};

/// Revokes the grant of a code that was presented before; what to answer, also when the store decided nothing.
pub async fn revoke_replayed(app: &App, call: &TokenCall<'_>, grant: &AuthorizationGrant) -> GrantRefusal {
    if grant.revoked_at.is_none() {
        let event = theft_event(app, call, grant);
        let event = &event;
        let revoked = app
            .store
            .write(|mut tx| async move {
                call.client.spend(&mut tx).await?;
                Ok::<_, GrantRefusal>(revoke_in(&mut tx, grant, event, call.now).await?)
            })
            .await;
        if let Err(refusal) = revoked {
            return refusal;
        }
    }
    GrantRefusal::CodeReplayed
}

/// The event that [`revoke_in`] records.
pub fn theft_event(app: &App, call: &TokenCall<'_>, grant: &AuthorizationGrant) -> AuditEvent {
    AuditEvent::new(AuditKind::CodeReplayed, &*app.random, call.now)
        .user(&grant.user_id)
        .client(&call.client.client.id)
        .grant(&grant.id)
        .by_client(&call.client.client.id)
}

/// The revocation itself, for a transaction that already runs; once only, however often the code comes back.
///
/// # Errors
/// The store decided nothing.
pub async fn revoke_in(
    tx: &mut Tx,
    grant: &AuthorizationGrant,
    event: &AuditEvent,
    now: UnixSeconds,
) -> Result<(), StoreError> {
    revoke_grant(tx, grant, RevocationReason::CodeReplayed, event, now).await.map(drop)
}
