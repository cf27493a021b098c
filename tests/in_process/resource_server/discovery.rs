//! Metadata at every form of well-known URL that clients probe, and nothing that belongs to the authorization server.

use super::{
    issuer,
    server::{RESOURCE, Server, list, post, request},
};
use axum::{
    body::Body,
    http::{StatusCode, header},
};
use serde_json::json;
use std::sync::atomic::Ordering;

#[tokio::test]
async fn the_resource_says_where_its_issuer_is() {
    let server = Server::start().await;
    for path in [
        "/.well-known/oauth-protected-resource",
        "/.well-known/oauth-protected-resource/mcp",
        "/mcp/.well-known/oauth-protected-resource",
    ] {
        let answer = server.get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert_eq!(
            answer.json(),
            json!({
                "resource": RESOURCE,
                "authorization_servers": [server.issuer.url],
                "scopes_supported": ["mcp.read", "mcp.write", "mcp.admin"],
                "bearer_methods_supported": ["header"],
                "resource_name": "Postern",
            })
        );
        assert_eq!(answer.header("content-type"), "application/json");
        assert!(answer.header("cache-control").contains("max-age="));
        let head = server.send(request("HEAD", path).body(Body::empty()).expect("a request")).await;
        assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
        let page = request("OPTIONS", path)
            .header(header::ORIGIN, "https://anywhere.example")
            .header("access-control-request-method", "GET")
            .header("access-control-request-headers", "mcp-protocol-version")
            .body(Body::empty());
        let preflight = server.send(page.expect("a request")).await;
        assert_eq!(preflight.status, StatusCode::NO_CONTENT);
        assert_eq!(preflight.header("access-control-allow-origin"), "*");
        let post = server.send(request("POST", path).body(Body::empty()).expect("a request")).await;
        assert_eq!(post.status, StatusCode::METHOD_NOT_ALLOWED);
    }
    assert_eq!(server.get("/.well-known/oauth-protected-resource/other").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_resource_at_the_root_has_its_metadata_there_and_no_slash_at_its_end() {
    let server = Server::start_with("mcp_path = \"/\"").await;
    let metadata = server.get("/.well-known/oauth-protected-resource").await;
    assert_eq!((metadata.status, &metadata.json()["resource"]), (StatusCode::OK, &json!("http://localhost:9500")));
    let at_root = |token: &str| {
        let mut request = post(token, list().to_string());
        *request.uri_mut() = "/".parse().expect("a URI");
        request
    };
    let refused = server.send(at_root("garbage")).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    let challenge = refused.header("www-authenticate");
    let url = "resource_metadata=\"http://localhost:9500/.well-known/oauth-protected-resource\"";
    assert!(challenge.contains(url), "{challenge}");
    let token_for = |audience: &str| {
        let mut claims = server.claims("mcp.read");
        (claims["aud"], claims["jti"]) = (json!(audience), json!(audience));
        server.sign(&claims)
    };
    assert_eq!(server.send(at_root(&token_for("http://localhost:9500"))).await.status, StatusCode::OK);
    for foreign in ["http://localhost:9500/", RESOURCE] {
        assert_eq!(server.send(at_root(&token_for(foreign))).await.status, StatusCode::UNAUTHORIZED, "{foreign}");
    }
    assert_eq!(server.get("/livez").await.status, StatusCode::OK, "its own paths stay");
    assert_eq!(server.get("/mcp").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_issuers_documents_come_through_unchanged() {
    let server = Server::start().await;
    let expected =
        format!("{{ \"issuer\": \"{0}\",\n \"token_endpoint\": \"{0}/oauth2/token\", \"x\": [1] }}", server.issuer.url);
    for name in ["oauth-authorization-server", "openid-configuration"] {
        for path in
            [format!("/.well-known/{name}"), format!("/.well-known/{name}/mcp"), format!("/mcp/.well-known/{name}")]
        {
            let answer = server.get(&path).await;
            assert_eq!((answer.status, answer.text()), (StatusCode::OK, expected.as_str()), "{path}");
            assert_eq!(answer.header("content-type"), "application/json");
        }
    }
}

#[tokio::test]
async fn the_endpoints_of_the_issuer_are_not_here() {
    let server = Server::start().await;
    for path in ["/authorize", "/token", "/register", "/oauth2/authorize", "/oauth2/token", "/oauth2/register"] {
        for method in ["GET", "POST"] {
            let answer = server.send(request(method, path).body(Body::empty()).expect("a request")).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{method} {path}");
            assert_eq!(answer.header("location"), "");
        }
    }
}

#[tokio::test]
async fn it_enrols_as_a_client_with_a_key_and_is_ready_only_then() {
    let issuer = issuer::start().await;
    issuer.enrolment_refused.store(true, Ordering::SeqCst);
    let server = Server::start_unready(issuer, "name = \"Events\"").await;
    let unready = server.get("/readyz").await;
    assert_eq!(unready.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(unready.text().contains("not enrolled"), "{}", unready.text());
    assert_eq!(server.get("/livez").await.status, StatusCode::OK);
    let call = server.list(&server.token("mcp.read")).await;
    assert_eq!(call.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(call.header("retry-after").parse::<u64>().expect("seconds") >= 1);
    assert_eq!(server.list("garbage").await.status, StatusCode::UNAUTHORIZED, "what is no token is refused anyway");
    server.issuer.enrolment_refused.store(false, Ordering::SeqCst);
    server.wait_until_ready().await;
    assert_eq!(server.list(&server.token("mcp.read")).await.status, StatusCode::OK);
    let document = server.issuer.enrolled.lock().expect("unpoisoned").clone().expect("a document");
    assert_eq!((&document["resource"], &document["name"]), (&json!(RESOURCE), &json!("Events")));
    assert_eq!(document["scopes"][2]["implies"], json!(["mcp.read", "mcp.write"]));
    assert_eq!(document["scopes"][2]["roles"], json!(["administrator"]));
    let forms = server.issuer.token_forms.lock().expect("unpoisoned").clone();
    let form = forms.first().expect("a token request");
    assert_eq!(form["grant_type"], "client_credentials");
    assert_eq!(form["resource"], format!("{}/api", server.issuer.url));
    assert_eq!(form["scope"], "postern.resource_server");
    assert_eq!(form["client_assertion_type"], "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    assert!(!form.contains_key("client_secret"));
}
