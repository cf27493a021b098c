//! Making client assertions: RFC 7523 §3. A resource server signs in to the authorization server with it.

use crate::{
    clock::UnixSeconds,
    protocol::jwk::{Jwk, JwsAlgorithm, PublicKey},
    random::{Random, random_32, random_id},
    secret::Secret,
};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use p256::{
    SecretKey,
    elliptic_curve::sec1::ToSec1Point as _,
    pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, LineEnding},
};
use serde::Serialize;
use std::fmt;
use zeroize::Zeroizing;

/// An assertion is used at once: it lives this long.
pub const ASSERTION_LIFETIME_SECONDS: i64 = 60;

/// Out of range happens once in 2^32 draws; so many in a row mean a broken source.
const P256_MAX_DRAWS: usize = 16;

/// Why there is no signer or no assertion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AssertionSignerError {
    /// Not the PKCS#8 PEM of a P-256 key.
    #[error("the key is not a P-256 key in PKCS#8 PEM")]
    Key,
    /// The signature could not be made.
    #[error("the assertion could not be signed")]
    Signing,
}

/// A client's P-256 key pair and what it signs with it (ES256). Prints without the key.
pub struct AssertionSigner {
    secret: SecretKey,
    signing: EncodingKey,
    public: Jwk,
}

#[derive(Serialize)]
struct AssertionClaims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    iat: UnixSeconds,
    exp: UnixSeconds,
    jti: &'a str,
}

impl AssertionSigner {
    /// A fresh key pair.
    ///
    /// # Errors
    /// [`AssertionSignerError::Key`] when `random` yields no usable number.
    pub fn generate(random: &dyn Random) -> Result<Self, AssertionSignerError> {
        let draw = || SecretKey::from_slice(Zeroizing::new(random_32(random)).as_slice()).ok();
        let secret = (0..P256_MAX_DRAWS).find_map(|_| draw()).ok_or(AssertionSignerError::Key)?;
        Self::from_secret_key(secret)
    }

    /// The key pair of a PEM file (`-----BEGIN PRIVATE KEY-----`, RFC 5958).
    ///
    /// # Errors
    /// [`AssertionSignerError::Key`].
    pub fn from_pkcs8_pem(pem: &str) -> Result<Self, AssertionSignerError> {
        let secret = SecretKey::from_pkcs8_pem(pem.trim()).map_err(|_| AssertionSignerError::Key)?;
        Self::from_secret_key(secret)
    }

    fn from_secret_key(secret: SecretKey) -> Result<Self, AssertionSignerError> {
        let der = secret.to_pkcs8_der().map_err(|_| AssertionSignerError::Key)?;
        let point = secret.public_key().to_sec1_point(false);
        let coordinate =
            |bytes: Option<&[u8]>| bytes.and_then(|bytes| bytes.try_into().ok()).ok_or(AssertionSignerError::Key);
        let x = coordinate(point.x().map(|x| x.as_slice()))?;
        let y = coordinate(point.y().map(|y| y.as_slice()))?;
        let key = PublicKey::ec_p256(x, y).map_err(|_| AssertionSignerError::Key)?;
        let public = Jwk::new(key, JwsAlgorithm::Es256).map_err(|_| AssertionSignerError::Key)?;
        Ok(Self { signing: EncodingKey::from_ec_der(der.as_bytes()), secret, public })
    }

    /// The key pair as PKCS#8 PEM, for the file it is kept in.
    ///
    /// # Errors
    /// [`AssertionSignerError::Key`] when it cannot be encoded, which does not happen to a valid one.
    pub fn to_pkcs8_pem(&self) -> Result<Secret, AssertionSignerError> {
        let pem = self.secret.to_pkcs8_pem(LineEnding::LF).map_err(|_| AssertionSignerError::Key)?;
        Ok(Secret::new(pem.as_str()))
    }

    /// The public half, as the client registers it; its id is the thumbprint.
    pub fn public_jwk(&self) -> &Jwk {
        &self.public
    }

    /// An assertion that authenticates `client_id` at `audience` (the issuer) for [`ASSERTION_LIFETIME_SECONDS`] from `now`.
    ///
    /// # Errors
    /// [`AssertionSignerError::Signing`].
    pub fn sign(
        &self,
        client_id: &str,
        audience: &str,
        now: UnixSeconds,
        random: &dyn Random,
    ) -> Result<String, AssertionSignerError> {
        let exp = now.saturating_add(ASSERTION_LIFETIME_SECONDS);
        let jti = random_id(random);
        self.sign_claims(
            "JWT",
            &AssertionClaims { iss: client_id, sub: client_id, aud: audience, iat: now, exp, jti: &jti },
        )
    }

    /// A token of any claims, with this `typ` and the key's own `kid`.
    ///
    /// # Errors
    /// [`AssertionSignerError::Signing`].
    pub fn sign_claims(&self, typ: &str, claims: &impl Serialize) -> Result<String, AssertionSignerError> {
        let mut header = Header::new(Algorithm::ES256);
        header.typ = Some(typ.to_owned());
        header.kid = self.public.kid().map(ToOwned::to_owned);
        jsonwebtoken::encode(&header, claims, &self.signing).map_err(|_| AssertionSignerError::Signing)
    }
}

impl fmt::Debug for AssertionSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AssertionSigner").field("public", &self.public).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::{AssertionSigner, AssertionSignerError};
    use crate::{
        protocol::{
            jwk::JwkSet,
            jwt::{JwtRefusal, VerificationKeys, verify_client_assertion},
        },
        random::SystemRandom,
    };

    const NOW: i64 = 1_800_000_000;

    #[test]
    fn what_it_signs_verifies_with_its_public_key() {
        let signer = AssertionSigner::generate(&SystemRandom).expect("signer");
        let keys = VerificationKeys::from_jwks(&JwkSet::new(vec![signer.public_jwk().clone()]).expect("set"));
        let first = signer.sign("c", "https://as.example", NOW, &SystemRandom).expect("assertion");
        let second = signer.sign("c", "https://as.example", NOW, &SystemRandom).expect("assertion");
        let verify = |token: &str| verify_client_assertion(token, &keys, "c", &["https://as.example"], NOW);
        assert_ne!(verify(&first).expect("first").jti, verify(&second).expect("second").jti);
        let other = AssertionSigner::generate(&SystemRandom).expect("signer");
        let foreign = other.sign("c", "https://as.example", NOW, &SystemRandom).expect("assertion");
        assert_eq!(verify(&foreign), Err(JwtRefusal::UnknownKid));
    }

    #[test]
    fn the_key_survives_its_file_and_stays_out_of_debug_output() {
        let signer = AssertionSigner::generate(&SystemRandom).expect("signer");
        let pem = signer.to_pkcs8_pem().expect("pem");
        let again = AssertionSigner::from_pkcs8_pem(pem.expose()).expect("signer");
        assert_eq!(again.public_jwk(), signer.public_jwk());
        assert!(AssertionSigner::from_pkcs8_pem(&format!("\n{}\n", pem.expose())).is_ok());
        let shown = format!("{signer:?}");
        assert!(shown.contains("public") && !shown.contains("secret") && !shown.contains("signing"));
        let encrypted = pem.expose().replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
        for bad in ["", &encrypted, "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----", &pem.expose()[..100]] {
            assert_eq!(AssertionSigner::from_pkcs8_pem(bad).err(), Some(AssertionSignerError::Key));
        }
    }
}
