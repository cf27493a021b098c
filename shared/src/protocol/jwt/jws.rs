//! The part that all tokens share: form, header, key and signature (RFC 7515 §5.2).

use super::{
    claims,
    members::Members,
    refusal::JwtRefusal,
    verification_keys::{VerificationKey, VerificationKeys},
};
use crate::protocol::jwk::{self, JwsAlgorithm};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;
use std::sync::Arc;

/// Longer tokens are refused before they are read.
pub const JWT_MAX_BYTES: usize = 8 * 1024;

/// Header members by which a token would name its own key (RFC 7515 §4.1.2, §4.1.3, §4.1.5, §4.1.6).
const OWN_KEY_MEMBERS: [&str; 4] = ["jwk", "jku", "x5u", "x5c"];
/// Header members that change how the token is to be read (RFC 7515 §4.1.11, RFC 7797 §3, RFC 7516 §4.1.2, §4.1.3).
const CRITICAL_MEMBERS: [&str; 4] = ["crit", "b64", "enc", "zip"];

/// Whether a token must say which key signed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KidRule {
    /// It must.
    Required,
    /// It may leave that out when its signer has exactly one key of its algorithm.
    OptionalForOnlyKey,
}

/// What a kind of token looks like on the outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JwsProfile<'a> {
    /// The accepted values of `typ`, in lower case and without `application/`; media types compare without case (RFC 7515 §4.1.9).
    pub types: &'a [&'a str],
    /// Whether `typ` may be missing.
    pub type_optional: bool,
    /// The accepted algorithms.
    pub algorithms: &'a [JwsAlgorithm],
    /// Whether `kid` may be missing.
    pub kid: KidRule,
}

impl JwsProfile<'static> {
    /// Access tokens of RFC 9068 §4.
    pub const ACCESS_TOKEN: Self =
        Self { types: &["at+jwt"], type_optional: false, algorithms: &JwsAlgorithm::OWN, kid: KidRule::Required };
    /// ID tokens of OpenID Connect Core §2, as our issuer makes them.
    pub const ID_TOKEN: Self =
        Self { types: &["jwt"], type_optional: false, algorithms: &JwsAlgorithm::OWN, kid: KidRule::Required };
    /// Client assertions of RFC 7523 §3; the second type is that of its revision.
    pub const CLIENT_ASSERTION: Self = Self {
        types: &["jwt", "client-authentication+jwt"],
        type_optional: true,
        algorithms: &JwsAlgorithm::CLIENT,
        kid: KidRule::OptionalForOnlyKey,
    };
    /// Security Event Tokens of RFC 8417 §2.3, signed by our own issuer.
    pub const SECURITY_EVENT: Self = Self {
        types: &["secevent+jwt"],
        type_optional: false,
        algorithms: &[JwsAlgorithm::Es256],
        kid: KidRule::Required,
    };
}

/// A compact JWS (RFC 7515 §3.1) taken apart, each part decoded and read once. All of it is only what its sender claims.
#[derive(Debug)]
pub struct UnverifiedJws<'t> {
    message: &'t str,
    signature: &'t str,
    header: Members,
    payload: Members,
}

/// A token whose signature is right. Nothing is known of its claims yet.
#[derive(Debug, Clone, PartialEq)]
pub struct VerifiedJws {
    /// The `kid` it named.
    pub kid: Option<Arc<str>>,
    /// The claims.
    pub payload: Members,
}

impl<'t> UnverifiedJws<'t> {
    /// Takes a token apart.
    ///
    /// # Errors
    /// [`JwtRefusal::TooLong`], [`JwtRefusal::Malformed`].
    pub fn parse(token: &'t str) -> Result<Self, JwtRefusal> {
        let Parts { message, header, payload, signature } = Parts::of(token)?;
        Ok(Self { message, signature, header: members(header)?, payload: members(payload)? })
    }

    /// The `iss` it names: it says whose keys to look at.
    ///
    /// # Errors
    /// [`JwtRefusal::Claim`] for one that names none.
    pub fn claimed_issuer(&self) -> Result<&str, JwtRefusal> {
        claims::text(&self.payload, "iss")
    }

