//! `/api/admin/resources`.

use super::super::{
    TestServer,
    test_server::{RESOURCE, RESOURCE_SERVER},
};
use serde_json::{Value, json};

pub fn encoded(id: &str) -> String {
    form_urlencoded::byte_serialize(id.as_bytes()).collect()
}

#[tokio::test]
async fn a_resource_is_shown_and_removed_until_its_server_registers_it_again() {
    let server = TestServer::administered().await;
    let path = format!("/resources/{}", encoded(RESOURCE));
    let shown = server.admin_get(&path).await;
    assert_eq!(
        (&shown.json()["resource"], &shown.json()["owner_client_id"]),
        (&json!(RESOURCE), &json!(RESOURCE_SERVER))
    );
    assert_eq!(shown.json()["scopes"][0]["name"], "mcp.read");
    for _ in 0..2 {
        assert_eq!(server.admin("DELETE", &path, &Value::Null).await.status, 204);
    }
    assert!(server.app.resources.find(RESOURCE).is_none(), "at once");
    assert_eq!(server.admin_get(&path).await.status, 404);
    assert_eq!(server.audited("resource_removed").await, 1);
    server.add_resource(RESOURCE).await;
    assert_eq!(server.admin_get(&path).await.json()["policy_version"], 2);
}

#[tokio::test]
async fn the_interface_itself_is_no_resource_to_remove() {
    let server = TestServer::administered().await;
    let own = format!("/resources/{}", encoded(&format!("{}/api", server.app.issuer)));
    assert_eq!(server.admin("DELETE", &own, &Value::Null).await.status, 404);
    assert_eq!(server.admin_get(&own).await.status, 404);
    let listed = server.admin_get("/resources?owner_client_id=nobody").await.json();
    assert_eq!(listed["items"], json!([]));
}
