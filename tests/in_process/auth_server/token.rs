//! `POST /oauth2/token`: codes and machines.

use super::{
    TestServer,
    given::{Given, REDIRECT_URI, SECRET, TOKEN, VERIFIER, basic, confidential_client, form_request, public_client},
    test_server::{RESOURCE, START},
};
use auth_server::clients::{Client, ClientOrigin, GrantType};
use axum::{body::Body, extract::Request};
use keys::install_crypto_provider;
use serde_json::json;
use shared::protocol::{
    jwt::{Audience, Expectation, verify_access_token},
    token_algorithm::TokenAlgorithm,
};

#[tokio::test]
async fn a_code_buys_tokens_that_say_what_they_are() {
    let server = TestServer::with_app().await;
    let answer = server.redeem(&server.give(&Given::USUAL).await).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert_eq!((answer.text("token_type").as_str(), answer.text("scope").as_str()), ("Bearer", "mcp.read mcp.write"));
    assert_eq!(answer.json()["expires_in"], 900);
    assert!(answer.text("refresh_token").starts_with("postern_rt_"));
    install_crypto_provider();
    let expected = Expectation {
        issuer: "http://localhost:9400",
        audience: Audience::Exact(RESOURCE),
        now: START,
        leeway_seconds: 0,
    };
    let claims = verify_access_token(&answer.text("access_token"), &server.app.keys.verification_keys(), &expected)
        .expect("an access token of RFC 9068")
        .claims;
    assert_eq!((claims.sub.as_str(), claims.client_id.as_str(), claims.exp), ("ann", "app", claims.iat + 900));
    assert_eq!((claims.auth_time, claims.roles), (Some(START - 5), vec!["member".to_owned()]));
    assert!(claims.grant_id.is_some());
}

#[tokio::test]
async fn the_first_redemption_confirms_the_client() {
    let server = TestServer::with_app().await;
    server.redeem(&server.give(&Given::USUAL).await).await;
    server.follow().await;
    let client = server.app.clients.find("app").await.expect("store").expect("client");
    assert_eq!(client.confirmed_at, Some(START));
    server.clock.advance(400 * 24 * 3600);
    assert!(server.app.clients.find("app").await.expect("store").is_some(), "confirmed clients outlive tokens");
}

#[tokio::test]
async fn a_missing_parameter_is_named() {
    let server = TestServer::with_app().await;
    let mut form = vec![("client_id", "app")];
    for (missing, grant_type) in
        [("grant_type", None), ("code", Some("authorization_code")), ("refresh_token", Some("refresh_token"))]
    {
        form.truncate(1);
        form.extend(grant_type.map(|grant_type| ("grant_type", grant_type)));
        let answer = server.post_form(TOKEN, &form).await;
        assert_eq!(answer.refusal(), (400, "invalid_request".to_owned()));
        assert_eq!(answer.text("error_description"), format!("The parameter {missing} is missing."));
    }
}

#[tokio::test]
async fn a_client_without_the_refresh_grant_gets_no_refresh_token() {
    let server = TestServer::with_app().await;
    server.add_client(&Client { grant_types: vec![GrantType::AuthorizationCode], ..public_client("once") }).await;
    let code = server.give(&Given { client: "once", ..Given::USUAL }).await;
    let form =
        [("grant_type", "authorization_code"), ("client_id", "once"), ("code", &code), ("code_verifier", VERIFIER)];
    let answer = server.post_form(TOKEN, &form).await;
    assert_eq!(answer.status, 200);
    assert!(answer.json().get("refresh_token").is_none());
}

