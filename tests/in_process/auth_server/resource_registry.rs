//! `PUT /api/resources`.

use super::{
    TestServer,
    test_server::{RESOURCE, RESOURCE_SERVER, START, resource_server_key_of_this_run},
};
use auth_server::{
    audit::Actor,
    clients::remove_client::remove_client,
    resources::{
        enrol_resource_server::{Enrolment, enrol_resource_server},
        register_resource::{RegisterRefusal, register_resource},
    },
};
use serde_json::{Value, json};
use shared::{
    protocol::{jwk::JwkSet, jwt::AssertionSigner, security_event::RevocationKind},
    random::SystemRandom,
};

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
    let position = server.app.follower.positions().borrow().clone();
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

/// A second resource server with the same origin.
const NEIGHBOUR: &str = "neighbour";

async fn add_neighbour(server: &TestServer) {
    let jwks = JwkSet::new(vec![resource_server_key_of_this_run().public_jwk().clone()]).expect("a set");
    let origins = ["http://localhost:9500".to_owned()];
    let enrolment = Enrolment { client_id: NEIGHBOUR, name: "Neighbour", origins: &origins, jwks: &jwks };
    enrol_resource_server(&server.app.store, &server.app.issuer, &enrolment, &SystemRandom, &Actor::CommandLine, START)
        .await
        .expect("enrolled");
}

#[tokio::test]
async fn another_spelling_takes_nobodys_resource_over() {
    let server = TestServer::start().await;
    add_neighbour(&server).await;
    let token = server.machine_token().await;
    let (store, id) = (&server.app.store, "http://localhost:9500/notes");
    assert_eq!(server.call("PUT", RESOURCES, &token, &document(id)).await.status, 200);
    for spelling in [id, "http://localhost:9500/notes/"] {
        let document = serde_json::from_value(document(spelling)).expect("a document");
        let refused = register_resource(store, &SystemRandom, NEIGHBOUR, &document, START).await;
        assert!(matches!(refused, Err(RegisterRefusal::OwnedByAnother)), "{spelling}: {refused:?}");
    }
    let theirs = "http://localhost:9500/other/";
    let theirs_document = serde_json::from_value(document(theirs)).expect("a document");
    register_resource(store, &SystemRandom, NEIGHBOUR, &theirs_document, START).await.expect("registered");
    assert_eq!(server.call("PUT", RESOURCES, &token, &document("http://localhost:9500/other")).await.status, 403);
    server.follow().await;
    assert_eq!(server.app.resources.resolve(&["http://localhost:9500/notes/"]).expect("known").id, id);
    assert_eq!(server.app.resources.resolve(&["http://localhost:9500/other"]).expect("known").id, theirs);
}

#[tokio::test]
async fn its_owner_may_spell_a_resource_anew_and_tokens_of_the_old_spelling_end() {
    let server = TestServer::start().await;
    let token = server.machine_token().await;
    let (old, new) = ("http://localhost:9500/notes", "http://localhost:9500/notes/");
    for spelling in [old, new, old] {
        assert_eq!(server.call("PUT", RESOURCES, &token, &document(spelling)).await.status, 200, "{spelling}");
        assert_eq!(server.app.resources.resolve(&[old]).expect("known").id, spelling);
        assert_eq!(server.app.resources.list().len(), 2);
    }
    assert_eq!(revoked_resources(&server, &token).await, [old, new]);
}

#[tokio::test]
async fn with_its_owner_a_resource_goes() {
    let server = TestServer::start().await;
    add_neighbour(&server).await;
    let token = server.machine_token().await;
    let (store, id) = (&server.app.store, "http://localhost:9500/notes");
    let theirs = serde_json::from_value(document(id)).expect("a document");
    register_resource(store, &SystemRandom, NEIGHBOUR, &theirs, START).await.expect("registered");
    server.follow().await;
    assert!(server.app.resources.find(id).is_some());
    assert!(remove_client(store, &SystemRandom, &Actor::CommandLine, NEIGHBOUR, START).await.expect("removed"));
    server.follow().await;
    assert!(server.app.resources.find(id).is_none() && server.app.resources.resolve(&[id]).is_err());
    assert!(server.app.resources.find(RESOURCE).is_some(), "nobody else's");
    assert_eq!(revoked_resources(&server, &token).await, [id], "its tokens end");
    assert_eq!(server.call("PUT", RESOURCES, &token, &document(id)).await.status, 200, "free again");
    assert_eq!(server.app.resources.find(id).expect("known").policy_version, 2, "versions never come back");
}

