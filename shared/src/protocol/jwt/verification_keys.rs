//! The keys of one issuer or client, ready to verify.

use super::{jws::KidRule, parsed_key::ParsedKey, refusal::JwtRefusal};
use crate::protocol::jwk::{Jwk, JwkSet, JwsAlgorithm, PublicKey};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{
    DecodingKey,
    crypto::JwtVerifier,
    errors::{Error, ErrorKind},
};
use std::sync::{Arc, OnceLock};

/// Keys by id, each with the one algorithm it verifies. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct VerificationKeys(Arc<[VerificationKey]>);

/// One key and the one algorithm it verifies.
#[derive(Debug)]
pub(super) struct VerificationKey {
    kid: Arc<str>,
    algorithm: JwsAlgorithm,
    key: PublicKey,
    /// Made when the first token names this key: most keys of a client are named by no token while they are here.
    check: OnceLock<Check>,
}

/// What verifies.
#[derive(Debug)]
enum Check {
    /// A key that is parsed already.
    Parsed(ParsedKey),
    /// One that jsonwebtoken parses for each signature.
    Stock(DecodingKey),
}

impl VerificationKeys {
    /// The keys of a set. A key without an id is found by its RFC 7638 thumbprint.
    pub fn from_jwks(set: &JwkSet) -> Self {
        Self(set.keys().iter().map(VerificationKey::from_jwk).collect())
    }

    /// Whether a key of this id is here.
    pub fn contains(&self, kid: &str) -> bool {
        self.0.iter().any(|key| *key.kid == *kid)
    }

    /// The ids of all of them.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|key| &*key.kid)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The one key for a header that names `kid` and `algorithm`.
    pub(super) fn choose(
        &self,
        kid: Option<&str>,
        algorithm: JwsAlgorithm,
        rule: KidRule,
    ) -> Result<&VerificationKey, JwtRefusal> {
        match (kid, rule) {
            (Some(kid), _) => {
                let mut named = self.0.iter().filter(|key| *key.kid == *kid).peekable();
                named.peek().ok_or(JwtRefusal::UnknownKid)?;
                named.find(|key| key.algorithm == algorithm).ok_or(JwtRefusal::Algorithm)
            }
            (None, KidRule::OptionalForOnlyKey) => {
                let mut fitting = self.0.iter().filter(|key| key.algorithm == algorithm);
                match (fitting.next(), fitting.next()) {
                    (Some(only), None) => Ok(only),
                    (None, _) => Err(JwtRefusal::Algorithm),
                    (Some(_), Some(_)) => Err(JwtRefusal::MissingKid),
                }
            }
            (None, KidRule::Required) => Err(JwtRefusal::MissingKid),
        }
    }
}

impl VerificationKey {
    fn from_jwk(jwk: &Jwk) -> Self {
        let kid = jwk.kid().map_or_else(|| jwk.thumbprint(), ToOwned::to_owned);
        Self { kid: kid.into(), algorithm: jwk.algorithm(), key: jwk.key().clone(), check: OnceLock::new() }
    }

    /// Its id.
    pub(super) fn kid(&self) -> Arc<str> {
        self.kid.clone()
    }

    /// Whether `signature`, in base64url, is this key's over `message`, with its own algorithm whatever the token says.
    pub(super) fn verify(&self, message: &str, signature: &str) -> Result<(), JwtRefusal> {
        self.check.get_or_init(|| Check::new(&self.key, self.algorithm)).verify(message, signature, self.algorithm)
    }
}

impl Check {
    fn new(key: &PublicKey, algorithm: JwsAlgorithm) -> Self {
        ParsedKey::new(key, algorithm).map_or_else(|| Self::stock(key), Self::Parsed)
    }

    fn stock(key: &PublicKey) -> Self {
        Self::Stock(match key {
            PublicKey::EcP256 { .. } => DecodingKey::from_ec_der(&key.sec1_point()),
            PublicKey::Rsa { n, e } => DecodingKey::from_rsa_raw_components(n, e),
            PublicKey::Ed25519 { x } => DecodingKey::from_ed_der(x),
        })
    }

    fn verify(&self, message: &str, signature: &str, algorithm: JwsAlgorithm) -> Result<(), JwtRefusal> {
        let is_right = match self {
            Self::Parsed(key) => {
                let verifier: &dyn JwtVerifier = key;
                let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| JwtRefusal::Malformed)?;
                verifier.verify(message.as_bytes(), &signature).is_ok()
            }
            Self::Stock(key) => jsonwebtoken::crypto::verify(signature, message.as_bytes(), key, algorithm.into())
                .map_err(|error| refusal_of(&error))?,
        };
        if is_right { Ok(()) } else { Err(JwtRefusal::Signature) }
    }
}

fn refusal_of(error: &Error) -> JwtRefusal {
    if matches!(error.kind(), ErrorKind::Base64(_)) { JwtRefusal::Malformed } else { JwtRefusal::Algorithm }
}

#[cfg(test)]
mod tests {
    use super::{Check, VerificationKeys};
    use crate::protocol::{
        jwk::JwsAlgorithm,
        jwt::{JwtRefusal, forge::Forge},
    };
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

    impl VerificationKeys {
        /// How many of them were made ready to verify.
        pub(in crate::protocol::jwt) fn ready(&self) -> usize {
            self.0.iter().filter(|key| key.check.get().is_some()).count()
        }
    }

    #[test]
    fn a_parsed_key_and_the_same_key_unparsed_verify_the_same() {
        for (forge, algorithm) in [(Forge::es256(), JwsAlgorithm::Es256), (Forge::rs256(), JwsAlgorithm::Rs256)] {
            let parsed = Check::new(&forge.public_key(), algorithm);
            assert!(matches!(parsed, Check::Parsed(_)), "{algorithm}");
            let stock = Check::stock(&forge.public_key());
            let good = forge.signature(b"message");
            let mut odd = good.clone();
            odd[5] ^= 1;
            let signatures = [good.clone(), odd, good[1..].to_vec(), [&good[..], &[0]].concat(), vec![]];
            let verdicts = |check: &Check| {
                let verify = |signature: &str| check.verify("message", signature, algorithm);
                let mut verdicts = signatures.each_ref().map(|it| verify(&URL_SAFE_NO_PAD.encode(it))).to_vec();
                verdicts.push(verify("no base64url!"));
                verdicts
            };
            let mut expected = vec![Err(JwtRefusal::Signature); 6];
            (expected[0], expected[5]) = (Ok(()), Err(JwtRefusal::Malformed));
            assert_eq!(verdicts(&parsed), expected, "{algorithm}");
            assert_eq!(verdicts(&stock), expected, "{algorithm}");
        }
    }
}
