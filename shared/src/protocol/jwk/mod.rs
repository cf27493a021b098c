//! Public JSON Web Keys: RFC 7517 §4, RFC 7518 §6, thumbprints of RFC 7638. Private keys never take this form.

mod algorithm;
mod jwk_set;
mod public_key;

pub use self::{
    algorithm::JwsAlgorithm,
    jwk_set::{JWK_SET_MAX_BYTES, JWK_SET_MAX_KEYS, JwkSet},
    public_key::{PublicKey, RSA_MAX_BITS, RSA_MIN_BITS, RSA_MIN_EXPONENT},
};
use super::strict_json::{self, StrictValue};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser::SerializeMap as _};
use serde_json::{Map, Value};

/// Longer key ids are refused.
pub const KID_MAX_BYTES: usize = 256;

/// Members that only a private or a shared key has (RFC 7518 §6.2.2, §6.3.2, §6.4.1).
const SECRET_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// Why a key or a set is not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwkError {
    /// No JSON, a repeated member, a missing or undecodable one.
    #[error("the key is malformed")]
    Malformed,
    /// A `kty` or `crv` that is not spoken here.
    #[error("the key type is not supported")]
    UnknownKeyType,
    /// It holds a private or a shared key: whoever sent it has given it away.
    #[error("the key is not public")]
    NotPublic,
    /// `use` is not `sig` (RFC 7517 §4.2).
    #[error("the key is not for signatures")]
    Use,
    /// `key_ops` is not `["verify"]` (RFC 7517 §4.3).
    #[error("the key is not for verifying")]
    KeyOperations,
    /// `alg` is unknown or does not fit the key.
    #[error("the algorithm is not supported by the key")]
    Algorithm,
    /// `kid` is no text, empty, over [`KID_MAX_BYTES`] or holds control characters.
    #[error("the key id is unusable")]
    Kid,
    /// Coordinates of a wrong length or off the curve.
    #[error("the point is not on the curve")]
    EcPoint,
    /// Even, with leading zeros, or not of [`RSA_MIN_BITS`] to [`RSA_MAX_BITS`].
    #[error("the RSA modulus is refused")]
    RsaModulus,
    /// Even, below [`RSA_MIN_EXPONENT`] or above 2^33.
    #[error("the RSA exponent is refused")]
    RsaExponent,
    /// Over [`JWK_SET_MAX_KEYS`].
    #[error("the set holds too many keys")]
    TooManyKeys,
    /// Two keys with one `kid` and one algorithm.
    #[error("two keys of the set have the same id")]
    DuplicateKid,
    /// Over [`JWK_SET_MAX_BYTES`].
    #[error("the set is too long")]
    TooLong,
}

/// A public key for verifying signatures of exactly one algorithm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jwk {
    key: PublicKey,
    algorithm: JwsAlgorithm,
    kid: Option<String>,
}

impl Jwk {
    /// A key of ours: its id is its thumbprint (RFC 7638).
    ///
    /// # Errors
    /// [`JwkError::Algorithm`] when the key cannot be used with it.
    pub fn new(key: PublicKey, algorithm: JwsAlgorithm) -> Result<Self, JwkError> {
        if !key.fits(algorithm) {
            return Err(JwkError::Algorithm);
        }
        let kid = Some(key.thumbprint());
        Ok(Self { key, algorithm, kid })
    }

    /// Reads one key of JSON text.
    ///
    /// # Errors
    /// The first fault found.
    pub fn parse(text: &str) -> Result<Self, JwkError> {
        Self::from_value(&strict_json::parse(text.as_bytes()).map_err(|_| JwkError::Malformed)?)
    }

    /// Reads one key of parsed JSON. Unknown members are ignored (RFC 7517 §4).
    ///
    /// # Errors
    /// The first fault found.
    pub fn from_value(value: &Value) -> Result<Self, JwkError> {
        let members = value.as_object().ok_or(JwkError::Malformed)?;
        if SECRET_MEMBERS.iter().any(|name| members.contains_key(*name)) {
            return Err(JwkError::NotPublic);
        }
        check_purpose(members)?;
        let key = PublicKey::from_members(members)?;
        let algorithm = match members.get("alg") {
            None => key.default_algorithm(),
            Some(name) => {
                name.as_str().and_then(JwsAlgorithm::parse).filter(|it| key.fits(*it)).ok_or(JwkError::Algorithm)?
            }
        };
        Ok(Self { key, algorithm, kid: read_kid(members)? })
    }

