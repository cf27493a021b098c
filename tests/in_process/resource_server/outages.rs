//! The issuer is down, silent, or rotates its keys: never a 401 for what cannot be known.

use super::{
    issuer::{Introspection, public_key},
    server::Server,
};
use axum::http::StatusCode;
use serde_json::json;
use shared::{
    protocol::{jwt::AssertionSigner, security_event::RevocationKind},
    random::SystemRandom,
};
use std::sync::atomic::Ordering;

#[tokio::test]
async fn a_silent_feed_makes_it_ask_about_each_token() {
    let server = Server::start().await;
    let token = server.token("mcp.read mcp.write");
    assert_eq!(server.list(&token).await.status, StatusCode::OK);
    assert_eq!(server.issuer.introspected.load(Ordering::SeqCst), 0, "a fresh feed is enough");
    server.issuer.break_feed(true);
    server.advance(31);
    for _ in 0..3 {
        assert_eq!(server.list(&token).await.status, StatusCode::OK);
    }
    assert_eq!(server.issuer.introspected.load(Ordering::SeqCst), 1, "remembered shortly");
    server.advance(10);
    server.issuer.answer_introspection(Introspection::Inactive);
    assert_eq!(server.list(&token).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn when_nobody_can_be_asked_only_reading_goes_on_and_not_for_long() {
    let server = Server::start().await;
    let token = server.token("mcp.read mcp.write");
    server.issuer.answer_introspection(Introspection::Broken);
    server.issuer.break_feed(true);
    server.advance(31);
    assert_eq!(server.list(&token).await.status, StatusCode::OK);
    assert_eq!(server.call(&token, "list_events", json!({})).await.status, StatusCode::OK);
    let write = server.call(&token, "create_event", json!({"title": "x"})).await;
    assert_eq!(write.status, StatusCode::SERVICE_UNAVAILABLE, "{}", write.text());
    assert!(!write.header("retry-after").is_empty());
    assert_eq!(server.get("/readyz").await.status, StatusCode::SERVICE_UNAVAILABLE);
    server.advance(270);
    assert_eq!(server.list(&token).await.status, StatusCode::SERVICE_UNAVAILABLE);
    server.issuer.break_feed(false);
    // News, so that the next poll is answered at once.
    server.issuer.revoke(RevocationKind::Grant, "another grant", server.now());
    server.wait_until_ready().await;
    let write = server.call(&token, "create_event", json!({"title": "x"})).await;
    assert_eq!(write.status, StatusCode::OK, "the feed is followed again: {}", write.text());
}

#[tokio::test]
async fn a_new_key_is_fetched_once_and_nonsense_fetches_nothing() {
    let server = Server::start().await;
    assert_eq!(server.list(&server.token("mcp.read")).await.status, StatusCode::OK);
    server.advance(11);
    let asked = || server.issuer.keys_asked.load(Ordering::SeqCst);
    let before = asked();
    let next = AssertionSigner::generate(&SystemRandom).expect("a key");
    server.issuer.keys.lock().expect("unpoisoned").push(public_key(&next));
    let token = next.sign_claims("at+jwt", &server.claims("mcp.read")).expect("a token");
    assert_eq!(server.list(&token).await.status, StatusCode::OK);
    assert_eq!(asked(), before + 1);
    for _ in 0..5 {
        let stranger = AssertionSigner::generate(&SystemRandom).expect("a key");
        let forged = stranger.sign_claims("at+jwt", &server.claims("mcp.read")).expect("a token");
        assert_eq!(server.list(&forged).await.status, StatusCode::UNAUTHORIZED);
        assert_eq!(server.list("garbage").await.status, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(asked(), before + 1, "cooling down");
}

#[tokio::test]
async fn without_usable_keys_it_is_503_and_old_keys_outlive_an_outage() {
    let server = Server::start().await;
    assert_eq!(server.list(&server.token("mcp.read")).await.status, StatusCode::OK);
    server.issuer.keys_broken.store(true, Ordering::SeqCst);
    server.advance(3600);
    assert_eq!(server.list(&server.token("mcp.read")).await.status, StatusCode::OK, "stale keys still serve");
    let stranger = AssertionSigner::generate(&SystemRandom).expect("a key");
    let unknown = stranger.sign_claims("at+jwt", &server.claims("mcp.read")).expect("a token");
    let answer = server.list(&unknown).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "it may be good: the issuer cannot be asked");
    server.advance(6 * 3600);
    let answer = server.list(&server.token("mcp.read")).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "too old to trust");
    assert!(answer.header("retry-after").parse::<u64>().expect("seconds") >= 1);
    server.issuer.keys_broken.store(false, Ordering::SeqCst);
    server.advance(2);
    assert_eq!(server.list(&server.token("mcp.read")).await.status, StatusCode::OK);
}
