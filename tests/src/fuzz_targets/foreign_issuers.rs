//! What authorization servers of somebody else say.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use resource_server::{
    config::IssuerUrl,
    issuer::{
        discovery::foreign_endpoints,
        fetch::{Fetched, refused},
        jwks::{FRESH_MIN_SECONDS, FRESH_SECONDS, fresh_seconds},
    },
    trusted_issuers::{
        claim_rules::{ClaimRules, Statement},
        token_introspection::read_answer,
    },
};
use serde_json::Value;
use shared::protocol::{
    jwk::{JWK_SET_MAX_KEYS, Jwk, JwkSet},
    jwt::Members,
    jwt::VerificationKeys,
    strict_json,
};
use std::collections::BTreeSet;

const ISSUER: &str = "https://id.example/realms/main";
const AUDIENCE: &str = "https://mcp.example/mcp";
const NOW: i64 = 1_800_000_000;

/// Bytes are the metadata of an issuer; whatever is taken from it leads to its own host or the listed one.
pub(super) fn foreign_issuer_metadata(bytes: &[u8]) {
    let issuer = IssuerUrl::parse(ISSUER).expect("a URL");
    let hosts = ["keys.example:8443".to_owned()];
    let Ok(endpoints) = foreign_endpoints(bytes, &issuer, &hosts) else { return };
    for endpoint in endpoints.jwks.iter().chain(&endpoints.introspection) {
        let url = url::Url::parse(endpoint).expect("a URL");
        assert_eq!((url.scheme(), url.username(), url.password(), url.fragment()), ("https", "", None, None));
        let place = (url.host_str(), url.port());
        assert!(place == (Some("id.example"), None) || place == (Some("keys.example"), Some(8443)), "{endpoint}");
    }
}

/// Bytes are an answer to introspection, or the payload of a JWT; second reader: what must be there for somebody to be let in.
pub(super) fn introspection_answer(bytes: &[u8]) {
    let rules = ClaimRules {
        issuer: ISSUER.to_owned(),
        audience: AUDIENCE.to_owned(),
        scope_claim: "scope".to_owned(),
        client_id_claim: "client_id".to_owned(),
        roles_claim: Some("realm_access.roles".to_owned()),
    };
    let Ok(Value::Object(claims)) = strict_json::parse(bytes) else {
        assert!(read_answer(bytes).is_none());
        return;
    };
    let active = claims.get("active") == Some(&Value::Bool(true));
    assert_eq!(read_answer(bytes).flatten().is_some(), active);
    let members = Members::parse(bytes).expect("an object with unique members");
    for statement in [Statement::Jwt, Statement::Introspection] {
        let Ok(principal) = rules.judge(&members, statement, NOW) else { continue };
        assert!(claims.get("iss").is_none_or(|issuer| issuer == ISSUER), "its own tokens alone");
        let audience = &claims["aud"];
        let several = audience.as_array().is_some_and(|several| several.iter().any(|one| one == AUDIENCE));
        assert!(audience == AUDIENCE || several, "for us");
        assert!(!claims.contains_key("cnf") && claims.contains_key("exp"));
        assert!(NOW < principal.expires_at + 5 && principal.issued_at < principal.expires_at);
        assert_eq!((principal.issuer.as_str(), principal.grant_id, principal.organization_id), (ISSUER, None, None));
        assert!(!principal.subject.is_empty() && !principal.client_id.is_empty());
        assert!(principal.roles.iter().any(|role| role == "member"));
        assert_eq!(
            principal.scopes.iter().collect::<BTreeSet<_>>(),
            said_scopes(claims.get("scope")),
            "no more, no less"
        );
    }
}

fn said_scopes(said: Option<&Value>) -> BTreeSet<&str> {
    let texts: Vec<&str> = match said {
        Some(Value::Array(several)) => several.iter().map(|one| one.as_str().expect("a list of texts")).collect(),
        one => one.map(|text| text.as_str().expect("a text")).into_iter().collect(),
    };
    texts.into_iter().flat_map(|text| text.split(' ')).filter(|word| !word.is_empty()).collect()
}

