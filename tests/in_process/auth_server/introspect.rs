//! `POST /oauth2/introspect` (RFC 7662).

use super::{
    Answer, TestServer,
    given::{Given, SECRET, basic, confidential_client, public_client},
    test_server::{RESOURCE, START},
};
use auth_server::{
    change_log::{self, Change},
    clients::{Client, ClientOrigin},
    store,
};
use serde_json::json;
use shared::db::StoreError;

const INTROSPECT: &str = "/oauth2/introspect";
const INACTIVE: &str = r#"{"active":false}"#;

/// A server on which `rs` owns [`RESOURCE`] and authenticates by a secret, `web` has a grant, and `nosy` is of no concern.
async fn server() -> TestServer {
    let server = TestServer::with_app().await;
    for client in [
        confidential_client("web"),
        confidential_client("nosy"),
        Client { origin: ClientOrigin::ResourceServer, ..confidential_client("rs") },
        Client { origin: ClientOrigin::ResourceServer, ..confidential_client("other-rs") },
    ] {
        server.add_client(&client).await;
    }
    let mut resource = (*server.app.resources.find(RESOURCE).expect("registered")).clone();
    resource.owner_client_id = "rs".to_owned();
    let resource = &resource;
    let work = |mut tx| async move { store::resource::put(&mut tx, resource, RESOURCE, START).await };
    server.app.store.write::<_, StoreError, _, _>(work).await.expect("stored");
    server.app.resources.reload(&server.app.store).await.expect("reloaded");
    server
}

async fn tokens(server: &TestServer) -> (String, String) {
    let code = server.give(&Given { client: "web", ..Given::USUAL }).await;
    let form = [("grant_type", "authorization_code"), ("code", &*code), ("code_verifier", super::given::VERIFIER)];
    let answer = server.post_form_as(super::given::TOKEN, &basic("web", SECRET), &form).await;
    (answer.text("access_token"), answer.text("refresh_token"))
}

async fn ask(server: &TestServer, caller: &str, token: &str) -> Answer {
    server.post_form_as(INTROSPECT, &basic(caller, SECRET), &[("token", token)]).await
}

#[tokio::test]
async fn the_owner_of_the_audience_and_the_tokens_client_learn_everything() {
    let server = server().await;
    let (access_token, _) = tokens(&server).await;
    for caller in ["rs", "web"] {
        let answer = ask(&server, caller, &access_token).await;
        assert_eq!((answer.status.as_u16(), answer.header("cache-control")), (200, "no-store"));
        let body = answer.json();
        for (member, value) in [
            ("active", json!(true)),
            ("token_type", json!("Bearer")),
            ("scope", json!("mcp.read mcp.write")),
            ("client_id", json!("web")),
            ("sub", json!("ann")),
            ("aud", json!(RESOURCE)),
            ("iss", json!("http://localhost:9400")),
            ("iat", json!(START)),
            ("exp", json!(START + 900)),
        ] {
            assert_eq!(body[member], value, "{caller} {member}");
        }
        assert!(body["jti"].is_string() && body["grant_id"].is_string());
        assert!(body.get("username").is_none(), "an address is for nobody who was not given it");
    }
}

#[tokio::test]
async fn everybody_else_and_everything_else_is_exactly_inactive() {
    let server = server().await;
    let (access_token, refresh_token) = tokens(&server).await;
    let (mut forged, payload) = (access_token.clone(), access_token.find('.').expect("parts") + 3);
    forged.replace_range(payload..=payload, if &access_token[payload..=payload] == "A" { "B" } else { "A" });
    for (caller, token) in [
        ("nosy", access_token.as_str()),
        ("other-rs", &access_token),
        ("nosy", &refresh_token),
        ("rs", &refresh_token),
        ("rs", "nonsense"),
        ("rs", "a.b.c"),
        ("rs", "postern_rt_nonsense"),
        ("rs", &forged),
    ] {
        let answer = ask(&server, caller, token).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, INACTIVE), "{caller} {token}");
    }
}