    /// The `kid` it names.
    pub fn key_id(&self) -> Option<&str> {
        usable_kid(&self.header)
    }

    /// What it claims.
    pub const fn claims(&self) -> &Members {
        &self.payload
    }

    /// Whether its header is as `profile` wants it and names one of `keys`.
    ///
    /// # Errors
    /// The first refusal; [`JwtRefusal::UnknownKid`] only for a token that would otherwise be looked at, so that nonsense triggers no fetch.
    pub fn check_key(&self, keys: &VerificationKeys, profile: &JwsProfile<'_>) -> Result<(), JwtRefusal> {
        self.find_key(keys, profile).map(drop)
    }

    /// Checks header and signature.
    ///
    /// # Errors
    /// As [`Self::check_key`], and [`JwtRefusal::Signature`].
    pub fn verify(self, keys: &VerificationKeys, profile: &JwsProfile<'_>) -> Result<VerifiedJws, JwtRefusal> {
        let key = self.find_key(keys, profile)?;
        key.verify(self.message, self.signature)?;
        let kid = self.header.contains("kid").then(|| key.kid());
        Ok(VerifiedJws { kid, payload: self.payload })
    }

    fn find_key<'k>(
        &self,
        keys: &'k VerificationKeys,
        profile: &JwsProfile<'_>,
    ) -> Result<&'k VerificationKey, JwtRefusal> {
        let has_any = |names: &[&str]| names.iter().any(|name| self.header.contains(name));
        if has_any(&CRITICAL_MEMBERS) {
            return Err(JwtRefusal::Critical);
        }
        if has_any(&OWN_KEY_MEMBERS) {
            return Err(JwtRefusal::OwnKey);
        }
        check_type(self.header.get("typ"), profile)?;
        let algorithm = self.header.get("alg").and_then(Value::as_str).and_then(JwsAlgorithm::parse);
        let algorithm = algorithm.filter(|it| profile.algorithms.contains(it)).ok_or(JwtRefusal::Algorithm)?;
        let kid = usable_kid(&self.header);
        if kid.is_none() && self.header.contains("kid") {
            return Err(JwtRefusal::MissingKid);
        }
        keys.choose(kid, algorithm, profile.kid)
    }
}

/// Checks form, header and signature of a compact JWS (RFC 7515 §3.1).
///
/// # Errors
/// As [`UnverifiedJws::parse`] and [`UnverifiedJws::verify`].
pub fn verify_jws(token: &str, keys: &VerificationKeys, profile: &JwsProfile<'_>) -> Result<VerifiedJws, JwtRefusal> {
    UnverifiedJws::parse(token)?.verify(keys, profile)
}

struct Parts<'t> {
    message: &'t str,
    header: &'t str,
    payload: &'t str,
    signature: &'t str,
}

impl<'t> Parts<'t> {
    fn of(token: &'t str) -> Result<Self, JwtRefusal> {
        if token.len() > JWT_MAX_BYTES {
            return Err(JwtRefusal::TooLong);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(JwtRefusal::Malformed)?;
        let (header, payload) = message.split_once('.').ok_or(JwtRefusal::Malformed)?;
        if payload.contains('.') {
            return Err(JwtRefusal::Malformed);
        }
        Ok(Self { message, header, payload, signature })
    }
}

/// The members of a part.
fn members(encoded: &str) -> Result<Members, JwtRefusal> {
    let text = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| JwtRefusal::Malformed)?;
    Members::parse(&text).map_err(|_| JwtRefusal::Malformed)
}

fn usable_kid(header: &Members) -> Option<&str> {
    header.get("kid").and_then(Value::as_str).filter(|kid| jwk::is_kid(kid))
}

fn check_type(typ: Option<&Value>, profile: &JwsProfile<'_>) -> Result<(), JwtRefusal> {
    let accepted = match typ {
        None => profile.type_optional,
        Some(Value::String(typ)) => {
            let is = |wanted: &&str| bare_type(typ).eq_ignore_ascii_case(wanted);
            profile.types.iter().any(is)
        }
        Some(_) => false,
    };
    if accepted { Ok(()) } else { Err(JwtRefusal::Type) }
}

