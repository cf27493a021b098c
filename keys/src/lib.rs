//! Private signing keys: generate, import, rotate, sign, publish as JWKS. Only the authorization server depends on this crate.
//!
//! `rsa` and `p256` generate, encode and check keys and never sign or decrypt (RUSTSEC-2023-0071); aws-lc-rs signs, with key pairs that are
//! parsed once, behind a jsonwebtoken `CryptoProvider` of our own.

mod audit_key;
mod crypto_provider;
mod key_ring;
#[cfg(test)]
mod never_sign;
mod parsed_key;
mod refresh_successor_key;
mod signing_key;

pub use self::{
    audit_key::{AuditKey, AuditKeyError},
    crypto_provider::install_crypto_provider,
    key_ring::{KeyEntry, KeyRing, KeyRingError, KeyState},
    refresh_successor_key::{RefreshSuccessorKey, RefreshSuccessorKeyError},
    signing_key::{KeyError, RSA_GENERATED_BITS, RSA_SIGNING_MAX_BITS, SigningError, SigningKey},
};
