//! `/api/admin/resources`.

use super::super::{
    TestServer,
    given::{SECRET, TOKEN, basic, confidential_client},
    test_server::{RESOURCE, RESOURCE_SERVER, START},
};
use auth_server::{
    audit::Actor,
    resources::set_resource_tokens::{SetTokensRefusal, TokenChoice, set_seen_resource_tokens},
};
use serde_json::{Value, json};
use shared::random::SystemRandom;

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
    assert_eq!(server.admin_get(&own).await.json()["is_built_in"], true);
    assert_eq!(server.admin("PATCH", &own, &json!({ "algorithm": "RS256" })).await.status, 404);
    let first = server.admin_get("/resources?limit=1").await.json();
    assert_eq!(first["items"][0]["resource"], format!("{}/api", server.app.issuer));
    let cursor = first["next_cursor"].as_str().expect("more");
    let rest = server.admin_get(&format!("/resources?cursor={cursor}")).await.json();
    assert_eq!((rest["items"].as_array().map(Vec::len), &rest["items"][0]["resource"]), (Some(1), &json!(RESOURCE)));
    let listed = server.admin_get("/resources?owner_client_id=nobody").await.json();
    assert_eq!(listed["items"], json!([]));
}

#[tokio::test]
async fn an_administrator_says_how_tokens_are_signed_and_how_long_they_live() {
    let server = TestServer::administered().await;
    server.add_client(&confidential_client("web")).await;
    let path = format!("/resources/{}", encoded(RESOURCE));
    let expires_in = async || {
        let form = [("grant_type", "client_credentials"), ("scope", "mcp.read")];
        server.post_form_as(TOKEN, &basic("web", SECRET), &form).await.json()["expires_in"].clone()
    };
    assert_eq!(expires_in().await, 900);
    let set = server.admin("PATCH", &path, &json!({ "algorithm": "RS256", "access_token_ttl_seconds": 300 })).await;
    assert_eq!((&set.json()["algorithm"], &set.json()["access_token_ttl_seconds"]), (&json!("RS256"), &json!(300)));
    assert_eq!(expires_in().await, 300, "with the answer");
    let shorter = server.admin("PATCH", &path, &json!({ "access_token_ttl_seconds": 60 })).await;
    assert_eq!(shorter.json()["algorithm"], "RS256", "what is absent stays");
    assert_eq!(server.admin("PATCH", &path, &json!({})).await.json(), shorter.json());
    let back = server.admin("PATCH", &path, &json!({ "as_registered": true })).await.json();
    assert_eq!((&back["algorithm"], &back["access_token_ttl_seconds"]), (&json!("ES256"), &Value::Null), "{back}");
    for wrong in [59, 86_401] {
        let refused = server.admin("PATCH", &path, &json!({ "access_token_ttl_seconds": wrong })).await;
        assert_eq!((refused.status.as_u16(), &refused.json()["field"]), (400, &json!("access_token_ttl_seconds")));
    }
    assert_eq!(server.admin("PATCH", &path, &json!({ "algorithm": "none" })).await.status, 400);
    let own = format!("/resources/{}", encoded(&format!("{}/api", server.app.issuer)));
    assert_eq!(server.admin("PATCH", &own, &json!({ "access_token_ttl_seconds": 60 })).await.status, 404);
    assert_eq!(server.audited("resource_tokens_set").await, 3);
}

#[tokio::test]
async fn a_resource_that_was_changed_meanwhile_stays_as_it_is() {
    let server = TestServer::administered().await;
    let path = format!("/resources/{}", encoded(RESOURCE));
    let tag = server.admin_get(&path).await.header("etag").to_owned();
    let set = async |seconds: i64| {
        let body = json!({ "access_token_ttl_seconds": seconds });
        server.admin_with(("if-match", &tag), "PATCH", &path, &body).await
    };
    let seen = server.app.resources.find(RESOURCE).expect("registered");
    assert_eq!(set(300).await.status, 200);
    assert_eq!(set(400).await.refusal(), (412, "precondition_failed".to_owned()));
    let choice = TokenChoice { access_token_ttl_seconds: Some(500), ..TokenChoice::default() };
    let late = set_seen_resource_tokens(&server.app.store, &SystemRandom, &Actor::CommandLine, &seen, choice, START);
    assert!(matches!(late.await, Err(SetTokensRefusal::ChangedMeanwhile)));
    assert_eq!(server.admin_get(&path).await.json()["access_token_ttl_seconds"], 300);
}
