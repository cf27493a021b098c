//! One signing key: made or imported, checked, kept as PKCS#8, ready to sign.

use crate::{crypto_provider::is_installed, parsed_key::ParsedKey};
use jsonwebtoken::{EncodingKey, Header};
use p256::{elliptic_curve::sec1::ToSec1Point as _, pkcs8::DecodePrivateKey as _, pkcs8::EncodePrivateKey as _};
use rsa::{
    RsaPrivateKey,
    pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _},
    traits::PublicKeyParts as _,
};
use serde::Serialize;
use shared::{
    protocol::{
        jwk::{Jwk, PublicKey},
        token_algorithm::TokenAlgorithm,
    },
    random::{Random, SystemRandom, random_32},
};
use std::{fmt, sync::Arc};
use zeroize::Zeroizing;

/// The size of the RSA keys made here.
pub const RSA_GENERATED_BITS: usize = 2048;
/// Imported RSA keys are no larger: signing takes the cube of the size.
pub const RSA_SIGNING_MAX_BITS: usize = 4096;

/// Why a key cannot be made or imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The text is not PKCS#8 DER (RFC 5958) of a consistent key of this algorithm.
    #[error("the key is not PKCS#8 of its algorithm")]
    Malformed,
    /// It is smaller, larger or odder than our policy allows (`shared::protocol::jwk::PublicKey`, [`RSA_SIGNING_MAX_BITS`]).
    #[error("the key is outside the policy for signing keys")]
    Policy,
    /// It could not be generated or encoded.
    #[error("the key could not be generated")]
    Generation,
}

/// Why nothing was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SigningError {
    /// [`crate::install_crypto_provider`] was not called, or too late.
    #[error("the crypto provider of the keys is not installed in this process")]
    ProviderNotInstalled,
    /// The ring holds no active key of this algorithm.
    #[error("no {0} key is active")]
    NoActiveKey(TokenAlgorithm),
    /// The ring was suspended because its keys could not be reloaded in time.
    #[error("signing is suspended until the keys are reloaded")]
    Suspended,
    /// The claims are no JSON object, or the signature failed.
    #[error("the token could not be signed")]
    Failed,
}

/// A signing key. Cheap to clone; its private half is wiped when the last clone drops, and never printed.
#[derive(Clone)]
pub struct SigningKey(Arc<Inner>);

struct Inner {
    algorithm: TokenAlgorithm,
    public: Jwk,
    kid: String,
    pkcs8: Zeroizing<Vec<u8>>,
    encoding: EncodingKey,
    /// Held so that the handle in `encoding` finds it.
    _parsed: Arc<ParsedKey>,
}

impl SigningKey {
    /// A fresh key from the operating system's randomness. RSA takes a tenth of a second or more of CPU: call it within `spawn_blocking`.
    ///
    /// # Errors
    /// [`KeyError::Generation`].
    pub fn generate(algorithm: TokenAlgorithm) -> Result<Self, KeyError> {
        Self::generate_from(algorithm, &SystemRandom)
    }

    /// A fresh key from `random`; blocking as [`SigningKey::generate`] is.
    ///
    /// # Errors
    /// [`KeyError::Generation`].
    pub fn generate_from(algorithm: TokenAlgorithm, random: &dyn Random) -> Result<Self, KeyError> {
        let pkcs8 = match algorithm {
            TokenAlgorithm::Es256 => {
                generate_p256(random)?.to_pkcs8_der().map(|der| Zeroizing::new(der.as_bytes().to_vec())).ok()
            }
            TokenAlgorithm::Rs256 => RsaPrivateKey::new(&mut Entropy(random), RSA_GENERATED_BITS)
                .ok()
                .and_then(|key| key.to_pkcs8_der().ok())
                .map(|der| Zeroizing::new(der.as_bytes().to_vec())),
        };
        Self::from_pkcs8(algorithm, &pkcs8.ok_or(KeyError::Generation)?)
    }

    /// A key from PKCS#8 DER (RFC 5958): one of ours, unsealed, or one that an operator brings. Its parts are checked against each other and
    /// against the policy.
    ///
    /// # Errors
    /// [`KeyError::Malformed`], [`KeyError::Policy`].
    pub fn from_pkcs8(algorithm: TokenAlgorithm, pkcs8: &[u8]) -> Result<Self, KeyError> {
        let key = match algorithm {
            TokenAlgorithm::Es256 => public_p256(pkcs8)?,
            TokenAlgorithm::Rs256 => public_rsa(pkcs8)?,
        };
        let kid = key.thumbprint();
        let public = Jwk::new(key, algorithm.into()).map_err(|_| KeyError::Policy)?;
        let parsed = ParsedKey::from_pkcs8(algorithm, pkcs8).map_err(|_| KeyError::Malformed)?;
        let encoding = match algorithm {
            TokenAlgorithm::Es256 => EncodingKey::from_ec_der(&parsed.handle()),
            TokenAlgorithm::Rs256 => EncodingKey::from_rsa_der(&parsed.handle()),
        };
        let pkcs8 = Zeroizing::new(pkcs8.to_vec());
        Ok(Self(Arc::new(Inner { algorithm, public, kid, pkcs8, encoding, _parsed: parsed })))
    }

