//! Scopes: RFC 6749 §3.3, as a sorted set without duplicates.

use std::{collections::BTreeSet, fmt, str::FromStr};

/// More characters than this in one scope parameter are refused.
pub const SCOPE_MAX_BYTES: usize = 4096;
/// More scopes than this in one parameter are refused.
pub const SCOPE_MAX_COUNT: usize = 100;

/// A set of scope tokens; prints sorted, separated by one space.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ScopeSet(BTreeSet<String>);

/// Why a text is no scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScopeError {
    /// A character outside `%x21 / %x23-5B / %x5D-7E`.
    #[error("a scope holds a character that RFC 6749 §3.3 does not allow")]
    Character,
    /// Over [`SCOPE_MAX_BYTES`] or [`SCOPE_MAX_COUNT`].
    #[error("the scope parameter is too long")]
    TooLong,
}

impl FromStr for ScopeSet {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, ScopeError> {
        if text.len() > SCOPE_MAX_BYTES {
            return Err(ScopeError::TooLong);
        }
        let mut set = BTreeSet::new();
        for token in text.split(' ').filter(|token| !token.is_empty()) {
            if !token.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5B | 0x5D..=0x7E)) {
                return Err(ScopeError::Character);
            }
            set.insert(token.to_owned());
        }
        if set.len() > SCOPE_MAX_COUNT { Err(ScopeError::TooLong) } else { Ok(Self(set)) }
    }
}

impl fmt::Display for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, token) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            f.write_str(token)?;
        }
        Ok(())
    }
}

impl<T: Into<String>> FromIterator<T> for ScopeSet {
    /// Collects tokens that are known to be well formed (constants, or parts of another set).
    fn from_iter<I: IntoIterator<Item = T>>(tokens: I) -> Self {
        Self(tokens.into_iter().map(Into::into).collect())
    }
}

impl ScopeSet {
    /// Whether it holds no scope.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many scopes it holds.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it holds exactly this scope (hierarchies are the resource's business).
    pub fn contains(&self, scope: &str) -> bool {
        self.0.contains(scope)
    }

    /// Whether all of it is in `other`.
    pub fn is_subset(&self, other: &Self) -> bool {
        self.0.is_subset(&other.0)
    }

    /// What both hold.
    pub fn intersection(&self, other: &Self) -> Self {
        Self(self.0.intersection(&other.0).cloned().collect())
    }

    /// What either holds.
    pub fn union(&self, other: &Self) -> Self {
        Self(self.0.union(&other.0).cloned().collect())
    }

    /// What it holds and `other` does not.
    pub fn difference(&self, other: &Self) -> Self {
        Self(self.0.difference(&other.0).cloned().collect())
    }

    /// Adds one scope.
    pub fn insert(&mut self, scope: impl Into<String>) {
        self.0.insert(scope.into());
    }

    /// The scopes in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::{ScopeError, ScopeSet};

    #[test]
    fn parses_sorted_without_duplicates() {
        let scopes: ScopeSet = "mcp.write  mcp.read mcp.write".parse().expect("valid");
        assert_eq!(scopes.to_string(), "mcp.read mcp.write");
        assert_eq!("".parse::<ScopeSet>().expect("empty").len(), 0);
        assert_eq!("a\"b".parse::<ScopeSet>(), Err(ScopeError::Character));
        assert_eq!("a\tb".parse::<ScopeSet>(), Err(ScopeError::Character));
        assert_eq!("x".repeat(5000).parse::<ScopeSet>(), Err(ScopeError::TooLong));
    }

    #[test]
    fn set_arithmetic() {
        let all: ScopeSet = "a b c".parse().expect("valid");
        let some: ScopeSet = "b d".parse().expect("valid");
        assert_eq!(all.intersection(&some).to_string(), "b");
        assert_eq!(all.union(&some).to_string(), "a b c d");
        assert_eq!(all.difference(&some).to_string(), "a c");
        assert!(!some.is_subset(&all));
    }
}