/// A media type without `application/`, which may be left out.
fn bare_type(typ: &str) -> &str {
    const PREFIX: &str = "application/";
    match typ.split_at_checked(PREFIX.len()) {
        Some((prefix, bare)) if prefix.eq_ignore_ascii_case(PREFIX) => bare,
        _ => typ,
    }
}

#[cfg(test)]
mod tests {
    use super::{JWT_MAX_BYTES, JwsProfile, JwtRefusal, UnverifiedJws, VerifiedJws, verify_jws};
    use crate::protocol::jwt::forge::{Forge, keys};
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    use serde_json::{Value, json};

    fn verify(forge: &Forge, header: &str, profile: &JwsProfile<'_>) -> Result<VerifiedJws, JwtRefusal> {
        verify_jws(&forge.token(header, "{}"), &forge.keys("k"), profile)
    }

    /// RFC 7515 appendix A.3.
    #[test]
    fn the_es256_example_of_rfc_7515() {
        let token = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
        let key = json!({"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"});
        let verified = verify_jws(token, &keys(&[key]), &JwsProfile::CLIENT_ASSERTION).expect("verified");
        assert_eq!(verified.payload.get("iss").and_then(Value::as_str), Some("joe"));
        assert_eq!(verified.kid, None);
    }

    /// RFC 7515 appendix A.2.
    #[test]
    fn the_rs256_example_of_rfc_7515() {
        let token = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
        let key = json!({"kty":"RSA","e":"AQAB","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"});
        assert!(verify_jws(token, &keys(&[key]), &JwsProfile::CLIENT_ASSERTION).is_ok());
    }

    #[test]
    fn clients_may_sign_with_each_asymmetric_algorithm() {
        for forge in [Forge::es256(), Forge::rs256(), Forge::ps256(), Forge::ed25519()] {
            let algorithm = forge.jwk("k")["alg"].clone();
            let header = json!({"alg": algorithm, "kid": "k"}).to_string();
            assert!(verify(&forge, &header, &JwsProfile::CLIENT_ASSERTION).is_ok(), "{header}");
            let own = ["ES256", "RS256"].contains(&algorithm.as_str().expect("alg"));
            let header = json!({"alg": algorithm, "kid": "k", "typ": "at+jwt"}).to_string();
            assert_eq!(verify(&forge, &header, &JwsProfile::ACCESS_TOKEN).is_ok(), own, "{header}");
        }
    }