    /// The private key as PKCS#8 DER, to be sealed at once.
    pub fn to_pkcs8(&self) -> Zeroizing<Vec<u8>> {
        self.0.pkcs8.clone()
    }

    /// What it signs with.
    pub fn algorithm(&self) -> TokenAlgorithm {
        self.0.algorithm
    }

    /// Its id: the thumbprint of RFC 7638.
    pub fn kid(&self) -> &str {
        &self.0.kid
    }

    /// The public half with `kid`, `use` and `alg`, as published.
    pub fn public_jwk(&self) -> &Jwk {
        &self.0.public
    }

    /// A compact JWS (RFC 7515 §3.1) of these claims with `typ`, `alg` and `kid` in its header.
    ///
    /// # Errors
    /// [`SigningError::ProviderNotInstalled`], [`SigningError::Failed`].
    pub fn sign(&self, typ: &str, claims: &impl Serialize) -> Result<String, SigningError> {
        if !is_installed() {
            return Err(SigningError::ProviderNotInstalled);
        }
        let mut header = Header::new(self.0.algorithm.into());
        header.typ = Some(typ.to_owned());
        header.kid = Some(self.0.kid.clone());
        jsonwebtoken::encode(&header, claims, &self.0.encoding).map_err(|_| SigningError::Failed)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { algorithm, kid, .. } = &*self.0;
        f.debug_struct("SigningKey").field("algorithm", algorithm).field("kid", kid).finish_non_exhaustive()
    }
}

/// Out of range happens once in 2^32 draws; so many in a row mean a broken source.
const P256_MAX_DRAWS: usize = 16;

fn generate_p256(random: &dyn Random) -> Result<p256::SecretKey, KeyError> {
    let draw = || p256::SecretKey::from_slice(Zeroizing::new(random_32(random)).as_slice()).ok();
    (0..P256_MAX_DRAWS).find_map(|_| draw()).ok_or(KeyError::Generation)
}

fn public_p256(pkcs8: &[u8]) -> Result<PublicKey, KeyError> {
    let secret = p256::SecretKey::from_pkcs8_der(pkcs8).map_err(|_| KeyError::Malformed)?;
    let point = secret.public_key().to_sec1_point(false);
    let coordinate = |bytes: Option<&[u8]>| bytes.and_then(|bytes| bytes.try_into().ok()).ok_or(KeyError::Malformed);
    let x = coordinate(point.x().map(|x| x.as_slice()))?;
    let y = coordinate(point.y().map(|y| y.as_slice()))?;
    PublicKey::ec_p256(x, y).map_err(|_| KeyError::Malformed)
}

fn public_rsa(pkcs8: &[u8]) -> Result<PublicKey, KeyError> {
    // The rsa crate checks that primes, modulus and exponents belong together.
    let secret = RsaPrivateKey::from_pkcs8_der(pkcs8).map_err(|_| KeyError::Malformed)?;
    rsa_within_policy(secret.n().to_bytes_be(), secret.e().to_bytes_be())
}

fn rsa_within_policy(n: Vec<u8>, e: Vec<u8>) -> Result<PublicKey, KeyError> {
    if n.len() > RSA_SIGNING_MAX_BITS / 8 {
        return Err(KeyError::Policy);
    }
    PublicKey::rsa(n, e).map_err(|_| KeyError::Policy)
}

/// The injected source, as the `rsa` crate wants it.
struct Entropy<'a>(&'a dyn Random);

impl rand_core::RngCore for Entropy<'_> {
    fn next_u32(&mut self) -> u32 {
        rand_core::impls::next_u32_via_fill(self)
    }

    fn next_u64(&mut self) -> u64 {
        rand_core::impls::next_u64_via_fill(self)
    }

    fn fill_bytes(&mut self, destination: &mut [u8]) {
        self.0.fill(destination);
    }

    fn try_fill_bytes(&mut self, destination: &mut [u8]) -> Result<(), rand_core::Error> {
        self.0.fill(destination);
        Ok(())
    }
}

impl rand_core::CryptoRng for Entropy<'_> {}

