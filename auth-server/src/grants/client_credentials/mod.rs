//! `grant_type=client_credentials` (RFC 6749 §4.4): machines that an administrator made, with fixed resources and scopes.
//!
//! No user stands behind it: `sub` is the client, and there is no refresh token. Hardly anything here touches the database:
//! client and resource are cached under the change log, and one audit event an hour stands for many tokens.

pub mod drive_machine;
pub mod record_taking;

use super::{GrantRefusal, TokenAnswer, TokenCall, rate_limits};
use crate::{
    app::App,
    clients::ClientOrigin,
    resources::Resource,
    tokens::{AccessTokenRequest, mint},
};
use shared::protocol::{revocation_set::TokenHolder, scope::ScopeSet};
use std::sync::Arc;

/// Issues a token to a machine.
///
/// # Errors
/// Why there is none.
pub async fn answer(app: &App, call: &TokenCall<'_>) -> Result<TokenAnswer, GrantRefusal> {
    let client = &call.client.client;
    check_origin(call)?;
    let counted = rate_limits::check_client(app, &client.id, call.now).await?;
    let resource = resolve_target(app, call)?;
    let held = client.scope.intersection(&resource.all_scopes());
    let scope = fixed_scope(call.parameters.get("scope"), &held)?;
    let scope = drive_machine::drive_machine(call, &resource, scope)?;
    let request = AccessTokenRequest {
        issuer: &app.issuer,
        subject: &client.id,
        client_id: &client.id,
        resource: &resource,
        scope: &scope,
        registered_scope: &held,
        user: None,
    };
    let holder = TokenHolder { subject: &client.id, client_id: &client.id, organization_id: None };
    let issued_at = app.revocations.issue_time(&holder, call.known, call.now);
    let access_token = mint(&request, &app.keys, &app.lifetimes, &*app.random, issued_at)?;
    let spent = record_taking::record_taking(app, client, call).await?;
    Ok(TokenAnswer { access_token, id_token: None, refresh_token: None, scope, counted, spent })
}

/// Open registration is no way to a token without a user, whatever a row may say.
fn check_origin(call: &TokenCall<'_>) -> Result<(), GrantRefusal> {
    if call.client.is_confidential() && call.client.client.origin != ClientOrigin::Dynamic {
        Ok(())
    } else {
        Err(GrantRefusal::UnauthorizedClient)
    }
}

/// The resource it names, or its only one; always one of those it was made for, which a refusal repeats: it has proved who it is.
fn resolve_target(app: &App, call: &TokenCall<'_>) -> Result<Arc<Resource>, GrantRefusal> {
    let client = &call.client.client;
    let asked: Vec<&str> = call.parameters.all("resource").collect();
    let named = match (asked.is_empty(), client.resources.as_slice()) {
        (true, [only]) => vec![only.as_str()],
        _ => asked,
    };
    let permitted = || client.resources.clone();
    let resource = app.resources.resolve(&named);
    let resource = resource.map_err(|cause| GrantRefusal::Resource { cause, permitted: permitted() })?;
    let is_management = resource.is_management();
    let is_fixed = client.resources.iter().any(|allowed| *allowed == resource.id);
    let is_open = client.resources.is_empty() && !is_management;
    let is_enrolled = is_management && client.origin == ClientOrigin::ResourceServer;
    if is_fixed || is_open || is_enrolled { Ok(resource) } else { Err(GrantRefusal::Target { permitted: permitted() }) }
}

/// What the administrator gave it on this resource, narrowed to what it asks; unknown scopes are ignored.
fn fixed_scope(asked: Option<&str>, held: &ScopeSet) -> Result<ScopeSet, GrantRefusal> {
    let scope = match asked {
        None => held.clone(),
        Some(text) => text.parse::<ScopeSet>().map_err(|_| GrantRefusal::ScopeMalformed)?.intersection(held),
    };
    if scope.is_empty() { Err(GrantRefusal::ScopeNotHeld { held: held.clone() }) } else { Ok(scope) }
}
