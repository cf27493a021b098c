//! The signature algorithms of RFC 7518 §3.1 and RFC 8037 §3.1 that are spoken here; all asymmetric.

use std::fmt;

/// A JWS `alg`. `none` and the HMAC family have no value: they cannot be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum JwsAlgorithm {
    /// ECDSA on P-256 with SHA-256 (RFC 7518 §3.4).
    Es256,
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 §3.3).
    Rs256,
    /// RSASSA-PSS with SHA-256 (RFC 7518 §3.5).
    Ps256,
    /// Ed25519 (RFC 8037 §3.1).
    EdDsa,
}

impl JwsAlgorithm {
    /// What our own issuer signs with, and so what its access tokens may use.
    pub const OWN: [Self; 2] = [Self::Es256, Self::Rs256];
    /// What clients may sign their assertions with.
    pub const CLIENT: [Self; 4] = [Self::Es256, Self::Rs256, Self::Ps256, Self::EdDsa];

    /// The text of the `alg` member.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
            Self::EdDsa => "EdDSA",
        }
    }

    /// Reads an `alg` member; `None` for every other algorithm. Case matters (RFC 7515 §4.1.1).
    pub fn parse(text: &str) -> Option<Self> {
        Self::CLIENT.into_iter().find(|algorithm| algorithm.as_str() == text)
    }
}

impl fmt::Display for JwsAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::JwsAlgorithm;

    #[test]
    fn only_asymmetric_algorithms_have_a_name() {
        for algorithm in JwsAlgorithm::CLIENT {
            assert_eq!(JwsAlgorithm::parse(algorithm.as_str()), Some(algorithm));
        }
        for bad in ["none", "None", "HS256", "es256", "ES384", "RS1", ""] {
            assert_eq!(JwsAlgorithm::parse(bad), None, "{bad}");
        }
    }
}
