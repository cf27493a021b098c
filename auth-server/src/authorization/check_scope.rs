//! `scope` (RFC 6749 §3.3): what neither the resource nor OpenID Connect knows is left out (clients repeat `offline_access`, and what they
//! once asked another server), and the consent page says so; what the resource knows and this client may never have is refused. What the
//! user may grant is judged when the user is known.

use super::Refusal;
use crate::{
    clients::Client,
    parameters::Parameters,
    resources::{
        Resource, identity_part,
        resource::{MANAGEMENT_SCOPE_PREFIX, RESERVED_SCOPES},
    },
};
use shared::protocol::{error_code::ErrorCode, scope::ScopeSet};

/// More unknown scopes than this are not shown, nor longer ones: they are the client's words on our page, and travel in a URL.
const UNKNOWN_SHOWN_MAX_COUNT: usize = 5;
const UNKNOWN_SHOWN_MAX_BYTES: usize = 40;

/// What was asked.
#[derive(Debug, Default)]
pub(super) struct AskedScope {
    /// What is known of it; when nothing was asked that the resource knows, its default will stand for that.
    pub(super) known: ScopeSet,
    /// What nobody here knows, as far as it is shown: somebody may have mistyped it.
    pub(super) unknown: ScopeSet,
}

/// What was asked, apart by whether it exists.
pub(super) fn check_scope(
    client: &Client,
    resource: &Resource,
    parameters: &Parameters,
) -> Result<AskedScope, Refusal> {
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
    Ok(AskedScope { unknown: unknown(&asked, resource), known: known.union(&identity) })
}

/// The words of OpenID Connect are sent by habit, and nobody mistyped them; what manages this server is not spoken of.
fn unknown(asked: &ScopeSet, resource: &Resource) -> ScopeSet {
    let unknown = asked.difference(&resource.all_scopes());
    let is_reserved = |name: &str| RESERVED_SCOPES.contains(&name) || name.starts_with(MANAGEMENT_SCOPE_PREFIX);
    let is_shown = |name: &&str| !is_reserved(name) && name.len() <= UNKNOWN_SHOWN_MAX_BYTES;
    unknown.iter().filter(is_shown).take(UNKNOWN_SHOWN_MAX_COUNT).collect()
}
