//! Metadata and keys: every form that clients probe, one issuer, nothing that is not served.

use super::TestServer;
use axum::{body::Body, extract::Request};
use serde_json::Value;

/// The URLs of MCP AS-4 and what else real clients probe.
fn probes(issuer_path: &str) -> Vec<String> {
    ["oauth-authorization-server", "openid-configuration"]
        .into_iter()
        .flat_map(|name| {
            [
                format!("/.well-known/{name}"),
                format!("/.well-known/{name}{issuer_path}"),
                format!("{issuer_path}/.well-known/{name}"),
            ]
        })
        .collect()
}

#[tokio::test]
async fn every_form_is_answered_with_one_issuer() {
    for (issuer, path) in
        [("http://localhost:9400", ""), ("https://auth.example.com", ""), ("https://example.com/t/x", "/t/x")]
    {
        let server = TestServer::start_with(&format!("public_url = \"{issuer}\"")).await;
        for probe in probes(path) {
            let answer = server.get(&probe).await;
            assert_eq!(answer.status, 200, "{probe}");
            assert_eq!(answer.header("content-type"), "application/json");
            assert_eq!(answer.header("access-control-allow-origin"), "*");
            assert!(answer.header("cache-control").contains("max-age"), "{probe}");
            assert!(!answer.body.contains("null"), "{}", answer.body);
            let document = answer.json();
            assert_eq!(document["issuer"], issuer, "{probe}");
            assert_eq!(document["code_challenge_methods_supported"], serde_json::json!(["S256"]));
            assert_eq!(document["authorization_response_iss_parameter_supported"], true);
            if probe.contains("openid") {
                for member in ["jwks_uri", "subject_types_supported", "id_token_signing_alg_values_supported"] {
                    assert!(!document[member].is_null(), "{member} is missing in {probe}");
                }
                assert_eq!(document["userinfo_endpoint"], format!("{issuer}/oauth2/userinfo"));
                assert_eq!(document["end_session_endpoint"], format!("{issuer}/oauth2/end-session"));
                assert_eq!(document["subject_types_supported"], serde_json::json!(["public"]));
                assert_eq!(document["id_token_signing_alg_values_supported"], serde_json::json!(["ES256", "RS256"]));
                for no in
                    ["claims_parameter_supported", "request_parameter_supported", "request_uri_parameter_supported"]
                {
                    assert_eq!(document[no], false, "{no}");
                }
                let has = |member: &str, word: &str| {
                    document[member].as_array().is_some_and(|list| list.contains(&word.into()))
                };
                for scope in ["openid", "profile", "email", "offline_access", "mcp.read"] {
                    assert!(has("scopes_supported", scope), "{scope}");
                }
                for claim in ["sub", "auth_time", "nonce", "name", "email", "email_verified"] {
                    assert!(has("claims_supported", claim), "{claim}");
                }
                for prompt in ["none", "login", "consent", "select_account"] {
                    assert!(has("prompt_values_supported", prompt), "{prompt}");
                }
            }
        }
    }
}

#[tokio::test]
async fn the_host_header_changes_nothing() {
    let server = TestServer::start().await;
    let mut answers = Vec::new();
    for headers in
        [&[][..], &[("host", "evil.example"), ("x-forwarded-host", "evil.example"), ("forwarded", "host=evil.example")]]
    {
        let mut request = Request::get("/.well-known/oauth-authorization-server");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        answers.push(server.send(request.body(Body::empty()).expect("a request")).await.body);
    }
    assert_eq!(answers[0], answers[1]);
}

/// Each advertised endpoint exists: it answers something else than 404.
#[tokio::test]
async fn what_is_advertised_is_served() {
    for settings in ["", "registration = \"closed\"", "public_url = \"https://example.com/t\""] {
        let server = TestServer::start_with(settings).await;
        let document = server.get("/.well-known/oauth-authorization-server").await.json();
        let issuer = server.app.settings.auth_server.public_url.origin().to_owned();
        for (member, value) in document.as_object().expect("an object") {
            let is_url = member.ends_with("_endpoint") || member == "jwks_uri";
            if let (true, Value::String(url)) = (is_url, value) {
                let path = url.strip_prefix(&issuer).unwrap_or_else(|| panic!("{member} is elsewhere: {url}"));
                assert_ne!(server.get(path).await.status, 404, "{member} {url}");
            }
        }
        let open = !settings.contains("closed");
        assert_eq!(document["registration_endpoint"].is_string(), open);
        let answer = server.post_json("/register", &serde_json::json!({})).await;
        assert_eq!(answer.status, if open { 400 } else { 404 });
    }
}

#[tokio::test]
async fn keys_of_both_algorithms_are_published_and_cacheable() {
    let server = TestServer::start().await;
    let answer = server.get("/.well-known/jwks.json").await;
    let document = answer.json();
    let algorithms: Vec<_> = document["keys"].as_array().expect("keys").iter().map(|key| key["alg"].clone()).collect();
    assert!(algorithms.contains(&"ES256".into()) && algorithms.contains(&"RS256".into()), "{algorithms:?}");
    for private in ["\"d\"", "\"p\"", "\"q\""] {
        assert!(!answer.body.contains(private));
    }
    assert_eq!(answer.header("cache-control"), "public, max-age=300, stale-if-error=86400");
    let request = Request::get("/.well-known/jwks.json").header("if-none-match", answer.header("etag"));
    let again = server.send(request.body(Body::empty()).expect("a request")).await;
    assert_eq!((again.status.as_u16(), again.body.as_str()), (304, ""));
}

#[tokio::test]
async fn head_options_and_preflights_are_answered_and_other_methods_are_told_off() {
    let server = TestServer::start().await;
    for path in ["/.well-known/oauth-authorization-server", "/.well-known/jwks.json"] {
        let ask = |method: &str| Request::builder().method(method).uri(path);
        let head = server.send(ask("HEAD").body(Body::empty()).expect("a request")).await;
        assert_eq!((head.status.as_u16(), head.body.as_str()), (200, ""));
        let options = server.send(ask("OPTIONS").body(Body::empty()).expect("a request")).await;
        assert_eq!(options.status, 204);
        let preflight = ask("OPTIONS")
            .header("origin", "https://app.example")
            .header("access-control-request-method", "GET")
            .header("access-control-request-headers", "mcp-protocol-version");
        let preflight = server.send(preflight.body(Body::empty()).expect("a request")).await;
        assert_eq!((preflight.status.as_u16(), preflight.header("access-control-allow-origin")), (204, "*"));
        let delete = server.send(ask("DELETE").body(Body::empty()).expect("a request")).await;
        assert_eq!((delete.status.as_u16(), delete.error().as_str()), (405, "method_not_allowed"));
        assert!(delete.header("allow").contains("GET"), "{:?}", delete.headers);
        assert_eq!(delete.header("access-control-allow-origin"), "*");
    }
}

#[tokio::test]
async fn what_is_not_there_is_json_with_security_headers() {
    let server = TestServer::start().await;
    let answer = server.get("/nothing/here").await;
    assert_eq!((answer.status.as_u16(), answer.error().as_str()), (404, "not_found"));
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert!(!answer.header("x-request-id").is_empty());
}
