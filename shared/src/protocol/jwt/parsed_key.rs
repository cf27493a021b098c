//! Public keys of aws-lc-rs, parsed once, as verifiers of jsonwebtoken: the library's own would parse them anew for each signature.

use crate::protocol::jwk::{JwsAlgorithm, PublicKey};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
};
use jsonwebtoken::{Algorithm, crypto::JwtVerifier};
use signature::{Error, Verifier};

/// A public key, ready to verify with one algorithm.
#[derive(Debug)]
pub(super) struct ParsedKey {
    key: ParsedPublicKey,
    algorithm: Algorithm,
}

impl ParsedKey {
    /// Parses a key of an algorithm that issuers sign access tokens with. `None` for other algorithms, whose keys verify little, and for a key
    /// that is not of the algorithm.
    pub(super) fn new(key: &PublicKey, algorithm: JwsAlgorithm) -> Option<Self> {
        let parsed = match (key, algorithm) {
            (PublicKey::EcP256 { .. }, JwsAlgorithm::Es256) => {
                ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key.sec1_point()).ok()?
            }
            (PublicKey::Rsa { n, e }, JwsAlgorithm::Rs256) => {
                RsaPublicKeyComponents { n, e }.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256).ok()?
            }
            _ => return None,
        };
        Some(Self { key: parsed, algorithm: algorithm.into() })
    }
}

impl Verifier<Vec<u8>> for ParsedKey {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), Error> {
        self.key.verify_sig(message, signature).map_err(Error::from_source)
    }
}

impl JwtVerifier for ParsedKey {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

#[cfg(test)]
mod tests {
    use super::ParsedKey;
    use crate::protocol::{jwk::JwsAlgorithm, jwt::forge::Forge};
    use jsonwebtoken::crypto::JwtVerifier as _;

    #[test]
    fn a_key_is_for_its_own_family_and_algorithm_and_parsed_where_it_signs_access_tokens() {
        let forges = [
            (Forge::es256(), Some(JwsAlgorithm::Es256)),
            (Forge::rs256(), Some(JwsAlgorithm::Rs256)),
            (Forge::ed25519(), None),
        ];
        for (forge, own) in forges {
            for algorithm in JwsAlgorithm::CLIENT {
                let parsed = ParsedKey::new(&forge.public_key(), algorithm);
                assert_eq!(parsed.is_some(), own == Some(algorithm), "{algorithm}");
                assert!(parsed.is_none_or(|key| key.algorithm() == algorithm.into()), "{algorithm}");
            }
        }
    }
}
