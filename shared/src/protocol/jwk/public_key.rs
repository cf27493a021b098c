//! Public keys by their numbers: RFC 7518 §6.2 (P-256), §6.3 (RSA), RFC 8037 §2 (Ed25519), and which of them are good enough.

use super::{JwkError, JwsAlgorithm};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rsa::{BigUint, RsaPublicKey, traits::PublicKeyParts as _};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

/// RSA moduli have at least so many bits (NIST SP 800-131A §3).
pub const RSA_MIN_BITS: usize = 2048;
/// RSA moduli have at most so many bits: larger ones only cost us time.
pub const RSA_MAX_BITS: usize = 8192;
/// Smaller RSA exponents are refused (NIST SP 800-56B §6.2.1.1: above 2^16).
pub const RSA_MIN_EXPONENT: u32 = 65_537;

/// A public key that passed the checks of its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublicKey {
    /// A point on P-256.
    EcP256 {
        /// Affine coordinate, big endian.
        x: [u8; 32],
        /// Affine coordinate, big endian.
        y: [u8; 32],
    },
    /// An RSA key of [`RSA_MIN_BITS`] to [`RSA_MAX_BITS`].
    Rsa {
        /// Modulus, big endian, without leading zeros.
        n: Vec<u8>,
        /// Public exponent, big endian, without leading zeros.
        e: Vec<u8>,
    },
    /// An Ed25519 key.
    Ed25519 {
        /// The encoded point of RFC 8032 §5.1.5.
        x: [u8; 32],
    },
}

impl PublicKey {
    /// A P-256 key of two coordinates.
    ///
    /// # Errors
    /// [`JwkError::EcPoint`] when they are not on the curve.
    pub fn ec_p256(x: [u8; 32], y: [u8; 32]) -> Result<Self, JwkError> {
        let key = Self::EcP256 { x, y };
        p256::PublicKey::from_sec1_bytes(&key.sec1_point()).map_err(|_| JwkError::EcPoint)?;
        Ok(key)
    }

    /// An RSA key of its big-endian numbers.
    ///
    /// # Errors
    /// [`JwkError::RsaModulus`] or [`JwkError::RsaExponent`] when the policy above or the `rsa` crate refuses them.
    pub fn rsa(n: Vec<u8>, e: Vec<u8>) -> Result<Self, JwkError> {
        if e.first().is_none_or(|byte| *byte == 0)
            || e.len() > 8
            || BigUint::from_bytes_be(&e) < BigUint::from(RSA_MIN_EXPONENT)
        {
            return Err(JwkError::RsaExponent);
        }
        if n.first().is_none_or(|byte| *byte == 0) || n.len() > RSA_MAX_BITS / 8 {
            return Err(JwkError::RsaModulus);
        }
        let key = RsaPublicKey::new_with_max_size(BigUint::from_bytes_be(&n), BigUint::from_bytes_be(&e), RSA_MAX_BITS)
            .map_err(|error| match error {
                rsa::Error::InvalidExponent
                | rsa::Error::PublicExponentTooLarge
                | rsa::Error::PublicExponentTooSmall => JwkError::RsaExponent,
                _ => JwkError::RsaModulus,
            })?;
        if key.n().bits() < RSA_MIN_BITS { Err(JwkError::RsaModulus) } else { Ok(Self::Rsa { n, e }) }
    }

    /// Reads `kty` and the members that belong to it.
    pub(super) fn from_members(members: &Map<String, Value>) -> Result<Self, JwkError> {
        let text = |name: &str| members.get(name).and_then(Value::as_str);
        let bytes = |name: &str| {
            URL_SAFE_NO_PAD.decode(text(name).ok_or(JwkError::Malformed)?).map_err(|_| JwkError::Malformed)
        };
        let coordinate = |name: &str| bytes(name)?.try_into().map_err(|_| JwkError::EcPoint);
        match (text("kty").ok_or(JwkError::Malformed)?, text("crv")) {
            ("EC", Some("P-256")) => Self::ec_p256(coordinate("x")?, coordinate("y")?),
            ("RSA", _) => Self::rsa(bytes("n")?, bytes("e")?),
            ("OKP", Some("Ed25519")) => Ok(Self::Ed25519 { x: coordinate("x")? }),
            _ => Err(JwkError::UnknownKeyType),
        }
    }

    /// The algorithm a key is for when it does not say.
    pub(super) fn default_algorithm(&self) -> JwsAlgorithm {
        match self {
            Self::EcP256 { .. } => JwsAlgorithm::Es256,
            Self::Rsa { .. } => JwsAlgorithm::Rs256,
            Self::Ed25519 { .. } => JwsAlgorithm::EdDsa,
        }
    }

    /// Whether a key of this kind can be used with `algorithm`.
    pub(super) fn fits(&self, algorithm: JwsAlgorithm) -> bool {
        match self {
            Self::EcP256 { .. } => algorithm == JwsAlgorithm::Es256,
            Self::Rsa { .. } => matches!(algorithm, JwsAlgorithm::Rs256 | JwsAlgorithm::Ps256),
            Self::Ed25519 { .. } => algorithm == JwsAlgorithm::EdDsa,
        }
    }

    /// The required members in the order of RFC 7638 §3.3, values in base64url.
    pub(super) fn members(&self) -> Vec<(&'static str, String)> {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match self {
            Self::EcP256 { x, y } => {
                vec![("crv", "P-256".to_owned()), ("kty", "EC".to_owned()), ("x", encode(x)), ("y", encode(y))]
            }
            Self::Rsa { n, e } => vec![("e", encode(e)), ("kty", "RSA".to_owned()), ("n", encode(n))],
            Self::Ed25519 { x } => vec![("crv", "Ed25519".to_owned()), ("kty", "OKP".to_owned()), ("x", encode(x))],
        }
    }

    /// The SHA-256 thumbprint of RFC 7638 in base64url: 43 characters.
    pub fn thumbprint(&self) -> String {
        let members: Vec<_> = self.members().iter().map(|(name, value)| format!("\"{name}\":\"{value}\"")).collect();
        URL_SAFE_NO_PAD.encode(Sha256::digest(format!("{{{}}}", members.join(","))))
    }

    /// `0x04 ‖ x ‖ y` (SEC 1 §2.3.3) of an elliptic key; empty for the others.
    pub(crate) fn sec1_point(&self) -> Vec<u8> {
        match self {
            Self::EcP256 { x, y } => [&[4][..], x, y].concat(),
            _ => Vec::new(),
        }
    }
}
