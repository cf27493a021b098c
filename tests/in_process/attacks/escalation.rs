//! Escalation of scope and role: whoever holds less does not come to more, by whatever request, registration or token.

use super::forms::ADA;
use crate::auth_server::{
    Answer, TestServer,
    browser::{Browser, form},
    given::{Given, SECRET, TOKEN, basic, confidential_client},
    sign_on::{allow, redeem},
    test_server::RESOURCE,
    visitors::{Ask, PASSWORD, VERIFIER, WEBSITE, brought},
};
use auth_server::router::administered;
use serde_json::{Value, json};

const API: &str = "http://localhost:9400/api";
const MANAGEMENT: [&str; 3] = ["postern.admin", "postern.admin.read", "postern.resource_server"];
const EVERYTHING: &str =
    "mcp.read mcp.write mcp.admin postern.admin postern.admin.read postern.resource_server openid email";

/// A client that registered itself, with the token of its registration.
struct SelfMade {
    id: String,
    token: String,
}

async fn register(server: &TestServer, scope: &str) -> SelfMade {
    let document = json!({ "redirect_uris": [WEBSITE], "token_endpoint_auth_method": "none", "scope": scope });
    let answer = server.post_json("/oauth2/register", &document).await;
    SelfMade { id: answer.text("client_id"), token: answer.text("registration_access_token") }
}

async fn replace(server: &TestServer, client: &SelfMade, more: &Value) -> Answer {
    let mut document =
        json!({ "client_id": client.id, "redirect_uris": [WEBSITE], "token_endpoint_auth_method": "none" });
    for (name, value) in more.as_object().expect("an object") {
        document[name] = value.clone();
    }
    let answer = server.call("PUT", &format!("/oauth2/register/{}", client.id), &client.token, &document).await;
    server.follow().await;
    answer
}

async fn refresh(server: &TestServer, client: &str, token: &str, more: &[(&str, &str)]) -> Answer {
    let form = [("grant_type", "refresh_token"), ("client_id", client), ("refresh_token", token)];
    server.post_form(TOKEN, &[&form, more].concat()).await
}

/// Ticks what the page did not offer, and allows; the code, unless the page says that this is nothing.
async fn force(browser: &mut Browser<'_>, ask: &Ask, scopes: &str) -> Option<String> {
    let page = browser.get(&ask.path()).await;
    let filled = form(&page, "consent-form").with("decision", "allow").with("scope", scopes);
    let filled = scopes.split(' ').fold(filled, |filled, scope| filled.with(&format!("scope:{scope}"), "on"));
    let answer = browser.submit(&filled).await;
    if answer.status == 422 { None } else { brought(&answer, WEBSITE).remove("code") }
}

fn scopes(answer: &Answer) -> Vec<String> {
    answer.text("scope").split(' ').map(str::to_owned).collect()
}

fn assert_nothing_managed(answer: &Answer, context: &str) {
    let held = scopes(answer);
    assert!(held.iter().all(|scope| !scope.starts_with("postern.")), "{context}: {held:?}");
    assert_eq!(answer.claims()["aud"], RESOURCE, "{context}");
}

/// An administrator allows a client that registered itself everything that it asks; it does not come to manage anything.
#[tokio::test]
async fn whoever_registered_themselves_never_comes_to_manage() {
    let server = TestServer::start().await;
    server.add_administrator(ADA).await;
    let client = register(&server, EVERYTHING).await;
    let mut ada = Browser::signed_in(&server, ADA, PASSWORD).await;
    for scope in MANAGEMENT {
        for asked in [scope.to_owned(), format!("mcp.read {scope}"), EVERYTHING.to_owned()] {
            let straight = Ask::of(&client.id).with("resource", API).with("scope", &asked);
            assert_eq!(brought(&ada.get(&straight.path()).await, WEBSITE)["error"], "invalid_target", "{asked}");
        }
        let ask = Ask::of(&client.id).with("scope", &format!("mcp.read {scope}"));
        assert!(!ada.get(&ask.path()).await.body.contains("postern."), "nobody is even asked");
        let code = force(&mut ada, &ask, &format!("mcp.read {scope}")).await.expect("a code");
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", &client.id),
            ("code", &code),
            ("code_verifier", VERIFIER),
            ("redirect_uri", WEBSITE),
            ("scope", EVERYTHING),
        ];
        let tokens = server.post_form(TOKEN, &form).await;
        server.follow().await;
        assert_nothing_managed(&tokens, scope);
        let elsewhere =
            refresh(&server, &client.id, &tokens.text("refresh_token"), &[("resource", API), ("scope", scope)]).await;
        assert_eq!(elsewhere.refusal(), (400, "invalid_target".to_owned()), "{scope}");
        let wider = refresh(&server, &client.id, &tokens.text("refresh_token"), &[("scope", EVERYTHING)]).await;
        assert_nothing_managed(&wider, scope);
        assert_eq!(wider.text("scope"), tokens.text("scope"));
        let token = wider.text("access_token");
        assert_eq!(server.call("GET", "/api/admin/users", &token, &Value::Null).await.status, 401);
    }
    let more = json!({ "scope": EVERYTHING, "resources": [API], "origin": "administered",
        "grant_types": ["authorization_code", "refresh_token", "client_credentials"] });
    let replaced = replace(&server, &client, &more).await;
    assert_eq!(replaced.status, 200, "{replaced:?}");
    assert!(!replaced.text("scope").contains("postern.") && !replaced.body.contains("client_credentials"));
    let straight = Ask::of(&client.id).with("resource", API).with("scope", "postern.admin");
    assert_eq!(brought(&ada.get(&straight.path()).await, WEBSITE)["error"], "invalid_target");
}

