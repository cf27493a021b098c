//! `/api/admin/resource-servers`.

use super::super::{
    TestServer,
    test_server::{RESOURCE_SERVER, START, resource_server_key_of_this_run},
};
use auth_server::{
    audit::Actor,
    resources::enrol_resource_server::{EnrolRefusal, Enrolment, Seen, enrol_unless_changed},
};
use serde_json::{Value, json};
use shared::random::SystemRandom;

pub fn document() -> Value {
    let key = serde_json::to_value(resource_server_key_of_this_run().public_jwk()).expect("a key");
    json!({ "name": "tools", "origins": ["https://mcp.example.com"], "jwks": { "keys": [key] } })
}

#[tokio::test]
async fn a_resource_server_is_enrolled_shown_and_given_other_origins() {
    let server = TestServer::administered().await;
    let made = server.admin("POST", "/resource-servers", &document()).await;
    assert_eq!(made.status, 201, "{made:?}");
    let path = format!("/resource-servers/{}", made.text("client_id"));
    assert_eq!(made.json()["origins"], json!(["https://mcp.example.com"]));
    let mut other = document();
    other["origins"] = json!(["https://tools.example.com"]);
    assert_eq!(server.admin("PUT", &path, &other).await.json()["origins"], other["origins"]);
    assert_eq!(server.admin_get(&path).await.json()["origins"], other["origins"]);
    let listed = server.admin_get("/resource-servers").await.json();
    assert_eq!(listed["items"].as_array().expect("items").len(), 2, "{listed}");
    assert_eq!(
        (server.audited("resource_server_added").await, server.audited("resource_server_changed").await),
        (2, 1)
    );
}

#[tokio::test]
async fn keys_and_origins_are_judged() {
    let server = TestServer::administered().await;
    for (member, value, field) in [
        ("origins", json!([]), "origins"),
        ("origins", json!(["https://mcp.example.com/path"]), "origins"),
        ("jwks", json!({ "keys": [{ "kty": "oct", "k": "AAAA" }] }), "jwks"),
        ("name", json!("two\nlines"), "name"),
    ] {
        let mut body = document();
        body[member] = value;
        let refused = server.admin("POST", "/resource-servers", &body).await;
        assert_eq!((refused.status.as_u16(), &refused.json()["field"]), (400, &json!(field)), "{refused:?}");
    }
}

#[tokio::test]
async fn only_a_resource_server_is_replaced_as_one() {
    let server = TestServer::administered().await;
    for id in ["ops", "nothing"] {
        assert_eq!(server.admin("PUT", &format!("/resource-servers/{id}"), &document()).await.status, 404, "{id}");
        assert_eq!(server.admin_get(&format!("/resource-servers/{id}")).await.status, 404, "{id}");
    }
    assert_eq!(server.admin_get(&format!("/resource-servers/{RESOURCE_SERVER}")).await.status, 200);
}

#[tokio::test]
async fn what_somebody_else_replaced_meanwhile_is_not_replaced() {
    let server = TestServer::administered().await;
    let made = server.admin("POST", "/resource-servers", &document()).await;
    let path = format!("/resource-servers/{}", made.text("client_id"));
    let tag = server.admin_get(&path).await.header("etag").to_owned();
    let named = |name: &str| {
        let mut document = document();
        document["name"] = json!(name);
        document
    };
    let first = server.admin_with(("if-match", &tag), "PUT", &path, &named("first")).await;
    assert_eq!((first.status.as_u16(), first.text("name")), (200, "first".to_owned()), "{first:?}");
    let second = server.admin_with(("if-match", &tag), "PUT", &path, &named("second")).await;
    assert_eq!(second.refusal(), (412, "precondition_failed".to_owned()));
    assert_eq!(server.admin_get(&path).await.text("name"), "first");
    let current = first.header("etag").to_owned();
    assert_eq!(server.admin_with(("if-match", &current), "PUT", &path, &named("third")).await.status, 200);
    assert_eq!(server.audited("resource_server_changed").await, 2, "another name is a change");
}

#[tokio::test]
async fn of_two_who_saw_the_same_one_replaces_it() {
    let server = TestServer::administered().await;
    let made = server.admin("POST", "/resource-servers", &document()).await;
    let id = made.text("client_id");
    let origins = ["https://mcp.example.com".to_owned()];
    let client = auth_server::store::client::find(&mut server.app.store.read(), &id).await.expect("read").expect("one");
    let jwks = client.jwks.clone().expect("keys");
    let seen = Seen { client: &client, origins: &origins };
    let replace = async |name| {
        let enrolment = Enrolment { client_id: &id, name, origins: &origins, jwks: &jwks };
        let app = &server.app;
        let by = &Actor::CommandLine;
        enrol_unless_changed(&app.store, &app.issuer, &enrolment, Some(seen), &SystemRandom, by, START).await
    };
    replace("first").await.expect("replaced");
    assert!(matches!(replace("second").await, Err(EnrolRefusal::ChangedMeanwhile)));
}
