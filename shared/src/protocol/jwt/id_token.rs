//! ID tokens of our own issuer (OpenID Connect Core §2), and reading one that comes back as `id_token_hint` (§3.1.2.1; RP-Initiated
//! Logout §2).

use super::{JwsProfile, JwtRefusal, VerificationKeys, claims, verify_jws};
use crate::clock::UnixSeconds;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// `typ` of an ID token's header: that of no access token (RFC 9068 §2.1).
pub const ID_TOKEN_TYP: &str = "JWT";

/// What an ID token says. Times are unix seconds; absent members are left out, never `null`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdTokenClaims {
    /// The issuer, byte for byte as in its metadata.
    pub iss: String,
    /// The user; the same that userinfo and access tokens say.
    pub sub: String,
    /// The client it was issued to; always a single string.
    pub aud: String,
    /// When it ends.
    pub exp: UnixSeconds,
    /// When it was made.
    pub iat: UnixSeconds,
    /// When the user signed in.
    pub auth_time: UnixSeconds,
    /// What the authorization request sent along.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// The left half of the access token's SHA-256 in base64url (§3.1.3.6).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_hash: Option<String>,
}

/// Reads an ID token of `issuer` that a client sends back. It may have expired: it only says who was meant, and is never proof of who asks.
///
/// # Errors
/// The first refusal; access tokens and whatever else the issuer signs are [`JwtRefusal::Type`].
pub fn read_id_token_hint(token: &str, keys: &VerificationKeys, issuer: &str) -> Result<IdTokenClaims, JwtRefusal> {
    let payload = verify_jws(token, keys, &JwsProfile::ID_TOKEN)?.payload;
    if claims::text(&payload, "iss")? != issuer {
        return Err(JwtRefusal::Issuer);
    }
    for name in ["sub", "aud"] {
        if claims::text(&payload, name)?.is_empty() {
            return Err(JwtRefusal::Claim(name));
        }
    }
    serde_json::from_value(Value::Object(payload.into_map())).map_err(|_| JwtRefusal::Claims)
}

#[cfg(test)]
mod tests {
    use super::read_id_token_hint;
    use crate::protocol::jwt::{JwtRefusal, forge::Forge};
    use serde_json::{Value, json};

    const ISSUER: &str = "https://as.example";

    fn payload() -> Value {
        json!({"iss": ISSUER, "sub": "u", "aud": "c", "exp": 900, "iat": 0, "auth_time": 0, "nonce": "n"})
    }

    fn read(forge: &Forge, header: &str, payload: &Value) -> Result<String, JwtRefusal> {
        let token = forge.token(header, &payload.to_string());
        read_id_token_hint(&token, &forge.keys("k"), ISSUER).map(|claims| claims.sub)
    }

    #[test]
    fn an_expired_one_still_says_who_was_meant() {
        let header = r#"{"typ":"JWT","alg":"ES256","kid":"k"}"#;
        assert_eq!(read(&Forge::es256(), header, &payload()), Ok("u".to_owned()));
    }

    #[test]
    fn what_is_no_id_token_of_ours_says_nothing() {
        let forge = Forge::es256();
        let header = |typ: &str| format!(r#"{{"typ":"{typ}","alg":"ES256","kid":"k"}}"#);
        for (header, refusal) in [
            (header("at+jwt"), JwtRefusal::Type),
            (header("secevent+jwt"), JwtRefusal::Type),
            (r#"{"alg":"ES256","kid":"k"}"#.to_owned(), JwtRefusal::Type),
            (r#"{"typ":"JWT","alg":"none","kid":"k"}"#.to_owned(), JwtRefusal::Algorithm),
            (r#"{"typ":"JWT","alg":"ES256"}"#.to_owned(), JwtRefusal::MissingKid),
            (r#"{"typ":"JWT","alg":"ES256","kid":"other"}"#.to_owned(), JwtRefusal::UnknownKid),
        ] {
            assert_eq!(read(&forge, &header, &payload()), Err(refusal), "{header}");
        }
        for (name, value, refusal) in [
            ("iss", json!("https://evil.example"), JwtRefusal::Issuer),
            ("sub", json!(""), JwtRefusal::Claim("sub")),
            ("aud", json!(["c"]), JwtRefusal::Claim("aud")),
            ("aud", json!(["c", "d"]), JwtRefusal::Claim("aud")),
            ("auth_time", Value::Null, JwtRefusal::Claims),
        ] {
            let mut payload = payload();
            payload[name] = value;
            assert_eq!(read(&forge, &header("JWT"), &payload), Err(refusal), "{name}");
        }
        let stranger = Forge::es256().token(&header("JWT"), &payload().to_string());
        assert_eq!(read_id_token_hint(&stranger, &forge.keys("k"), ISSUER), Err(JwtRefusal::Signature));
    }
}