#[tokio::test]
async fn redirect_uri_may_be_left_out_and_must_be_the_same_when_sent() {
    let server = TestServer::with_app().await;
    for (sent, status) in [
        (REDIRECT_URI, 200),
        ("http://127.0.0.1:53118/callback", 400),
        ("http://127.0.0.1:53117/callback/", 400),
        ("HTTP://127.0.0.1:53117/callback", 400),
        ("urn:postern:redirect-uri:omitted", 400),
    ] {
        let code = server.give(&Given::USUAL).await;
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", "app"),
            ("code", &code),
            ("code_verifier", VERIFIER),
            ("redirect_uri", sent),
        ];
        let answer = server.post_form("/token", &form).await;
        assert_eq!(answer.status, status, "{sent}: {answer:?}");
        if status == 400 {
            assert_eq!(answer.error(), "invalid_grant");
        }
    }
}

#[tokio::test]
async fn every_wrong_verifier_is_refused_and_burns_the_code() {
    let server = TestServer::with_app().await;
    let long = "a".repeat(129);
    let wrong = [
        Some("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXj"),
        Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
        Some("short"),
        Some(long.as_str()),
        Some("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjX="),
        None,
    ];
    for verifier in wrong {
        let code = server.give(&Given::USUAL).await;
        let mut form = vec![("grant_type", "authorization_code"), ("client_id", "app"), ("code", code.as_str())];
        form.extend(verifier.map(|verifier| ("code_verifier", verifier)));
        assert_eq!(server.post_form(TOKEN, &form).await.refusal(), (400, "invalid_grant".to_owned()), "{verifier:?}");
        assert_eq!(server.redeem(&code).await.refusal(), (400, "invalid_grant".to_owned()), "burnt");
    }
    assert_eq!(server.audited("code_refused").await, 6);
}

#[tokio::test]
async fn a_code_lives_a_minute() {
    let server = TestServer::with_app().await;
    let (first, second) = (server.give(&Given::USUAL).await, server.give(&Given::USUAL).await);
    server.clock.advance(59);
    assert_eq!(server.redeem(&first).await.status, 200);
    server.clock.advance(1);
    assert_eq!(server.redeem(&second).await.refusal(), (400, "invalid_grant".to_owned()));
}

#[tokio::test]
async fn resource_must_be_the_grants_or_an_equal_spelling() {
    let server = TestServer::with_app().await;
    server.add_resource("http://localhost:9501/mcp").await;
    for (resources, status) in [
        (vec![RESOURCE], 200),
        (vec!["HTTP://LOCALHOST:9500/mcp/"], 200),
        (vec!["http://localhost:9500/"], 200),
        (vec![RESOURCE, "http://localhost:9500/mcp/"], 200),
        (vec!["http://localhost:9501/mcp"], 400),
        (vec![RESOURCE, "http://localhost:9501/mcp"], 400),
        (vec!["http://localhost:9500/MCP"], 400),
        (vec!["nonsense"], 400),
    ] {
        let code = server.give(&Given::USUAL).await;
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("client_id", "app"),
            ("code", code.as_str()),
            ("code_verifier", VERIFIER),
        ];
        form.extend(resources.iter().map(|resource| ("resource", *resource)));
        let answer = server.post_form(TOKEN, &form).await;
        assert_eq!(answer.status, status, "{resources:?} {answer:?}");
        match status {
            200 => assert_eq!(answer.claims()["aud"], RESOURCE),
            _ => assert_eq!(answer.error(), "invalid_target"),
        }
    }
}

#[tokio::test]
async fn another_clients_code_buys_nothing_and_is_burnt() {
    let server = TestServer::with_app().await;
    server.add_client(&public_client("other")).await;
    let code = server.give(&Given::USUAL).await;
    let form =
        [("grant_type", "authorization_code"), ("client_id", "other"), ("code", &code), ("code_verifier", VERIFIER)];
    assert_eq!(server.post_form(TOKEN, &form).await.refusal(), (400, "invalid_grant".to_owned()));
    assert_eq!(server.redeem(&code).await.refusal(), (400, "invalid_grant".to_owned()));
}

