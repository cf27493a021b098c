//! A user.

use super::Email;
use shared::{
    clock::UnixSeconds,
    protocol::resource_document::{ADMINISTRATOR_ROLE, MEMBER_ROLE},
};

/// More bytes than this are no display name.
pub const DISPLAY_NAME_MAX_BYTES: usize = 120;

/// Somebody who may sign in, unless disabled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// `sub` of tokens: random, never reused.
    pub id: String,
    /// The name of the account.
    pub email: Email,
    /// What pages call them.
    pub display_name: String,
    /// What the user may do, by the words that tokens and resources use; sorted, without duplicates.
    pub roles: Vec<String>,
    /// When the account was closed.
    pub disabled_at: Option<UnixSeconds>,
}

impl User {
    /// Whether the account is open.
    pub fn is_active(&self) -> bool {
        self.disabled_at.is_none()
    }

    /// Whether they may administer this installation.
    pub fn is_administrator(&self) -> bool {
        self.roles.iter().any(|role| role == ADMINISTRATOR_ROLE)
    }
}

/// The roles of a user who administers the installation, or does not.
pub(super) fn roles_of(is_administrator: bool) -> Vec<String> {
    let names: &[&str] = if is_administrator { &[ADMINISTRATOR_ROLE, MEMBER_ROLE] } else { &[MEMBER_ROLE] };
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// A name that can stand on a page and on a line: trimmed, without control characters; an empty one becomes the part of the address before
/// `@`. `None` when it is too long or holds control characters.
pub(super) fn display_name(given: &str, email: &Email) -> Option<String> {
    let name = given.trim();
    if name.len() > DISPLAY_NAME_MAX_BYTES || name.chars().any(char::is_control) {
        return None;
    }
    let fallback = email.as_str().split('@').next().unwrap_or_default();
    Some(if name.is_empty() { fallback } else { name }.to_owned())
}

#[cfg(test)]
mod tests {
    use super::display_name;
    use crate::users::Email;

    #[test]
    fn display_names() {
        let email = Email::parse("ada@example.com").unwrap();
        assert_eq!(display_name("  Ada Lovelace ", &email).as_deref(), Some("Ada Lovelace"));
        assert_eq!(display_name(" ", &email).as_deref(), Some("ada"));
        assert_eq!(display_name("a\nb", &email), None);
        assert_eq!(display_name(&"x".repeat(121), &email), None);
    }
}
