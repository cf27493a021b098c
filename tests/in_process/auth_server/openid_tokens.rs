//! ID tokens: when there is one, what it says, and what the scope of an answer says (OpenID Connect Core §2, §3.1.3, §12).

use super::{
    TestServer,
    browser::{Browser, form},
    given::{Given, claims_of, confidential_client},
    sign_on::{allow, allow_form, redeem},
    test_server::{RESOURCE, START},
    visitors::{Ask, PASSWORD, WEBSITE, brought, consent_form},
};
use auth_server::clients::Client;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use shared::protocol::jwt::read_id_token_hint;

const ADA: &str = "ada@example.com";
const ISSUER: &str = "http://localhost:9400";
const WITH_OPENID: Given<'static> = Given { scope: "email mcp.read mcp.write openid", ..Given::USUAL };

fn header_of(token: &str) -> Value {
    let bytes = URL_SAFE_NO_PAD.decode(token.split('.').next().expect("a header")).expect("base64url");
    serde_json::from_slice(&bytes).expect("JSON")
}

fn at_hash(access_token: &str) -> String {
    URL_SAFE_NO_PAD.encode(&Sha256::digest(access_token)[..16])
}

#[tokio::test]
async fn a_code_brings_one_that_the_published_keys_verify() {
    let server = TestServer::with_app().await;
    let answer = server.redeem(&server.give(&WITH_OPENID).await).await;
    let token = answer.text("id_token");
    let expected = json!({
        "iss": ISSUER, "sub": "ann", "aud": "app", "iat": START, "exp": START + 3600, "auth_time": START - 5,
        "at_hash": at_hash(&answer.text("access_token")),
    });
    assert_eq!(claims_of(&token), expected, "and neither name nor address");
    let header = header_of(&token);
    assert_eq!((&header["typ"], &header["alg"]), (&json!("JWT"), &json!("RS256")));
    let published = server.get("/.well-known/jwks.json").await.body;
    let keys = shared::protocol::jwk::JwkSet::parse(&published).expect("a set");
    let keys = shared::protocol::jwt::VerificationKeys::from_jwks(&keys);
    assert_eq!(read_id_token_hint(&token, &keys, ISSUER).expect("verified").sub, "ann");
    assert_eq!(answer.json()["scope"], "email mcp.read mcp.write openid");
    assert_eq!(answer.claims()["scope"], "email mcp.read mcp.write openid");
    assert_eq!(answer.claims()["sub"], claims_of(&token)["sub"]);
}

/// §12.2.
#[tokio::test]
async fn a_refresh_brings_the_same_person_and_moment() {
    let server = TestServer::start().await;
    let ada = server.add_member(ADA).await;
    let client = server.register_client("Client").await;
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    server.clock.advance(7);
    let ask = Ask::of(&client).with("scope", "openid mcp.read").with("nonce", "n-0S6_WzA2Mj");
    let code = allow(&mut browser, &ask).await;
    let first = redeem(&server, &client, &code).await;
    let original = claims_of(&first.text("id_token"));
    assert_eq!((&original["sub"], &original["nonce"]), (&json!(ada.id), &json!("n-0S6_WzA2Mj")));
    assert_eq!((&original["auth_time"], &original["iat"]), (&json!(START), &json!(START + 7)));
    server.clock.advance(100);
    let refresh = [("grant_type", "refresh_token"), ("client_id", client.as_str())];
    let token = first.text("refresh_token");
    let form = [&refresh[..], &[("refresh_token", &token)]].concat();
    let second = server.post_form("/oauth2/token", &form).await;
    let claims = claims_of(&second.text("id_token"));
    for same in ["iss", "sub", "aud", "auth_time"] {
        assert_eq!(claims[same], original[same], "{same}");
    }
    assert_eq!((&claims["iat"], &claims["nonce"]), (&json!(START + 107), &Value::Null));
    assert_eq!(claims["at_hash"], at_hash(&second.text("access_token")));
}

