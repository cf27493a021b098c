//! What our issuer signs with.

use shared::protocol::jwk::JwsAlgorithm;
use std::fmt;

/// The algorithm of a signing key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256 (RFC 7518 §3.4): the default.
    Es256,
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 §3.3), where a resource asks for it.
    Rs256,
}

impl Algorithm {
    /// Both; of each there is always one active key.
    pub const ALL: [Self; 2] = [Self::Es256, Self::Rs256];

    /// The text of the `alg` member.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
        }
    }

    /// Reads the text of an `alg` member or of a setting; `None` for every other algorithm.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == text)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<Algorithm> for JwsAlgorithm {
    fn from(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Es256 => Self::Es256,
            Algorithm::Rs256 => Self::Rs256,
        }
    }
}

impl From<Algorithm> for jsonwebtoken::Algorithm {
    fn from(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Es256 => Self::ES256,
            Algorithm::Rs256 => Self::RS256,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Algorithm;
    use shared::protocol::jwk::JwsAlgorithm;

    #[test]
    fn names_are_those_of_the_registry() {
        for algorithm in Algorithm::ALL {
            assert_eq!(Algorithm::parse(algorithm.as_str()), Some(algorithm));
            assert_eq!(JwsAlgorithm::from(algorithm).as_str(), algorithm.as_str());
            assert!(JwsAlgorithm::OWN.contains(&algorithm.into()));
        }
        assert_eq!(Algorithm::parse("HS256"), None);
    }
}
