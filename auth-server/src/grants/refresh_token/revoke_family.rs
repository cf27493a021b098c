//! Rule 5: the family moved on without this token, so two parties hold it, and one of them stole it. Both lose it.

use super::{Presentation, Undone};
use crate::{
    audit::{AuditEvent, AuditKind},
    grants::{GrantRefusal, TokenAnswer, revoke_grant::revoke_grant},
    store::{authorization_grant::RevocationReason, refresh_token},
};
use shared::db::{StoreError, Tx};

/// Revokes the family; the revocation is an `Ok` of its transaction, the refusal comes after. `None` when the family
/// changed since it was judged.
///
/// # Errors
/// [`GrantRefusal::RefreshTokenTheft`], or the store decided nothing.
pub(super) async fn revoke_family(presentation: &Presentation<'_>) -> Result<Option<TokenAnswer>, GrantRefusal> {
    let (app, call, grant) = (presentation.app, presentation.call, &presentation.stored.grant);
    let event = AuditEvent::new(AuditKind::RefreshTokenTheft, &*app.random, call.now)
        .user(&grant.user_id)
        .client(&grant.client_id)
        .grant(&grant.id)
        .by_client(&call.client.client.id);
    let event = &event;
    let done = app
        .store
        .write(|mut tx| async move {
            call.client.spend(&mut tx).await?;
            if !is_unchanged(&mut tx, presentation).await? {
                return Err(Undone::LostRace);
            }
            revoke_grant(&mut tx, grant, RevocationReason::RefreshTokenReplayed, event, call.now).await?;
            Ok(())
        })
        .await;
    match done {
        Ok(()) => {}
        Err(Undone::LostRace) => return Ok(None),
        Err(Undone::Refused(refusal)) => return Err(refusal),
    }
    tracing::warn!(grant_id = %grant.id, client_id = %grant.client_id, "a refresh token was replayed; its family is revoked");
    Err(GrantRefusal::RefreshTokenTheft)
}

/// Between reading and writing a racer may have answered the same token under rule 4: then this one is a racer, no thief.
async fn is_unchanged(tx: &mut Tx, presentation: &Presentation<'_>) -> Result<bool, StoreError> {
    let stored = refresh_token::find(tx, &presentation.token.hash()).await?;
    Ok(stored.is_some_and(|now| {
        now.answered_at == presentation.stored.answered_at && now.superseded_at == presentation.stored.superseded_at
    }))
}
