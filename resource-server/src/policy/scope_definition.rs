//! A scope of a resource, as the authorization server keeps it and shows it to people.

use serde::{Deserialize, Serialize};

/// One scope: its human words, what it includes, who may hold it, which tools stand behind it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScopeDefinition {
    /// The scope token.
    pub name: String,
    /// What a person reads on the consent page.
    pub description: String,
    /// Scopes that a holder of this one has as well.
    pub implies: Vec<String>,
    /// Roles that may hold it; empty means everybody with an account.
    pub roles: Vec<String>,
    /// Tools that need it.
    pub tools: Vec<String>,
}

/// Whoever holds this role may also hold what members may.
const ADMINISTRATOR_ROLE: &str = "administrator";
/// The role of everybody with an account.
const MEMBER_ROLE: &str = "member";

impl ScopeDefinition {
    /// Whether a person with `roles` may hold it; the authorization server decides by the same rule at consent.
    pub fn may_be_held_by(&self, roles: &[String]) -> bool {
        let is_administrator = roles.iter().any(|role| role == ADMINISTRATOR_ROLE);
        let suffices = |role: &String| roles.contains(role) || (is_administrator && role == MEMBER_ROLE);
        self.roles.is_empty() || self.roles.iter().any(suffices)
    }
}

#[cfg(test)]
mod tests {
    use super::ScopeDefinition;

    #[test]
    fn administrators_are_members_and_members_are_no_administrators() {
        let scope = |roles: &[&str]| ScopeDefinition {
            name: "x".into(),
            description: String::new(),
            implies: vec![],
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            tools: vec![],
        };
        for (wanted, held, may) in [
            (&["member"][..], "member", true),
            (&["member"], "administrator", true),
            (&["administrator"], "administrator", true),
            (&["administrator"], "member", false),
            (&["member"], "stranger", false),
            (&[], "stranger", true),
        ] {
            assert_eq!(scope(wanted).may_be_held_by(&[held.to_owned()]), may, "{wanted:?} {held}");
        }
        assert!(!scope(&["member"]).may_be_held_by(&[]));
    }
}