#[cfg(test)]
mod tests {
    use super::{Entropy, KeyError, SigningKey, rsa_within_policy};
    use crate::install_crypto_provider;
    use rsa::{BigUint, RsaPrivateKey, pkcs8::EncodePrivateKey as _};
    use serde_json::json;
    use shared::protocol::token_algorithm::TokenAlgorithm;
    use shared::{
        protocol::{
            jwk::JwkSet,
            jwt::{JwsProfile, VerificationKeys, verify_jws},
        },
        random::{Random, SystemRandom},
    };

    #[test]
    fn what_it_signs_verifies_with_its_published_key() {
        install_crypto_provider();
        for algorithm in TokenAlgorithm::ALL {
            let key = SigningKey::generate(algorithm).expect("key");
            let token = key.sign("at+jwt", &json!({"iss": "https://as.example"})).expect("token");
            let published = serde_json::to_string(&json!({"keys": [key.public_jwk()]})).expect("json");
            let keys = VerificationKeys::from_jwks(&JwkSet::parse(&published).expect("set"));
            let verified = verify_jws(&token, &keys, &JwsProfile::ACCESS_TOKEN).expect("verified");
            assert_eq!(verified.kid.as_deref(), Some(key.kid()));
            assert_eq!(verified.payload.get("iss"), Some(&json!("https://as.example")));
            assert_eq!(key.public_jwk().thumbprint(), key.kid());
            assert!(
                key.sign("at+jwt", &"no object").is_ok_and(|token| verify_jws(
                    &token,
                    &keys,
                    &JwsProfile::ACCESS_TOKEN
                )
                .is_err())
            );
        }
    }

    #[test]
    fn a_key_survives_pkcs8_and_shows_nothing() {
        for algorithm in TokenAlgorithm::ALL {
            let key = SigningKey::generate(algorithm).expect("key");
            let again = SigningKey::from_pkcs8(algorithm, &key.to_pkcs8()).expect("key");
            assert_eq!(again.public_jwk(), key.public_jwk());
            let shown = format!("{key:?}");
            assert!(shown.contains(key.kid()) && !shown.contains("pkcs8") && !shown.contains("encoding"), "{shown}");
        }
    }

    #[test]
    fn keys_of_another_kind_or_damaged_are_refused() {
        let ec = SigningKey::generate(TokenAlgorithm::Es256).expect("key").to_pkcs8();
        let rsa = SigningKey::generate(TokenAlgorithm::Rs256).expect("key").to_pkcs8();
        for (algorithm, bytes) in [(TokenAlgorithm::Es256, &rsa), (TokenAlgorithm::Rs256, &ec)] {
            assert_eq!(SigningKey::from_pkcs8(algorithm, bytes).err(), Some(KeyError::Malformed));
        }
        for (algorithm, bytes) in [(TokenAlgorithm::Es256, &ec), (TokenAlgorithm::Rs256, &rsa)] {
            assert_eq!(SigningKey::from_pkcs8(algorithm, &bytes[..bytes.len() - 1]).err(), Some(KeyError::Malformed));
            assert_eq!(SigningKey::from_pkcs8(algorithm, b"").err(), Some(KeyError::Malformed));
            let mut changed = bytes.to_vec();
            let middle = changed.len() / 2;
            changed[middle] ^= 1;
            let result = SigningKey::from_pkcs8(algorithm, &changed);
            assert!(result.is_err(), "{algorithm} with a flipped bit");
        }
    }

    #[test]
    fn weak_rsa_keys_are_outside_the_policy() {
        let short = RsaPrivateKey::new(&mut Entropy(&SystemRandom), 1024).expect("key");
        let three = RsaPrivateKey::new_with_exp(&mut Entropy(&SystemRandom), 2048, &BigUint::from(3_u8)).expect("key");
        for key in [short, three] {
            let pkcs8 = key.to_pkcs8_der().expect("pkcs8");
            assert_eq!(SigningKey::from_pkcs8(TokenAlgorithm::Rs256, pkcs8.as_bytes()).err(), Some(KeyError::Policy));
        }
    }

    #[test]
    fn rsa_keys_end_at_4096_bits() {
        let of_bytes = |bytes: usize| rsa_within_policy(vec![0xFF; bytes], vec![1, 0, 1]);
        assert!(of_bytes(512).is_ok());
        assert_eq!(of_bytes(513).err(), Some(KeyError::Policy));
    }

    #[test]
    fn a_broken_source_gives_no_key() {
        struct Stuck;
        impl Random for Stuck {
            fn fill(&self, destination: &mut [u8]) {
                destination.fill(0xFF);
            }
        }
        assert_eq!(SigningKey::generate_from(TokenAlgorithm::Es256, &Stuck).err(), Some(KeyError::Generation));
    }
}
