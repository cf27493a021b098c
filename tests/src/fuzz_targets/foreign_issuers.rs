//! What authorization servers of somebody else say.

use resource_server::{
    config::IssuerUrl,
    issuer::discovery::foreign_endpoints,
    trusted_issuers::{
        claim_rules::{ClaimRules, Statement},
        token_introspection::read_answer,
    },
};
use serde_json::Value;
use shared::protocol::strict_json;

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
    for statement in [Statement::Jwt, Statement::Introspection] {
        let Ok(principal) = rules.judge(&claims, statement, NOW) else { continue };
        assert!(claims.get("iss").is_none_or(|issuer| issuer == ISSUER), "its own tokens alone");
        let audience = &claims["aud"];
        let several = audience.as_array().is_some_and(|several| several.iter().any(|one| one == AUDIENCE));
        assert!(audience == AUDIENCE || several, "for us");
        assert!(!claims.contains_key("cnf") && claims.contains_key("exp"));
        assert!(NOW < principal.expires_at + 5 && principal.issued_at < principal.expires_at);
        assert_eq!((principal.issuer.as_str(), principal.grant_id, principal.organization_id), (ISSUER, None, None));
        assert!(!principal.subject.is_empty() && !principal.client_id.is_empty());
        assert!(principal.roles.iter().any(|role| role == "member"));
    }
}