#[tokio::test]
async fn without_openid_there_is_none() {
    let server = TestServer::with_app().await;
    for scope in ["mcp.read", "email mcp.read profile"] {
        let answer = server.redeem(&server.give(&Given { scope, ..Given::USUAL }).await).await;
        assert_eq!((answer.status.as_u16(), answer.json()["id_token"].is_null()), (200, true), "{scope}");
        assert_eq!(answer.json()["scope"], "mcp.read", "what opens nothing is not said to be granted");
    }
    let first = server.redeem(&server.give(&WITH_OPENID).await).await;
    server.follow().await;
    let narrowed = server.refresh_with(&first.text("refresh_token"), &[("scope", "mcp.read")]).await;
    assert_eq!((&narrowed.json()["scope"], &narrowed.json()["id_token"]), (&json!("mcp.read"), &Value::Null));
    let full = server.refresh(&narrowed.text("refresh_token")).await;
    assert_eq!(full.json()["scope"], "email mcp.read mcp.write openid", "the grant is what it was");
    assert!(full.json()["id_token"].is_string());
    let repeated = server.refresh_with(&full.text("refresh_token"), &[("scope", "openid email profile")]).await;
    assert_eq!(repeated.json()["scope"], "email mcp.read mcp.write openid", "still good for the resource");
}

#[tokio::test]
async fn each_client_gets_its_own_audience_and_the_algorithm_it_registered() {
    let server = TestServer::start().await;
    server.add_member(ADA).await;
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    for (asked, algorithm) in [(Value::Null, "RS256"), (json!("ES256"), "ES256"), (json!("HS256"), "RS256")] {
        let document = json!({ "redirect_uris": [WEBSITE], "token_endpoint_auth_method": "none", "id_token_signed_response_alg": asked });
        let registered = server.post_json("/oauth2/register", &document).await.json();
        assert_eq!(
            registered["id_token_signed_response_alg"],
            if asked.is_null() { Value::Null } else { json!(algorithm) }
        );
        let client = registered["client_id"].as_str().expect("an id");
        let code = allow(&mut browser, &Ask::of(client).with("scope", "openid")).await;
        let token = redeem(&server, client, &code).await.text("id_token");
        assert_eq!((&header_of(&token)["alg"], &claims_of(&token)["aud"]), (&json!(algorithm), &json!(client)));
    }
}

#[tokio::test]
async fn who_asks_for_identity_alone_still_gets_a_token_for_the_resource() {
    let server = TestServer::start().await;
    server.add_member(ADA).await;
    let client = server.register_client("Client").await;
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    let ask = Ask::of(&client).with("scope", "openid email profile offline_access");
    let form = consent_form(&mut browser, &ask).await;
    for scope in ["scope:mcp.read", "scope:openid", "scope:email", "scope:profile"] {
        assert_eq!(form.field(scope), "on", "{scope}");
    }
    let code = allow_form(&mut browser, form).await;
    let answer = redeem(&server, &client, &code).await;
    assert_eq!(answer.json()["scope"], "email mcp.read openid profile");
    assert_eq!(answer.claims()["aud"], RESOURCE);
}

#[tokio::test]
async fn without_a_resource_a_token_is_for_userinfo_alone() {
    let server = TestServer::start().await;
    let ada = server.add_member(ADA).await;
    let client = server.register_client("Portal").await;
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    for resource in ["", "http://localhost:9400/oauth2/userinfo"] {
        let ask = Ask::of(&client).with("scope", "openid email mcp.read").with("resource", resource);
        let page = browser.get(&ask.path()).await;
        assert!(page.body.contains("Sign in to") && !page.body.contains("scope:mcp.read"), "{page:?}");
        let code = allow_form(&mut browser, form(&page, "consent-form")).await;
        let answer = redeem(&server, &client, &code).await;
        assert_eq!(answer.json()["scope"], "email openid");
        assert_eq!(answer.claims()["aud"], format!("{ISSUER}/oauth2/userinfo"));
        assert!(answer.json()["refresh_token"].is_string());
        let info = server.call("GET", "/oauth2/userinfo", &answer.text("access_token"), &Value::Null).await.json();
        assert_eq!(info, json!({ "sub": ada.id, "email": ADA, "email_verified": false }));
        let api = server.call("POST", "/api/events", &answer.text("access_token"), &json!({})).await;
        assert_eq!(api.status, 401);
        let token = answer.text("refresh_token");
        let refresh = [("grant_type", "refresh_token"), ("client_id", &client), ("refresh_token", &token)];
        let refreshed = server.post_form("/oauth2/token", &refresh).await;
        assert_eq!(refreshed.json()["scope"], "email openid", "{refreshed:?}");
    }
    let without = Ask::of(&client).with("resource", "http://localhost:9400/oauth2/userinfo");
    assert_eq!(brought(&server.get(&without.path()).await, WEBSITE)["error"], "invalid_scope");
    let neither = Ask::of(&client).with("resource", "").with("scope", "email mcp.read");
    assert_eq!(brought(&server.get(&neither.path()).await, WEBSITE)["error"], "invalid_target");
}

