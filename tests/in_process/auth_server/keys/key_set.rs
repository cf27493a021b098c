//! `GET /.well-known/jwks.json`.

use crate::auth_server::{Answer, TestServer};
use auth_server::key_lifecycle::{Pace, rotate_signing_key};
use axum::{body::Body, extract::Request};
use shared::protocol::token_algorithm::TokenAlgorithm;

const JWKS: &str = "/.well-known/jwks.json";

async fn ask(server: &TestServer, method: &str, tag: &str) -> Answer {
    let request = Request::builder().method(method).uri(JWKS).header("if-none-match", tag);
    server.send(request.body(Body::empty()).expect("a request")).await
}

#[tokio::test]
async fn it_may_be_kept_and_asked_for_again_by_its_tag() {
    let server = TestServer::start().await;
    let first = server.get(JWKS).await;
    assert_eq!(first.header("cache-control"), "public, max-age=300, stale-if-error=86400");
    assert_eq!(first.header("content-type"), "application/json");
    let tag = first.header("etag").to_owned();
    assert!(tag.starts_with('"') && tag.ends_with('"'), "a strong tag: {tag}");

    let kept = ask(&server, "GET", &tag).await;
    assert_eq!((kept.status.as_u16(), kept.body.as_str()), (304, ""));
    assert_eq!((kept.header("etag"), kept.header("cache-control")), (tag.as_str(), first.header("cache-control")));

    let head = ask(&server, "HEAD", "\"another\"").await;
    assert_eq!((head.status.as_u16(), head.body.as_str(), head.header("etag")), (200, "", tag.as_str()));
    assert_eq!(head.header("content-length"), first.body.len().to_string());
    assert_eq!(ask(&server, "HEAD", &tag).await.status, 304);

    rotate_signing_key(&server.app.key_act(), TokenAlgorithm::Es256, Pace::InTime).await.expect("rotated");
    server.follow().await;
    let changed = ask(&server, "GET", &tag).await;
    assert_eq!(changed.status, 200, "another set has another tag");
    let keys = changed.json()["keys"].as_array().expect("keys").clone();
    assert_eq!(keys.len(), 3, "both active keys and the next one");
    for key in &keys {
        assert!(key.get("d").is_none() && key["use"] == "sig" && key["kid"].is_string(), "{key}");
    }
}
