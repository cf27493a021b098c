//! `/api/admin/clients`.

use super::super::{
    TestServer,
    given::{TOKEN, basic, public_client},
    test_server::{RESOURCE, RESOURCE_SERVER},
};
use serde_json::{Value, json};

fn machine() -> Value {
    json!({
        "client_name": "nightly", "grant_types": ["client_credentials"], "scope": "mcp.read mcp.write", "resources": [RESOURCE],
    })
}

#[tokio::test]
async fn a_machine_is_made_and_its_secret_is_told_once() {
    let server = TestServer::administered().await;
    let made = server.admin("POST", "/clients", &machine()).await;
    assert_eq!(made.status, 201, "{made:?}");
    assert!(made.header("cache-control").contains("no-store"));
    let (id, secret) = (made.text("client_id"), made.text("client_secret"));
    assert!(made.header("location").ends_with(&format!("/api/admin/clients/{id}")));
    let form = [("grant_type", "client_credentials")];
    let token = server.post_form_as(TOKEN, &basic(&id, &secret), &form).await;
    assert_eq!(token.text("scope"), "mcp.read mcp.write");
    for path in [format!("/clients/{id}"), "/clients".to_owned(), "/clients?origin=administered".to_owned()] {
        let shown = server.admin_get(&path).await;
        assert!(shown.body.contains("nightly") && !shown.body.contains("client_secret\":"), "{path}: {shown:?}");
        assert!(!shown.body.contains(&secret) && !shown.body.contains("secret_hash"), "{path}");
    }
    assert_eq!(server.audited("client_added").await, 1);
}

#[tokio::test]
async fn what_no_command_would_make_is_refused_and_says_which_member_is_to_blame() {
    let server = TestServer::administered().await;
    let issuer_api = format!("{}/api", server.app.issuer);
    for (member, value, field) in [
        ("client_name", json!(" "), "client_name"),
        ("grant_types", json!(["password"]), "grant_types"),
        ("grant_types", json!([]), "grant_types"),
        ("public", json!(true), "grant_types"),
        ("resources", json!([]), "resources"),
        ("resources", json!(["https://other.example/mcp"]), "resources"),
        ("resources", json!([issuer_api]), "scope"),
        ("scope", json!("mcp.everything"), "scope"),
        ("scope", json!("postern.resource_server"), "scope"),
        ("scope", json!("a\"b"), "scope"),
        ("redirect_uris", json!(["javascript:x"]), "redirect_uris"),
    ] {
        let mut body = machine();
        body[member] = value;
        let refused = server.admin("POST", "/clients", &body).await;
        assert_eq!((refused.status.as_u16(), &refused.json()["field"]), (400, &json!(field)), "{member}: {refused:?}");
        assert!(!refused.body.contains("javascript:") && !refused.body.contains("everything"), "nothing is repeated");
    }
    assert_eq!(server.audited("client_added").await, 0);
}

#[tokio::test]
async fn a_change_that_takes_away_ends_the_tokens_that_hold_it() {
    let server = TestServer::administered().await;
    let made = server.admin("POST", "/clients", &machine()).await;
    let (id, secret) = (made.text("client_id"), made.text("client_secret"));
    let path = format!("/clients/{id}");
    let form = [("grant_type", "client_credentials")];
    let old = server.post_form_as(TOKEN, &basic(&id, &secret), &form).await.text("access_token");
    let is_good = async |token: &str| {
        let form = [("token", token)];
        server.post_form_as("/oauth2/introspect", &basic(&id, &secret), &form).await.json()["active"] == true
    };
    let renamed = server.admin("PATCH", &path, &json!({ "client_name": "hourly", "refresh_grace_seconds": 60 })).await;
    assert_eq!(
        (&renamed.json()["client_name"], &renamed.json()["scope"]),
        (&json!("hourly"), &json!("mcp.read mcp.write"))
    );
    assert!(is_good(&old).await, "nothing was taken away");
    let narrowed = server.admin("PATCH", &path, &json!({ "scope": "mcp.read" })).await;
    assert_eq!(narrowed.json()["scope"], "mcp.read", "{narrowed:?}");
    assert!(!is_good(&old).await);
    server.clock.advance(10);
    let new = server.post_form_as(TOKEN, &basic(&id, &secret), &form).await;
    assert_eq!(new.text("scope"), "mcp.read");
    assert!(is_good(&new.text("access_token")).await);
    assert_eq!(server.admin("PATCH", &path, &json!({ "refresh_grace_seconds": 3601 })).await.status, 400);
    assert_eq!(server.admin("PATCH", &path, &json!({ "grant_types": [] })).await.status, 400);
    assert_eq!(server.audited("client_changed").await, 2);
}

#[tokio::test]
async fn who_registers_itself_and_resource_servers_are_changed_by_nobody_else() {
    let server = TestServer::administered().await;
    server.add_client(&public_client("app")).await;
    for id in ["app", RESOURCE_SERVER] {
        let changed = server.admin("PATCH", &format!("/clients/{id}"), &json!({ "client_name": "mine" })).await;
        assert_eq!(changed.status, 409, "{id}: {changed:?}");
        let secret = server.admin("POST", &format!("/clients/{id}/secret"), &json!({})).await;
        assert_eq!(secret.status, 409, "{id}: {secret:?}");
    }
}

#[tokio::test]
async fn a_new_secret_counts_beside_the_old_one_for_as_long_as_is_said() {
    let server = TestServer::administered().await;
    let made = server.admin("POST", "/clients", &machine()).await;
    let (id, old) = (made.text("client_id"), made.text("client_secret"));
    let renewed = server.admin("POST", &format!("/clients/{id}/secret"), &json!({ "overlap_seconds": 60 })).await;
    assert_eq!(renewed.status, 201, "{renewed:?}");
    let new = renewed.text("client_secret");
    let form = [("grant_type", "client_credentials")];
    let status = async |secret: &str| server.post_form_as(TOKEN, &basic(&id, secret), &form).await.status.as_u16();
    assert_eq!((status(&old).await, status(&new).await), (200, 200));
    server.clock.advance(60);
    assert_eq!((status(&old).await, status(&new).await), (401, 200));
    let long = server.admin("POST", &format!("/clients/{id}/secret"), &json!({ "overlap_seconds": 2_592_001 })).await;
    assert_eq!((long.status.as_u16(), &long.json()["field"]), (400, &json!("overlap_seconds")));
    assert_eq!(server.audited("client_secret_rotated").await, 1);
}

#[tokio::test]
async fn removing_may_be_said_twice_and_ends_what_the_client_holds() {
    let server = TestServer::administered().await;
    server.add_user("ann", &["member"]).await;
    server.add_client(&public_client("app")).await;
    let refresh = server.family().await;
    for _ in 0..2 {
        let removed = server.admin("DELETE", "/clients/app", &Value::Null).await;
        assert_eq!((removed.status.as_u16(), removed.body.as_str()), (204, ""), "{removed:?}");
    }
    assert_eq!(server.refresh(&refresh).await.status, 401);
    assert_eq!(server.admin_get("/clients/app").await.status, 404);
    assert_eq!(server.audited("client_removed").await, 1);
}
