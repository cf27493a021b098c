//! Access tokens whose header plays tricks, each rightly signed by a published key: what a library might believe is not believed.

use crate::resource_server::{
    foreign_issuer,
    server::{INVALID_TOKEN_TEXT, RESOURCE, Server, list, request},
    trusted_issuers::beside,
};
use aws_lc_rs::{
    hmac,
    rand::SystemRandom as Entropy,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
};
use axum::{
    Router,
    body::Body,
    http::{StatusCode, header},
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};
use shared::protocol::jwt::AssertionSigner;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// The compact form of exactly these texts, signed by `signer`.
fn sign(signer: &AssertionSigner, header: &str, payload: &str) -> String {
    let pem = signer.to_pkcs8_pem().expect("PEM");
    let der: String = pem.expose().lines().filter(|line| !line.starts_with("-----")).collect();
    let der = STANDARD.decode(der).expect("base64");
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der).expect("a key");
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let signature = pair.sign(&Entropy::new(), message.as_bytes()).expect("a signature");
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
}

fn jwk(signer: &AssertionSigner) -> Value {
    serde_json::to_value(signer.public_jwk()).expect("a JWK")
}

fn kid(signer: &AssertionSigner) -> String {
    signer.public_jwk().kid().map_or_else(|| signer.public_jwk().thumbprint(), str::to_owned)
}

/// Headers that are wrong in one thing; `elsewhere` is a host that must see nobody.
fn tricks(kid: &str, key: &Value, elsewhere: &str) -> Vec<String> {
    let with = |more: Value| {
        let mut header = json!({"typ": "at+jwt", "alg": "ES256", "kid": kid});
        header.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        header.to_string()
    };
    let mut headers: Vec<String> = [
        json!({"jku": format!("http://{elsewhere}/keys")}),
        json!({"x5u": format!("http://{elsewhere}/certificate")}),
        json!({"jwk": key}),
        json!({"x5c": ["MIIB"]}),
        json!({"crit": ["exp"]}),
        json!({"crit": ["jku"], "jku": format!("http://{elsewhere}/keys")}),
        json!({"crit": []}),
        json!({"b64": false, "crit": ["b64"]}),
        json!({"zip": "DEF"}),
        json!({"enc": "A256GCM"}),
        json!({"alg": "none"}),
        json!({"alg": "es256"}),
        json!({"alg": "ES384"}),
        json!({"alg": "RS256"}),
        json!({"alg": "EdDSA"}),
        json!({"alg": ["ES256"]}),
        json!({"alg": null}),
        json!({"typ": "JWT"}),
        json!({"typ": null}),
        json!({"typ": "at+jwt;x"}),
        json!({"kid": "../../../../dev/null"}),
        json!({"kid": "' OR 1=1 --"}),
        json!({"kid": format!("http://{elsewhere}/key")}),
        json!({"kid": format!("{kid}\u{0}")}),
        json!({"kid": "k".repeat(300)}),
        json!({"kid": [kid]}),
        json!({"kid": {"$ne": ""}}),
        json!({"kid": 0}),
        json!({"kid": null}),
        json!({"kid": ""}),
    ]
    .into_iter()
    .map(with)
    .collect();
    headers.push(json!({"typ": "at+jwt", "alg": "ES256"}).to_string());
    headers.push(format!(r#"{{"typ":"at+jwt","alg":"ES256","kid":"{kid}","kid":"{kid}"}}"#));
    headers.push(format!(r#"{{"typ":"at+jwt","alg":"none","alg":"ES256","kid":"{kid}"}}"#));
    headers.push(format!(r#"["{kid}"]"#));
    headers
}

#[tokio::test]
async fn no_header_talks_the_server_into_anything() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let elsewhere = listener.local_addr().expect("an address").to_string();
    let visits = Arc::new(AtomicUsize::new(0));
    let counted = visits.clone();
    let counting = move || {
        counted.fetch_add(1, Ordering::SeqCst);
        async { "{}" }
    };
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(counting)).await });
    let foreign = foreign_issuer::start().await;
    let server = beside(&foreign, "").await;
    let mut theirs = foreign.claims(RESOURCE, server.now());
    // No key that was published since the keys were fetched can have signed it.
    theirs["iat"] = json!(server.now() - 60);
    let theirs = theirs.to_string();
    for (signer, payload) in [(&server.issuer.signer, server.claims("mcp.read").to_string()), (&foreign.signer, theirs)]
    {
        let good = sign(signer, &json!({"typ": "at+jwt", "alg": "ES256", "kid": kid(signer)}).to_string(), &payload);
        assert_eq!(server.list(&good).await.status, StatusCode::OK, "the signature is right");
        for header in tricks(&kid(signer), &jwk(signer), &elsewhere) {
            let answer = server.list(&sign(signer, &header, &payload)).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{header}: {}", answer.text());
            assert_eq!(answer.text(), INVALID_TOKEN_TEXT, "one answer for all: {header}");
        }
        // RFC 8725 §2.1: the published key, in every form that somebody might take for a secret.
        let key = jwk(signer);
        let point =
            ["x", "y"].map(|name| URL_SAFE_NO_PAD.decode(key[name].as_str().expect("text")).expect("base64")).concat();
        for secret in [point.clone(), [&[4][..], &point].concat(), key.to_string().into_bytes(), Vec::new()] {
            let header = json!({"typ": "at+jwt", "alg": "HS256", "kid": kid(signer)}).to_string();
            let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(&payload));
            let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), message.as_bytes());
            let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag.as_ref()));
            assert_eq!(server.list(&token).await.status, StatusCode::UNAUTHORIZED);
        }
    }
    assert_eq!(visits.load(Ordering::SeqCst), 0, "no token says where its key is");
}

#[tokio::test]
async fn a_token_anywhere_but_in_the_header_is_none() {
    let server = Server::start().await;
    let token = server.token("mcp.read");
    let mut in_body = list();
    (in_body["access_token"], in_body["params"]) =
        (json!(token), json!({"access_token": token, "_meta": {"token": token}}));
    let json = |path: &str| request("POST", path).header(header::CONTENT_TYPE, "application/json");
    let form = request("POST", "/mcp").header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    for request in [
        json(&format!("/mcp?access_token={token}")).body(Body::from(list().to_string())),
        json(&format!("/mcp?token={token}")).body(Body::from(list().to_string())),
        json("/mcp").body(Body::from(in_body.to_string())),
        form.body(Body::from(format!("access_token={token}"))),
        json("/mcp").header(header::COOKIE, format!("access_token={token}")).body(Body::from(list().to_string())),
        json("/mcp").header("x-access-token", &token).body(Body::from(list().to_string())),
        json("/mcp").header("x-api-key", &token).body(Body::from(list().to_string())),
        json("/mcp").header("proxy-authorization", format!("Bearer {token}")).body(Body::from(list().to_string())),
    ] {
        let answer = server.send(request.expect("a request")).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        let challenge = answer.header("www-authenticate");
        assert!(!challenge.contains("error=") && !challenge.contains(&token), "{challenge}");
    }
}
