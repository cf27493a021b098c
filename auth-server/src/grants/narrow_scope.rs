//! What one access token may be used for: never more than the grant, never more than the user's roles allow today.

use super::GrantRefusal;
use crate::{
    clients::Client,
    resources::{Resource, grantable},
};
use shared::protocol::scope::ScopeSet;

/// What is left of a grant's scope for a user with these roles, judged again at every refresh.
///
/// # Errors
/// [`GrantRefusal::ScopeNotHeld`] when nothing is left.
pub fn held_scope(
    granted: &ScopeSet,
    client: &Client,
    roles: &[String],
    resource: &Resource,
) -> Result<ScopeSet, GrantRefusal> {
    // Intersected once more: an answer never holds what the user did not allow.
    let held = granted.intersection(&grantable(granted, client, roles, resource));
    if held.is_empty() { Err(GrantRefusal::ScopeNotHeld) } else { Ok(held) }
}

/// `held`, narrowed to what the request asks (RFC 6749 §6). Clients repeat scopes that were never granted, `offline_access`
/// above all: those are ignored, and a request for nothing that is held asks for nothing.
///
/// # Errors
/// [`GrantRefusal::ScopeMalformed`].
pub fn narrow_scope(asked: Option<&str>, held: ScopeSet) -> Result<ScopeSet, GrantRefusal> {
    let Some(asked) = asked else { return Ok(held) };
    let asked: ScopeSet = asked.parse().map_err(|_| GrantRefusal::ScopeMalformed)?;
    let both = asked.intersection(&held);
    Ok(if both.is_empty() { held } else { both })
}

#[cfg(test)]
mod tests {
    use super::narrow_scope;
    use crate::grants::GrantRefusal;

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