/// What a client registers later, or asks later, counts for what people allow later.
#[tokio::test]
async fn a_wider_registration_widens_no_grant() {
    let server = TestServer::start().await;
    server.add_administrator(ADA).await;
    let client = register(&server, "mcp.read").await;
    let mut ada = Browser::signed_in(&server, ADA, PASSWORD).await;
    let ask = Ask::of(&client.id).with("scope", "mcp.read");
    let code = force(&mut ada, &ask, EVERYTHING).await.expect("a code");
    let tokens = redeem(&server, &client.id, &code).await;
    assert_eq!(tokens.text("scope"), "mcp.read", "what was not shown cannot be ticked");
    let open = ada.get(&ask.path()).await;
    assert_eq!(replace(&server, &client, &json!({ "scope": EVERYTHING })).await.status, 200);
    let asked = [("scope", "mcp.read mcp.write mcp.admin openid")];
    let refreshed = refresh(&server, &client.id, &tokens.text("refresh_token"), &asked).await;
    assert_eq!(refreshed.text("scope"), "mcp.read");
    assert!(refreshed.json().get("id_token").is_none(), "{refreshed:?}");
    let filled = form(&open, "consent-form").with("decision", "allow").with("scope:mcp.admin", "on");
    let code = brought(&ada.submit(&filled).await, WEBSITE).remove("code").expect("a code");
    assert_eq!(
        redeem(&server, &client.id, &code).await.text("scope"),
        "mcp.read",
        "a page that was open grants what it showed"
    );
}

#[tokio::test]
async fn a_member_never_holds_what_administrators_hold() {
    let server = TestServer::start().await;
    server.add_member(ADA).await;
    let client = register(&server, EVERYTHING).await;
    let mut ada = Browser::signed_in(&server, ADA, PASSWORD).await;
    let alone = Ask::of(&client.id).with("scope", "mcp.admin");
    assert!(ada.get(&alone.path()).await.body.contains("Your account cannot allow this"));
    assert_eq!(force(&mut ada, &alone, "mcp.admin mcp.read").await, None);
    assert_eq!(server.grants().await, 0);
    for asked in ["mcp.admin mcp.read", EVERYTHING] {
        let ask = Ask::of(&client.id).with("scope", asked);
        assert!(!ada.get(&ask.path()).await.body.contains("scope:mcp.admin"), "{asked}");
        let code = force(&mut ada, &ask, "mcp.read mcp.admin").await.expect("a code");
        let tokens = redeem(&server, &client.id, &code).await;
        let more = [("scope", "mcp.admin mcp.read"), ("roles", "administrator"), ("organization", "x")];
        let wider = refresh(&server, &client.id, &tokens.text("refresh_token"), &more).await;
        for answer in [&tokens, &wider] {
            assert!(!scopes(answer).contains(&"mcp.admin".to_owned()), "{asked}: {answer:?}");
            assert_eq!(answer.claims()["roles"], json!(["member"]), "{asked}");
        }
    }
}

