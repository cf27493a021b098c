//! `grant_type=authorization_code` (RFC 6749 §4.1.3, RFC 7636 §4.5, OAuth 2.1 §4.1.3).
//!
//! A code burns at its first presentation, whatever comes of it; a second one, however late, revokes the whole grant
//! (RFC 6749 §4.1.2). Only what we could not answer (a store, a key) and a client that is not authenticated, its assertion being used, leave a
//! code as it was.

pub mod burn_code;
pub mod check_redirect_uri;
pub mod drive_machine;
pub mod redeem_code;
pub mod revoke_replayed;

use super::{GrantRefusal, TokenAnswer, TokenCall, check_target::check_target, narrow_scope::held_scope};
use crate::{
    app::App,
    organizations::Standing,
    resources::Resource,
    store::{
        authorization_grant::{self, AuthorizationGrant},
        grant_holder::GrantHolder,
    },
};
use shared::protocol::{opaque_token::TokenHash, scope::ScopeSet};
use std::sync::Arc;

/// What a presented code would buy.
#[derive(Debug, Clone)]
pub struct Purchase {
    /// The grant's resource.
    pub resource: Arc<Resource>,
    /// Who the user is for the grant.
    pub standing: Standing,
    /// The scope of the access token.
    pub scope: ScopeSet,
}

/// Redeems a code.
///
/// # Errors
/// Why it buys nothing; unless the refusal is ours, the code is burnt.
pub async fn answer(app: &App, call: &TokenCall<'_>) -> Result<TokenAnswer, GrantRefusal> {
    let code = call.parameters.get("code").ok_or(GrantRefusal::Missing("The parameter code is missing."))?;
    let (grant, holder) = authorization_grant::find_by_code(&mut app.store.read(), &TokenHash::of(code))
        .await?
        .ok_or(GrantRefusal::CodeUnknown)?;
    if grant.code_attempted_at.is_some() {
        return Err(revoke_replayed::revoke_replayed(app, call, &grant).await);
    }
    match judge(app, call, &grant, &holder) {
        Ok(purchase) => redeem_code::redeem_code(app, call, &grant, &purchase).await,
        Err(refusal) if refusal.is_ours() => Err(refusal),
        Err(refusal) => Err(burn_code::burn_code(app, call, &grant, refusal).await),
    }
}

/// The checks, in their order. None of them writes.
fn judge(
    app: &App,
    call: &TokenCall<'_>,
    grant: &AuthorizationGrant,
    holder: &GrantHolder,
) -> Result<Purchase, GrantRefusal> {
    check_client(call, grant)?;
    check_redirect_uri::check_redirect_uri(call.parameters, grant)?;
    let resource = check_target(&app.resources, call.parameters, &grant.resource)?;
    let standing = holder.standing(grant.organization_id.as_deref()).ok_or(GrantRefusal::UserGone)?;
    let scope = held_scope(&grant.scope, &call.client.client, &standing.roles, &resource)?;
    let scope = drive_machine::drive_machine(call, grant, &scope)?;
    Ok(Purchase { resource, standing, scope })
}

/// A code belongs to the client it was sent to (RFC 6749 §4.1.3).
fn check_client(call: &TokenCall<'_>, grant: &AuthorizationGrant) -> Result<(), GrantRefusal> {
    if grant.client_id == call.client.client.id { Ok(()) } else { Err(GrantRefusal::CodeOfAnotherClient) }
}