    #[test]
    fn faults_of_the_header_are_refused() {
        let forge = Forge::es256();
        for (header, refusal) in [
            (r#"{"alg":"ES256","kid":"k"}"#, JwtRefusal::Type),
            (r#"{"alg":"ES256","kid":"k","typ":"JWT"}"#, JwtRefusal::Type),
            (r#"{"alg":"ES256","kid":"k","typ":"secevent+jwt"}"#, JwtRefusal::Type),
            (r#"{"alg":"ES256","kid":"k","typ":["at+jwt"]}"#, JwtRefusal::Type),
            (r#"{"alg":"none","kid":"k","typ":"at+jwt"}"#, JwtRefusal::Algorithm),
            (r#"{"alg":"HS256","kid":"k","typ":"at+jwt"}"#, JwtRefusal::Algorithm),
            (r#"{"alg":"ES384","kid":"k","typ":"at+jwt"}"#, JwtRefusal::Algorithm),
            (r#"{"alg":"RS256","kid":"k","typ":"at+jwt"}"#, JwtRefusal::Algorithm),
            (r#"{"alg":"EdDSA","kid":"k","typ":"at+jwt"}"#, JwtRefusal::Algorithm),
            (r#"{"alg":["ES256"],"kid":"k","typ":"at+jwt"}"#, JwtRefusal::Algorithm),
            (r#"{"kid":"k","typ":"at+jwt"}"#, JwtRefusal::Algorithm),
            (r#"{"alg":"ES256","typ":"at+jwt"}"#, JwtRefusal::MissingKid),
            (r#"{"alg":"ES256","kid":7,"typ":"at+jwt"}"#, JwtRefusal::MissingKid),
            (r#"{"alg":"ES256","kid":"","typ":"at+jwt"}"#, JwtRefusal::MissingKid),
            (r#"{"alg":"ES256","kid":"other","typ":"at+jwt"}"#, JwtRefusal::UnknownKid),
            (r#"{"alg":"none","kid":"other","typ":"at+jwt"}"#, JwtRefusal::Algorithm),
            (r#"{"alg":"ES256","kid":"k","typ":"at+jwt","crit":["exp"]}"#, JwtRefusal::Critical),
            (r#"{"alg":"ES256","kid":"k","typ":"at+jwt","crit":[]}"#, JwtRefusal::Critical),
            (r#"{"alg":"ES256","kid":"k","typ":"at+jwt","b64":false}"#, JwtRefusal::Critical),
            (r#"{"alg":"ES256","kid":"k","typ":"at+jwt","jwk":{}}"#, JwtRefusal::OwnKey),
            (r#"{"alg":"ES256","kid":"k","typ":"at+jwt","jku":"https://evil.example"}"#, JwtRefusal::OwnKey),
            (r#"{"alg":"ES256","kid":"k","typ":"at+jwt","x5u":"https://evil.example"}"#, JwtRefusal::OwnKey),
            (r#"{"alg":"ES256","kid":"k","typ":"at+jwt","x5c":[]}"#, JwtRefusal::OwnKey),
            (r#"{"alg":"ES256","kid":"k","kid":"k","typ":"at+jwt"}"#, JwtRefusal::Malformed),
            (r#"{"alg":"ES256","kid":"k","typ":"at+jwt","x":1,"x":1}"#, JwtRefusal::Malformed),
            ("[]", JwtRefusal::Malformed),
            ("", JwtRefusal::Malformed),
        ] {
            assert_eq!(verify(&forge, header, &JwsProfile::ACCESS_TOKEN), Err(refusal), "{header}");
        }
    }

    /// RFC 8725 §2.1: the public key as an HMAC secret, and no signature at all.
    #[test]
    fn algorithm_confusion_is_refused() {
        let forge = Forge::es256();
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","kid":"k"}"#);
        for token in [format!("{header}.e30."), format!("{header}.e30.AA")] {
            assert_eq!(verify_jws(&token, &forge.keys("k"), &JwsProfile::CLIENT_ASSERTION), Err(JwtRefusal::Algorithm));
        }
        let point = forge.public_key().sec1_point();
        let message = format!("{}.e30", URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","kid":"k"}"#));
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &point);
        let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(aws_lc_rs::hmac::sign(&key, message.as_bytes())));
        assert_eq!(verify_jws(&token, &forge.keys("k"), &JwsProfile::CLIENT_ASSERTION), Err(JwtRefusal::Algorithm));
        // A key bound to PS256 verifies no RS256, though its numbers would.
        let forge = Forge::ps256();
        let header = r#"{"alg":"RS256","kid":"k"}"#;
        assert_eq!(verify(&forge, header, &JwsProfile::CLIENT_ASSERTION), Err(JwtRefusal::Algorithm));
    }

    #[test]
    fn another_key_of_the_same_id_is_no_key() {
        let (forge, other) = (Forge::es256(), Forge::es256());
        let token = other.token(r#"{"alg":"ES256","kid":"k"}"#, "{}");
        assert_eq!(verify_jws(&token, &forge.keys("k"), &JwsProfile::CLIENT_ASSERTION), Err(JwtRefusal::Signature));
    }

    /// RFC 7517 §4.5 lets keys of different types share an id.
    #[test]
    fn keys_that_share_an_id_are_told_apart_by_algorithm() {
        let (ec, rsa) = (Forge::es256(), Forge::rs256());
        let both = keys(&[ec.jwk("k"), rsa.jwk("k")]);
        for (forge, algorithm) in [(&ec, "ES256"), (&rsa, "RS256")] {
            let token = forge.token(&json!({"alg": algorithm, "kid": "k"}).to_string(), "{}");
            assert!(verify_jws(&token, &both, &JwsProfile::CLIENT_ASSERTION).is_ok(), "{algorithm}");
        }
    }

    #[test]
    fn a_kid_may_be_missing_only_when_one_key_fits() {
        let (first, second, rsa) = (Forge::es256(), Forge::es256(), Forge::rs256());
        let token = first.token(r#"{"alg":"ES256"}"#, "{}");
        let profile = &JwsProfile::CLIENT_ASSERTION;
        assert!(verify_jws(&token, &keys(&[rsa.jwk("r"), first.jwk("a")]), profile).is_ok());
        assert_eq!(verify_jws(&token, &keys(&[first.jwk("a"), second.jwk("b")]), profile), Err(JwtRefusal::MissingKid));
        assert_eq!(verify_jws(&token, &keys(&[rsa.jwk("r")]), profile), Err(JwtRefusal::Algorithm));
        assert_eq!(verify_jws(&token, &keys(&[]), profile), Err(JwtRefusal::Algorithm));
        let unnamed = first.public_key().thumbprint();
        let named = first.token(&json!({"alg": "ES256", "kid": unnamed}).to_string(), "{}");
        let mut jwk = first.jwk("a");
        jwk.as_object_mut().expect("object").remove("kid");
        assert!(verify_jws(&named, &keys(&[jwk]), profile).is_ok(), "found by its thumbprint");
    }

    #[test]
    fn malformed_and_long_tokens_are_refused() {
        let forge = Forge::es256();
        let good = forge.token(r#"{"alg":"ES256","kid":"k"}"#, "{}");
        let profile = &JwsProfile::CLIENT_ASSERTION;
        let (head, _) = good.split_once('.').expect("parts");
        let lone = format!("{head}.e30");
        let four = format!("{good}.AA");
        let padded = format!("{good}=");
        let five = format!("{head}.a.b.c.d");
        for bad in ["", ".", "..", "a.b.c", &lone, &four, &padded, &five, &format!(" {good}"), &format!("{good}\n")] {
            assert_eq!(verify_jws(bad, &forge.keys("k"), profile), Err(JwtRefusal::Malformed), "{bad:?}");
        }
        for payload in ["[]", "7", "", "{", "{}{}", "\"text\""] {
            let token = forge.token(r#"{"alg":"ES256","kid":"k"}"#, payload);
            assert_eq!(verify_jws(&token, &forge.keys("k"), profile), Err(JwtRefusal::Malformed), "{payload}");
        }
        let long = forge.token(r#"{"alg":"ES256","kid":"k"}"#, &json!({"x": "x".repeat(JWT_MAX_BYTES)}).to_string());
        assert_eq!(verify_jws(&long, &forge.keys("k"), profile), Err(JwtRefusal::TooLong));
    }

    #[test]
    fn the_issuer_is_read_without_verifying() {
        let forge = Forge::es256();
        let claimed_issuer = |token: &str| UnverifiedJws::parse(token)?.claimed_issuer().map(str::to_owned);
        let claimed = |payload: &str| claimed_issuer(&forge.token("{}", payload));
        assert_eq!(claimed(r#"{"iss":"https://a.example/"}"#).as_deref(), Ok("https://a.example/"));
        for (payload, refusal) in [
            ("{}", JwtRefusal::Claim("iss")),
            (r#"{"iss":["a"]}"#, JwtRefusal::Claim("iss")),
            (r#"{"iss":"a","iss":"b"}"#, JwtRefusal::Malformed),
            ("[]", JwtRefusal::Malformed),
        ] {
            assert_eq!(claimed(payload), Err(refusal), "{payload}");
        }
        assert_eq!(claimed_issuer("nonsense"), Err(JwtRefusal::Malformed));
        assert_eq!(claimed_issuer(&"a".repeat(JWT_MAX_BYTES + 1)), Err(JwtRefusal::TooLong));
    }

    #[test]
    fn the_key_id_is_read_without_verifying() {
        let forge = Forge::es256();
        let named = |header: &str| {
            let token = forge.token(header, "{}");
            UnverifiedJws::parse(&token).map(|jws| jws.key_id().map(str::to_owned))
        };
        assert_eq!(named(r#"{"kid":"k"}"#), Ok(Some("k".to_owned())));
        for header in ["{}", r#"{"kid":7}"#, r#"{"kid":"a\u0000"}"#] {
            assert_eq!(named(header), Ok(None), "{header}");
        }
        assert_eq!(named(r#"{"kid":"a","kid":"b"}"#), Err(JwtRefusal::Malformed));
    }
}
