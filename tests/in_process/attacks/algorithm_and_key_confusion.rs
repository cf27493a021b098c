//! Algorithm and key confusion (RFC 8725 §2.1, §3.1, §3.10): a token cannot choose how it is verified. No `none`, no HMAC under what is
//! public, no key of its own, no key of somebody else, no signature that fits everything.

use crate::auth_server::{
    Answer, TestServer,
    given::{SECRET, basic, confidential_client},
    test_server::{START, resource_server_key_of_this_run},
};
use aws_lc_rs::hmac;
use axum::{body::Body, extract::Request};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use keys::SigningKey;
use serde_json::{Value, json};
use shared::protocol::{jwt::CLIENT_ASSERTION_TYPE, token_algorithm::TokenAlgorithm};

const ISSUER: &str = "http://localhost:9400";

fn claims() -> Value {
    json!({
        "iss": ISSUER, "sub": "machine", "aud": format!("{ISSUER}/api"), "exp": START + 900, "iat": START, "jti": "j",
        "client_id": "machine", "scope": "postern.resource_server",
    })
}

async fn guarded(server: &TestServer, token: &str) -> Answer {
    let request = Request::post("/api/events").header("authorization", format!("Bearer {token}"));
    let request = request.header("content-type", "application/json");
    server.send(request.body(Body::from(r#"{"returnImmediately":true}"#)).expect("a request")).await
}

async fn assert_refused(server: &TestServer, token: &str, why: &str) {
    assert_eq!(guarded(server, token).await.refusal(), (401, "invalid_token".to_owned()), "{why}: {token}");
    let seen = server.post_form_as("/oauth2/introspect", &basic("machine", SECRET), &[("token", token)]).await;
    assert_eq!(seen.body, "{\"active\":false}", "{why}");
}

async fn server() -> TestServer {
    let server = TestServer::start().await;
    server.add_client(&confidential_client("machine")).await;
    server
}

fn encoded(part: &Value) -> String {
    URL_SAFE_NO_PAD.encode(part.to_string())
}

/// The published keys: what everybody has.
async fn published(server: &TestServer) -> Vec<Value> {
    let document = server.get("/.well-known/jwks.json").await.json();
    document["keys"].as_array().cloned().expect("keys")
}

fn header(alg: &str, kid: &Value) -> Value {
    json!({ "typ": "at+jwt", "alg": alg, "kid": kid })
}

#[tokio::test]
async fn no_algorithm_means_no_token_however_it_is_spelled() {
    let server = server().await;
    let kid = published(&server).await[0]["kid"].clone();
    for alg in ["none", "None", "NONE", "nOnE", "", " none", "null"] {
        for signature in ["", "AA", "e30"] {
            let token = format!("{}.{}.{signature}", encoded(&header(alg, &kid)), encoded(&claims()));
            assert_refused(&server, &token, alg).await;
        }
    }
    let without = format!("{}.{}.", encoded(&json!({ "typ": "at+jwt", "kid": kid })), encoded(&claims()));
    assert_refused(&server, &without, "no alg at all").await;
}

#[tokio::test]
async fn a_public_key_is_no_shared_secret() {
    let server = server().await;
    for key in published(&server).await {
        let member = |name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap_or_default()).unwrap_or_default();
        let point = [&[4][..], &member("x"), &member("y")].concat();
        let spellings = [key.to_string().into_bytes(), member("n"), member("x"), point, member("kid"), Vec::new()];
        for secret in spellings {
            for (alg, mac) in [("HS256", hmac::HMAC_SHA256), ("HS384", hmac::HMAC_SHA384), ("HS512", hmac::HMAC_SHA512)]
            {
                let signed = format!("{}.{}", encoded(&header(alg, &key["kid"])), encoded(&claims()));
                let tag = hmac::sign(&hmac::Key::new(mac, &secret), signed.as_bytes());
                assert_refused(&server, &format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag.as_ref())), alg).await;
            }
        }
    }
}