/// Bytes are the keys that an issuer publishes. Second reader: of each key alone; whatever is kept can verify, and is the only one of its name.
pub(super) fn foreign_key_set(bytes: &[u8]) {
    let Some(text) = super::text(bytes) else { return };
    let strict = JwkSet::parse(text);
    let Ok(usable) = JwkSet::parse_usable(text) else {
        assert!(strict.is_err(), "what is strictly right is right");
        return;
    };
    if let Ok(strict) = strict {
        assert_eq!(usable, strict, "nothing is left out of what is all right");
    }
    assert!(usable.keys().len() <= JWK_SET_MAX_KEYS);
    let published = strict_json::parse(bytes).expect("unique members");
    let published = published["keys"].as_array().expect("keys");
    let alone: Vec<Jwk> = published.iter().filter_map(|key| Jwk::parse(&key.to_string()).ok()).collect();
    assert!(usable.keys().iter().all(|key| alone.contains(key)), "each was published");
    let keys = VerificationKeys::from_jwks(&usable);
    for key in usable.keys() {
        assert!(key.kid().is_none_or(|kid| keys.contains(kid)));
        let same = |other: &&Jwk| other.kid() == key.kid() && other.algorithm() == key.algorithm();
        assert!(key.kid().is_none() || alone.iter().filter(same).count() == 1, "nobody knows which one is meant");
    }
    let printed = serde_json::to_string(&usable).expect("a set has a JSON form");
    assert_eq!(JwkSet::parse(&printed), Ok(usable), "it reads back");
}

/// Bytes are the body of a refusal. Of all of it only a word may reach the log.
pub(super) fn foreign_refusal(bytes: &[u8]) {
    let fetch = |body: &[u8]| {
        let body = Bytes::copy_from_slice(body);
        let fetched = Fetched { status: StatusCode::BAD_REQUEST, headers: HeaderMap::new(), body };
        refused(ISSUER, &fetched).to_string()
    };
    let (told, plain) = (fetch(bytes), fetch(b""));
    let more = told.strip_prefix(&plain).expect("where and which status");
    if let Some(code) = more.strip_prefix(" (").and_then(|rest| rest.strip_suffix(')')) {
        assert!(code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{code:?}");
        let said: Value = serde_json::from_slice(bytes).expect("JSON");
        assert_eq!(said["error"].as_str(), Some(code));
    } else {
        assert_eq!(more, "");
    }
}

/// Lines are `Cache-Control` headers. Keys are neither asked for all the time nor kept for ever.
pub(super) fn key_caching(bytes: &[u8]) {
    let Some(text) = super::text(bytes) else { return };
    let headers = |lines: &str| {
        let mut headers = HeaderMap::new();
        for value in lines.split('\n').filter_map(|line| HeaderValue::from_str(line).ok()) {
            headers.append(header::CACHE_CONTROL, value);
        }
        headers
    };
    let seconds = fresh_seconds(&headers(text));
    assert!((FRESH_MIN_SECONDS..=FRESH_SECONDS).contains(&seconds));
    let stricter = fresh_seconds(&headers(&format!("{text}\nno-store")));
    assert_eq!(stricter, FRESH_MIN_SECONDS, "the strictest counts");
    if let Some(said) = text.strip_prefix("max-age=").and_then(|said| said.parse::<u32>().ok()) {
        assert_eq!(seconds, i64::from(said).clamp(FRESH_MIN_SECONDS, FRESH_SECONDS));
    }
}

/// Bytes are an issuer's URL. Second reader: `url`.
pub(super) fn issuer_url(bytes: &[u8]) {
    let Some(text) = super::text(bytes) else { return };
    let Ok(issuer) = IssuerUrl::parse(text) else { return };
    assert_eq!((issuer.as_str(), issuer.to_string().as_str()), (text, text), "byte for byte");
    let url = url::Url::parse(text).expect("a URL");
    assert!(url.username().is_empty() && url.query().is_none() && url.fragment().is_none());
    assert!(url.scheme() == "https" || issuer.is_loopback(), "keys never travel in clear");
    for place in issuer.metadata_urls() {
        let place = url::Url::parse(&place).expect("a URL");
        assert_eq!(place.origin(), url.origin(), "it is asked itself, and nobody else");
        assert!(place.path().contains("/.well-known/") && place.query().is_none());
    }
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    assert_eq!(issuer.authority(), format!("{}{port}", url.host_str().unwrap_or_default()));
}
