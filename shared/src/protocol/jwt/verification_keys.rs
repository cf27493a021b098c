//! The keys of one issuer or client, ready to verify.

use super::jws::KidRule;
use super::refusal::JwtRefusal;
use crate::protocol::jwk::{Jwk, JwkSet, JwsAlgorithm, PublicKey};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use std::{collections::HashSet, sync::Arc};

/// Keys by id, each with the one algorithm it verifies. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct VerificationKeys(Arc<[VerificationKey]>);

/// One key with the checks jsonwebtoken makes for it: its own algorithm and nothing of the claims, which are ours to check.
#[derive(Debug)]
pub(super) struct VerificationKey {
    kid: String,
    algorithm: JwsAlgorithm,
    pub(super) key: DecodingKey,
    pub(super) validation: Validation,
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
        let key = match jwk.key() {
            point @ PublicKey::EcP256 { .. } => DecodingKey::from_ec_der(&point.sec1_point()),
            PublicKey::Rsa { n, e } => DecodingKey::from_rsa_raw_components(n, e),
            PublicKey::Ed25519 { x } => DecodingKey::from_ed_der(x),
        };
        let mut validation = Validation::new(match jwk.algorithm() {
            JwsAlgorithm::Es256 => Algorithm::ES256,
            JwsAlgorithm::Rs256 => Algorithm::RS256,
            JwsAlgorithm::Ps256 => Algorithm::PS256,
            JwsAlgorithm::EdDsa => Algorithm::EdDSA,
        });
        validation.required_spec_claims = HashSet::new();
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.validate_aud = false;
        let kid = jwk.kid().map_or_else(|| jwk.thumbprint(), ToOwned::to_owned);
        Self { kid, algorithm: jwk.algorithm(), key, validation }
    }
}