#[tokio::test]
async fn a_failed_client_authentication_leaves_the_code_as_it_was() {
    let server = TestServer::with_app().await;
    server.add_client(&confidential_client("web")).await;
    let code = server.give(&Given { client: "web", ..Given::USUAL }).await;
    let form = [("grant_type", "authorization_code"), ("code", code.as_str()), ("code_verifier", VERIFIER)];
    let wrong = server.post_form_as(TOKEN, &basic("web", "wrong"), &form).await;
    assert_eq!(wrong.refusal(), (401, "invalid_client".to_owned()));
    assert_eq!(server.post_form_as(TOKEN, &basic("web", SECRET), &form).await.status, 200);
}

#[tokio::test]
async fn a_disabled_users_code_and_a_scope_nobody_may_hold_buy_nothing() {
    let server = TestServer::with_app().await;
    server.add_user("bob", &["stranger"]).await;
    let nothing = server.redeem(&server.give(&Given { user: "bob", ..Given::USUAL }).await).await;
    assert_eq!(nothing.refusal(), (400, "invalid_grant".to_owned()));
    let cut = server.redeem(&server.give(&Given { scope: "mcp.read mcp.admin", ..Given::USUAL }).await).await;
    assert_eq!(cut.text("scope"), "mcp.read", "consent is not permission");
}

#[tokio::test]
async fn malformed_requests_are_refused_before_anything_is_looked_up() {
    let server = TestServer::with_app().await;
    for (form, code) in [
        (vec![("client_id", "app")], "invalid_request"),
        (vec![("client_id", "app"), ("grant_type", "password")], "unsupported_grant_type"),
        (vec![("client_id", "app"), ("grant_type", "client_credentials")], "unauthorized_client"),
        (vec![("client_id", "app"), ("grant_type", "authorization_code")], "invalid_request"),
        (vec![("client_id", "app"), ("grant_type", "refresh_token")], "invalid_request"),
        (vec![("client_id", "app"), ("grant_type", "refresh_token"), ("refresh_token", "x")], "invalid_grant"),
        (vec![("client_id", "app"), ("client_id", "app"), ("grant_type", "refresh_token")], "invalid_request"),
    ] {
        assert_eq!(server.post_form(TOKEN, &form).await.refusal(), (400, code.to_owned()), "{form:?}");
    }
    let json = Request::post(TOKEN).header("content-type", "application/json").body(Body::from("{}"));
    assert_eq!(server.send(json.expect("a request")).await.status, 415);
    let large = "x".repeat(65 * 1024);
    assert_eq!(server.send(form_request(TOKEN, &[("a", &large)])).await.status, 413);
    assert_eq!(server.get(TOKEN).await.status, 405);
}

fn machine(id: &str) -> Client {
    Client {
        grant_types: vec![GrantType::ClientCredentials],
        scope: "mcp.read".parse().expect("scope"),
        ..confidential_client(id)
    }
}

#[tokio::test]
async fn a_machine_gets_a_token_for_what_it_was_made_for() {
    let server = TestServer::start().await;
    server.add_client(&machine("machine")).await;
    for more in [vec![], vec![("resource", RESOURCE)], vec![("scope", "mcp.read mcp.write offline_access")]] {
        let mut form = vec![("grant_type", "client_credentials")];
        form.extend(more);
        let answer = server.post_form_as(TOKEN, &basic("machine", SECRET), &form).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.text("scope"), "mcp.read");
        assert!(answer.json().get("refresh_token").is_none());
        let claims = answer.claims();
        assert_eq!(
            (&claims["sub"], &claims["client_id"], &claims["aud"]),
            (&"machine".into(), &"machine".into(), &RESOURCE.into())
        );
        assert!(claims.get("grant_id").is_none() && claims.get("auth_time").is_none());
    }
    let form = [("grant_type", "client_credentials"), ("scope", "mcp.admin")];
    let refused = server.post_form_as(TOKEN, &basic("machine", SECRET), &form).await;
    assert_eq!(refused.refusal(), (400, "invalid_scope".to_owned()));
    assert!(
        refused.text("error_description").starts_with("This client may not have any scope"),
        "no user stands behind it"
    );
    assert_eq!(refused.text("scope"), "mcp.read", "what it may have, and nothing that others may");
}