    /// The key's numbers.
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// The one algorithm it verifies: its `alg`, or ES256, RS256, EdDSA by the kind of key when it names none.
    pub fn algorithm(&self) -> JwsAlgorithm {
        self.algorithm
    }

    /// Its id, when it has one.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The SHA-256 thumbprint of RFC 7638 in base64url.
    pub fn thumbprint(&self) -> String {
        self.key.thumbprint()
    }
}

/// RFC 7517 §4.2 and §4.3: absent, or exactly what we do with it.
fn check_purpose(members: &Map<String, Value>) -> Result<(), JwkError> {
    if members.get("use").is_some_and(|purpose| purpose.as_str() != Some("sig")) {
        return Err(JwkError::Use);
    }
    match members.get("key_ops") {
        None => Ok(()),
        Some(Value::Array(operations)) if operations.len() == 1 && operations[0] == "verify" => Ok(()),
        Some(_) => Err(JwkError::KeyOperations),
    }
}

fn read_kid(members: &Map<String, Value>) -> Result<Option<String>, JwkError> {
    match members.get("kid") {
        None => Ok(None),
        Some(Value::String(kid)) if is_kid(kid) => Ok(Some(kid.clone())),
        Some(_) => Err(JwkError::Kid),
    }
}

/// Whether a text may be a key id here.
pub(crate) fn is_kid(text: &str) -> bool {
    (1..=KID_MAX_BYTES).contains(&text.len()) && !text.chars().any(char::is_control)
}

