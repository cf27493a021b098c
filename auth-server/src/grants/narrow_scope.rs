//! What one access token may be used for: never more than the grant, never more than the user's roles allow today.

use super::GrantRefusal;
use crate::{
    clients::Client,
    identity,
    resources::{Resource, grantable},
};
use shared::protocol::scope::ScopeSet;

/// What is left of a grant's scope for a user with these roles, judged again at every refresh.
///
/// # Errors
/// [`GrantRefusal::NothingHeld`] when nothing is left. That is `invalid_grant`, for a client that hears `invalid_scope` keeps coming back
/// with a grant that buys nothing instead of asking its user; the grant itself stays, and buys again what roles that come back hold.
pub fn held_scope(
    granted: &ScopeSet,
    client: &Client,
    roles: &[String],
    resource: &Resource,
) -> Result<ScopeSet, GrantRefusal> {
    // Intersected once more: an answer never holds what the user did not allow.
    let held = granted.intersection(&grantable(granted, client, roles, resource));
    if held.is_empty() { Err(GrantRefusal::NothingHeld) } else { Ok(held) }
}

/// `held`, narrowed to what the request asks (RFC 6749 §6). Clients repeat scopes that were never granted, `offline_access`
/// above all: those are ignored, and a request for nothing that is held asks for nothing. Whoever asks for `openid` and no scope
/// of the resource keeps all of the resource's, as the authorization request got them: it repeats what it asked then.
///
/// # Errors
/// [`GrantRefusal::ScopeMalformed`].
pub fn narrow_scope(asked: Option<&str>, held: ScopeSet) -> Result<ScopeSet, GrantRefusal> {
    let Some(asked) = asked else { return Ok(held) };
    let asked: ScopeSet = asked.parse().map_err(|_| GrantRefusal::ScopeMalformed)?;
    let both = asked.intersection(&held);
    if both.is_empty() {
        return Ok(held);
    }
    let of_resource = held.difference(&identity::scopes::all());
    let asks_resource = !both.intersection(&of_resource).is_empty();
    Ok(if asks_resource { both } else { both.union(&of_resource) })
}

#[cfg(test)]
mod tests {
    use super::narrow_scope;
    use crate::grants::GrantRefusal;

    #[test]
    fn who_repeats_identity_scopes_keeps_the_resource() {
        let narrowed = |asked: &str| {
            narrow_scope(Some(asked), "email mcp.read openid".parse().expect("scope")).expect("scope").to_string()
        };
        assert_eq!(narrowed("openid email profile"), "email mcp.read openid");
        assert_eq!(narrowed("openid"), "mcp.read openid");
        assert_eq!(narrowed("mcp.read"), "mcp.read");
        assert_eq!(narrowed("mcp.read openid"), "mcp.read openid");
    }

    #[test]
    fn narrows_and_ignores_what_was_never_granted() {
        let narrowed = |asked: Option<&str>| {
            narrow_scope(asked, "mcp.read mcp.write".parse().expect("scope")).map(|scope| scope.to_string())
        };
        assert_eq!(narrowed(None).expect("scope"), "mcp.read mcp.write");
        assert_eq!(narrowed(Some("mcp.read offline_access")).expect("scope"), "mcp.read");
        assert_eq!(narrowed(Some("mcp.admin mcp.write")).expect("scope"), "mcp.write");
        assert_eq!(narrowed(Some("openid email profile")).expect("scope"), "mcp.read mcp.write");
        assert!(matches!(narrowed(Some("a\"b")), Err(GrantRefusal::ScopeMalformed)));
    }
}
