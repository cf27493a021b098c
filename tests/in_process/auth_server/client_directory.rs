//! The client cache: quick, and never behind the change log.

use super::{TestServer, database::for_each_database, given, test_server::START};
use auth_server::{
    audit::Actor,
    clients::remove_client::remove_client,
    resources::enrol_resource_server::{Enrolment, enrol_resource_server},
    store::client,
};
use shared::{
    db::{Fault, Faults, Store},
    protocol::jwk::JwkSet,
    random::SystemRandom,
};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

for_each_database!(
    a_removed_client_is_gone_as_soon_as_the_change_is_followed,
    ids_of_nobody_are_looked_up_once_until_somebody_gets_them,
);

async fn a_removed_client_is_gone_as_soon_as_the_change_is_followed(store: &Store) {
    let server = TestServer::start_on(store.clone(), "").await;
    let inserted = &given::public_client("c");
    store.write(|mut tx| async move { client::insert(&mut tx, inserted).await }).await.expect("inserted");
    let find = || async { server.app.clients.find("c").await.expect("the store") };
    assert!(find().await.is_some());
    let now = inserted.created_at;
    assert!(remove_client(store, &SystemRandom, &Actor::CommandLine, "c", now).await.expect("removed"));
    assert!(!remove_client(store, &SystemRandom, &Actor::CommandLine, "c", now).await.expect("asked"), "only once");
    server.follow().await;
    assert!(find().await.is_none());
    assert!(find().await.is_none(), "and stays so");
}

/// Counts look-ups of clients.
#[derive(Default)]
struct LookUps(AtomicUsize);

impl Faults for LookUps {
    fn at(&self, name: &'static str) -> Option<Fault> {
        if name == "client.find" {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
        None
    }
}

async fn ids_of_nobody_are_looked_up_once_until_somebody_gets_them(store: &Store) {
    let look_ups = Arc::new(LookUps::default());
    let server = TestServer::start_on(store.clone().with_faults(look_ups.clone()), "").await;
    let other = server.another("").await;
    let before = look_ups.0.load(Ordering::SeqCst);
    for _ in 0..20 {
        assert!(server.app.clients.find("mcp").await.expect("the store").is_none());
    }
    assert_eq!(look_ups.0.load(Ordering::SeqCst), before + 1);
    // Longer than any id of ours: not kept, so that no memory goes to what strangers make up.
    let long = "x".repeat(65);
    for _ in 0..3 {
        assert!(server.app.clients.find(&long).await.expect("the store").is_none());
    }
    assert_eq!(look_ups.0.load(Ordering::SeqCst), before + 4);
    let key = super::test_server::resource_server_key_of_this_run();
    let jwks = JwkSet::new(vec![key.public_jwk().clone()]).expect("a set");
    let origins = ["https://mcp.example.com".to_owned()];
    let enrolment = Enrolment { client_id: "mcp", name: "mcp", origins: &origins, jwks: &jwks };
    let (store, by) = (&other.app.store, &Actor::CommandLine);
    enrol_resource_server(store, &server.app.issuer, &enrolment, &SystemRandom, by, START).await.expect("enrolled");
    server.follow().await;
    assert!(server.app.clients.find("mcp").await.expect("the store").is_some(), "made by another instance");
}

#[tokio::test]
async fn a_client_that_registered_itself_elsewhere_is_known_here_at_once() {
    let server = TestServer::start().await;
    let other = server.another("").await;
    let document = serde_json::json!({ "redirect_uris": ["https://a.example/"], "token_endpoint_auth_method": "none" });
    let id = other.post_json("/oauth2/register", &document).await.text("client_id");
    assert!(server.app.clients.find(&id).await.expect("the store").is_some(), "before any change is followed");
}
