//! A JWK Set: RFC 7517 §5.

use super::{Jwk, JwkError};
use crate::protocol::strict_json::{self, StrictValue};
use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::Value;

/// A set with more keys than this, usable or not, is refused.
pub const JWK_SET_MAX_KEYS: usize = 64;
/// A longer document is refused before it is read.
pub const JWK_SET_MAX_BYTES: usize = 128 * 1024;

/// Public keys, in the order published. No two have both `kid` and algorithm in common.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct JwkSet {
    keys: Vec<Jwk>,
}

impl JwkSet {
    /// The set of these keys.
    ///
    /// # Errors
    /// [`JwkError::TooManyKeys`], [`JwkError::DuplicateKid`].
    pub fn new(keys: Vec<Jwk>) -> Result<Self, JwkError> {
        if keys.len() > JWK_SET_MAX_KEYS {
            return Err(JwkError::TooManyKeys);
        }
        for (index, key) in keys.iter().enumerate() {
            let same = |other: &Jwk| other.kid() == key.kid() && other.algorithm() == key.algorithm();
            if key.kid().is_some() && keys[..index].iter().any(same) {
                return Err(JwkError::DuplicateKid);
            }
        }
        Ok(Self { keys })
    }

    /// Reads a set of which every key must be usable: what a client registers, what an operator enters.
    ///
    /// # Errors
    /// The first fault found.
    pub fn parse(text: &str) -> Result<Self, JwkError> {
        let keys = members(text)?.iter().map(Jwk::from_value).collect::<Result<_, _>>()?;
        Self::new(keys)
    }

    /// Reads a set of which the usable keys count: what an issuer publishes (RFC 7517 §5: what is not understood is ignored). Two keys that
    /// have both id and algorithm in common could be taken for each other, so neither counts.
    ///
    /// # Errors
    /// [`JwkError::TooLong`], [`JwkError::Malformed`], [`JwkError::TooManyKeys`].
    pub fn parse_usable(text: &str) -> Result<Self, JwkError> {
        let usable: Vec<Jwk> = members(text)?.iter().filter_map(|key| Jwk::from_value(key).ok()).collect();
        let name = |key: &Jwk| key.kid().map(|kid| (kid.to_owned(), key.algorithm()));
        let names: Vec<_> = usable.iter().map(name).collect();
        let is_single =
            |key: &Jwk| key.kid().is_none() || names.iter().filter(|other| **other == name(key)).count() == 1;
        Ok(Self { keys: usable.iter().filter(|key| is_single(key)).cloned().collect() })
    }

    /// The keys in order.
    pub fn keys(&self) -> &[Jwk] {
        &self.keys
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

fn members(text: &str) -> Result<Vec<Value>, JwkError> {
    if text.len() > JWK_SET_MAX_BYTES {
        return Err(JwkError::TooLong);
    }
    members_of(strict_json::parse(text.as_bytes()).map_err(|_| JwkError::Malformed)?)
}

fn members_of(mut set: Value) -> Result<Vec<Value>, JwkError> {
    match set.get_mut("keys").map(Value::take) {
        Some(Value::Array(keys)) if keys.len() <= JWK_SET_MAX_KEYS => Ok(keys),
        Some(Value::Array(_)) => Err(JwkError::TooManyKeys),
        _ => Err(JwkError::Malformed),
    }
}

impl<'de> Deserialize<'de> for JwkSet {
    /// As [`JwkSet::parse`]: every key must be usable.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let StrictValue(value) = StrictValue::deserialize(deserializer)?;
        let keys = members_of(value).and_then(|keys| keys.iter().map(Jwk::from_value).collect::<Result<_, _>>());
        keys.and_then(Self::new).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::{JWK_SET_MAX_KEYS, JwkError, JwkSet};
    use crate::protocol::jwk::tests::{EC_KEY, RSA_KEY};

    #[test]
    fn one_unusable_key_spoils_the_set() {
        let set = |keys: &str| JwkSet::parse(&format!("{{\"keys\":[{keys}],\"more\":1}}"));
        assert_eq!(set(&format!("{EC_KEY},{RSA_KEY}")).expect("set").keys().len(), 2);
        assert!(set("").expect("set").is_empty());
        for odd in [
            r#"{"kty":"EC","crv":"P-521","x":"AA","y":"AA"}"#,
            r#"{"kty":"PQC"}"#,
            r#"{"kty":"oct","k":"AA"}"#,
            r#"{"use":"enc"}"#,
            "7",
        ] {
            assert!(set(&format!("{EC_KEY},{odd},{RSA_KEY}")).is_err(), "{odd}");
        }
    }

    #[test]
    fn what_an_issuer_publishes_counts_where_it_can_be_used() {
        let ids = |keys: &str| -> Vec<Option<String>> {
            let set = JwkSet::parse_usable(&format!("{{\"keys\":[{keys}]}}")).expect("set");
            set.keys().iter().map(|key| key.kid().map(str::to_owned)).collect()
        };
        let encryption = RSA_KEY.replace("RS256", "RSA-OAEP");
        let private = EC_KEY.replace("\"kid\":\"1\"", "\"kid\":\"2\",\"d\":\"AA\"");
        let all = format!("{EC_KEY},{encryption},{private},7,{{\"kty\":\"PQC\"}},{RSA_KEY}");
        assert_eq!(ids(&all), [Some("1".to_owned()), Some("2011-04-29".to_owned())]);
        assert_eq!(
            ids(&format!("{EC_KEY},{RSA_KEY},{EC_KEY}")),
            [Some("2011-04-29".to_owned())],
            "which one is meant?"
        );
        for bad in ["", "[]", "{}", "{\"keys\":7}", "{\"keys\":[],\"keys\":[]}"] {
            assert_eq!(JwkSet::parse_usable(bad), Err(JwkError::Malformed), "{bad}");
        }
    }

    #[test]
    fn size_shape_and_ambiguity_are_refused() {
        let many = format!("{{\"keys\":[{}]}}", vec!["{}"; JWK_SET_MAX_KEYS + 1].join(","));
        let twice = format!("{{\"keys\":[{EC_KEY},{EC_KEY}]}}");
        let long = format!("{{\"keys\":[],\"x\":\"{}\"}}", "x".repeat(super::JWK_SET_MAX_BYTES));
        for (text, error) in [
            (many.as_str(), JwkError::TooManyKeys),
            (&twice, JwkError::DuplicateKid),
            (&long, JwkError::TooLong),
            ("{}", JwkError::Malformed),
            ("[]", JwkError::Malformed),
            ("{\"keys\":{}}", JwkError::Malformed),
            ("{\"keys\":[],\"keys\":[]}", JwkError::Malformed),
        ] {
            assert_eq!(JwkSet::parse(text).err(), Some(error));
        }
    }

    #[test]
    fn reads_back_what_it_writes() {
        let set = JwkSet::parse(&format!("{{\"keys\":[{EC_KEY},{RSA_KEY}]}}")).expect("set");
        let text = serde_json::to_string(&set).expect("json");
        assert!(!text.contains("null"));
        assert_eq!(JwkSet::parse(&text), Ok(set.clone()));
        assert_eq!(serde_json::from_str::<JwkSet>(&text).expect("set"), set);
    }
}
