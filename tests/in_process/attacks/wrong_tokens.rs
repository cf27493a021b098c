//! Access tokens that are wrong in one thing, against the guard of the management interface and against introspection: each
//! wrong audience, issuer, algorithm, expiry, type, key and scope.

use crate::auth_server::{
    Answer, TestServer,
    given::{SECRET, basic, confidential_client, kid_of},
    test_server::{RESOURCE, START},
};
use auth_server::{change_log, clients::Client};
use axum::{body::Body, extract::Request};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use keys::SigningKey;
use serde_json::{Value, json};
use shared::{db::StoreError, protocol::token_algorithm::TokenAlgorithm};

const ISSUER: &str = "http://localhost:9400";
const API: &str = "http://localhost:9400/api";
const SCOPE: &str = "postern.resource_server";

fn claims() -> Value {
    json!({
        "iss": ISSUER, "sub": "machine", "aud": API, "exp": START + 900, "iat": START, "jti": "j",
        "client_id": "machine", "scope": SCOPE,
    })
}

async fn guarded(server: &TestServer, authorization: &str) -> Answer {
    let request = Request::post("/api/events").header("authorization", authorization);
    let request = request.header("content-type", "application/json");
    server.send(request.body(Body::from(r#"{"returnImmediately":true}"#)).expect("a request")).await
}

fn signed(server: &TestServer, typ: &str, claims: &Value) -> String {
    server.app.keys.sign(TokenAlgorithm::Es256, typ, claims).expect("signed")
}

#[tokio::test]
async fn a_right_token_passes_in_any_spelling_of_the_scheme() {
    let server = TestServer::start().await;
    let token = signed(&server, "at+jwt", &claims());
    for scheme in ["Bearer", "bearer", "BEARER"] {
        assert_eq!(guarded(&server, &format!("{scheme} {token}")).await.status, 200, "{scheme}");
    }
    let rs256 = server.app.keys.sign(TokenAlgorithm::Rs256, "at+jwt", &claims()).expect("signed");
    assert_eq!(guarded(&server, &format!("Bearer {rs256}")).await.status, 200);
}

#[tokio::test]
async fn each_wrong_claim_is_invalid_token_and_inactive() {
    let server = TestServer::start().await;
    server.add_client(&Client { id: "machine".to_owned(), ..confidential_client("machine") }).await;
    let mut wrong = Vec::new();
    for (name, value) in [
        ("aud", json!("http://localhost:9400/api/")),
        ("aud", json!(RESOURCE)),
        ("aud", json!([API])),
        ("iss", json!("http://localhost:9400/")),
        ("iss", json!("https://evil.example")),
        ("exp", json!(START)),
        ("exp", json!("never")),
        ("iat", json!(START + 3600)),
        ("nbf", json!(START + 3600)),
        ("cnf", json!({ "jkt": "x" })),
        ("sub", json!("")),
        ("scope", json!(["postern.resource_server"])),
    ] {
        let mut claims = claims();
        claims[name] = value;
        wrong.push(claims);
    }
    for name in ["iss", "sub", "aud", "exp", "iat", "jti", "client_id", "scope"] {
        let mut claims = claims();
        claims.as_object_mut().expect("an object").remove(name);
        wrong.push(claims);
    }
    for claims in wrong {
        let token = signed(&server, "at+jwt", &claims);
        let answer = guarded(&server, &format!("Bearer {token}")).await;
        assert_eq!(answer.refusal(), (401, "invalid_token".to_owned()), "{claims}");
        assert!(answer.header("www-authenticate").starts_with("Bearer error=\"invalid_token\""), "{answer:?}");
        let introspected =
            server.post_form_as("/oauth2/introspect", &basic("machine", SECRET), &[("token", &token)]).await;
        let is_fine_elsewhere = claims["aud"] == RESOURCE || claims["aud"] == "http://localhost:9400/api/";
        assert_eq!(introspected.json()["active"], is_fine_elsewhere, "{claims}");
    }
}

#[tokio::test]
async fn each_wrong_header_signature_and_form_is_invalid_token() {
    let server = TestServer::start().await;
    let right = signed(&server, "at+jwt", &claims());
    let (header, rest) = right.split_once('.').expect("parts");
    let (payload, signature) = rest.split_once('.').expect("parts");
    let kid = kid_of(&right);
    let with_header = |header: Value| format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header.to_string()));
    let stranger =
        SigningKey::generate(TokenAlgorithm::Es256).expect("a key").sign("at+jwt", &claims()).expect("signed");
    let wrong = [
        signed(&server, "JWT", &claims()),
        signed(&server, "secevent+jwt", &claims()),
        with_header(json!({ "typ": "at+jwt", "alg": "none", "kid": kid })),
        with_header(json!({ "typ": "at+jwt", "alg": "HS256", "kid": kid })),
        with_header(json!({ "typ": "at+jwt", "alg": "RS256", "kid": kid })),
        with_header(json!({ "typ": "at+jwt", "alg": "ES256", "kid": kid, "crit": ["b64"], "b64": false })),
        with_header(json!({ "typ": "at+jwt", "alg": "ES256" })),
        format!("{header}.{payload}."),
        format!("{header}.{payload}"),
        format!("{header}.{payload}.{signature}A"),
        format!("{right} {right}"),
        stranger,
        "nonsense".to_owned(),
    ];
    for token in wrong {
        let answer = guarded(&server, &format!("Bearer {token}")).await;
        assert_eq!(answer.refusal(), (401, "invalid_token".to_owned()), "{token}");
    }
}

#[tokio::test]
async fn a_token_without_the_scope_is_told_which_one_is_needed() {
    let server = TestServer::start().await;
    for scope in ["mcp.read", "", "postern"] {
        let mut claims = claims();
        claims["scope"] = scope.into();
        let answer = guarded(&server, &format!("Bearer {}", signed(&server, "at+jwt", &claims))).await;
        assert_eq!(answer.refusal(), (403, "insufficient_scope".to_owned()), "{scope:?}");
        assert!(answer.header("www-authenticate").contains(&format!("scope=\"{SCOPE}\"")), "{answer:?}");
    }
}

#[tokio::test]
async fn a_token_in_the_query_or_twice_is_no_token() {
    let server = TestServer::start().await;
    let token = signed(&server, "at+jwt", &claims());
    let query = server.post_json(&format!("/api/events?access_token={token}"), &json!({})).await;
    assert_eq!(query.status, 401);
    let twice = Request::post("/api/events")
        .header("authorization", format!("Bearer {token}"))
        .header("authorization", format!("Bearer {token}"));
    let twice = server.send(twice.body(Body::empty()).expect("a request")).await;
    assert_eq!(twice.refusal(), (400, "invalid_request".to_owned()));
}

#[tokio::test]
async fn a_revoked_token_is_refused_at_the_next_look() {
    let server = TestServer::start().await;
    let token = format!("Bearer {}", signed(&server, "at+jwt", &claims()));
    assert_eq!(guarded(&server, &token).await.status, 200);
    let work =
        |mut tx| async move { change_log::append(&mut tx, change_log::Change::ClientRevoked("machine"), START).await };
    server.app.store.write::<_, StoreError, _, _>(work).await.expect("appended");
    server.follow().await;
    assert_eq!(guarded(&server, &token).await.refusal(), (401, "invalid_token".to_owned()));
}
