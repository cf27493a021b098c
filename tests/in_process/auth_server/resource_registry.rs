//! `PUT /api/resources`.

use super::{TestServer, test_server::RESOURCE};
use serde_json::{Value, json};

const RESOURCES: &str = "/api/resources";

fn document(resource: &str) -> Value {
    json!({
        "resource": resource, "name": "Notes",
        "scopes": [{ "name": "notes.read", "description": "Read notes", "roles": ["member"], "tools": ["list_notes"] }],
    })
}

#[tokio::test]
async fn a_resource_server_registers_what_lies_under_its_origin() {
    let server = TestServer::start().await;
    let token = server.machine_token().await;
    let id = "http://localhost:9500/notes";
    let first = server.call("PUT", RESOURCES, &token, &document(id)).await;
    assert_eq!(first.status, 200, "{first:?}");
    assert_eq!(first.json()["resource"], id);
    assert_eq!(first.json()["algorithm"], "ES256");
    let resolved = server.app.resources.resolve(&[id]).expect("known at once");
    assert_eq!((resolved.policy_version, resolved.scopes.len()), (1, 1));
    let position = *server.app.follower.positions().borrow();
    let again = server.call("PUT", RESOURCES, &token, &document(id)).await;
    assert_eq!(again.body, first.body);
    assert_eq!(*server.app.follower.positions().borrow(), position, "the same again changes nothing");
    assert!(server.get("/.well-known/oauth-authorization-server").await.body.contains("notes.read"));
}

#[tokio::test]
async fn words_keep_the_policy_version_and_tools_raise_it() {
    let server = TestServer::start().await;
    let token = server.machine_token().await;
    let id = "http://localhost:9500/notes";
    let mut document = document(id);
    for (words, tools, version) in [("Read notes", "a", 1), ("Read your notes", "a", 1), ("Read your notes", "b", 2)] {
        document["scopes"][0]["description"] = words.into();
        document["scopes"][0]["tools"] = json!([tools]);
        assert_eq!(server.call("PUT", RESOURCES, &token, &document).await.status, 200);
        assert_eq!(server.app.resources.resolve(&[id]).expect("known").policy_version, version, "{words} {tools}");
    }
}

#[tokio::test]
async fn foreign_origins_and_reserved_scopes_are_refused() {
    let server = TestServer::start().await;
    let token = server.machine_token().await;
    for (id, scope, status) in [
        ("http://localhost:9501/mcp", "notes.read", 403),
        ("https://mcp.example.com/mcp", "notes.read", 403),
        ("http://localhost:9500/notes", "postern.resource_server", 403),
        ("http://localhost:9500/notes", "offline_access", 403),
        ("http://localhost:9500/notes#x", "notes.read", 400),
        ("HTTP://localhost:9500/notes", "notes.read", 400),
        ("http://localhost:9500/notes", "two words", 400),
    ] {
        let mut document = document(id);
        document["scopes"][0]["name"] = scope.into();
        let answer = server.call("PUT", RESOURCES, &token, &document).await;
        assert_eq!(answer.status.as_u16(), status, "{id} {scope}: {answer:?}");
        assert_eq!(server.app.resources.list().len(), 1);
    }
    assert_eq!(server.call("PUT", RESOURCES, &token, &json!([])).await.status, 400);
}

#[tokio::test]
async fn without_the_right_token_nothing_is_answered() {
    let server = TestServer::start().await;
    for (method, path) in [("PUT", RESOURCES), ("GET", "/api/revocations")] {
        let answer = server.call(method, path, "nonsense", &document(RESOURCE)).await;
        assert_eq!(answer.status, 401, "{answer:?}");
        assert!(answer.header("www-authenticate").starts_with("Bearer "));
    }
}

#[tokio::test]
async fn enrolment_is_audited_when_it_changes_something() {
    let server = TestServer::start().await;
    let audited =
        async || (server.audited("resource_server_added").await, server.audited("resource_server_changed").await);
    assert_eq!(audited().await, (1, 0));
    server.add_resource(RESOURCE).await;
    assert_eq!(audited().await, (1, 0), "the same keys and origins");
    server.add_resource("http://localhost:9600/mcp").await;
    assert_eq!(audited().await, (1, 1), "another origin");
}