#[tokio::test]
async fn a_default_resource_stays_the_default() {
    let server = TestServer::start_with(&format!("default_resource = \"{RESOURCE}\"")).await;
    server.add_member(ADA).await;
    let client = server.register_client("Client").await;
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    let code = allow(&mut browser, &Ask::of(&client).with("scope", "openid").with("resource", "")).await;
    assert_eq!(redeem(&server, &client, &code).await.claims()["aud"], RESOURCE);
}

#[tokio::test]
async fn clients_of_an_administrator_ask_for_what_they_are_registered_for() {
    let server = TestServer::start().await;
    server.add_member(ADA).await;
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    for (id, registered, offered) in [
        ("resource-only", "mcp.read", "mcp.read"),
        ("both", "mcp.read openid email", "email mcp.read openid"),
        ("no-openid", "mcp.read email", "mcp.read"),
    ] {
        let scope = registered.parse().expect("scopes");
        let redirect_uris = vec![WEBSITE.to_owned()];
        server.add_client(&Client { scope, redirect_uris, ..confidential_client(id) }).await;
        let form = consent_form(&mut browser, &Ask::of(id).with("scope", "openid profile email mcp.read")).await;
        let shown: Vec<&str> = form.fields.iter().filter_map(|(name, _)| name.strip_prefix("scope:")).collect();
        let mut shown = shown;
        shown.sort_unstable();
        assert_eq!(shown.join(" "), offered, "{id}");
    }
    let refused = server.get(&Ask::of("resource-only").with("resource", "").with("scope", "openid").path()).await;
    assert_eq!(brought(&refused, WEBSITE)["error"], "invalid_target");
}

#[tokio::test]
async fn a_person_may_leave_out_what_a_client_would_learn() {
    let server = TestServer::start().await;
    server.add_member(ADA).await;
    let client = server.register_client("Client").await;
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    let ask = Ask::of(&client).with("scope", "openid email mcp.read");
    let page = browser.get(&ask.path()).await;
    for words in ["Recognise you: learn the id of your account", "See your e-mail address"] {
        assert!(page.body.contains(words), "{words}");
    }
    let asked = form(&page, "consent-form");
    let code = allow_form(&mut browser, asked.clone().without("scope:email")).await;
    assert_eq!(redeem(&server, &client, &code).await.json()["scope"], "mcp.read openid");
    let asked = consent_form(&mut browser, &ask).await;
    let code = allow_form(&mut browser, asked.without("scope:openid")).await;
    assert_eq!(
        redeem(&server, &client, &code).await.json()["scope"],
        "mcp.read",
        "an address without openid is not told"
    );
    let only_email = consent_form(&mut browser, &ask).await.without("scope:openid").without("scope:mcp.read");
    assert_eq!(browser.submit(&only_email.with("decision", "allow")).await.status, 422);
}

#[tokio::test]
async fn a_remembered_consent_covers_no_identity_that_was_not_allowed() {
    let server = TestServer::start().await;
    server.add_member(ADA).await;
    let client = server.register_client("Client").await;
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    let remembered =
        consent_form(&mut browser, &Ask::of(&client).with("scope", "mcp.read")).await.with("remember", "on");
    allow_form(&mut browser, remembered).await;
    let silent = |scope: &str| Ask::of(&client).with("scope", scope).with("prompt", "none").path();
    assert!(brought(&browser.get(&silent("mcp.read")).await, WEBSITE).contains_key("code"));
    assert_eq!(brought(&browser.get(&silent("mcp.read openid")).await, WEBSITE)["error"], "consent_required");
    let with_openid = consent_form(&mut browser, &Ask::of(&client).with("scope", "mcp.read openid")).await;
    allow_form(&mut browser, with_openid.with("remember", "on")).await;
    let code = brought(&browser.get(&silent("mcp.read openid")).await, WEBSITE).remove("code").expect("a code");
    assert!(redeem(&server, &client, &code).await.json()["id_token"].is_string());
    assert_eq!(brought(&browser.get(&silent("openid email")).await, WEBSITE)["error"], "consent_required");
}