impl Serialize for Jwk {
    /// The key's own members, then `use`, `alg` and, when there is one, `kid`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in self.key.members() {
            map.serialize_entry(name, &value)?;
        }
        map.serialize_entry("use", "sig")?;
        map.serialize_entry("alg", self.algorithm.as_str())?;
        if let Some(kid) = &self.kid {
            map.serialize_entry("kid", kid)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Jwk {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let StrictValue(value) = StrictValue::deserialize(deserializer)?;
        Self::from_value(&value).map_err(de::Error::custom)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::{Jwk, JwkError, JwsAlgorithm, PublicKey};
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    use proptest::prelude::{any, proptest};
    use serde_json::{Value, json};

    /// RFC 7638 §3.1.
    pub(crate) const RSA_KEY: &str = r#"{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}"#;
    /// RFC 7517 appendix A.1, for signatures.
    pub(crate) const EC_KEY: &str = r#"{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","use":"sig","kid":"1"}"#;
    /// RFC 8037 appendix A.2.
    pub(crate) const ED_KEY: &str =
        r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

    #[test]
    fn thumbprints_of_the_rfcs() {
        let thumbprint = |text: &str| Jwk::parse(text).expect("key").thumbprint();
        assert_eq!(thumbprint(RSA_KEY), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
        assert_eq!(thumbprint(ED_KEY), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn a_key_is_bound_to_one_algorithm() {
        assert_eq!(Jwk::parse(EC_KEY).expect("key").algorithm(), JwsAlgorithm::Es256);
        assert_eq!(Jwk::parse(ED_KEY).expect("key").algorithm(), JwsAlgorithm::EdDsa);
        assert_eq!(Jwk::parse(&RSA_KEY.replace("RS256", "PS256")).expect("key").algorithm(), JwsAlgorithm::Ps256);
        for bad in ["HS256", "ES256", "none", "RS512", "RSA-OAEP"] {
            assert_eq!(Jwk::parse(&RSA_KEY.replace("RS256", bad)), Err(JwkError::Algorithm), "{bad}");
        }
    }

    #[test]
    fn written_keys_have_use_alg_and_kid_and_no_null() {
        let key = Jwk::parse(EC_KEY).expect("key");
        let own = Jwk::new(key.key().clone(), JwsAlgorithm::Es256).expect("key");
        let written: Value = serde_json::to_value(&own).expect("json");
        assert_eq!(written["use"], "sig");
        assert_eq!(written["alg"], "ES256");
        assert_eq!(written["kid"], own.thumbprint());
        assert_eq!(Jwk::from_value(&written), Ok(own));
        let without = serde_json::to_string(&Jwk::parse(ED_KEY).expect("key")).expect("json");
        assert!(!without.contains("kid"), "{without}");
        assert!(Jwk::new(key.key().clone(), JwsAlgorithm::Rs256).is_err());
    }

    fn changed(text: &str, name: &str, value: Value) -> Result<Jwk, JwkError> {
        let mut key: Value = serde_json::from_str(text).expect("json");
        key[name] = value;
        Jwk::from_value(&key)
    }

    #[test]
    fn what_is_private_or_for_other_purposes_is_refused() {
        for name in super::SECRET_MEMBERS {
            assert_eq!(changed(RSA_KEY, name, json!("AA")), Err(JwkError::NotPublic), "{name}");
        }
        assert_eq!(changed(EC_KEY, "use", json!("enc")), Err(JwkError::Use));
        assert_eq!(changed(EC_KEY, "use", json!(null)), Err(JwkError::Use));
        assert!(changed(EC_KEY, "key_ops", json!(["verify"])).is_ok());
        for operations in
            [json!(["sign"]), json!(["verify", "sign"]), json!([]), json!("verify"), json!(["verify", "verify"])]
        {
            assert_eq!(changed(EC_KEY, "key_ops", operations), Err(JwkError::KeyOperations));
        }
        for kid in [json!(""), json!(1), json!("a\nb"), json!("k".repeat(257)), json!(null)] {
            assert_eq!(changed(EC_KEY, "kid", kid), Err(JwkError::Kid));
        }
    }

    #[test]
    fn points_off_the_curve_and_weak_moduli_are_refused() {
        let zero = URL_SAFE_NO_PAD.encode([0; 32]);
        assert_eq!(changed(EC_KEY, "y", json!(zero)), Err(JwkError::EcPoint));
        assert_eq!(changed(EC_KEY, "x", json!(URL_SAFE_NO_PAD.encode([0; 33]))), Err(JwkError::EcPoint));
        assert_eq!(changed(EC_KEY, "x", json!("MKBC==")), Err(JwkError::Malformed));
        assert_eq!(changed(EC_KEY, "crv", json!("P-384")), Err(JwkError::UnknownKeyType));
        let encoded = |bytes: &[u8]| json!(URL_SAFE_NO_PAD.encode(bytes));
        let odd = |bytes: usize| {
            let mut modulus = vec![0xFF; bytes];
            modulus[0] = 0x80;
            modulus
        };
        assert!(changed(RSA_KEY, "n", encoded(&odd(256))).is_ok());
        assert!(changed(RSA_KEY, "n", encoded(&odd(1024))).is_ok());
        let mut short = odd(256);
        short[0] = 0x7F;
        let mut even = odd(256);
        even[255] = 0xFE;
        for modulus in [odd(128), odd(255), short, even, odd(1025), vec![], [vec![0], odd(256)].concat()] {
            assert_eq!(changed(RSA_KEY, "n", encoded(&modulus)), Err(JwkError::RsaModulus), "{}", modulus.len());
        }
        for exponent in [&[3][..], &[1], &[1, 0, 0], &[0, 1, 0, 1], &[2, 0, 0, 0, 1], &[], &[1; 9], &[0xFF; 300]] {
            let expected = Err(JwkError::RsaExponent);
            assert_eq!(changed(RSA_KEY, "e", encoded(exponent)), expected, "{exponent:?}");
        }
    }

    #[test]
    fn malformed_keys_are_refused() {
        for bad in [
            "",
            "[]",
            "{}",
            r#"{"kty":"RSA"}"#,
            r#"{"kty":"EC","crv":"P-256","x":1,"y":2}"#,
            r#"{"kty":"RSA","kty":"EC"}"#,
        ] {
            assert_eq!(Jwk::parse(bad), Err(JwkError::Malformed), "{bad}");
        }
        assert!(PublicKey::ec_p256([1; 32], [1; 32]).is_err());
    }

    proptest! {
        #[test]
        fn any_members_are_judged_without_panic(n in any::<Vec<u8>>(), e in any::<Vec<u8>>(), text in any::<String>()) {
            let encoded = |bytes: &[u8]| json!(URL_SAFE_NO_PAD.encode(bytes));
            let _ = changed(RSA_KEY, "n", encoded(&n));
            let _ = changed(RSA_KEY, "e", encoded(&e));
            let _ = changed(EC_KEY, "x", encoded(&n));
            let _ = changed(EC_KEY, "kid", json!(text));
            let _ = Jwk::parse(&text);
        }
    }
}
