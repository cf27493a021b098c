//! A program for administrators: made by one, allowed by one on the pages, and then it administers.

use super::super::{
    Answer, TestServer,
    browser::{Browser, form},
    given::TOKEN,
    visitors::{Ask, PASSWORD, VERIFIER, WEBSITE, brought, consent_form},
};
use serde_json::{Value, json};

const ADA: &str = "ada@example.com";
const BOB: &str = "bob@example.com";

/// A server, and the public client that an administrator made for its interface.
async fn server_with_console() -> (TestServer, String) {
    let server = TestServer::administered().await;
    server.add_administrator(ADA).await;
    server.add_member(BOB).await;
    let new = json!({
        "client_name": "Admin console", "public": true, "grant_types": ["authorization_code", "refresh_token"],
        "scope": "postern.admin postern.admin.read", "resources": [api(&server)], "redirect_uris": [WEBSITE],
    });
    let made = server.admin("POST", "/clients", &new).await;
    assert_eq!(made.status, 201, "{made:?}");
    assert!(made.json()["client_secret"].is_null(), "it could not keep one: {made:?}");
    let id = made.text("client_id");
    (server, id)
}

fn api(server: &TestServer) -> String {
    format!("{}/api", server.app.issuer)
}

fn ask(server: &TestServer, client: &str, scope: &str) -> Ask {
    Ask::of(client).with("resource", &api(server)).with("scope", scope)
}

async fn redeem(server: &TestServer, client: &str, code: &str, verifier: &str) -> Answer {
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", client),
        ("code", code),
        ("redirect_uri", WEBSITE),
        ("code_verifier", verifier),
    ];
    server.post_form(TOKEN, &form).await
}

/// What `email` gets who allows the client everything it asks for.
async fn allowed(server: &TestServer, email: &str, client: &str, scope: &str) -> Answer {
    let mut browser = Browser::signed_in(server, email, PASSWORD).await;
    let form = consent_form(&mut browser, &ask(server, client, scope)).await.with("decision", "allow");
    let code = brought(&browser.submit(&form).await, WEBSITE)["code"].clone();
    redeem(server, client, &code, VERIFIER).await
}

#[tokio::test]
async fn an_administrator_allows_it_and_it_administers_until_that_ends() {
    let (server, client) = server_with_console().await;
    let tokens = allowed(&server, ADA, &client, "postern.admin").await;
    assert_eq!(tokens.status, 200, "{tokens:?}");
    assert_eq!(tokens.claims()["aud"], api(&server));
    let token = tokens.text("access_token");
    let new = json!({ "email": "new@example.com" });
    let made = server.call("POST", "/api/admin/users", &token, &new).await;
    assert_eq!(made.status, 201, "{made:?}");
    let event = &server.admin_get(&format!("/audit?kind=user_added&actor={client}")).await.json()["items"][0];
    assert_eq!(event["actor_client_id"], json!(client), "{event}");
    let form =
        [("grant_type", "refresh_token"), ("client_id", &client), ("refresh_token", &tokens.text("refresh_token"))];
    let refreshed = server.post_form(TOKEN, &form).await.text("access_token");
    assert_eq!(server.call("GET", "/api/admin/users", &refreshed, &Value::Null).await.status, 200);
    let grant = server.admin_get("/grants").await.json()["items"][0]["id"].as_str().expect("a grant").to_owned();
    assert_eq!(server.admin("DELETE", &format!("/grants/{grant}"), &Value::Null).await.status, 204);
    assert_eq!(server.call("GET", "/api/admin/users", &refreshed, &Value::Null).await.status, 401);
}

#[tokio::test]
async fn what_was_allowed_for_looking_only_looks() {
    let (server, client) = server_with_console().await;
    let token = allowed(&server, ADA, &client, "postern.admin.read").await.text("access_token");
    assert_eq!(server.call("GET", "/api/admin/users", &token, &Value::Null).await.status, 200);
    let refused = server.call("POST", "/api/admin/users", &token, &json!({ "email": "new@example.com" })).await;
    assert_eq!(refused.status, 403);
    assert!(refused.header("www-authenticate").contains("insufficient_scope"), "{refused:?}");
}

#[tokio::test]
async fn a_stolen_code_is_worth_nothing_without_the_verifier() {
    let (server, client) = server_with_console().await;
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    let without = ask(&server, &client, "postern.admin").with("code_challenge", "");
    let refused = browser.get(&without.path()).await;
    assert_eq!(brought(&refused, WEBSITE)["error"], "invalid_request", "no PKCE, no code");
    let form = consent_form(&mut browser, &ask(&server, &client, "postern.admin")).await.with("decision", "allow");
    let code = brought(&browser.submit(&form).await, WEBSITE)["code"].clone();
    let other = "another-verifier-of-more-than-forty-three-characters";
    assert_eq!(redeem(&server, &client, &code, other).await.refusal(), (400, "invalid_grant".to_owned()));
}

#[tokio::test]
async fn a_member_cannot_allow_it_anything() {
    let (server, client) = server_with_console().await;
    let mut browser = Browser::signed_in(&server, BOB, PASSWORD).await;
    for scope in ["postern.admin", "postern.admin.read", "postern.admin postern.admin.read", ""] {
        let page = browser.get(&ask(&server, &client, scope).path()).await;
        assert!(
            page.body.contains("Your account cannot allow this") && !page.body.contains("value=\"allow\""),
            "{scope}"
        );
        let form = form(&page, "consent-form");
        for forged in [form.clone(), form.clone().with("scope:*", "on"), form.clone().with("scope:postern.admin", "on")]
        {
            let answer = browser.submit(&forged.with("decision", "allow")).await;
            assert!(!answer.header("location").contains("code="), "{scope}: {answer:?}");
        }
    }
    let page = browser.get(&ask(&server, &client, "postern.admin").path()).await;
    let denied = browser.submit(&form(&page, "consent-form").with("decision", "deny")).await;
    assert_eq!(brought(&denied, WEBSITE)["error"], "access_denied");
    assert_eq!(server.grants().await, 0);
}

#[tokio::test]
async fn a_client_that_registered_itself_never_gets_so_far() {
    let (server, _) = server_with_console().await;
    let document = json!({
        "client_name": "Admin console", "redirect_uris": [WEBSITE], "token_endpoint_auth_method": "none",
        "scope": "postern.admin", "resources": [api(&server)], "origin": "administered",
    });
    let registered = server.post_json("/oauth2/register", &document).await;
    let scope = registered.json()["scope"].as_str().unwrap_or_default().to_owned();
    assert!(!scope.contains("postern."), "{registered:?}");
    let client = server.register_client("Admin console").await;
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    for scope in ["postern.admin", "postern.admin.read", "mcp.read", ""] {
        let answer = browser.get(&ask(&server, &client, scope).path()).await;
        let brought = brought(&answer, WEBSITE);
        assert!(brought.contains_key("error") && !brought.contains_key("code"), "{scope}: {brought:?}");
    }
    let elsewhere = browser.get(&Ask::of(&client).with("scope", "mcp.read postern.admin").path()).await;
    assert!(elsewhere.status != 303 || !elsewhere.header("location").contains("code="), "{elsewhere:?}");
    assert!(!elsewhere.body.contains("postern.admin"), "{elsewhere:?}");
    assert_eq!(server.grants().await, 0);
}
