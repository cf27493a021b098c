//! What our issuer signs access tokens with.

use super::jwk::JwsAlgorithm;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The algorithm of a signing key, and of the access tokens of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub enum TokenAlgorithm {
    /// ECDSA on P-256 with SHA-256 (RFC 7518 §3.4): small and fast.
    #[default]
    #[serde(rename = "ES256")]
    Es256,
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 §3.3), for verifiers that know nothing else.
    #[serde(rename = "RS256")]
    Rs256,
}

crate::setting_choice!(TokenAlgorithm { Es256 = "ES256", Rs256 = "RS256" });

impl TokenAlgorithm {
    /// Both; of each there is always one active key.
    pub const ALL: [Self; 2] = [Self::Es256, Self::Rs256];

    /// The text of the `alg` member (RFC 7518 §3.1).
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
        }
    }

    /// The algorithm that the text of an `alg` member names; `None` for every other.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == text)
    }
}

impl fmt::Display for TokenAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<TokenAlgorithm> for JwsAlgorithm {
    fn from(algorithm: TokenAlgorithm) -> Self {
        match algorithm {
            TokenAlgorithm::Es256 => Self::Es256,
            TokenAlgorithm::Rs256 => Self::Rs256,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::TokenAlgorithm;
    use crate::{
        config::{Given, SettingValue},
        protocol::jwk::JwsAlgorithm,
    };

    #[test]
    fn every_spelling_is_that_of_the_registry() {
        for algorithm in TokenAlgorithm::ALL {
            let word = algorithm.as_str();
            assert_eq!(TokenAlgorithm::parse(word), Some(algorithm));
            assert_eq!(serde_json::to_string(&algorithm).expect("json"), format!("{word:?}"));
            assert_eq!(<TokenAlgorithm as SettingValue>::parse(&Given::Text(word.into())), Ok(algorithm));
            assert_eq!(JwsAlgorithm::from(algorithm).as_str(), word);
            assert!(JwsAlgorithm::OWN.contains(&algorithm.into()));
        }
        assert_eq!(JwsAlgorithm::OWN.len(), TokenAlgorithm::ALL.len());
        assert_eq!(TokenAlgorithm::parse("HS256"), None);
    }
}
