//! A refresh token belongs to one client (RFC 6749 §6, §10.4). Another one gets nothing and uses nothing up: ids of public
//! clients are no secret, so this proves no theft; it is written down, though, once an hour.

use super::Presentation;
use crate::{
    audit::{self, AuditEvent, AuditKind},
    grants::{GrantRefusal, rate_limits},
};
use shared::db::StoreError;

/// Refuses another client's token.
///
/// # Errors
/// [`GrantRefusal::RefreshTokenOfAnotherClient`], or the store did not answer.
pub(super) async fn check_client(presentation: &Presentation<'_>) -> Result<(), GrantRefusal> {
    let (app, call, grant) = (presentation.app, presentation.call, &presentation.stored.grant);
    if grant.client_id == call.client.client.id {
        return Ok(());
    }
    if !rate_limits::is_foreign_attempt_news(app, &grant.id, &call.client.client.id).await {
        return Err(GrantRefusal::RefreshTokenOfAnotherClient);
    }
    let event = AuditEvent::new(AuditKind::RefreshTokenOfAnotherClient, &*app.random, call.now)
        .user(&grant.user_id)
        .client(&call.client.client.id)
        .grant(&grant.id)
        .by_client(&call.client.client.id);
    let event = &event;
    app.store
        .write(|mut tx| async move { audit::record(&mut tx, event).await })
        .await
        .map_err(|error: StoreError| GrantRefusal::Store(error))?;
    Err(GrantRefusal::RefreshTokenOfAnotherClient)
}
