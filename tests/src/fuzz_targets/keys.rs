//! Keys that others give us.

use serde_json::Value;
use shared::protocol::jwk::{JWK_SET_MAX_KEYS, Jwk, JwkSet};
use shared::protocol::jwt::VerificationKeys;
use shared::sealing::KeyEncryptionKeys;

/// Members of private and symmetric keys.
const SECRET_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// Bytes are one key. Second reader: jsonwebtoken's.
pub(super) fn jwk(bytes: &[u8]) {
    let Some(text) = super::text(bytes) else { return };
    let Ok(key) = Jwk::parse(text) else { return };
    let printed = serde_json::to_string(&key).expect("a key has a JSON form");
    let again = Jwk::parse(&printed).expect("it reads back");
    assert_eq!((&again, again.thumbprint()), (&key, key.thumbprint()));
    let members: Value = serde_json::from_str(&printed).expect("JSON");
    assert!(SECRET_MEMBERS.iter().all(|name| members.get(name).is_none()), "nothing secret passes");
    let theirs: jsonwebtoken::jwk::Jwk = serde_json::from_str(&printed).expect("jsonwebtoken reads it");
    assert!(jsonwebtoken::DecodingKey::from_jwk(&theirs).is_ok());
    assert_eq!(theirs.thumbprint(jsonwebtoken::jwk::ThumbprintHash::SHA256).ok(), Some(key.thumbprint()));
    let set = JwkSet::new(vec![key.clone()]).expect("one key is a set");
    let thumbprint = key.thumbprint();
    assert!(VerificationKeys::from_jwks(&set).contains(key.kid().unwrap_or(&thumbprint)));
}

/// Bytes are a set of keys.
pub(super) fn jwk_set(bytes: &[u8]) {
    let Some(text) = super::text(bytes) else { return };
    let Ok(set) = JwkSet::parse(text) else { return };
    assert!(set.keys().len() <= JWK_SET_MAX_KEYS);
    for (at, key) in set.keys().iter().enumerate() {
        let same = |other: &Jwk| other.kid() == key.kid() && other.algorithm() == key.algorithm();
        assert!(key.kid().is_none() || !set.keys()[..at].iter().any(same), "an id and an algorithm name one key");
    }
    let printed = serde_json::to_string(&set).expect("a set has a JSON form");
    assert_eq!(JwkSet::parse(&printed).as_ref(), Ok(&set), "it reads back");
    assert_eq!(serde_json::from_str::<JwkSet>(&printed).ok(), Some(set), "by either reader");
}

/// Bytes are the file of key-encryption keys.
pub(super) fn key_encryption_keys(bytes: &[u8]) {
    let Some(text) = super::text(bytes) else { return };
    match KeyEncryptionKeys::parse(text) {
        Ok(keys) => {
            let printed = keys.to_text();
            let again = KeyEncryptionKeys::parse(printed.expose()).expect("it reads back");
            assert_eq!(again.ids().collect::<Vec<_>>(), keys.ids().collect::<Vec<_>>());
            assert_eq!(again.to_text().expose(), printed.expose());
        }
        Err(error) => {
            let said = error.to_string();
            let secret = |line: &str| line.split_once(':').map(|(_, key)| key.trim().to_owned());
            let secrets = text.lines().filter_map(secret).filter(|secret| secret.len() >= 20);
            for secret in secrets {
                assert!(!said.contains(&secret), "a refusal shows no key");
            }
        }
    }
}