#[tokio::test]
async fn a_machine_never_holds_more_than_it_was_given() {
    let server = TestServer::start().await;
    server.add_client(&confidential_client("machine")).await;
    let authorization = basic("machine", SECRET);
    for (resource, scope) in [
        (RESOURCE, "mcp.admin"),
        (RESOURCE, "postern.admin"),
        (RESOURCE, "openid"),
        (API, "postern.admin"),
        (API, "mcp.read"),
        ("http://localhost:9400/oauth2/userinfo", "openid"),
    ] {
        let form = [("grant_type", "client_credentials"), ("resource", resource), ("scope", scope)];
        let answer = server.post_form_as(TOKEN, &authorization, &form).await;
        assert_eq!(answer.status, 400, "{resource} {scope}: {answer:?}");
    }
    let form = [
        ("grant_type", "client_credentials"),
        ("scope", "mcp.read mcp.admin postern.admin"),
        ("sub", "root"),
        ("username", "root"),
        ("roles", "administrator"),
        ("organization", "acme"),
        ("audience", API),
    ];
    let answer = server.post_form_as(TOKEN, &authorization, &form).await;
    assert_eq!(answer.text("scope"), "mcp.read");
    let claims = answer.claims();
    assert_eq!((&claims["sub"], &claims["aud"]), (&json!("machine"), &json!(RESOURCE)));
    for claim in ["roles", "organization_id", "tenant_id", "auth_time"] {
        assert!(claims.get(claim).is_none(), "{claim}: {claims}");
    }
    assert!(answer.json().get("refresh_token").is_none());
}

/// One of every token that is less than that of an administrator's program.
async fn lesser_tokens(server: &TestServer) -> Vec<(&'static str, String)> {
    server.add_administrator(ADA).await;
    let client = register(server, EVERYTHING).await;
    let mut ada = Browser::signed_in(server, ADA, PASSWORD).await;
    let code = allow(&mut ada, &Ask::of(&client.id).with("scope", "mcp.admin openid")).await;
    let of_administrator = redeem(server, &client.id, &code).await;
    assert!(scopes(&of_administrator).contains(&"mcp.admin".to_owned()), "{of_administrator:?}");
    let of_member = server.redeem(&server.give(&Given::USUAL).await).await;
    server.follow().await;
    vec![
        ("an administrator's, for a resource", of_administrator.text("access_token")),
        ("an administrator's ID token", of_administrator.text("id_token")),
        ("an administrator's refresh token", of_administrator.text("refresh_token")),
        ("an administrator's session", ada.cookies["postern-9400"].clone()),
        ("a member's", of_member.text("access_token")),
        ("a code", server.give(&Given::USUAL).await),
        ("a resource server's", server.machine_token().await),
        ("a registration's", client.token),
        ("a client secret", SECRET.to_owned()),
        ("a member's, through the administrators' program", server.token_of_user("ann", "console", "postern.admin")),
        ("an administrator's, through their own program", server.token_of_user("root", &client.id, "postern.admin")),
        ("an administrator's, with other scopes", server.token_of_user("root", "console", "mcp.admin openid")),
    ]
}

#[tokio::test]
async fn no_lesser_token_administers_anything() {
    let server = TestServer::administered_with("administration_requests_per_minute = 100000").await.and_app().await;
    let tokens = lesser_tokens(&server).await;
    let reader = server.token_of_machine("ops", "postern.admin.read").await;
    let rows = server.rows().await;
    let mut asked = 0;
    for path in administered() {
        let path = path.replace("{user_id}", "ann").replace("{id}", "ann");
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            for (whose, token) in &tokens {
                let answer = server.call(method, &path, token, &json!({})).await;
                assert!([401, 403, 405].contains(&answer.status.as_u16()), "{whose}: {method} {path}: {answer:?}");
                asked += usize::from(answer.status != 405);
            }
            if method != "GET" {
                let answer = server.call(method, &path, &reader, &json!({})).await;
                assert!([403, 405].contains(&answer.status.as_u16()), "a reader: {method} {path}: {answer:?}");
            }
        }
    }
    assert!(asked >= 300, "{asked}");
    assert_eq!(server.rows().await, rows);
    let administrator = server.token_of_machine("ops", "postern.admin").await;
    for (method, path) in [("POST", "/api/events"), ("PUT", "/api/resources")] {
        let answer = server.call(method, path, &administrator, &json!({ "returnImmediately": true })).await;
        assert_eq!(
            answer.refusal(),
            (403, "insufficient_scope".to_owned()),
            "who administers is no resource server: {path}"
        );
    }
}
