//! Postern's authorization server as the foreign issuer: through its real metadata, keys and introspection.

use super::{issuer, real_issuer::issuer_at_a_port, server::Server};
use crate::auth_server::{
    TestServer,
    given::{Given, SECRET, confidential_client},
    test_server::{RESOURCE, RESOURCE_SERVER, START, resource_server_key_of_this_run},
};
use auth_server::{
    change_log::{Change, append},
    clients::{Client, ClientOrigin},
    store,
};
use axum::http::StatusCode;
use serde_json::json;
use shared::db::StoreError;

/// One with ann, her client, and the resource, which its resource server registered there.
async fn foreign() -> (TestServer, String) {
    let (foreign, url) = issuer_at_a_port().await;
    let foreign = foreign.and_app().await;
    foreign.add_resource(RESOURCE).await;
    (foreign, url)
}

/// A client with a secret to whom the resource belongs.
async fn add_owner(foreign: &TestServer) {
    foreign.add_client(&Client { origin: ClientOrigin::ResourceServer, ..confidential_client("rs") }).await;
    let mut resource = (*foreign.app.resources.find(RESOURCE).expect("registered")).clone();
    resource.owner_client_id = "rs".to_owned();
    let resource = &resource;
    let work = |mut tx| async move { store::resource::put(&mut tx, resource, RESOURCE, START).await };
    foreign.app.store.write::<_, StoreError, _, _>(work).await.expect("stored");
    foreign.app.resources.reload(&foreign.app.store).await.expect("reloaded");
}

async fn in_front_of(url: &str, more: &str) -> Server {
    let table = format!("[[resource_server.trusted_issuers]]\nissuer = \"{url}\"\n{more}");
    let server =
        Server::start_unready(issuer::start().await, &format!("own_authorization_server = false\n{table}")).await;
    server.wait_until_ready().await;
    server
}

async fn token(foreign: &TestServer) -> String {
    foreign.redeem(&foreign.give(&Given::USUAL).await).await.text("access_token")
}

async fn revoke(foreign: &TestServer, token: &str) {
    let grant = crate::auth_server::given::claims_of(token)["grant_id"].as_str().expect("a grant").to_owned();
    let ended = &grant;
    let work = |mut tx| async move { append(&mut tx, Change::GrantRevoked(ended), START).await };
    foreign.app.store.write::<_, StoreError, _, _>(work).await.expect("appended");
    foreign.follow().await;
}

#[tokio::test]
async fn its_tokens_are_good_by_its_keys_alone() {
    let (foreign, url) = foreign().await;
    let server = in_front_of(&url, "").await;
    let token = token(&foreign).await;
    let who = server.call(&token, "whoami", json!({})).await.json()["result"]["structuredContent"].clone();
    assert_eq!((&who["subject"], &who["issuer"]), (&json!("ann"), &json!(url)));
    revoke(&foreign, &token).await;
    server.advance(61);
    assert_eq!(server.list(&token).await.status, StatusCode::OK, "a JWT that nobody asks about lives until it expires");
}

#[tokio::test]
async fn it_is_asked_about_its_tokens_by_a_client_with_a_secret() {
    let (foreign, url) = foreign().await;
    add_owner(&foreign).await;
    let server =
        in_front_of(&url, &format!("introspection = \"jwts\"\nclient_id = \"rs\"\nclient_secret = \"{SECRET}\"")).await;
    let token = token(&foreign).await;
    assert_eq!(server.list(&token).await.status, StatusCode::OK);
    revoke(&foreign, &token).await;
    server.advance(61);
    assert_eq!(server.list(&token).await.status, StatusCode::UNAUTHORIZED);
    let wrong = in_front_of(&url, "introspection = \"jwts\"\nclient_id = \"rs\"\nclient_secret = \"wrong\"").await;
    let answer = wrong.list(&token).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "who may not ask knows nothing");
}

#[tokio::test]
async fn it_is_asked_about_its_tokens_by_a_client_with_a_key() {
    let (foreign, url) = foreign().await;
    let pem = resource_server_key_of_this_run().to_pkcs8_pem().expect("PEM");
    let settings =
        format!("introspection = \"jwts\"\nclient_id = \"{RESOURCE_SERVER}\"\nprivate_key = '''{}'''", pem.expose());
    let server = in_front_of(&url, &settings).await;
    let token = token(&foreign).await;
    assert_eq!(server.list(&token).await.status, StatusCode::OK);
    revoke(&foreign, &token).await;
    // Assertions are made and judged by the same time.
    foreign.clock.advance(61);
    server.advance(61);
    assert_eq!(server.list(&token).await.status, StatusCode::UNAUTHORIZED);
}
