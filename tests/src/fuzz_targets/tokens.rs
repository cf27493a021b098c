//! Tokens: JWTs signed by a key of this run around header or claims of the fuzzer, opaque tokens, PKCE.

use std::sync::OnceLock;

use aws_lc_rs::digest;
use aws_lc_rs::rand::SystemRandom as CurveRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use shared::protocol::access_token_claims::AccessTokenClaims;
use shared::protocol::jwk::{Jwk, JwkSet, JwsAlgorithm, PublicKey};
use shared::protocol::jwt::{
    ASSERTION_MAX_LIFETIME_SECONDS, Audience, Expectation, FUTURE_TOLERANCE_SECONDS, JwsProfile, JwtRefusal,
    UnverifiedJws, VerificationKeys, VerifiedAccessToken, claimed_client_id, read_access_token, read_id_token_hint,
    verify_access_token, verify_client_assertion, verify_jws, verify_security_event,
};
use shared::protocol::opaque_token::{OpaqueToken, TokenHash, TokenKind};
use shared::protocol::pkce;
use shared::protocol::security_event_token::read_security_event;
use shared::protocol::strict_json;

const NOW: i64 = 1_800_000_000;
const ISSUER: &str = "https://auth.example";
const AUDIENCE: &str = "https://mcp.example/mcp";
const CLIENT: &str = "client";

struct Signer {
    pair: EcdsaKeyPair,
    keys: VerificationKeys,
    kid: String,
}

impl Signer {
    fn of_this_run() -> &'static Self {
        static SIGNER: OnceLock<Signer> = OnceLock::new();
        SIGNER.get_or_init(|| {
            auth_server::install_crypto_provider();
            let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
            let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
            let array = |half: &[u8]| half.try_into().expect("a coordinate");
            let key = PublicKey::ec_p256(array(x), array(y)).expect("a point");
            let kid = key.thumbprint();
            let set = JwkSet::new(vec![Jwk::new(key, JwsAlgorithm::Es256).expect("a key")]).expect("a set");
            Self { pair, keys: VerificationKeys::from_jwks(&set), kid }
        })
    }

    /// A compact JWS whose signature is right, whatever it says.
    fn sign(&self, header: &[u8], payload: &[u8]) -> String {
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
        let signature = self.pair.sign(&CurveRandom::new(), signed.as_bytes()).expect("signed");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }

    fn sign_claims(&self, typ: &str, payload: &[u8]) -> String {
        self.sign(json!({ "typ": typ, "alg": "ES256", "kid": self.kid }).to_string().as_bytes(), payload)
    }
}

