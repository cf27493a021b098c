//! `scope` (RFC 6749 §3.3): what neither the resource nor OpenID Connect knows is ignored (clients repeat `offline_access`); what the
//! resource knows and this client may never have is refused. What the user may grant is judged when the user is known.

use super::Refusal;
use crate::{
    clients::Client,
    parameters::Parameters,
    resources::{Resource, identity_part},
};
use shared::protocol::{error_code::ErrorCode, scope::ScopeSet};

/// The known part of what was asked; when nothing was asked that the resource knows, its default will stand for that.
pub(super) fn check_scope(client: &Client, resource: &Resource, parameters: &Parameters) -> Result<ScopeSet, Refusal> {
    let refusal = |description| Refusal::new(ErrorCode::InvalidScope, description);
    let asked: ScopeSet = parameters
        .get("scope")
        .unwrap_or_default()
        .parse()
        .map_err(|_| refusal("The scope parameter is too long or has characters that no scope has."))?;
    let known = asked.intersection(&resource.all_scopes());
    if !known.is_empty() && !known.iter().any(|name| client.may_ask_for(name)) {
        return Err(refusal("This client is not registered for any of these scopes."));
    }
    let identity = identity_part(&asked, client);
    if resource.is_identity() && identity.is_empty() {
        return Err(refusal("This resource needs the scope openid, and a client that may ask for it."));
    }
    Ok(known.union(&identity))
}
