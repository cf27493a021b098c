//! Verifying a Security Event Token of our own issuer: RFC 8417 §2, RFC 8725.

use super::{JwsProfile, JwtRefusal, VerificationKeys, claims, verify_jws};
use crate::protocol::{security_event::Revocation, security_event_token::read_security_event};

/// A token that is the issuer's, and what it tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedSecurityEvent {
    /// Its own name (RFC 7519 §4.1.7).
    pub jti: String,
    /// What ended.
    pub revocation: Revocation,
}

/// Verifies a token that the transmitter `issuer` sent to the receiver `audience`, its client id.
///
/// Neither its age nor its time matters: what was revoked stays revoked, also when the clock of either side jumps. A token with `exp` is none of
/// ours (RFC 8417 §2.2 advises against it): so nothing that expires is taken for an event, whatever its `typ`.
///
/// # Errors
/// The first refusal. Signature comes before claims.
pub fn verify_security_event(
    token: &str,
    keys: &VerificationKeys,
    issuer: &str,
    audience: &str,
) -> Result<VerifiedSecurityEvent, JwtRefusal> {
    let payload = verify_jws(token, keys, &JwsProfile::SECURITY_EVENT)?.payload;
    if claims::text(&payload, "iss")? != issuer {
        return Err(JwtRefusal::Issuer);
    }
    match payload.get("aud") {
        None => return Err(JwtRefusal::Claim("aud")),
        Some(given) if given.as_str() == Some(audience) => {}
        Some(_) => return Err(JwtRefusal::Audience),
    }
    if payload.contains("exp") {
        return Err(JwtRefusal::Claim("exp"));
    }
    claims::time_claim(&payload, "iat")?.ok_or(JwtRefusal::Claim("iat"))?;
    let jti = claims::text(&payload, "jti")?.to_owned();
    if jti.is_empty() {
        return Err(JwtRefusal::Claim("jti"));
    }
    let revocation = read_security_event(&payload.into_map(), issuer).map_err(JwtRefusal::Claim)?;
    Ok(VerifiedSecurityEvent { jti, revocation })
}

#[cfg(test)]
mod tests {
    use super::{VerifiedSecurityEvent, verify_security_event};
    use crate::protocol::{
        jwt::{Audience, Expectation, JwtRefusal, forge::Forge, verify_access_token, verify_client_assertion},
        security_event::{Revocation, RevocationKind},
        security_event_token::security_event_claims,
    };
    use proptest::prelude::{any, prop_assert, proptest};
    use serde_json::{Value, json};

    const ISSUER: &str = "https://as.example";
    const RECEIVER: &str = "resource-server";
    const HEADER: &str = r#"{"typ":"secevent+jwt","alg":"ES256","kid":"k"}"#;

    fn payload() -> Value {
        let revocation = Revocation { kind: RevocationKind::Grant, subject: "g".into(), at: 1000 };
        security_event_claims(ISSUER, RECEIVER, "j", &revocation).expect("claims")
    }

    fn verify(forge: &Forge, header: &str, payload: &Value) -> Result<VerifiedSecurityEvent, JwtRefusal> {
        verify_security_event(&forge.token(header, &payload.to_string()), &forge.keys("k"), ISSUER, RECEIVER)
    }

    #[test]
    fn our_own_events_are_accepted_however_old() {
        let verified = verify(Forge::shared(), HEADER, &payload()).expect("verified");
        assert_eq!(verified.jti, "j");
        assert_eq!(verified.revocation, Revocation { kind: RevocationKind::Grant, subject: "g".into(), at: 1000 });
    }