/// The resources whose tokens ended, as resource servers hear it.
async fn revoked_resources(server: &TestServer, token: &str) -> Vec<String> {
    let heard = super::events::hear(server, token).await;
    let resources = heard.into_iter().filter(|revocation| revocation.kind == RevocationKind::Resource);
    resources.map(|revocation| revocation.subject).collect()
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
    for (method, path) in [("PUT", RESOURCES), ("POST", "/api/events")] {
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

/// Enrols the test resource server anew.
async fn enrol(server: &TestServer, signer: &AssertionSigner, origins: &[&str]) {
    enrol_with(server, &[signer], origins).await;
}

async fn enrol_with(server: &TestServer, signers: &[&AssertionSigner], origins: &[&str]) {
    let jwks = JwkSet::new(signers.iter().map(|signer| signer.public_jwk().clone()).collect()).expect("a set");
    let origins: Vec<String> = origins.iter().map(|origin| (*origin).to_owned()).collect();
    let enrolment = Enrolment { client_id: RESOURCE_SERVER, name: "Anew", origins: &origins, jwks: &jwks };
    let (app, by) = (&server.app, &Actor::CommandLine);
    enrol_resource_server(&app.store, &app.issuer, &enrolment, &SystemRandom, by, START).await.expect("enrolled");
    server.follow().await;
}

#[tokio::test]
async fn a_replaced_key_ends_what_the_old_one_bought_and_the_new_one_works_at_once() {
    let server = TestServer::start().await;
    let (key, origin) = (resource_server_key_of_this_run(), "http://localhost:9500");
    let put = async |token: &str| server.call("PUT", RESOURCES, token, &document("http://localhost:9500/notes")).await;
    let old = server.machine_token().await;
    enrol(&server, key, &[origin, "http://localhost:9600"]).await;
    assert_eq!(put(&old).await.status, 200, "the same key");

    let new_key = AssertionSigner::generate(&SystemRandom).expect("a key");
    enrol_with(&server, &[key, &new_key], &[origin]).await;
    assert_eq!(put(&old).await.status, 200, "a key more");
    enrol(&server, &new_key, &[origin]).await;
    assert_eq!(put(&old).await.status, 401);
    let fresh = server.machine_token_by(&new_key).await;
    assert_eq!(put(&fresh).await.status, 200, "in the same second");
    let heard = super::events::hear(&server, &fresh).await;
    let told = |kind| heard.iter().filter(|revocation| revocation.kind == kind).count();
    assert_eq!((told(RevocationKind::Client), told(RevocationKind::Resource)), (1, 0), "everybody is told");
}

#[tokio::test]
async fn an_origin_that_is_taken_away_takes_its_resources_with_it() {
    let server = TestServer::with_app().await;
    let (kept, taken) = ("http://localhost:9600/notes", RESOURCE);
    server.add_resource(kept).await;
    let family = server.redeem(&server.give(&super::given::Given::USUAL).await).await;
    assert_eq!(family.status, 200, "{family:?}");
    let access_token = family.text("access_token");
    let inspected = async || server.accepts(&access_token).await;
    assert!(inspected().await);

    enrol(&server, resource_server_key_of_this_run(), &["http://localhost:9600"]).await;
    assert!(server.app.resources.find(taken).is_none() && server.app.resources.resolve(&[taken]).is_err());
    assert!(server.app.resources.find(kept).is_some(), "those of other origins stay");
    assert!(!inspected().await, "its tokens ended");
    assert_eq!(server.refresh(&family.text("refresh_token")).await.refusal(), (400, "invalid_grant".to_owned()));
    let token = server.machine_token().await;
    assert_eq!(server.call("PUT", RESOURCES, &token, &document(taken)).await.status, 403);
    assert_eq!(revoked_resources(&server, &token).await, [taken]);
}
