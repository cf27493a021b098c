//! `redirect_uri` at the token endpoint: OAuth 2.1 §10.2 drops it, RFC 6749 §4.1.3 wants it. Sent, it must be the one of the
//! authorization request, byte for byte; omitted, PKCE alone binds the request.

use crate::{grants::GrantRefusal, parameters::Parameters, store::authorization_grant::AuthorizationGrant};

/// Refuses a `redirect_uri` that differs.
///
/// # Errors
/// [`GrantRefusal::RedirectUri`].
pub fn check_redirect_uri(parameters: &Parameters, grant: &AuthorizationGrant) -> Result<(), GrantRefusal> {
    match parameters.get("redirect_uri") {
        Some(given) if given != grant.redirect_uri => Err(GrantRefusal::RedirectUri),
        _ => Ok(()),
    }
}
