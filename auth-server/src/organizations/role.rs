//! What a member is in an organization.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The roles in an organization, the least first. Whoever has one has those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrganizationRole {
    /// Belongs to it.
    Member,
    /// Manages its members and settings.
    Admin,
    /// Answers for it; there is always one.
    Owner,
}

impl OrganizationRole {
    /// All of them, the least first.
    pub const ALL: [Self; 3] = [Self::Member, Self::Admin, Self::Owner];

    /// The word in the database, in tokens and in commands.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }

    /// The role that a word names.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == word)
    }

    /// It and the roles that it contains.
    pub fn with_lesser(self) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |role| *role <= self)
    }
}

/// The roles that count for a grant: those of the installation and, where an organization was chosen, the one in it with
/// all lesser ones. Sorted, without duplicates.
pub fn effective_roles(installation: &[String], in_organization: Option<OrganizationRole>) -> Vec<String> {
    let chosen = in_organization.into_iter().flat_map(OrganizationRole::with_lesser);
    let chosen = chosen.map(|role| role.as_str().to_owned());
    let all: BTreeSet<String> = installation.iter().cloned().chain(chosen).collect();
    all.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::{OrganizationRole, effective_roles};

    #[test]
    fn a_role_has_the_lesser_ones_and_no_greater() {
        let roles = |installation: &[&str], role| {
            effective_roles(&installation.iter().map(|role| (*role).to_owned()).collect::<Vec<_>>(), role).join(" ")
        };
        assert_eq!(roles(&["member"], None), "member");
        assert_eq!(roles(&["member"], Some(OrganizationRole::Member)), "member");
        assert_eq!(roles(&["member"], Some(OrganizationRole::Admin)), "admin member");
        assert_eq!(roles(&["member"], Some(OrganizationRole::Owner)), "admin member owner");
        assert_eq!(roles(&["administrator", "member"], None), "administrator member");
        assert_eq!(roles(&[], Some(OrganizationRole::Admin)), "admin member");
        assert!(!roles(&["member"], Some(OrganizationRole::Owner)).contains("administrator"));
    }

    #[test]
    fn words_come_back() {
        for role in OrganizationRole::ALL {
            assert_eq!(OrganizationRole::parse(role.as_str()), Some(role));
            assert_eq!(serde_json::to_value(role).expect("a word"), role.as_str());
        }
        assert_eq!(OrganizationRole::parse("administrator"), None);
    }
}
