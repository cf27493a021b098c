//! Revocation: what the feed says ends tokens, cached or not.

use super::server::{IN_TIME, INVALID_TOKEN_TEXT, Server};
use axum::http::StatusCode;
use serde_json::json;
use shared::protocol::security_event::RevocationKind;
use system_tests::poll::until;

async fn refused(server: &Server, token: &str) {
    until("the token is refused", IN_TIME, || async {
        (server.list(token).await.status == StatusCode::UNAUTHORIZED).then_some(())
    })
    .await
    .expect("refused");
    let answer = server.list(token).await;
    assert_eq!(answer.text(), INVALID_TOKEN_TEXT);
    assert!(answer.header("www-authenticate").contains("error=\"invalid_token\""));
}

#[tokio::test]
async fn each_kind_ends_the_tokens_it_names_and_no_others() {
    for (kind, subject) in [
        (RevocationKind::Grant, "grant-u1-c1"),
        (RevocationKind::Jti, "jti-u1-c1"),
        (RevocationKind::User, "u1"),
        (RevocationKind::Client, "c1"),
    ] {
        let server = Server::start_with("requests_per_minute = 100000").await;
        let (theirs, others) = (server.token_of("u1", "c1", "mcp.read"), server.token_of("u2", "c2", "mcp.read"));
        for token in [&theirs, &others] {
            assert_eq!(server.list(token).await.status, StatusCode::OK, "{kind:?}");
        }
        server.issuer.revoke(kind, subject, server.now());
        refused(&server, &theirs).await;
        assert_eq!(server.list(&others).await.status, StatusCode::OK, "{kind:?}");
        server.advance(1);
        let mut again = server.claims("mcp.read");
        (again["sub"], again["client_id"]) = (json!("u1"), json!("c1"));
        (again["jti"], again["grant_id"]) = (json!("new"), json!("new"));
        let answer = server.list(&server.sign(&again)).await;
        assert_eq!(answer.status, StatusCode::OK, "whoever signs in again is welcome after {kind:?}");
    }
}

#[tokio::test]
async fn a_stolen_key_ends_everything_it_signed() {
    let server = Server::start().await;
    let kid = server.issuer.signer.public_jwk().kid().expect("a kid").to_owned();
    let token = server.token("mcp.read");
    assert_eq!(server.list(&token).await.status, StatusCode::OK);
    server.issuer.revoke(RevocationKind::Kid, &kid, server.now());
    refused(&server, &token).await;
}