#[tokio::test]
async fn a_machine_gets_no_other_resource_and_no_management() {
    let server = TestServer::start().await;
    server.add_client(&machine("machine")).await;
    server.add_client(&Client { resources: vec![], ..machine("roaming") }).await;
    server.add_resource("http://localhost:9501/mcp").await;
    let ask = |id: &'static str, resource: &'static str| {
        let server = &server;
        async move {
            let form = [("grant_type", "client_credentials"), ("resource", resource)];
            server.post_form_as(TOKEN, &basic(id, SECRET), &form).await
        }
    };
    let target = (400, "invalid_target".to_owned());
    for named in ["http://localhost:9501/mcp", "http://localhost:1/none", "nonsense"] {
        let refused = ask("machine", named).await;
        assert_eq!((refused.refusal(), &refused.json()["resource"]), (target.clone(), &json!([RESOURCE])), "{named}");
    }
    let refused = ask("roaming", "http://localhost:1/none").await;
    assert_eq!((refused.refusal(), refused.json().get("resource")), (target.clone(), None), "no list of all there are");
    assert_eq!(ask("machine", "http://localhost:9400/api").await.refusal(), target);
    assert_eq!(ask("roaming", "http://localhost:9400/api").await.refusal(), target);
    assert_eq!(ask("roaming", "http://localhost:9501/mcp").await.status, 200);
}

#[tokio::test]
async fn open_registration_is_no_way_to_a_token_without_a_user() {
    let server = TestServer::start().await;
    server.add_client(&Client { origin: ClientOrigin::Dynamic, ..machine("self-made") }).await;
    let form = [("grant_type", "client_credentials")];
    let answer = server.post_form_as(TOKEN, &basic("self-made", SECRET), &form).await;
    assert_eq!(answer.refusal(), (400, "unauthorized_client".to_owned()));
}

#[tokio::test]
async fn a_machine_is_limited_by_itself() {
    let server = TestServer::start_with("machine_tokens_per_minute = 3").await;
    server.add_client(&machine("machine")).await;
    server.add_client(&machine("another")).await;
    let ask = |id: &'static str| {
        let server = &server;
        async move { server.post_form_as(TOKEN, &basic(id, SECRET), &[("grant_type", "client_credentials")]).await }
    };
    for _ in 0..3 {
        assert_eq!(ask("machine").await.status, 200);
    }
    let limited = ask("machine").await;
    assert_eq!((limited.status.as_u16(), limited.header("retry-after")), (429, "60"));
    assert_eq!(ask("another").await.status, 200);
    server.clock.advance(60);
    assert_eq!(ask("machine").await.status, 200);
}

#[tokio::test]
async fn the_resource_chooses_algorithm_and_lifetime() {
    let server = TestServer::start().await;
    server.add_client(&machine("machine")).await;
    let mut resource = (*server.app.resources.find(RESOURCE).expect("registered")).clone();
    (resource.algorithm, resource.access_token_ttl_seconds) = (TokenAlgorithm::Rs256, Some(120));
    let resource = &resource;
    let work = |mut tx| async move { auth_server::store::resource::put(&mut tx, resource, RESOURCE, START).await };
    server.app.store.write::<_, shared::db::StoreError, _, _>(work).await.expect("stored");
    server.app.resources.reload(&server.app.store).await.expect("reloaded");
    let form = [("grant_type", "client_credentials")];
    let answer = server.post_form_as(TOKEN, &basic("machine", SECRET), &form).await;
    assert_eq!(answer.json()["expires_in"], 120);
    let header = answer.text("access_token");
    let header = header.split('.').next().expect("a header");
    let header = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, header).expect("base64url");
    let header: serde_json::Value = serde_json::from_slice(&header).expect("JSON");
    assert_eq!((&header["alg"], &header["typ"]), (&"RS256".into(), &"at+jwt".into()));
}
