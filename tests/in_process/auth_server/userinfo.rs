//! `/oauth2/userinfo` (OpenID Connect Core §5.3, RFC 6750).

use super::{Answer, TestServer, given::Given, given::claims_of, given::form_request, test_server::START};
use auth_server::audit::Actor;
use axum::{body::Body, extract::Request};
use serde_json::{Value, json};

const USERINFO: &str = "/oauth2/userinfo";
const ALL: Given<'static> = Given { scope: "email mcp.read openid profile", ..Given::USUAL };

async fn token(server: &TestServer, scope: &str) -> String {
    server.redeem(&server.give(&Given { scope, ..Given::USUAL }).await).await.text("access_token")
}

async fn ask(server: &TestServer, token: &str) -> Answer {
    server.call("GET", USERINFO, token, &Value::Null).await
}

#[tokio::test]
async fn each_scope_tells_its_part() {
    let server = TestServer::with_app().await;
    for (scope, expected) in [
        ("mcp.read openid", json!({ "sub": "ann" })),
        ("mcp.read openid profile", json!({ "sub": "ann", "name": "ann", "updated_at": START })),
        ("email mcp.read openid", json!({ "sub": "ann", "email": "ann@example.com", "email_verified": false })),
        ("openid", json!({ "sub": "ann" })),
    ] {
        let answer = ask(&server, &token(&server, scope).await).await;
        assert_eq!((answer.status.as_u16(), answer.json()), (200, expected), "{scope}");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.header("access-control-allow-origin"), "*");
    }
    let answer = server.redeem(&server.give(&ALL).await).await;
    let told = ask(&server, &answer.text("access_token")).await.json();
    assert_eq!(told["sub"], claims_of(&answer.text("id_token"))["sub"]);
}

#[tokio::test]
async fn the_token_comes_in_the_header_or_in_a_form_and_not_twice() {
    let server = TestServer::with_app().await;
    let token = token(&server, "mcp.read openid").await;
    let bearer = format!("Bearer {token}");
    let posted = Request::post(USERINFO).header("authorization", &bearer).body(Body::empty()).expect("a request");
    assert_eq!(server.send(posted).await.json()["sub"], "ann");
    assert_eq!(server.post_form(USERINFO, &[("access_token", &token)]).await.json()["sub"], "ann");
    let twice = server.post_form_as(USERINFO, &bearer, &[("access_token", &token)]).await;
    assert_eq!(twice.refusal(), (400, "invalid_request".to_owned()));
    let repeated = format!("access_token={token}&access_token={token}");
    let mut request = form_request(USERINFO, &[]);
    *request.body_mut() = Body::from(repeated);
    assert_eq!(server.send(request).await.refusal(), (400, "invalid_request".to_owned()));
    let in_query = format!("{USERINFO}?access_token={token}");
    assert_eq!(server.get(&in_query).await.status, 401);
    assert_eq!(server.post_form(&in_query, &[]).await.status, 401);
    let json = server.post_json(USERINFO, &json!({ "access_token": token })).await;
    assert_eq!(json.status, 401);
}

#[tokio::test]
async fn refusals_follow_rfc_6750() {
    let server = TestServer::with_app().await;
    let none = server.get(USERINFO).await;
    assert_eq!((none.status.as_u16(), none.header("www-authenticate")), (401, "Bearer scope=\"openid\""));
    assert_eq!(none.header("access-control-allow-origin"), "*", "a page can read why");
    for wrong in ["nonsense", "", "a.b.c"] {
        let answer = ask(&server, wrong).await;
        assert_eq!(answer.status, 401, "{wrong:?}");
    }
    let poor = ask(&server, &token(&server, "mcp.read").await).await;
    assert_eq!(poor.refusal(), (403, "insufficient_scope".to_owned()));
    assert!(poor.header("www-authenticate").contains("scope=\"openid\""), "{poor:?}");
    let token = token(&server, "mcp.read openid").await;
    server.clock.advance(900);
    assert_eq!(ask(&server, &token).await.refusal(), (401, "invalid_token".to_owned()));
}

#[tokio::test]
async fn a_grant_or_account_that_ended_tells_nothing_more() {
    let server = TestServer::with_app().await;
    let code = server.give(&ALL).await;
    let answer = server.redeem(&code).await;
    let access_token = answer.text("access_token");
    assert_eq!(ask(&server, &access_token).await.status, 200);
    assert_eq!(server.redeem(&code).await.error(), "invalid_grant");
    server.follow().await;
    let refused = ask(&server, &access_token).await;
    assert_eq!(refused.refusal(), (401, "invalid_token".to_owned()));
    assert!(refused.header("www-authenticate").starts_with("Bearer error=\"invalid_token\""));

    let other = token(&server, "email openid").await;
    let app = &server.app;
    auth_server::users::disable_user(&app.store, &*app.random, &Actor::CommandLine, "ann", START)
        .await
        .expect("disabled");
    // Before any cache heard of it: the account itself is looked at.
    assert_eq!(ask(&server, &other).await.refusal(), (401, "invalid_token".to_owned()));
}

#[tokio::test]
async fn pages_of_other_origins_may_ask() {
    let server = TestServer::start().await;
    let preflight = Request::options(USERINFO)
        .header("origin", "https://app.example")
        .header("access-control-request-method", "GET")
        .header("access-control-request-headers", "authorization");
    let answer = server.send(preflight.body(Body::empty()).expect("a request")).await;
    assert_eq!((answer.status.as_u16(), answer.header("access-control-allow-origin")), (204, "*"));
    assert!(answer.header("access-control-allow-headers").to_ascii_lowercase().contains("authorization"));
    assert_eq!(answer.header("access-control-allow-credentials"), "");
}