fn expectation(audience: Audience<'static>) -> Expectation<'static> {
    Expectation { issuer: ISSUER, audience, now: NOW, leeway_seconds: 0 }
}

/// What an access token says, read as the resource server reads it: whose is it, is its key here, is it that key's, what does it say. Second
/// reader: the authorization server's way, at once.
fn access_token(
    token: &str,
    keys: &VerificationKeys,
    expected: &Expectation<'_>,
) -> Result<VerifiedAccessToken, JwtRefusal> {
    let profile = &JwsProfile::ACCESS_TOKEN;
    let read = || {
        let jws = UnverifiedJws::parse(token)?;
        if jws.claimed_issuer()? != expected.issuer {
            return Err(JwtRefusal::Issuer);
        }
        jws.check_key(keys, profile)?;
        read_access_token(jws.verify(keys, profile)?, expected)
    };
    let step_by_step = read();
    let at_once = verify_access_token(token, keys, expected);
    assert_eq!(step_by_step.as_ref().ok(), at_once.as_ref().ok(), "both servers take the same tokens");
    step_by_step
}

/// Bytes are a whole token. No key of ours signed it, so nothing but a refusal is right.
pub(super) fn jwt_text(bytes: &[u8]) {
    let signer = Signer::of_this_run();
    let Some(token) = super::text(bytes) else { return };
    assert!(access_token(token, &signer.keys, &expectation(Audience::Any)).is_err());
    assert!(verify_client_assertion(token, &signer.keys, CLIENT, &[ISSUER], NOW).is_err());
    assert!(read_id_token_hint(token, &signer.keys, ISSUER).is_err(), "anybody could say whom they mean");
    assert!(verify_security_event(token, &signer.keys, ISSUER, CLIENT).is_err());
    assert!(access_token(token, &VerificationKeys::default(), &expectation(Audience::Any)).is_err());
    let parts: Vec<Option<Value>> =
        token.split('.').map(|part| strict_json::parse(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()).collect();
    let member = |at: usize, name: &str| parts.get(at)?.as_ref()?.get(name)?.as_str().map(str::to_owned);
    if let Ok(jws) = UnverifiedJws::parse(token) {
        if let Some(kid) = jws.key_id() {
            assert_eq!(Some(kid), member(0, "kid").as_deref());
        }
        let issuer = jws.claimed_issuer().ok().map(str::to_owned);
        assert_eq!((parts.len(), issuer), (3, member(1, "iss")), "nobody else's keys are looked at");
    }
    if let Some(client_id) = claimed_client_id(token) {
        assert_eq!(Some(client_id), member(1, "sub"));
    }
}

/// Bytes are a header; the signature over it is right.
pub(super) fn jws_header(bytes: &[u8]) {
    let signer = Signer::of_this_run();
    let header = super::text(bytes).map(|text| text.replace("KID", &signer.kid)).unwrap_or_default();
    let token = signer.sign(header.as_bytes(), b"{}");
    let strict = strict_json::parse(header.as_bytes());
    for (profile, types, kid_optional) in [
        (&JwsProfile::ACCESS_TOKEN, &["at+jwt"][..], false),
        (&JwsProfile::CLIENT_ASSERTION, &["jwt", "client-authentication+jwt"][..], true),
        (&JwsProfile::ID_TOKEN, &["jwt"][..], false),
        (&JwsProfile::SECURITY_EVENT, &["secevent+jwt"][..], false),
    ] {
        let Ok(verified) = verify_jws(&token, &signer.keys, profile) else { continue };
        let members = strict.as_ref().ok().and_then(Value::as_object).expect("an object with unique members");
        assert_eq!(members.get("alg"), Some(&json!("ES256")), "one key, one algorithm");
        assert_eq!(verified.kid.as_deref(), members.get("kid").and_then(Value::as_str));
        assert!(verified.kid.map_or(kid_optional, |kid| *kid == *signer.kid));
        let typ = members.get("typ").map(|typ| typ.as_str().expect("a text").to_ascii_lowercase());
        let is_right = |typ: String| types.contains(&typ.strip_prefix("application/").unwrap_or(&typ));
        assert!(typ.map_or(kid_optional, is_right), "{header}");
        for name in ["crit", "b64", "enc", "zip", "jwk", "jku", "x5u", "x5c"] {
            assert!(!members.contains_key(name), "{name} changes what the token means");
        }
    }
}

/// Bytes are the claims of an access token that our own key signed.
pub(super) fn access_token_claims(bytes: &[u8]) {
    let signer = Signer::of_this_run();
    let token = signer.sign_claims("at+jwt", bytes);
    assert!(verify_client_assertion(&token, &signer.keys, CLIENT, &[ISSUER], NOW).is_err(), "another type of token");
    let exact = access_token(&token, &signer.keys, &expectation(Audience::Exact(AUDIENCE)));
    let any = access_token(&token, &signer.keys, &expectation(Audience::Any));
    if let Ok(verified) = &exact {
        assert_eq!(
            (verified.claims.aud.as_str(), any.as_ref()),
            (AUDIENCE, Ok(verified)),
            "any audience is no stricter"
        );
    }
    let Ok(VerifiedAccessToken { claims, kid }) = any else { return };
    assert_eq!(*kid, *signer.kid);
    assert_eq!(serde_json::from_slice::<AccessTokenClaims>(bytes).ok().as_ref(), Some(&claims), "as serde reads it");
    let said = strict_json::parse(bytes).expect("unique members");
    assert_eq!((said["iss"].as_str(), said["aud"].as_str()), (Some(ISSUER), Some(claims.aud.as_str())));
    assert_eq!((said["exp"].as_i64(), said["iat"].as_i64()), (Some(claims.exp), Some(claims.iat)));
    assert!(claims.exp > NOW && claims.exp > claims.iat && claims.iat <= NOW + FUTURE_TOLERANCE_SECONDS);
    assert!(said.get("cnf").is_none(), "a bound token is no bearer token");
    assert!(!claims.sub.is_empty() && !claims.jti.is_empty() && !claims.client_id.is_empty());
    let printed = serde_json::to_vec(&claims).expect("claims have a JSON form");
    let again: AccessTokenClaims = serde_json::from_slice(&printed).expect("it reads back");
    assert_eq!(again, claims);
}

/// Bytes are the claims of a client's assertion, signed by its key.
pub(super) fn client_assertion_claims(bytes: &[u8]) {
    let signer = Signer::of_this_run();
    let token = signer.sign_claims("JWT", bytes);
    assert!(access_token(&token, &signer.keys, &expectation(Audience::Any)).is_err(), "another type of token");
    let Ok(assertion) = verify_client_assertion(&token, &signer.keys, CLIENT, &[ISSUER, AUDIENCE], NOW) else { return };
    let said = strict_json::parse(bytes).expect("unique members");
    assert_eq!((said["iss"].as_str(), said["sub"].as_str()), (Some(CLIENT), Some(CLIENT)));
    assert!(said["aud"].as_str().is_some_and(|audience| [ISSUER, AUDIENCE].contains(&audience)), "one string");
    assert_eq!(said["jti"].as_str(), Some(assertion.jti.as_str()));
    assert!(!assertion.jti.is_empty() && !assertion.jti.chars().any(char::is_control));
    let latest = NOW + 2 * FUTURE_TOLERANCE_SECONDS + ASSERTION_MAX_LIFETIME_SECONDS;
    assert!((NOW + 1..=latest).contains(&assertion.exp), "remembered for as long as it is accepted, and no longer");
    assert_eq!(claimed_client_id(&token).as_deref(), Some(CLIENT));
}

/// Bytes are the claims of an ID token that our own key signed.
pub(super) fn id_token_hint(bytes: &[u8]) {
    let signer = Signer::of_this_run();
    let other = signer.sign_claims("at+jwt", bytes);
    assert!(read_id_token_hint(&other, &signer.keys, ISSUER).is_err(), "another type of token");
    let token = signer.sign_claims("JWT", bytes);
    assert!(access_token(&token, &signer.keys, &expectation(Audience::Any)).is_err(), "a hint opens nothing");
    let Ok(claims) = read_id_token_hint(&token, &signer.keys, ISSUER) else { return };
    let said = strict_json::parse(bytes).expect("unique members");
    assert_eq!((said["iss"].as_str(), claims.iss.as_str()), (Some(ISSUER), ISSUER));
    assert_eq!(said["sub"].as_str(), Some(claims.sub.as_str()));
    assert_eq!(said["aud"].as_str(), Some(claims.aud.as_str()), "one client, and no list");
    assert!(!claims.sub.is_empty() && !claims.aud.is_empty());
    let printed = serde_json::to_vec(&claims).expect("claims have a JSON form");
    let again = read_id_token_hint(&signer.sign_claims("JWT", &printed), &signer.keys, ISSUER);
    assert_eq!(again, Ok(claims), "it reads back");
}

/// Bytes are the claims of a security event that our own key signed. Second reader: the one of a poll's claims.
pub(super) fn security_event_token(bytes: &[u8]) {
    let signer = Signer::of_this_run();
    let token = signer.sign_claims("secevent+jwt", bytes);
    assert!(read_id_token_hint(&token, &signer.keys, ISSUER).is_err(), "an event names nobody");
    assert!(access_token(&token, &signer.keys, &expectation(Audience::Any)).is_err(), "an event opens nothing");
    let Ok(event) = verify_security_event(&token, &signer.keys, ISSUER, CLIENT) else { return };
    let said = strict_json::parse(bytes).expect("unique members");
    assert_eq!((said["iss"].as_str(), said["aud"].as_str()), (Some(ISSUER), Some(CLIENT)), "one receiver");
    assert_eq!(said["jti"].as_str(), Some(event.jti.as_str()));
    assert!(!event.jti.is_empty() && said["iat"].is_number() && said.get("exp").is_none());
    let members = said.as_object().expect("an object");
    assert_eq!(read_security_event(members, ISSUER), Ok(event.revocation));
    assert!(verify_security_event(&token, &signer.keys, ISSUER, "another").is_err(), "for nobody else");
}

const KINDS: [TokenKind; 5] = [
    TokenKind::AuthorizationCode,
    TokenKind::RefreshToken,
    TokenKind::ClientSecret,
    TokenKind::BrowserSession,
    TokenKind::OneTimeLink,
];

/// Bytes are a token's text, or the bits of one with an order to change it.
pub(super) fn opaque_token(bytes: &[u8]) {
    if let Some(text) = super::text(bytes) {
        let of_kinds = KINDS.map(|kind| OpaqueToken::parse(kind, text));
        assert!(of_kinds.iter().flatten().count() <= 1, "a token is of one kind");
        for (token, kind) in of_kinds.iter().zip(KINDS) {
            let Some(token) = token else { continue };
            assert_eq!((token.expose(), token.hash()), (text, TokenHash::of(text)));
            assert!(text.starts_with(kind.prefix()));
            assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'));
        }
    }
    let Some((bits, [at, replacement, ..])) = bytes.split_first_chunk::<32>() else { return };
    for kind in KINDS {
        let made = OpaqueToken::from_entropy(kind, bits);
        let text = made.expose();
        assert!(OpaqueToken::parse(kind, text).is_some_and(|token| token.expose() == text), "it reads back");
        let mut changed = text.as_bytes().to_vec();
        let at = usize::from(*at) % changed.len();
        changed[at] = replacement & 0x7f;
        let changed = String::from_utf8(changed).expect("ASCII");
        assert_eq!(OpaqueToken::parse(kind, &changed).is_some(), changed == text, "one wrong character is seen");
    }
}

/// Lines: a challenge and a verifier. Second reader: the SHA-256 of aws-lc.
pub(super) fn pkce(bytes: &[u8]) {
    let Some([challenge, verifier]) = super::lines(bytes) else { return };
    let is_verifier = pkce::check_verifier(verifier).is_ok();
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    assert_eq!(is_verifier, (43..=128).contains(&verifier.len()) && verifier.bytes().all(unreserved));
    let theirs = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()).as_ref());
    assert_eq!(pkce::s256(verifier), theirs);
    assert!(pkce::check_challenge(&theirs).is_ok());
    assert_eq!(pkce::matches(&theirs, verifier), is_verifier);
    assert_eq!(pkce::matches(challenge, verifier), is_verifier && challenge == theirs, "S256 and nothing else");
    if pkce::check_challenge(challenge).is_ok() {
        let hash = URL_SAFE_NO_PAD.decode(challenge).expect("base64url");
        assert_eq!((hash.len(), URL_SAFE_NO_PAD.encode(&hash).as_str()), (32, challenge), "one spelling");
    }
}
