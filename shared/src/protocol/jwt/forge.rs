//! Tokens with any header and payload and a right signature, for the tests of this module.

use super::VerificationKeys;
use crate::protocol::jwk::{Jwk, JwkSet, JwsAlgorithm, PublicKey};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::{
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
        RsaKeyPair, RsaPublicKeyComponents,
    },
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use std::sync::OnceLock;

enum Pair {
    Ec(EcdsaKeyPair),
    Rsa(RsaKeyPair),
    Ed(Ed25519KeyPair),
}

/// A key pair of one algorithm.
pub(super) struct Forge {
    pair: Pair,
    algorithm: JwsAlgorithm,
}

impl Forge {
    pub(super) fn es256() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("key");
        Self { pair: Pair::Ec(pair), algorithm: JwsAlgorithm::Es256 }
    }

    pub(super) fn rs256() -> Self {
        Self { pair: Pair::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).expect("key")), algorithm: JwsAlgorithm::Rs256 }
    }

    pub(super) fn ps256() -> Self {
        Self { algorithm: JwsAlgorithm::Ps256, ..Self::rs256() }
    }

    pub(super) fn ed25519() -> Self {
        Self { pair: Pair::Ed(Ed25519KeyPair::generate().expect("key")), algorithm: JwsAlgorithm::EdDsa }
    }

    /// One ES256 pair for tests of many cases.
    pub(super) fn shared() -> &'static Self {
        static SHARED: OnceLock<Forge> = OnceLock::new();
        SHARED.get_or_init(Self::es256)
    }

    pub(super) fn public_key(&self) -> PublicKey {
        match &self.pair {
            Pair::Ec(pair) => {
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                PublicKey::ec_p256(x.try_into().expect("x"), y.try_into().expect("y")).expect("point")
            }
            Pair::Rsa(pair) => {
                let parts = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
                PublicKey::rsa(parts.n, parts.e).expect("rsa")
            }
            Pair::Ed(pair) => PublicKey::Ed25519 { x: pair.public_key().as_ref().try_into().expect("x") },
        }
    }

    /// The public key with this id.
    pub(super) fn jwk(&self, kid: &str) -> Value {
        let mut jwk = serde_json::to_value(Jwk::new(self.public_key(), self.algorithm).expect("jwk")).expect("json");
        jwk["kid"] = json!(kid);
        jwk
    }

    /// A set of this key alone.
    pub(super) fn keys(&self, kid: &str) -> VerificationKeys {
        keys(&[self.jwk(kid)])
    }

    /// The compact form of exactly these texts.
    pub(super) fn token(&self, header: &str, payload: &str) -> String {
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
        let signature = self.signature(message.as_bytes());
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    pub(super) fn signature(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Ec(pair) => pair.sign(&random, message).expect("signature").as_ref().to_vec(),
            Pair::Ed(pair) => pair.sign(message).as_ref().to_vec(),
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                let padding: &dyn aws_lc_rs::signature::RsaEncoding =
                    if self.algorithm == JwsAlgorithm::Ps256 { &RSA_PSS_SHA256 } else { &RSA_PKCS1_SHA256 };
                pair.sign(padding, &random, message, &mut signature).expect("signature");
                signature
            }
        }
    }
}

/// The set of these keys.
pub(super) fn keys(jwks: &[Value]) -> VerificationKeys {
    VerificationKeys::from_jwks(&JwkSet::parse(&json!({ "keys": jwks }).to_string()).expect("set"))
}
