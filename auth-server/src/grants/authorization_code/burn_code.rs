//! A first presentation that buys nothing: the code is burnt all the same.

use super::revoke_replayed::{revoke_in, theft_event};
use crate::{
    app::App,
    audit::{self, AuditEvent, AuditKind},
    grants::{GrantRefusal, TokenCall},
    store::authorization_grant::{self, AuthorizationGrant},
};

/// Burns the code; what to answer, which is another thing when somebody else presented it first, and when the store decided nothing: then the
/// code is as it was.
pub async fn burn_code(
    app: &App,
    call: &TokenCall<'_>,
    grant: &AuthorizationGrant,
    refusal: GrantRefusal,
) -> GrantRefusal {
    let refused = AuditEvent::new(AuditKind::CodeRefused, &*app.random, call.now)
        .user(&grant.user_id)
        .client(&call.client.client.id)
        .grant(&grant.id)
        .by_client(&call.client.client.id);
    let replayed = theft_event(app, call, grant);
    let (refused, replayed) = (&refused, &replayed);
    let burnt = app
        .store
        .write(|mut tx| async move {
            call.client.spend(&mut tx).await?;
            let first = authorization_grant::attempt_code(&mut tx, &grant.id, call.now).await?;
            if first {
                audit::record(&mut tx, refused).await?;
            } else {
                revoke_in(&mut tx, grant, replayed, call.now).await?;
            }
            Ok::<_, GrantRefusal>(first)
        })
        .await;
    match burnt {
        Ok(true) => refusal,
        Ok(false) => GrantRefusal::CodeReplayed,
        Err(refusal) => refusal,
    }
}
