//! Scopes: RFC 6749 §3.3, as a sorted set without duplicates.

use std::{fmt, str::FromStr};

/// More characters than this in one scope parameter are refused.
pub const SCOPE_MAX_BYTES: usize = 4096;
/// More scopes than this in one parameter are refused.
pub const SCOPE_MAX_COUNT: usize = 100;

/// A set of scope tokens, few and in order; prints sorted, separated by one space.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ScopeSet(Vec<String>);

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
        let mut tokens = Vec::new();
        for token in text.split(' ').filter(|token| !token.is_empty()) {
            if !token.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5B | 0x5D..=0x7E)) {
                return Err(ScopeError::Character);
            }
            tokens.push(token.to_owned());
        }
        let set = Self::of(tokens);
        if set.len() > SCOPE_MAX_COUNT { Err(ScopeError::TooLong) } else { Ok(set) }
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
        Self::of(tokens.into_iter().map(Into::into).collect())
    }
}

impl ScopeSet {
    fn of(mut tokens: Vec<String>) -> Self {
        tokens.sort_unstable();
        tokens.dedup();
        Self(tokens)
    }

    fn place(&self, scope: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|held| held.as_str().cmp(scope))
    }

    fn filtered(&self, keep: impl Fn(&str) -> bool) -> Self {
        Self(self.0.iter().filter(|scope| keep(scope)).cloned().collect())
    }

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
        self.place(scope).is_ok()
    }

    /// Whether all of it is in `other`.
    pub fn is_subset(&self, other: &Self) -> bool {
        self.iter().all(|scope| other.contains(scope))
    }

    /// What both hold.
    pub fn intersection(&self, other: &Self) -> Self {
        self.filtered(|scope| other.contains(scope))
    }

    /// What either holds.
    pub fn union(&self, other: &Self) -> Self {
        self.iter().chain(other.iter()).collect()
    }

    /// What it holds and `other` does not.
    pub fn difference(&self, other: &Self) -> Self {
        self.filtered(|scope| !other.contains(scope))
    }

    /// Adds one scope.
    pub fn insert(&mut self, scope: impl Into<String>) {
        let scope = scope.into();
        if let Err(place) = self.place(&scope) {
            self.0.insert(place, scope);
        }
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
