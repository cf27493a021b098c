//! Verifying an access token of our own issuer: RFC 9068 §4, RFC 8725.

use super::{JwsProfile, JwtRefusal, VerificationKeys, VerifiedJws, claims, verify_jws};
use crate::{
    clock::UnixSeconds,
    protocol::{access_token_claims::AccessTokenClaims, scope::ScopeSet},
};
use serde_json::Value;
use std::sync::Arc;

/// How far `iat` and `nbf` may be ahead of our clock: a resource server whose clock is a little behind must not refuse fresh tokens.
pub const FUTURE_TOLERANCE_SECONDS: i64 = 60;

/// Which audience is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience<'a> {
    /// This one string and no other.
    Exact(&'a str),
    /// Whatever resource it is for: only for the issuer's own endpoints (introspection, revocation, userinfo).
    Any,
}

/// What a token must say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expectation<'a> {
    /// The issuer, byte for byte.
    pub issuer: &'a str,
    /// Whom it is for.
    pub audience: Audience<'a>,
    /// The current time.
    pub now: UnixSeconds,
    /// For how many seconds after `exp` it is still accepted.
    pub leeway_seconds: i64,
}

/// An access token that is good, and what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedAccessToken {
    /// Its claims.
    pub claims: AccessTokenClaims,
    /// `kid` of the key that signed it.
    pub kid: Arc<str>,
}

/// Verifies an access token that was presented as a bearer token.
///
/// Our issuer mints `aud` and `iss` as one string each, so arrays are refused, even of one member; so is a token that is bound to a key.
///
/// # Errors
/// The first refusal. Signature comes before claims: a refusal about a claim means that the token is ours.
pub fn verify_access_token(
    token: &str,
    keys: &VerificationKeys,
    expected: &Expectation<'_>,
) -> Result<VerifiedAccessToken, JwtRefusal> {
    read_access_token(verify_jws(token, keys, &JwsProfile::ACCESS_TOKEN)?, expected)
}

/// What a token says that verified as one of [`JwsProfile::ACCESS_TOKEN`].
///
/// # Errors
/// The first refusal of a claim.
pub fn read_access_token(verified: VerifiedJws, expected: &Expectation<'_>) -> Result<VerifiedAccessToken, JwtRefusal> {
    let kid = verified.kid.ok_or(JwtRefusal::MissingKid)?;
    let mut said = verified.payload;
    if said.contains("cnf") {
        return Err(JwtRefusal::SenderConstrained);
    }
    let iss = text(said.take("iss"), "iss")?;
    if iss != expected.issuer {
        return Err(JwtRefusal::Issuer);
    }
    let not_before = claims::time_claim(&said, "nbf")?;
    for name in ["exp", "iat"] {
        claims::time_claim(&said, name)?.ok_or(JwtRefusal::Claim(name))?;
    }
    let scope = text(said.take("scope"), "scope")?;
    let (sub, jti) = (name(said.take("sub"), "sub")?, name(said.take("jti"), "jti")?);
    let client_id = name(said.take("client_id"), "client_id")?;
    let claims = AccessTokenClaims {
        iss,
        sub,
        aud: audience(said.take("aud"), expected.audience)?,
        exp: whole(said.take("exp"))?,
        iat: whole(said.take("iat"))?,
        jti,
        client_id,
        scope: scopes(&scope)?,
        registered_scope: registered(said.take("registered_scope"))?,
        roles: texts(said.take("roles"))?,
        auth_time: optional(said.take("auth_time")).map(|time| whole(Some(time))).transpose()?,
        grant_id: optional_text(said.take("grant_id"))?,
        tenant_id: optional_text(said.take("tenant_id"))?,
        organization_id: optional_text(said.take("organization_id"))?,
    };
    check_times(&claims, not_before, expected)?;
    Ok(VerifiedAccessToken { claims, kid })
}

/// A claim that must be one string.
fn text(claim: Option<Value>, name: &'static str) -> Result<String, JwtRefusal> {
    match claim {
        Some(Value::String(text)) => Ok(text),
        _ => Err(JwtRefusal::Claim(name)),
    }
}

