//! `private_key_jwt`: RFC 7523 §2.2 and §3, OpenID Connect Core §9.

use super::{
    FUTURE_TOLERANCE_SECONDS, JWT_MAX_BYTES, JwsProfile, JwtRefusal, Members, VerificationKeys, claims, verify_jws,
};
use crate::clock::UnixSeconds;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

/// The value of `client_assertion_type` (RFC 7523 §2.2).
pub const CLIENT_ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// An assertion lives at most so long, by its own clock and by ours: its `jti` is remembered as long. Libraries default to one to ten minutes.
pub const ASSERTION_MAX_LIFETIME_SECONDS: i64 = 600;
/// For so long after `exp` it is still accepted: clients' clocks are behind, too.
pub const ASSERTION_EXPIRY_TOLERANCE_SECONDS: i64 = 10;
/// Longer `jti` are refused.
pub const ASSERTION_JTI_MAX_BYTES: usize = 256;

/// A verified assertion. Consume `jti` of this client in the transaction that issues what it buys (RFC 7523 §3 item 7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientAssertion {
    /// The assertion's own name, unique for the client.
    pub jti: String,
    /// Until when the `jti` must be remembered: the claim with the tolerance added (unix seconds).
    pub exp: UnixSeconds,
}

/// Verifies a client's assertion.
///
/// `accepted_audiences` are the issuer, the advertised token endpoint and the alias that was called; `aud` must be exactly one of them as one
/// string (an array would let another server replay it here).
///
/// # Errors
/// The first refusal; the client is told `invalid_client`.
pub fn verify_client_assertion(
    token: &str,
    keys: &VerificationKeys,
    client_id: &str,
    accepted_audiences: &[&str],
    now: UnixSeconds,
) -> Result<ClientAssertion, JwtRefusal> {
    let payload = verify_jws(token, keys, &JwsProfile::CLIENT_ASSERTION)?.payload;
    if claims::text(&payload, "iss")? != client_id {
        return Err(JwtRefusal::Issuer);
    }
    if claims::text(&payload, "sub")? != client_id {
        return Err(JwtRefusal::Subject);
    }
    match payload.get("aud") {
        None => return Err(JwtRefusal::Claim("aud")),
        Some(Value::String(audience)) if accepted_audiences.contains(&audience.as_str()) => {}
        Some(_) => return Err(JwtRefusal::Audience),
    }
    let exp = check_times(&payload, now)?;
    let jti = claims::text(&payload, "jti")?;
    if jti.is_empty() || jti.len() > ASSERTION_JTI_MAX_BYTES || jti.chars().any(char::is_control) {
        return Err(JwtRefusal::Claim("jti"));
    }
    Ok(ClientAssertion { jti: jti.to_owned(), exp })
}

/// Returns until when the assertion is accepted.
fn check_times(payload: &Members, now: UnixSeconds) -> Result<UnixSeconds, JwtRefusal> {
    let exp = claims::time_claim(payload, "exp")?.ok_or(JwtRefusal::Claim("exp"))?;
    let issued_at = claims::time_claim(payload, "iat")?;
    let not_before = claims::time_claim(payload, "nbf")?;
    let accepted_until = exp.saturating_add(ASSERTION_EXPIRY_TOLERANCE_SECONDS);
    if now >= accepted_until {
        return Err(JwtRefusal::Expired);
    }
    let latest = now.saturating_add(FUTURE_TOLERANCE_SECONDS);
    if issued_at.max(not_before).is_some_and(|time| time > latest) {
        return Err(JwtRefusal::NotYetValid);
    }
    let too_long_by_our_clock = exp > latest.saturating_add(ASSERTION_MAX_LIFETIME_SECONDS);
    let too_long_by_its_own = issued_at.is_some_and(|iat| exp.saturating_sub(iat) > ASSERTION_MAX_LIFETIME_SECONDS);
    if too_long_by_our_clock || too_long_by_its_own { Err(JwtRefusal::Lifetime) } else { Ok(accepted_until) }
}

