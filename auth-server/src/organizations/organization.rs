//! An organization.

use shared::clock::UnixSeconds;

/// A slug is a part of a path and of a host name.
pub const SLUG_MAX_CHARACTERS: usize = 63;
/// More characters than this are no name.
pub const NAME_MAX_CHARACTERS: usize = 120;
/// More characters than this are no tenant id.
pub const TENANT_ID_MAX_CHARACTERS: usize = 200;

/// People who use resources together, in roles that say what each may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    /// `organization_id` of tokens: random, never reused.
    pub id: String,
    /// The name in commands and paths: lower-case letters, digits and hyphens.
    pub slug: String,
    /// Its name, for people.
    pub name: String,
    /// `tenant_id` of tokens: what the systems behind the resources know it by; its own id unless said otherwise.
    pub tenant_id: String,
    /// When it was made.
    pub created_at: UnixSeconds,
    /// When it was closed.
    pub disabled_at: Option<UnixSeconds>,
}

impl Organization {
    /// Whether it is open.
    pub fn is_active(&self) -> bool {
        self.disabled_at.is_none()
    }
}

/// Whether `text` can be a slug.
pub(super) fn is_slug(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=SLUG_MAX_CHARACTERS).contains(&text.len())
        && text.bytes().all(inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// Whether `text` can be a name: one line, not empty, without space around it.
pub(super) fn is_name(text: &str) -> bool {
    text.trim() == text && is_line(text, NAME_MAX_CHARACTERS)
}

/// Whether `text` can be a tenant id: visible ASCII.
pub(super) fn is_tenant_id(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic()) && is_line(text, TENANT_ID_MAX_CHARACTERS)
}

fn is_line(text: &str, max_characters: usize) -> bool {
    !text.is_empty() && text.chars().count() <= max_characters && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::{is_name, is_slug, is_tenant_id};

    #[test]
    fn slugs_are_safe_in_paths_and_host_names() {
        for good in ["acme", "a", "7", "acme-2", &"x".repeat(63)] {
            assert!(is_slug(good), "{good}");
        }
        for bad in ["", "-a", "a-", "Acme", "a b", "a/b", "a.b", "ä", "a_b", "a%2f", &"x".repeat(64)] {
            assert!(!is_slug(bad), "{bad}");
        }
    }

    #[test]
    fn names_are_one_line_and_tenant_ids_visible() {
        assert!(is_name("Acme & Söhne") && is_name("A"));
        for bad in ["", " ", " Acme", "Acme ", "a\nb", "a\0b", &"x".repeat(121)] {
            assert!(!is_name(bad), "{bad:?}");
        }
        assert!(is_tenant_id("9f0c1e1a-2d4b") && is_tenant_id("org:7"));
        for bad in ["", "a b", "a\0", "ä", &"x".repeat(201)] {
            assert!(!is_tenant_id(bad), "{bad:?}");
        }
    }
}
