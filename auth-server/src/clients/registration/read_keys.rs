//! The keys of a `private_key_jwt` client (RFC 7591 §2 `jwks`): inline, public, few, and told apart.

use super::{RegistrationDocument, RegistrationRefusal};
use serde_json::{Value, json};
use shared::protocol::jwk::{JwkSet, JwsAlgorithm};

/// How many keys a client may register: the one it uses, the next ones, one a kind.
pub const REGISTERED_KEYS_MAX: usize = 8;

/// The keys of a document that asks for `private_key_jwt`, if it can have them; `None` when it sent none.
///
/// # Errors
/// Keys by reference, too many, unusable, or not to be told apart.
pub(super) fn read_keys(document: &RegistrationDocument) -> Result<Option<JwkSet>, RegistrationRefusal> {
    let Some(jwks) = &document.jwks else { return Ok(None) };
    if document.has_jwks_uri {
        return Err(RegistrationRefusal::KeysTwice);
    }
    let algorithm = document.signing_algorithm.as_deref().map(JwsAlgorithm::parse);
    if algorithm == Some(None) {
        return Err(RegistrationRefusal::SigningAlgorithm);
    }
    let jwks = with_algorithm(jwks, algorithm.flatten());
    let keys = JwkSet::parse(&jwks.to_string()).map_err(|_| RegistrationRefusal::UnusableKeys)?;
    match keys.keys() {
        [] => Err(RegistrationRefusal::UnusableKeys),
        several if several.len() > REGISTERED_KEYS_MAX => Err(RegistrationRefusal::TooManyKeys),
        several if several.len() > 1 && several.iter().any(|key| key.kid().is_none()) => {
            Err(RegistrationRefusal::KeysWithoutId)
        }
        several => match algorithm.flatten() {
            Some(algorithm) if several.iter().all(|key| key.algorithm() != algorithm) => {
                Err(RegistrationRefusal::SigningAlgorithm)
            }
            _ => Ok(Some(keys)),
        },
    }
}

/// An RSA key that does not say is for RS256, unless the client says at large what it signs with.
fn with_algorithm(jwks: &Value, algorithm: Option<JwsAlgorithm>) -> Value {
    let mut jwks = jwks.clone();
    let Some(algorithm @ (JwsAlgorithm::Rs256 | JwsAlgorithm::Ps256)) = algorithm else { return jwks };
    for key in jwks.get_mut("keys").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(members) = key.as_object_mut().filter(|members| members.get("kty") == Some(&json!("RSA"))) {
            members.entry("alg").or_insert_with(|| json!(algorithm.as_str()));
        }
    }
    jwks
}
