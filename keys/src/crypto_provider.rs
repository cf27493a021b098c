//! The jsonwebtoken provider of this process: the stock one of aws-lc-rs, with a signer factory that knows our parsed keys.

use crate::parsed_key::{ParsedKey, Resolved, resolve};
use jsonwebtoken::{
    Algorithm, EncodingKey,
    crypto::{CryptoProvider, JwtSigner, aws_lc},
    errors::{Error, ErrorKind},
};
use signature::Signer;
use std::sync::{Arc, LazyLock, OnceLock};

static PROVIDER: LazyLock<CryptoProvider> =
    LazyLock::new(|| CryptoProvider { signer_factory, ..aws_lc::DEFAULT_PROVIDER.clone() });
static INSTALLED: OnceLock<bool> = OnceLock::new();

/// Makes our provider the one of this process. Binaries and tests that sign call it before anything else uses a token; calling it again does
/// nothing. When another provider came first (jsonwebtoken installs its own on first use), that is logged, and [`crate::SigningKey::sign`]
/// says so instead of signing.
pub fn install_crypto_provider() {
    INSTALLED.get_or_init(|| {
        let installed = PROVIDER.install_default().is_ok();
        if !installed {
            tracing::error!("another jsonwebtoken provider was installed first: this process cannot sign tokens");
        }
        installed
    });
}

/// Whether it is in place.
pub(crate) fn is_installed() -> bool {
    INSTALLED.get() == Some(&true)
}

/// Keys of ours by their handle; every other key goes the stock way.
fn signer_factory(algorithm: &Algorithm, key: &EncodingKey) -> Result<Box<dyn JwtSigner>, Error> {
    match resolve(key.as_bytes()) {
        Resolved::Key(parsed) if Algorithm::from(parsed.algorithm()) == *algorithm => {
            Ok(Box::new(ParsedKeySigner(parsed)))
        }
        Resolved::Key(_) => Err(ErrorKind::InvalidAlgorithm.into()),
        Resolved::Gone => Err(ErrorKind::InvalidKeyFormat.into()),
        Resolved::NoHandle => (aws_lc::DEFAULT_PROVIDER.signer_factory)(algorithm, key),
    }
}

struct ParsedKeySigner(Arc<ParsedKey>);

impl Signer<Vec<u8>> for ParsedKeySigner {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, signature::Error> {
        self.0.signature(message).map_err(signature::Error::from_source)
    }
}

impl JwtSigner for ParsedKeySigner {
    fn algorithm(&self) -> Algorithm {
        self.0.algorithm().into()
    }
}

#[cfg(test)]
mod tests {
    use super::{install_crypto_provider, is_installed, signer_factory};
    use crate::{SigningKey, parsed_key::ParsedKey};
    use jsonwebtoken::EncodingKey;
    use shared::protocol::token_algorithm::TokenAlgorithm;
    use shared::{
        protocol::{
            jwk::JwkSet,
            jwt::{AssertionSigner, VerificationKeys, verify_client_assertion},
        },
        random::SystemRandom,
    };
    use std::thread;

    #[test]
    fn installing_twice_is_installing_once() {
        install_crypto_provider();
        install_crypto_provider();
        assert!(is_installed());
    }

    #[test]
    fn handles_sign_with_their_own_algorithm_only_and_der_keys_still_work() {
        let pkcs8 = SigningKey::generate(TokenAlgorithm::Es256).expect("key").to_pkcs8();
        let parsed = ParsedKey::from_pkcs8(TokenAlgorithm::Es256, &pkcs8).expect("parsed");
        let key = EncodingKey::from_ec_der(&parsed.handle());
        assert!(signer_factory(&jsonwebtoken::Algorithm::ES256, &key).is_ok());
        assert!(signer_factory(&jsonwebtoken::Algorithm::ES384, &key).is_err());
        assert!(signer_factory(&jsonwebtoken::Algorithm::RS256, &key).is_err());
        assert!(signer_factory(&jsonwebtoken::Algorithm::HS256, &EncodingKey::from_secret(&parsed.handle())).is_err());
        drop(parsed);
        assert!(signer_factory(&jsonwebtoken::Algorithm::ES256, &key).is_err(), "the key is gone");
        let stock =
            signer_factory(&jsonwebtoken::Algorithm::ES256, &EncodingKey::from_ec_der(&pkcs8)).expect("stock signer");
        assert_eq!(stock.algorithm(), jsonwebtoken::Algorithm::ES256);
    }

    /// In one process both servers live under this provider.
    #[test]
    fn a_client_assertion_is_signed_beside_our_keys() {
        install_crypto_provider();
        let signer = AssertionSigner::generate(&SystemRandom).expect("signer");
        let keys = VerificationKeys::from_jwks(&JwkSet::new(vec![signer.public_jwk().clone()]).expect("set"));
        let token = signer.sign("c", "https://as.example", 1000, &SystemRandom).expect("assertion");
        assert!(verify_client_assertion(&token, &keys, "c", &["https://as.example"], 1000).is_ok());
    }

    #[test]
    fn keys_come_and_go_while_others_sign() {
        install_crypto_provider();
        let lasting = SigningKey::generate(TokenAlgorithm::Es256).expect("key");
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let passing = SigningKey::from_pkcs8(TokenAlgorithm::Es256, &lasting.to_pkcs8()).expect("key");
                        let clone = passing.clone();
                        drop(passing);
                        assert!(clone.sign("at+jwt", &[0_u8; 0]).is_ok());
                        assert!(lasting.sign("at+jwt", &[0_u8; 0]).is_ok());
                    }
                });
            }
        });
    }
}
