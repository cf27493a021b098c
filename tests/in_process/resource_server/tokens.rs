//! The token step: what is no token, what is no good token, and what each is told.

use super::server::{INVALID_TOKEN_TEXT, NOW, RESOURCE, Server, list, post, request};
use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use shared::{protocol::jwt::AssertionSigner, random::SystemRandom};

const WITHOUT_TOKEN: &str =
    "Bearer resource_metadata=\"http://localhost:9500/.well-known/oauth-protected-resource/mcp\", scope=\"mcp.read\"";

fn with_headers(path: &str, values: &[&str]) -> Request<Body> {
    let mut request = request("POST", path).header(header::CONTENT_TYPE, "application/json");
    for value in values {
        request = request.header(header::AUTHORIZATION, *value);
    }
    request.body(Body::from(list().to_string())).expect("a request")
}

#[tokio::test]
async fn no_token_is_401_without_an_error() {
    let server = Server::start().await;
    let token = server.token("mcp.read");
    let in_query = format!("/mcp?access_token={token}");
    for (path, values) in [
        ("/mcp", vec![]),
        ("/mcp", vec!["Bearer"]),
        ("/mcp", vec!["Basic YWxpY2U6cHc="]),
        ("/mcp", vec![&*format!("DPoP {token}")]),
        (&*in_query, vec![]),
        ("/mcp?token=x", vec![]),
    ] {
        let answer = server.send(with_headers(path, &values)).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path} {values:?}");
        assert_eq!(answer.text(), "Missing authentication.");
        assert_eq!(answer.header("www-authenticate"), WITHOUT_TOKEN);
        assert_eq!(answer.header("cache-control"), "no-store");
    }
}

#[tokio::test]
async fn a_good_token_in_any_spelling_of_the_scheme_is_let_in() {
    let server = Server::start().await;
    let token = server.token("mcp.read");
    for scheme in ["Bearer", "bearer", "BEARER"] {
        let answer = server.send(with_headers("/mcp", &[&format!("{scheme} {token}")])).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    }
    assert_eq!(server.send(with_headers("/mcp/", &[&format!("Bearer {token}")])).await.status, StatusCode::OK);
}

#[tokio::test]
async fn two_ways_at_once_are_400() {
    let server = Server::start().await;
    let bearer = format!("Bearer {}", server.token("mcp.read"));
    let form = request("POST", "/mcp")
        .header(header::AUTHORIZATION, &bearer)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from("access_token=x"))
        .expect("a request");
    for request in [
        with_headers("/mcp?access_token=x", &[&bearer]),
        with_headers("/mcp?a=1&token=x", &[&bearer]),
        with_headers("/mcp", &[&bearer, &bearer]),
        form,
    ] {
        let answer = server.send(request).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text());
        assert!(answer.header("www-authenticate").contains("error=\"invalid_request\""));
    }
}

/// Claims with one member changed, or removed where it is null.
fn with(server: &Server, name: &str, value: Value) -> Value {
    let mut claims = server.claims("mcp.read");
    match value {
        Value::Null => drop(claims.as_object_mut().expect("an object").remove(name)),
        value => claims[name] = value,
    }
    claims
}

