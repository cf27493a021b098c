//! How jsonwebtoken verifies in this process: with keys that were parsed once, where it would parse them for each signature.

use super::parsed_key::ParsedKey;
use crate::protocol::jwk::JwsAlgorithm;
use jsonwebtoken::{
    Algorithm, DecodingKey,
    crypto::{CryptoProvider, JwtVerifier, aws_lc},
    errors::Error,
};
use signature::Verifier;
use std::sync::{Arc, LazyLock};

static PROVIDER: LazyLock<CryptoProvider> =
    LazyLock::new(|| CryptoProvider { verifier_factory, ..aws_lc::DEFAULT_PROVIDER.clone() });

/// Makes a provider with our verifiers the one of this process, for processes without signing keys of their own. Does nothing when a provider
/// is installed already. Only binaries and tests call it: under the stock provider everything verifies, too, only slower.
pub fn install_verifying_provider() {
    // An earlier provider stays: every one that Postern installs verifies alike.
    let _ = PROVIDER.install_default();
}

/// Verifiers for a provider: those of keys that are parsed; every other key goes the stock way.
///
/// # Errors
/// The key is not of the algorithm.
pub fn verifier_factory(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>, Error> {
    let ours = match algorithm {
        Algorithm::ES256 => Some(JwsAlgorithm::Es256),
        Algorithm::RS256 => Some(JwsAlgorithm::Rs256),
        _ => None,
    };
    let found = ours.zip(key.try_get_as_bytes().ok()).and_then(|(ours, bytes)| ParsedKey::find(bytes, ours));
    match found {
        Some(parsed) if key.family() == algorithm.family() => Ok(Box::new(ParsedKeyVerifier(parsed, *algorithm))),
        _ => (aws_lc::DEFAULT_PROVIDER.verifier_factory)(algorithm, key),
    }
}

struct ParsedKeyVerifier(Arc<ParsedKey>, Algorithm);

impl Verifier<Vec<u8>> for ParsedKeyVerifier {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), signature::Error> {
        self.0.verify(message, signature).then_some(()).ok_or_else(signature::Error::new)
    }
}

impl JwtVerifier for ParsedKeyVerifier {
    fn algorithm(&self) -> Algorithm {
        self.1
    }
}

#[cfg(test)]
mod tests {
    use super::verifier_factory;
    use crate::protocol::{
        jwk::JwsAlgorithm,
        jwt::{forge::Forge, parsed_key::ParsedKey},
    };
    use jsonwebtoken::{Algorithm, DecodingKey};

    #[test]
    fn a_parsed_key_and_the_same_key_unparsed_verify_the_same() {
        for (forge, ours, algorithm) in [
            (Forge::es256(), JwsAlgorithm::Es256, Algorithm::ES256),
            (Forge::rs256(), JwsAlgorithm::Rs256, Algorithm::RS256),
        ] {
            let parsed = ParsedKey::enter(&forge.public_key(), ours).expect("a key");
            let key = match ours {
                JwsAlgorithm::Es256 => DecodingKey::from_ec_der(parsed.bytes()),
                _ => DecodingKey::from_rsa_der(parsed.bytes()),
            };
            let good = forge.signature(b"message");
            let mut odd = good.clone();
            odd[5] ^= 1;
            let signatures = [good.clone(), odd, good[1..].to_vec(), [&good[..], &[0]].concat(), vec![]];
            let verdicts = || {
                let verifier = verifier_factory(&algorithm, &key).expect("a verifier");
                signatures.each_ref().map(|signature| verifier.verify(b"message", signature).is_ok())
            };
            let by_parsed_key = verdicts();
            drop(parsed);
            assert_eq!(by_parsed_key, [true, false, false, false, false], "{algorithm:?}");
            assert_eq!(by_parsed_key, verdicts(), "{algorithm:?}");
        }
    }

    #[test]
    fn a_parsed_key_is_for_its_own_family_and_algorithm() {
        let forge = Forge::es256();
        let parsed = ParsedKey::enter(&forge.public_key(), JwsAlgorithm::Es256).expect("a key");
        for key in [DecodingKey::from_secret(parsed.bytes()), DecodingKey::from_rsa_der(parsed.bytes())] {
            assert!(verifier_factory(&Algorithm::ES256, &key).is_err());
        }
        let key = DecodingKey::from_ec_der(parsed.bytes());
        for algorithm in [Algorithm::HS256, Algorithm::RS256, Algorithm::EdDSA] {
            assert!(verifier_factory(&algorithm, &key).is_err(), "{algorithm:?}");
        }
    }
}