#[tokio::test]
async fn a_key_verifies_its_own_algorithm_and_no_other() {
    let server = server().await;
    for algorithm in TokenAlgorithm::ALL {
        let right = server.app.keys.sign(algorithm, "at+jwt", &claims()).expect("signed");
        assert_eq!(guarded(&server, &right).await.status, 200, "this one is right");
        let (head, rest) = right.split_once('.').expect("parts");
        let own: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(head).expect("base64url")).expect("JSON");
        for alg in ["ES256", "RS256", "PS256", "EdDSA", "ES384", "RS512", "HS256"] {
            if own["alg"] != alg {
                let relabelled = format!("{}.{rest}", encoded(&header(alg, &own["kid"])));
                assert_refused(&server, &relabelled, alg).await;
            }
        }
        for key in published(&server).await.iter().filter(|key| key["kid"] != own["kid"]) {
            let borrowed = format!("{}.{rest}", encoded(&header(own["alg"].as_str().expect("a name"), &key["kid"])));
            assert_refused(&server, &borrowed, "the name of another key").await;
        }
    }
}

#[tokio::test]
async fn a_token_brings_no_key_and_names_no_file() {
    let server = server().await;
    let stranger = SigningKey::generate(TokenAlgorithm::Es256).expect("a key");
    let token = stranger.sign("at+jwt", &claims()).expect("signed");
    let (_, rest) = token.split_once('.').expect("parts");
    let jwk = serde_json::to_value(stranger.public_jwk()).expect("JSON");
    let kid = published(&server).await[0]["kid"].clone();
    for (name, value) in [
        ("jwk", jwk.clone()),
        ("jku", json!("https://evil.example/jwks.json")),
        ("x5u", json!("https://evil.example/cert.pem")),
        ("x5c", json!(["MIIB"])),
        ("kid", json!(stranger.kid())),
        ("kid", json!("../../../../dev/null")),
        ("kid", json!("' OR '1'='1")),
        ("kid", json!("\u{0}")),
        ("kid", json!(["a"])),
        ("kid", json!("k".repeat(5000))),
        ("kid", Value::Null),
        ("crit", json!(["exp"])),
    ] {
        let mut own = header("ES256", &kid);
        own[name] = value;
        assert_refused(&server, &format!("{}.{rest}", encoded(&own)), name).await;
    }
}

#[tokio::test]
async fn no_signature_fits_everything() {
    let server = server().await;
    let right = server.app.keys.sign(TokenAlgorithm::Es256, "at+jwt", &claims()).expect("signed");
    let (signed, signature) = right.rsplit_once('.').expect("parts");
    let bytes = URL_SAFE_NO_PAD.decode(signature).expect("base64url");
    let half = |fill: u8| [fill; 32];
    let changed: [(&str, Vec<u8>); 6] = [
        ("zeros", [half(0), half(0)].concat()),
        ("ones", [half(0xff), half(0xff)].concat()),
        ("swapped", [&bytes[32..], &bytes[..32]].concat()),
        ("cut", bytes[..63].to_vec()),
        ("longer", [&bytes[..], &[0]].concat()),
        ("in DER", [&[0x30, 0x44, 0x02, 0x20][..], &bytes[..32], &[0x02, 0x20], &bytes[32..]].concat()),
    ];
    for (why, signature) in changed {
        assert_refused(&server, &format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)), why).await;
    }
}

#[tokio::test]
async fn keys_of_clients_sign_no_tokens_and_secrets_no_assertions() {
    let server = server().await;
    let enrolled = resource_server_key_of_this_run();
    let token = enrolled.sign_claims("at+jwt", &claims()).expect("signed");
    assert_refused(&server, &token, "the key of a resource server").await;

    let assertion =
        json!({ "iss": "machine", "sub": "machine", "aud": ISSUER, "iat": START, "exp": START + 60, "jti": "a" });
    let signed = format!("{}.{}", encoded(&json!({ "alg": "HS256", "typ": "JWT" })), encoded(&assertion));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes()), signed.as_bytes());
    let by_secret = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag.as_ref()));
    let by_issuer = server.app.keys.sign(TokenAlgorithm::Es256, "JWT", &assertion).expect("signed");
    for (why, assertion) in [("client_secret_jwt", by_secret), ("the issuer's own key", by_issuer)] {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_assertion_type", CLIENT_ASSERTION_TYPE),
            ("client_assertion", assertion.as_str()),
        ];
        let answer = server.post_form("/oauth2/token", &form).await;
        assert_eq!(answer.refusal(), (401, "invalid_client".to_owned()), "{why}");
    }
}
