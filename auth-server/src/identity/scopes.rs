//! The scopes that ask who somebody is (OpenID Connect Core §5.4). They belong to this server and not to a resource, so they may stand in a
//! grant beside the scopes of whatever resource it is for.

use shared::protocol::scope::ScopeSet;

/// Asks for an ID token, and for the right to ask userinfo.
pub const OPENID: &str = "openid";
/// Asks for the name.
pub const PROFILE: &str = "profile";
/// Asks for the e-mail address.
pub const EMAIL: &str = "email";

/// A scope with its words for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdentityScope {
    /// The scope.
    pub name: &'static str,
    /// What whoever holds it learns.
    pub description: &'static str,
}

/// All of them, in the order in which they are shown.
pub const IDENTITY_SCOPES: [IdentityScope; 3] = [
    IdentityScope { name: OPENID, description: "Recognise you: learn the id of your account" },
    IdentityScope { name: PROFILE, description: "See your name" },
    IdentityScope { name: EMAIL, description: "See your e-mail address" },
];

/// The names of all of them.
pub fn all() -> ScopeSet {
    IDENTITY_SCOPES.iter().map(|scope| scope.name).collect()
}

/// Those of `scopes` that mean something: without `openid` none does (OpenID Connect Core §3.1.2.1).
pub fn of(scopes: &ScopeSet) -> ScopeSet {
    if scopes.contains(OPENID) { scopes.intersection(&all()) } else { ScopeSet::default() }
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn without_openid_nothing_is_asked() {
        let of = |text: &str| of(&text.parse().expect("scopes")).to_string();
        assert_eq!(of("mcp.read email openid offline_access phone"), "email openid");
        assert_eq!(of("email profile mcp.read"), "");
    }
}