#[tokio::test]
async fn each_wrong_claim_is_401_invalid_token() {
    let server = Server::start().await;
    let now = server.now();
    let wrong = [
        ("aud", json!("http://localhost:9500/other")),
        ("aud", json!("http://localhost:9500/mcp/")),
        ("aud", json!([RESOURCE])),
        ("aud", json!([RESOURCE, "https://other.example"])),
        ("aud", Value::Null),
        ("iss", json!("https://evil.example")),
        ("iss", json!(format!("{}/", server.issuer.url))),
        ("iss", Value::Null),
        ("exp", json!(now - 6)),
        ("exp", json!("never")),
        ("exp", Value::Null),
        ("nbf", json!(now + 3600)),
        ("iat", json!(now + 3600)),
        ("sub", json!("")),
        ("sub", Value::Null),
        ("client_id", Value::Null),
        ("jti", Value::Null),
        ("cnf", json!({"jkt": "x"})),
    ];
    for (name, value) in wrong {
        let mut claims = with(&server, name, value.clone());
        if name == "exp" {
            claims["iat"] = json!(now - 900);
        }
        let answer = server.list(&server.sign(&claims)).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{name} {value}: {}", answer.text());
        assert_eq!(answer.text(), INVALID_TOKEN_TEXT);
        let challenge = answer.header("www-authenticate");
        assert!(challenge.starts_with("Bearer error=\"invalid_token\""), "{challenge}");
        assert!(challenge.contains("resource_metadata=") && challenge.contains("scope=\"mcp.read\""), "{challenge}");
    }
    let mut just = server.claims("mcp.read");
    (just["iat"], just["exp"]) = (json!(now - 900), json!(now - 4));
    assert_eq!(server.list(&server.sign(&just)).await.status, StatusCode::OK, "within the leeway");
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

#[tokio::test]
async fn each_wrong_header_is_401_invalid_token() {
    let server = Server::start().await;
    let claims = server.claims("mcp.read");
    let good = server.sign(&claims);
    let mut parts = good.split('.');
    let (header, payload, signature) = (parts.next().expect("1"), parts.next().expect("2"), parts.next().expect("3"));
    let kid = server.issuer.signer.public_jwk().kid().expect("a kid").to_owned();
    let header_with = |more: Value| {
        let mut header = json!({"typ": "at+jwt", "alg": "ES256", "kid": kid});
        header.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        format!("{}.{payload}.{signature}", part(&header))
    };
    let stranger = AssertionSigner::generate(&SystemRandom).expect("a key");
    // HS256 keyed with the public key: nobody may take it for a secret.
    let confused = format!("{}.{payload}.{signature}", part(&json!({"typ": "at+jwt", "alg": "HS256", "kid": kid})));
    let wrong = [
        ("garbage", "garbage".to_owned()),
        ("three empty parts", "..".to_owned()),
        ("none", format!("{}.{payload}.", part(&json!({"typ": "at+jwt", "alg": "none", "kid": kid})))),
        ("HS256", confused),
        ("RS256", header_with(json!({"alg": "RS256"}))),
        ("typ JWT", server.issuer.signer.sign_claims("JWT", &claims).expect("a token")),
        ("no typ", header_with(json!({"typ": ""}))),
        ("crit", header_with(json!({"crit": ["x"], "x": 1}))),
        ("jwk", header_with(json!({"jwk": {}}))),
        ("a stranger's key", stranger.sign_claims("at+jwt", &claims).expect("a token")),
        ("no signature", format!("{header}.{payload}.")),
        ("another payload", format!("{header}.{}.{signature}", part(&with(&server, "sub", json!("bob"))))),
        ("a token in a token", format!("{good}.{good}")),
        ("long", "a".repeat(10_000)),
    ];
    for (name, token) in wrong {
        let answer = server.list(&token).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{name}: {}", answer.text());
        assert_eq!(answer.text(), INVALID_TOKEN_TEXT, "{name}");
    }
    assert_eq!(server.list(&good).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_cached_token_ends_at_its_expiry() {
    let server = Server::start().await;
    let mut claims = server.claims("mcp.read");
    claims["exp"] = json!(server.now() + 30);
    let token = server.sign(&claims);
    assert_eq!(server.list(&token).await.status, StatusCode::OK);
    server.advance(34);
    assert_eq!(server.list(&token).await.status, StatusCode::OK, "within the leeway");
    server.advance(1);
    assert_eq!(server.list(&token).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_block_that_keeps_guessing_has_to_wait_but_good_tokens_are_remembered() {
    let server = Server::start_with("forged_tokens_per_minute = 3").await;
    let good = server.token("mcp.read");
    let from = |token: &str, address: &str| {
        let mut request = post(token, list().to_string());
        let peer: std::net::SocketAddr = address.parse().expect("an address");
        request.extensions_mut().insert(shared::http::PeerAddress(peer));
        request
    };
    assert_eq!(server.send(from(&good, "203.0.113.1:1")).await.status, StatusCode::OK);
    for _ in 0..3 {
        let answer = server.send(from("guess", "203.0.113.9:1")).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    }
    let refused = server.send(from("guess", "203.0.113.77:1")).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(refused.header("retry-after").parse::<u64>().expect("seconds") >= 1);
    assert_eq!(server.send(from(&good, "203.0.113.1:1")).await.status, StatusCode::OK, "remembered");
    assert_eq!(server.send(from("guess", "198.51.100.1:1")).await.status, StatusCode::UNAUTHORIZED, "another block");
    let mut expired = server.claims("mcp.read");
    (expired["iat"], expired["exp"]) = (json!(NOW - 1000), json!(NOW - 100));
    for _ in 0..5 {
        let answer = server.send(from(&server.sign(&expired), "192.0.2.1:1")).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "an expired token of ours is no guess");
    }
}
