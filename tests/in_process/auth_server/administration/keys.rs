//! `/api/admin/keys`.

use super::super::TestServer;
use super::given::OPS;
use axum::{body::Body, extract::Request};
use serde_json::{Value, json};

#[tokio::test]
async fn keys_are_shown_without_their_private_halves_and_replaced() {
    let server = TestServer::administered().await;
    let listed = server.admin_get("/keys").await;
    let uses =
        listed.json()["items"].as_array().expect("items").iter().map(|key| key["use"].clone()).collect::<Vec<_>>();
    assert_eq!(uses, ["signing", "signing", "refresh"], "{listed:?}");
    let refresh = listed.json()["items"][2]["kid"].as_str().expect("an id").to_owned();
    assert_eq!(server.admin_get(&format!("/keys/{refresh}")).await.text("state"), "active");
    assert_eq!(server.admin("POST", &format!("/keys/{refresh}/revoke"), &Value::Null).await.status, 404);
    for word in ["private", "sealed", "\"d\"", "encryption"] {
        assert!(!listed.body.contains(word), "{word}: {listed:?}");
    }
    let rotated = server.admin("POST", "/keys/rotate", &json!({ "algorithm": "ES256" })).await.json();
    assert_eq!((&rotated["items"][0]["state"], &rotated["items"][0]["algorithm"]), (&json!("next"), &json!("ES256")));
    let kid = rotated["items"][0]["kid"].as_str().expect("an id");
    assert_eq!(server.admin_get(&format!("/keys/{kid}")).await.json()["state"], "next");
    assert!(server.get("/.well-known/jwks.json").await.body.contains(kid), "published at once");
    let event = &server.admin_get("/audit?kind=signing_key_published").await.json()["items"][0];
    assert_eq!(event["actor"], "client ops", "{event}");
}

#[tokio::test]
async fn what_a_revoked_key_signed_ends_with_the_answer() {
    let server = TestServer::administered().await;
    let token = server.token_of_machine(OPS, "postern.admin").await;
    let keys = server.admin_get("/keys").await.json();
    let signing = keys["items"].as_array().expect("items").iter().find(|key| key["algorithm"] == "ES256").expect("one");
    let path = format!("/keys/{}/revoke", signing["kid"].as_str().expect("an id"));
    let revoked = server.call("POST", &format!("/api/admin{path}"), &token, &Value::Null).await;
    assert!(revoked.json()["replaced_by"].is_string(), "{revoked:?}");
    assert_eq!(server.call("GET", "/api/admin/keys", &token, &Value::Null).await.status, 401, "it signed this one");
    assert_eq!(server.admin("POST", &path, &Value::Null).await.status, 404, "it is gone");
}

#[tokio::test]
async fn keys_are_replaced_without_a_body() {
    let server = TestServer::administered().await;
    let token = server.token_of_machine(OPS, "postern.admin").await;
    let request = Request::post("/api/admin/keys/rotate").header("authorization", format!("Bearer {token}"));
    let rotated = server.send(request.body(Body::empty()).expect("a request")).await;
    assert_eq!((rotated.status.as_u16(), rotated.json()["items"].as_array().map(Vec::len)), (200, Some(2)));
    // Where something has to be said, it is named.
    let request = Request::post("/api/admin/users").header("authorization", format!("Bearer {token}"));
    let refused = server.send(request.body(Body::empty()).expect("a request")).await;
    assert_eq!((refused.status.as_u16(), &refused.json()["field"]), (400, &json!("email")));
}