/// The client an assertion says it is from, so that its keys can be looked up when the request names no `client_id` (RFC 7521 §4.2).
/// Nothing is verified.
pub fn claimed_client_id(token: &str) -> Option<String> {
    if token.len() > JWT_MAX_BYTES {
        return None;
    }
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    match Members::parse(&payload).ok()?.take("sub") {
        Some(Value::String(client_id)) => Some(client_id),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{
        ASSERTION_EXPIRY_TOLERANCE_SECONDS, ASSERTION_MAX_LIFETIME_SECONDS, ClientAssertion, FUTURE_TOLERANCE_SECONDS,
        claimed_client_id, verify_client_assertion,
    };
    use crate::protocol::jwt::{
        JwtRefusal,
        forge::{self, Forge},
    };
    use proptest::prelude::{any, prop_assert, proptest};
    use serde_json::{Value, json};

    const NOW: i64 = 1_800_000_000;
    const ISSUER: &str = "https://as.example";
    const TOKEN_ENDPOINT: &str = "https://as.example/oauth2/token";

    fn payload() -> Value {
        json!({"iss": "c", "sub": "c", "aud": ISSUER, "iat": NOW, "exp": NOW + 300, "jti": "j"})
    }

    fn verify(forge: &Forge, payload: &Value) -> Result<ClientAssertion, JwtRefusal> {
        let token = forge.token(r#"{"alg":"ES256","typ":"JWT","kid":"k"}"#, &payload.to_string());
        verify_client_assertion(&token, &forge.keys("k"), "c", &[ISSUER, TOKEN_ENDPOINT], NOW)
    }

    #[test]
    fn a_right_assertion_is_accepted_and_says_how_long_to_remember_it() {
        let forge = Forge::es256();
        let assertion = verify(&forge, &payload()).expect("assertion");
        assert_eq!(assertion, ClientAssertion { jti: "j".into(), exp: NOW + 300 + ASSERTION_EXPIRY_TOLERANCE_SECONDS });
        for (name, value) in [
            ("aud", json!(TOKEN_ENDPOINT)),
            ("exp", json!(NOW as f64 + 59.75)),
            ("exp", json!(NOW + ASSERTION_MAX_LIFETIME_SECONDS)),
            ("exp", json!(NOW - ASSERTION_EXPIRY_TOLERANCE_SECONDS + 1)),
            ("iat", json!(NOW + FUTURE_TOLERANCE_SECONDS)),
            ("nbf", json!(NOW)),
            ("jti", json!("j".repeat(256))),
            ("extra", json!({"any": ["thing"]})),
        ] {
            let mut payload = payload();
            payload[name] = value;
            assert!(verify(&forge, &payload).is_ok(), "{payload}");
        }
        let mut without = payload();
        without.as_object_mut().expect("object").remove("iat");
        assert!(verify(&forge, &without).is_ok(), "iat is optional (RFC 7523 §3)");
    }

    #[test]
    fn each_fault_is_refused() {
        let forge = Forge::es256();
        for (name, value, refusal) in [
            ("iss", json!("d"), JwtRefusal::Issuer),
            ("iss", json!(["c"]), JwtRefusal::Claim("iss")),
            ("sub", json!("d"), JwtRefusal::Subject),
            ("aud", json!([ISSUER]), JwtRefusal::Audience),
            ("aud", json!([ISSUER, "https://evil.example"]), JwtRefusal::Audience),
            ("aud", json!("https://as.example/"), JwtRefusal::Audience),
            ("aud", json!("https://as.example/oauth2/token/"), JwtRefusal::Audience),
            ("exp", json!(NOW - ASSERTION_EXPIRY_TOLERANCE_SECONDS), JwtRefusal::Expired),
            ("exp", json!(NOW + ASSERTION_MAX_LIFETIME_SECONDS + 1), JwtRefusal::Lifetime),
            ("exp", json!("300"), JwtRefusal::Claim("exp")),
            ("exp", json!(null), JwtRefusal::Claim("exp")),
            ("iat", json!(NOW + FUTURE_TOLERANCE_SECONDS + 1), JwtRefusal::NotYetValid),
            ("iat", json!(NOW - 301), JwtRefusal::Lifetime),
            ("iat", json!("then"), JwtRefusal::Claim("iat")),
            ("nbf", json!(NOW + FUTURE_TOLERANCE_SECONDS + 1), JwtRefusal::NotYetValid),
            ("jti", json!(""), JwtRefusal::Claim("jti")),
            ("jti", json!(1), JwtRefusal::Claim("jti")),
            ("jti", json!("a\nb"), JwtRefusal::Claim("jti")),
            ("jti", json!("j".repeat(257)), JwtRefusal::Claim("jti")),
        ] {
            let mut payload = payload();
            payload[name] = value;
            assert_eq!(verify(&forge, &payload), Err(refusal), "{payload}");
        }
        for name in ["iss", "sub", "aud", "exp", "jti"] {
            let mut payload = payload();
            payload.as_object_mut().expect("object").remove(name);
            assert_eq!(verify(&forge, &payload), Err(JwtRefusal::Claim(name)), "without {name}");
        }
    }

    #[test]
    fn without_iat_the_lifetime_is_measured_by_our_clock() {
        let forge = Forge::es256();
        let mut payload = payload();
        payload.as_object_mut().expect("object").remove("iat");
        let latest = NOW + ASSERTION_MAX_LIFETIME_SECONDS + FUTURE_TOLERANCE_SECONDS;
        payload["exp"] = json!(latest);
        assert!(verify(&forge, &payload).is_ok());
        payload["exp"] = json!(latest + 1);
        assert_eq!(verify(&forge, &payload), Err(JwtRefusal::Lifetime));
    }

    #[test]
    fn an_access_token_is_no_assertion() {
        let forge = Forge::es256();
        let token = forge.token(r#"{"alg":"ES256","typ":"at+jwt","kid":"k"}"#, &payload().to_string());
        assert_eq!(verify_client_assertion(&token, &forge.keys("k"), "c", &[ISSUER], NOW), Err(JwtRefusal::Type));
    }

    #[test]
    fn the_claimed_client_is_read_without_verifying() {
        let forge = Forge::es256();
        assert_eq!(claimed_client_id(&forge.token("{}", &payload().to_string())).as_deref(), Some("c"));
        for bad in [
            "",
            "a.b.c",
            &forge.token("{}", "[]"),
            &forge.token("{}", r#"{"sub":1}"#),
            &forge.token("{}", r#"{"sub":"a","sub":"b"}"#),
        ] {
            assert_eq!(claimed_client_id(bad), None, "{bad}");
        }
    }

    /// Anybody may name a client of many keys, and knows its id without any secret.
    #[test]
    fn of_many_keys_only_the_one_that_an_assertion_names_is_made_ready() {
        let (forge, rsa) = (Forge::es256(), Forge::rs256());
        let mut jwks: Vec<Value> = (0..31).map(|number| Forge::es256().jwk(&format!("e{number}"))).collect();
        jwks.extend((0..31).map(|number| rsa.jwk(&format!("r{number}"))));
        jwks.push(forge.jwk("k"));
        let attempt = |header: &str| {
            let keys = forge::keys(&jwks);
            let token = forge.token(header, &payload().to_string());
            let verified = verify_client_assertion(&token, &keys, "c", &[ISSUER], NOW);
            (verified.map(drop), keys.ready())
        };
        assert_eq!(attempt(r#"{"alg":"ES256","kid":"k"}"#), (Ok(()), 1));
        assert_eq!(attempt(r#"{"alg":"ES256","kid":"e7"}"#), (Err(JwtRefusal::Signature), 1));
        assert_eq!(attempt(r#"{"alg":"RS256","kid":"r7"}"#), (Err(JwtRefusal::Signature), 1));
        for (header, refusal) in [
            (r#"{"alg":"ES256","kid":"nobody"}"#, JwtRefusal::UnknownKid),
            (r#"{"alg":"ES256"}"#, JwtRefusal::MissingKid),
            (r#"{"alg":"RS256","kid":"e7"}"#, JwtRefusal::Algorithm),
        ] {
            assert_eq!(attempt(header), (Err(refusal), 0), "{header}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_judged_without_panic(text in any::<String>(), payload in any::<String>()) {
            let forge = Forge::shared();
            prop_assert!(verify_client_assertion(&text, &forge.keys("k"), "c", &[ISSUER], NOW).is_err());
            let signed = forge.token(r#"{"alg":"ES256","kid":"k"}"#, &payload);
            prop_assert!(verify_client_assertion(&signed, &forge.keys("k"), "c", &[ISSUER], NOW).is_err());
            let _ = claimed_client_id(&text);
        }
    }
}
