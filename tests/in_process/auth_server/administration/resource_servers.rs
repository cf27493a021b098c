//! `/api/admin/resource-servers`.

use super::super::{
    TestServer,
    test_server::{RESOURCE_SERVER, resource_server_key_of_this_run},
};
use serde_json::{Value, json};

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