#[tokio::test]
async fn callers_are_authenticated_and_confidential() {
    let server = server().await;
    let (access_token, _) = tokens(&server).await;
    let invalid_client = (401, "invalid_client".to_owned());
    let nobody = server.post_form(INTROSPECT, &[("token", &access_token)]).await;
    assert_eq!(nobody.refusal(), invalid_client);
    let public = server.post_form(INTROSPECT, &[("token", &*access_token), ("client_id", "app")]).await;
    assert_eq!(public.refusal(), invalid_client);
    let wrong = server.post_form_as(INTROSPECT, &basic("rs", "wrong"), &[("token", &access_token)]).await;
    assert_eq!(wrong.refusal(), invalid_client);
    let missing = server.post_form_as(INTROSPECT, &basic("rs", SECRET), &[("token_type_hint", "access_token")]).await;
    assert_eq!(missing.refusal(), (400, "invalid_request".to_owned()));
}

#[tokio::test]
async fn a_token_ends_with_time_grant_user_client_and_key() {
    let ends: [(&str, Option<Change<'static>>); 3] =
        [("time", None), ("user", Some(Change::UserRevoked("ann"))), ("client", Some(Change::ClientRevoked("web")))];
    for (name, change) in ends {
        let server = server().await;
        let (access_token, _) = tokens(&server).await;
        assert_eq!(ask(&server, "rs", &access_token).await.json()["active"], true);
        match change {
            None => server.clock.advance(900),
            Some(change) => append(&server, change).await,
        }
        assert_eq!(ask(&server, "rs", &access_token).await.body, INACTIVE, "{name}");
    }
}

#[tokio::test]
async fn a_replayed_code_ends_the_access_token_too() {
    let server = server().await;
    let code = server.give(&Given::USUAL).await;
    let access_token = server.redeem(&code).await.text("access_token");
    assert_eq!(ask(&server, "rs", &access_token).await.json()["active"], true);
    server.redeem(&code).await;
    server.follow().await;
    assert_eq!(ask(&server, "rs", &access_token).await.body, INACTIVE);
}

#[tokio::test]
async fn revocations_of_before_the_start_are_known() {
    let server = server().await;
    let (access_token, _) = tokens(&server).await;
    append(&server, Change::UserRevoked("ann")).await;
    let loaded = auth_server::tokens::Revocations::load(&server.app.store, START).await.expect("loaded");
    let claims = serde_json::from_value(super::given::claims_of(&access_token)).expect("claims");
    assert!(loaded.cover(&claims, "any"));
}

async fn append(server: &TestServer, change: Change<'static>) {
    let change = &change;
    let work = |mut tx| async move { change_log::append(&mut tx, change.clone(), START).await };
    server.app.store.write::<_, StoreError, _, _>(work).await.expect("appended");
    server.follow().await;
}

#[tokio::test]
async fn a_refresh_token_is_described_to_its_client_while_it_is_live() {
    let server = server().await;
    let (_, refresh_token) = tokens(&server).await;
    let body = ask(&server, "web", &refresh_token).await.json();
    assert_eq!((&body["active"], &body["client_id"], &body["aud"]), (&json!(true), &json!("web"), &json!(RESOURCE)));
    assert!(body.get("token_type").is_none(), "it is no bearer token");
    let form = [("grant_type", "refresh_token"), ("refresh_token", refresh_token.as_str())];
    let next = server.post_form_as(super::given::TOKEN, &basic("web", SECRET), &form).await.text("refresh_token");
    assert_eq!(ask(&server, "web", &refresh_token).await.body, INACTIVE, "it was used");
    assert_eq!(ask(&server, "web", &next).await.json()["active"], true);
}

#[tokio::test]
async fn a_client_that_registered_itself_learns_of_its_own_tokens_only() {
    let server = server().await;
    let (access_token, _) = tokens(&server).await;
    let dynamic = Client { origin: ClientOrigin::Dynamic, ..confidential_client("self-made") };
    server.add_client(&dynamic).await;
    server.add_client(&public_client("unused")).await;
    assert_eq!(ask(&server, "self-made", &access_token).await.body, INACTIVE);
    let code = server.give(&Given { client: "self-made", ..Given::USUAL }).await;
    let form = [("grant_type", "authorization_code"), ("code", &*code), ("code_verifier", super::given::VERIFIER)];
    let own = server.post_form_as(super::given::TOKEN, &basic("self-made", SECRET), &form).await.text("access_token");
    assert_eq!(ask(&server, "self-made", &own).await.json()["active"], true);
}