/// A claim that must be one string and say something.
fn name(claim: Option<Value>, name: &'static str) -> Result<String, JwtRefusal> {
    text(claim, name).and_then(|text| if text.is_empty() { Err(JwtRefusal::Claim(name)) } else { Ok(text) })
}

fn audience(claim: Option<Value>, expected: Audience<'_>) -> Result<String, JwtRefusal> {
    let is_right = |given: &str| match expected {
        Audience::Exact(wanted) => given == wanted,
        Audience::Any => !given.is_empty(),
    };
    match claim {
        Some(Value::String(given)) if is_right(&given) => Ok(given),
        None => Err(JwtRefusal::Claim("aud")),
        Some(_) => Err(JwtRefusal::Audience),
    }
}

/// What is left out may also be `null`.
fn optional(claim: Option<Value>) -> Option<Value> {
    claim.filter(|value| !value.is_null())
}

fn optional_text(claim: Option<Value>) -> Result<Option<String>, JwtRefusal> {
    optional(claim).map(one_text).transpose()
}

fn one_text(value: Value) -> Result<String, JwtRefusal> {
    if let Value::String(text) = value { Ok(text) } else { Err(JwtRefusal::Claims) }
}

fn texts(claim: Option<Value>) -> Result<Vec<String>, JwtRefusal> {
    match claim {
        None => Ok(vec![]),
        Some(Value::Array(values)) => values.into_iter().map(one_text).collect(),
        Some(_) => Err(JwtRefusal::Claims),
    }
}

fn registered(claim: Option<Value>) -> Result<ScopeSet, JwtRefusal> {
    claim.map_or_else(|| Ok(ScopeSet::default()), |value| scopes(&one_text(value)?))
}

fn scopes(text: &str) -> Result<ScopeSet, JwtRefusal> {
    text.parse().map_err(|_| JwtRefusal::Claims)
}

/// Our issuer's times have no fraction.
fn whole(claim: Option<Value>) -> Result<UnixSeconds, JwtRefusal> {
    claim.as_ref().and_then(Value::as_i64).ok_or(JwtRefusal::Claims)
}