    #[test]
    fn each_fault_of_header_and_claims_is_refused() {
        let forge = Forge::shared();
        for (header, refusal) in [
            (r#"{"typ":"at+jwt","alg":"ES256","kid":"k"}"#, JwtRefusal::Type),
            (r#"{"typ":"JWT","alg":"ES256","kid":"k"}"#, JwtRefusal::Type),
            (r#"{"alg":"ES256","kid":"k"}"#, JwtRefusal::Type),
            (r#"{"typ":"secevent+jwt","alg":"RS256","kid":"k"}"#, JwtRefusal::Algorithm),
            (r#"{"typ":"secevent+jwt","alg":"none","kid":"k"}"#, JwtRefusal::Algorithm),
            (r#"{"typ":"secevent+jwt","alg":"ES256","kid":"other"}"#, JwtRefusal::UnknownKid),
            (r#"{"typ":"secevent+jwt","alg":"ES256"}"#, JwtRefusal::MissingKid),
        ] {
            assert_eq!(verify(forge, header, &payload()), Err(refusal), "{header}");
        }
        for (name, value, refusal) in [
            ("iss", json!("https://evil.example"), JwtRefusal::Issuer),
            ("aud", json!("another-server"), JwtRefusal::Audience),
            ("aud", json!([RECEIVER]), JwtRefusal::Audience),
            ("exp", json!(2000), JwtRefusal::Claim("exp")),
            ("jti", json!(""), JwtRefusal::Claim("jti")),
            ("iat", json!("now"), JwtRefusal::Claim("iat")),
            ("events", json!({}), JwtRefusal::Claim("events")),
            ("sub_id", json!("g"), JwtRefusal::Claim("sub_id")),
        ] {
            let mut payload = payload();
            payload[name] = value;
            assert_eq!(verify(forge, HEADER, &payload), Err(refusal), "{payload}");
        }
        for name in ["iss", "aud", "iat", "jti", "events", "sub_id"] {
            let mut payload = payload();
            payload.as_object_mut().expect("an object").remove(name);
            assert_eq!(verify(forge, HEADER, &payload), Err(JwtRefusal::Claim(name)), "{payload}");
        }
        let stranger = Forge::es256().token(HEADER, &payload().to_string());
        assert_eq!(verify_security_event(&stranger, &forge.keys("k"), ISSUER, RECEIVER), Err(JwtRefusal::Signature));
    }

    /// RFC 8417 §4.5 to §4.7: with every claim that the other kinds want, it is still none of them; nor are they events.
    #[test]
    fn an_event_is_no_other_token_and_no_other_token_is_an_event() {
        let forge = Forge::shared();
        let mut all = payload();
        for (name, value) in
            [("sub", json!("c")), ("exp", json!(1900)), ("client_id", json!("c")), ("scope", json!("a"))]
        {
            all[name] = value;
        }
        let text = all.to_string();
        let keys = forge.keys("k");
        let expected =
            Expectation { issuer: ISSUER, audience: Audience::Exact(RECEIVER), now: 1000, leeway_seconds: 0 };
        let access_token = forge.token(&HEADER.replace("secevent", "at"), &text);
        assert!(verify_access_token(&access_token, &keys, &expected).is_ok(), "only the type stands between them");
        let event = forge.token(HEADER, &text);
        assert_eq!(verify_access_token(&event, &keys, &expected), Err(JwtRefusal::Type));
        assert_eq!(verify_client_assertion(&event, &keys, "c", &[ISSUER], 1000), Err(JwtRefusal::Type));
        assert_eq!(verify_security_event(&access_token, &keys, ISSUER, RECEIVER), Err(JwtRefusal::Type));
        assert_eq!(verify_security_event(&event, &keys, ISSUER, RECEIVER), Err(JwtRefusal::Claim("exp")));
    }

    proptest! {
        #[test]
        fn no_damage_survives(at in any::<usize>(), bit in 0_u8..7) {
            let forge = Forge::shared();
            let token = forge.token(HEADER, &payload().to_string());
            let mut bytes = token.clone().into_bytes();
            let at = at % bytes.len();
            bytes[at] ^= 1 << bit;
            let damaged = String::from_utf8_lossy(&bytes).into_owned();
            let verified = verify_security_event(&damaged, &forge.keys("k"), ISSUER, RECEIVER);
            prop_assert!(verified.is_err());
        }
    }
}
