//! Token substitution (RFC 9700 §4.6, RFC 8725 §2.8): whatever this server makes is good in one place only. Everything it makes is tried in
//! every place, and after that still works in its own.

use crate::auth_server::{
    TestServer,
    browser::Browser,
    given::{Given, SECRET, TOKEN, VERIFIER, basic, confidential_client},
    visitors::PASSWORD,
};
use crate::resource_server::{foreign_issuer, opaque_tokens::ASKING, server::RESOURCE, trusted_issuers::in_place};
use axum::{body::Body, extract::Request, http::StatusCode};
use serde_json::json;
use shared::protocol::{
    jwt::CLIENT_ASSERTION_TYPE,
    opaque_token::{OpaqueToken, TokenKind},
};
use std::collections::BTreeMap;

const ADA: &str = "ada@example.com";

/// One of everything, by name.
async fn everything(server: &TestServer) -> BTreeMap<&'static str, String> {
    server.add_member(ADA).await;
    server.add_client(&confidential_client("machine")).await;
    let tokens = server.redeem(&server.give(&Given::USUAL).await).await;
    server.follow().await;
    let browser = Browser::signed_in(server, ADA, PASSWORD).await;
    let mut cookies = browser.cookies.values().cloned();
    let link = OpaqueToken::from_entropy(TokenKind::OneTimeLink, &[9; 32]);
    BTreeMap::from([
        ("access token", tokens.text("access_token")),
        ("refresh token", tokens.text("refresh_token")),
        ("management token", server.machine_token().await),
        ("code", server.give(&Given::USUAL).await),
        ("session", cookies.next().expect("a cookie")),
        ("known device", cookies.next().expect("another")),
        ("client secret", SECRET.to_owned()),
        ("one-time link", link.expose().to_owned()),
    ])
}

#[tokio::test]
async fn everything_is_good_in_its_own_place_only() {
    let server = TestServer::with_app().await;
    let made = everything(&server).await;
    for (what, token) in &made {
        if *what != "code" {
            let answer = server.redeem(token).await;
            assert_eq!(answer.refusal(), (400, "invalid_grant".to_owned()), "{what} as a code");
        }
        if *what != "refresh token" {
            let answer = server.refresh(token).await;
            assert_eq!(answer.refusal(), (400, "invalid_grant".to_owned()), "{what} as a refresh token");
        }
        if *what != "management token" {
            let request = Request::post("/api/events").header("authorization", format!("Bearer {token}"));
            let answer = server.send(request.body(Body::empty()).expect("a request")).await;
            assert_eq!(answer.refusal(), (401, "invalid_token".to_owned()), "{what} as a bearer token");
        }
        if *what != "client secret" {
            let form = [("grant_type", "client_credentials"), ("scope", "mcp.read")];
            let answer = server.post_form_as(TOKEN, &basic("machine", token), &form).await;
            assert_eq!(answer.refusal(), (401, "invalid_client".to_owned()), "{what} as a secret");
        }
        let form = [
            ("grant_type", "client_credentials"),
            ("client_assertion_type", CLIENT_ASSERTION_TYPE),
            ("client_assertion", token.as_str()),
        ];
        let answer = server.post_form(TOKEN, &form).await;
        assert_eq!(answer.refusal(), (401, "invalid_client".to_owned()), "{what} as a client assertion");
        for page in ["set-up", "reset-password"] {
            let answer = server.get(&format!("/{page}/{token}")).await;
            assert!(!answer.status.is_success(), "{what} as a link: {answer:?}");
        }
    }
    assert_eq!(server.redeem(&made["code"]).await.status, 200, "what was only mistaken for something is not spent");
    assert_eq!(server.refresh(&made["refresh token"]).await.status, 200);
    assert_eq!(server.revoked_grants().await, 0, "and nothing was taken for theft");
}

#[tokio::test]
async fn only_a_session_is_a_session() {
    let server = TestServer::with_app().await;
    let made = everything(&server).await;
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    assert!(browser.get("/").await.body.contains(ADA));
    for (what, token) in made.iter().filter(|(what, _)| **what != "session") {
        browser.cookies.values_mut().for_each(|value| value.clone_from(token));
        let page = browser.get("/").await;
        assert!(page.status.is_success() && !page.body.contains(ADA), "{what} as a cookie: {page:?}");
    }
}

#[tokio::test]
async fn introspection_calls_only_tokens_active() {
    let server = TestServer::with_app().await;
    let made = everything(&server).await;
    let active = ["access token", "management token", "refresh token"];
    for (what, token) in made.iter().filter(|(what, _)| !active.contains(*what)) {
        for hint in ["", "access_token", "refresh_token"] {
            let form = [("token", token.as_str()), ("token_type_hint", hint)];
            let answer = server.post_form_as("/oauth2/introspect", &basic("machine", SECRET), &form).await;
            assert_eq!(answer.body, "{\"active\":false}", "{what} {hint}");
        }
    }
}

#[tokio::test]
async fn an_access_token_for_a_resource_is_nothing_to_another() {
    let server = TestServer::with_app().await;
    let token = server.redeem(&server.give(&Given::USUAL).await).await;
    assert_eq!(token.claims()["aud"], crate::auth_server::test_server::RESOURCE);
    let answer = server.call("POST", "/api/events", &token.text("access_token"), &serde_json::Value::Null).await;
    assert_eq!(answer.refusal(), (401, "invalid_token".to_owned()));
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", "app"),
        ("refresh_token", &token.text("refresh_token")),
        ("resource", "http://localhost:9400/api"),
        ("code_verifier", VERIFIER),
    ];
    assert_eq!(server.post_form(TOKEN, &form).await.refusal(), (400, "invalid_target".to_owned()));
}

/// An issuer that is asked about a refresh token knows it, and whose it is, and for what (RFC 7662 §2.2): all that an access token would be.
#[tokio::test]
async fn a_refresh_token_of_a_trusted_issuer_is_no_access_token() {
    let foreign = foreign_issuer::start().await;
    let server = in_place(&[&foreign], ASKING).await;
    for (number, (claim, word, status)) in [
        ("token_use", "access_token", StatusCode::OK),
        ("token_use", "access", StatusCode::OK),
        ("token_use", "refresh_token", StatusCode::UNAUTHORIZED),
        ("token_use", "id", StatusCode::UNAUTHORIZED),
        ("token_usage", "access_token", StatusCode::OK),
        ("token_usage", "refresh_token", StatusCode::UNAUTHORIZED),
        ("tokenName", "access_token", StatusCode::OK),
        ("tokenName", "refresh_token", StatusCode::UNAUTHORIZED),
    ]
    .into_iter()
    .enumerate()
    {
        let mut claims = foreign.claims(RESOURCE, server.now());
        claims[claim] = json!(word);
        let opaque = format!("ory_rt_{number}.secret");
        foreign.know(&opaque, &claims);
        assert_eq!(server.list(&opaque).await.status, status, "{claim} {word}");
        assert_eq!(server.list(&foreign.sign(&claims)).await.status, status, "{claim} {word} in a JWT");
    }
}