fn check_times(
    claims: &AccessTokenClaims,
    not_before: Option<UnixSeconds>,
    expected: &Expectation<'_>,
) -> Result<(), JwtRefusal> {
    if claims.exp <= claims.iat {
        return Err(JwtRefusal::Claim("exp"));
    }
    if expected.now >= claims.exp.saturating_add(expected.leeway_seconds) {
        return Err(JwtRefusal::Expired);
    }
    let latest = expected.now.saturating_add(FUTURE_TOLERANCE_SECONDS);
    if claims.iat > latest || not_before.is_some_and(|time| time > latest) {
        Err(JwtRefusal::NotYetValid)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Audience, Expectation, FUTURE_TOLERANCE_SECONDS, verify_access_token};
    use crate::protocol::{
        access_token_claims::AccessTokenClaims,
        jwt::{JwtRefusal, VerificationKeys, forge::Forge},
    };
    use proptest::prelude::{any, prop, prop_assert, proptest};
    use serde_json::{Value, json};

    const NOW: i64 = 1_800_000_000;
    const ISSUER: &str = "https://as.example";
    const RESOURCE: &str = "https://mcp.example/mcp";

    fn expected() -> Expectation<'static> {
        Expectation { issuer: ISSUER, audience: Audience::Exact(RESOURCE), now: NOW, leeway_seconds: 5 }
    }

    fn header() -> Value {
        json!({"typ": "at+jwt", "alg": "ES256", "kid": "k"})
    }

    fn payload() -> Value {
        json!({"iss": ISSUER, "sub": "u", "aud": RESOURCE, "exp": NOW + 900, "iat": NOW, "jti": "j", "client_id": "c",
            "scope": "mcp.read", "roles": ["member"], "auth_time": NOW - 10, "grant_id": "g"})
    }

    fn keys(forge: &Forge) -> VerificationKeys {
        forge.keys("k")
    }

    fn verify(forge: &Forge, header: &Value, payload: &Value) -> Result<AccessTokenClaims, JwtRefusal> {
        let token = forge.token(&header.to_string(), &payload.to_string());
        let verified = verify_access_token(&token, &keys(forge), &expected())?;
        assert_eq!(&*verified.kid, "k");
        Ok(verified.claims)
    }

    #[test]
    fn our_own_tokens_are_accepted() {
        let forge = Forge::es256();
        let claims = verify(&forge, &header(), &payload()).expect("claims");
        assert_eq!((claims.sub.as_str(), claims.grant_id.as_deref(), claims.roles.len()), ("u", Some("g"), 1));
        for typ in ["application/at+jwt", "AT+JWT", "Application/At+Jwt"] {
            let header = json!({"typ": typ, "alg": "ES256", "kid": "k"});
            assert!(verify(&forge, &header, &payload()).is_ok(), "{typ}");
        }
        let forge = Forge::rs256();
        assert!(verify(&forge, &json!({"typ": "at+jwt", "alg": "RS256", "kid": "k"}), &payload()).is_ok());
    }

    #[test]
    fn each_fault_of_the_claims_is_refused() {
        let forge = Forge::es256();
        let null = Value::Null;
        for (name, value, refusal) in [
            ("iss", json!("https://as.example/"), JwtRefusal::Issuer),
            ("iss", json!([ISSUER]), JwtRefusal::Claim("iss")),
            ("aud", json!([RESOURCE]), JwtRefusal::Audience),
            ("aud", json!([RESOURCE, "https://evil.example"]), JwtRefusal::Audience),
            ("aud", json!("https://mcp.example/mcp/"), JwtRefusal::Audience),
            ("aud", json!("https://mcp.example"), JwtRefusal::Audience),
            ("aud", null.clone(), JwtRefusal::Audience),
            ("sub", json!(""), JwtRefusal::Claim("sub")),
            ("client_id", json!(["c"]), JwtRefusal::Claim("client_id")),
            ("exp", json!(NOW - 5), JwtRefusal::Expired),
            ("exp", json!("soon"), JwtRefusal::Claim("exp")),
            ("exp", json!(NOW), JwtRefusal::Claim("exp")),
            ("exp", json!(i64::MAX), JwtRefusal::Claim("exp")),
            ("exp", null.clone(), JwtRefusal::Claim("exp")),
            ("iat", json!(NOW + FUTURE_TOLERANCE_SECONDS + 1), JwtRefusal::NotYetValid),
            ("iat", json!(-1), JwtRefusal::Claim("iat")),
            ("nbf", json!(NOW + FUTURE_TOLERANCE_SECONDS + 1), JwtRefusal::NotYetValid),
            ("nbf", json!("now"), JwtRefusal::Claim("nbf")),
            ("scope", json!(["mcp.read"]), JwtRefusal::Claim("scope")),
            ("scope", json!("a\"b"), JwtRefusal::Claims),
            ("roles", json!("administrator"), JwtRefusal::Claims),
            ("roles", json!(["member", 7]), JwtRefusal::Claims),
            ("roles", null.clone(), JwtRefusal::Claims),
            ("registered_scope", json!(["mcp.read"]), JwtRefusal::Claims),
            ("registered_scope", json!("a\"b"), JwtRefusal::Claims),
            ("grant_id", json!(7), JwtRefusal::Claims),
            ("tenant_id", json!([]), JwtRefusal::Claims),
            ("organization_id", json!({}), JwtRefusal::Claims),
            ("auth_time", json!(1.5), JwtRefusal::Claims),
            ("exp", json!(900.5 + NOW as f64), JwtRefusal::Claims),
            ("cnf", json!({"jkt": "x"}), JwtRefusal::SenderConstrained),
            ("cnf", null, JwtRefusal::SenderConstrained),
        ] {
            let mut payload = payload();
            payload[name] = value;
            if refusal == JwtRefusal::Expired {
                payload["iat"] = json!(NOW - 900);
            }
            assert_eq!(verify(&forge, &header(), &payload), Err(refusal), "{name} {}", payload[name]);
        }
        for name in ["iss", "sub", "aud", "exp", "iat", "jti", "client_id", "scope"] {
            let mut payload = payload();
            payload.as_object_mut().expect("object").remove(name);
            assert_eq!(verify(&forge, &header(), &payload), Err(JwtRefusal::Claim(name)), "without {name}");
        }
    }

    #[test]
    fn all_that_a_token_says_is_what_serde_reads() {
        let forge = Forge::es256();
        let full = json!({"registered_scope": "mcp.admin mcp.read", "tenant_id": "t", "organization_id": "o", "more": {"a": 1}});
        let absent = json!({"auth_time": null, "grant_id": null, "tenant_id": null, "organization_id": null});
        for extra in [json!({}), full, absent] {
            let mut payload = payload();
            payload.as_object_mut().expect("object").extend(extra.as_object().expect("object").clone());
            let serde: AccessTokenClaims = serde_json::from_value(payload.clone()).expect("claims");
            assert_eq!(verify(&forge, &header(), &payload), Ok(serde), "{payload}");
        }
    }

    #[test]
    fn time_is_what_the_caller_says() {
        let forge = Forge::es256();
        let token = forge.token(&header().to_string(), &payload().to_string());
        for (now, result) in [
            (NOW - 61, Err(JwtRefusal::NotYetValid)),
            (NOW - 60, Ok(())),
            (NOW + 904, Ok(())),
            (NOW + 905, Err(JwtRefusal::Expired)),
        ] {
            let expected = Expectation { now, ..expected() };
            assert_eq!(verify_access_token(&token, &keys(&forge), &expected).map(drop), result, "{now}");
        }
    }

    #[test]
    fn any_audience_still_wants_exactly_one() {
        let forge = Forge::es256();
        let expected = Expectation { audience: Audience::Any, ..expected() };
        for (audience, accepted) in
            [(json!("https://other.example"), true), (json!(""), false), (json!([RESOURCE]), false)]
        {
            let mut payload = payload();
            payload["aud"] = audience;
            let token = forge.token(&header().to_string(), &payload.to_string());
            assert_eq!(verify_access_token(&token, &keys(&forge), &expected).is_ok(), accepted);
        }
    }

    #[test]
    fn a_duplicate_claim_is_refused_at_every_depth() {
        let forge = Forge::es256();
        let text = payload().to_string();
        for extra in ["\"jti\":\"other\",", "\"unknown\":1,\"unknown\":2,", "\"unknown\":[{\"a\":1,\"a\":2}],"] {
            let token = forge.token(&header().to_string(), &text.replacen('{', &format!("{{{extra}"), 1));
            assert_eq!(verify_access_token(&token, &keys(&forge), &expected()), Err(JwtRefusal::Malformed), "{extra}");
        }
    }

    proptest! {
        #[test]
        fn a_changed_token_is_never_accepted(position in any::<prop::sample::Index>(), character in "[A-Za-z0-9_.-]") {
            let forge = Forge::shared();
            let token = forge.token(&header().to_string(), &payload().to_string());
            let at = position.index(token.len());
            let mut changed = token.clone();
            changed.replace_range(at..=at, &character);
            let accepted = verify_access_token(&changed, &keys(forge), &expected()).is_ok();
            prop_assert!(changed == token || !accepted);
        }

        #[test]
        fn any_text_is_judged_without_panic(text in any::<String>(), dotted in "[A-Za-z0-9_-]{0,30}\\.[A-Za-z0-9_-]{0,30}\\.[A-Za-z0-9_-]{0,30}") {
            let keys = keys(Forge::shared());
            prop_assert!(verify_access_token(&text, &keys, &expected()).is_err());
            prop_assert!(verify_access_token(&dotted, &keys, &expected()).is_err());
        }
    }
}
