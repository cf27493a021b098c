//! The keys of one issuer or client, ready to verify.

use super::{jws::KidRule, parsed_key::ParsedKey, refusal::JwtRefusal};
use crate::protocol::jwk::{Jwk, JwkSet, JwsAlgorithm, PublicKey};
use jsonwebtoken::{
    DecodingKey,
    errors::{Error, ErrorKind},
};
use std::sync::Arc;

/// Keys by id, each with the one algorithm it verifies. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct VerificationKeys(Arc<[VerificationKey]>);

/// One key and the one algorithm it verifies.
#[derive(Debug)]
pub(super) struct VerificationKey {
    kid: String,
    algorithm: JwsAlgorithm,
    key: DecodingKey,
    /// Keeps the key parsed for as long as this is here.
    _parsed: Option<Arc<ParsedKey>>,
}

impl VerificationKeys {
    /// The keys of a set. A key without an id is found by its RFC 7638 thumbprint.
    pub fn from_jwks(set: &JwkSet) -> Self {
        Self(set.keys().iter().map(VerificationKey::from_jwk).collect())
    }

    /// Whether a key of this id is here.
    pub fn contains(&self, kid: &str) -> bool {
        self.0.iter().any(|key| key.kid == kid)
    }

    /// The ids of all of them.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|key| key.kid.as_str())
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
                let mut named = self.0.iter().filter(|key| key.kid == kid).peekable();
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
        let algorithm = jwk.algorithm();
        let parsed = ParsedKey::enter(jwk.key(), algorithm);
        let key = match (jwk.key(), &parsed) {
            (PublicKey::EcP256 { .. }, _) => DecodingKey::from_ec_der(&jwk.key().sec1_point()),
            (PublicKey::Rsa { .. }, Some(parsed)) => DecodingKey::from_rsa_der(parsed.bytes()),
            (PublicKey::Rsa { n, e }, None) => DecodingKey::from_rsa_raw_components(n, e),
            (PublicKey::Ed25519 { x }, _) => DecodingKey::from_ed_der(x),
        };
        let kid = jwk.kid().map_or_else(|| jwk.thumbprint(), ToOwned::to_owned);
        Self { kid, algorithm, key, _parsed: parsed }
    }

    /// Whether `signature`, in base64url, is this key's over `message`, with its own algorithm whatever the token says.
    pub(super) fn verify(&self, message: &str, signature: &str) -> Result<(), JwtRefusal> {
        let verified = jsonwebtoken::crypto::verify(signature, message.as_bytes(), &self.key, self.algorithm.into());
        if verified.map_err(|error| refusal_of(&error))? { Ok(()) } else { Err(JwtRefusal::Signature) }
    }
}

fn refusal_of(error: &Error) -> JwtRefusal {
    if matches!(error.kind(), ErrorKind::Base64(_)) { JwtRefusal::Malformed } else { JwtRefusal::Algorithm }
}
