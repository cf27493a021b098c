//! Mix-up (RFC 9700 §4.4, RFC 9207): every answer names its issuer, byte for byte as its metadata does, and nothing that one issuer made is
//! worth anything at another.

use crate::auth_server::{
    TestServer,
    browser::Browser,
    given::{Given, SECRET, basic, confidential_client},
    visitors::{Ask, PASSWORD, WEBSITE, brought, consent_form},
};
use axum::{body::Body, extract::Request};

const ADA: &str = "ada@example.com";
const OTHER: &str = "https://other.example/tenant";

async fn other_server() -> TestServer {
    TestServer::start_with(&format!("public_url = \"{OTHER}\"")).await.and_app().await
}

#[tokio::test]
async fn every_answer_names_its_issuer() {
    let server = TestServer::start().await;
    server.add_member(ADA).await;
    let issuer = server.get("/.well-known/oauth-authorization-server").await.json()["issuer"].clone();
    let client = server.register_client("Client").await;
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    for decision in ["allow", "deny"] {
        let form = consent_form(&mut browser, &Ask::of(&client)).await.with("decision", decision);
        let brought = brought(&browser.submit(&form).await, WEBSITE);
        assert_eq!(brought["iss"], issuer, "{decision}");
        assert!(brought.contains_key("code") != brought.contains_key("error"));
    }
    let early = server.get(&Ask::of(&client).with("response_type", "token").path()).await;
    assert_eq!(brought(&early, WEBSITE)["iss"], issuer);
}

#[tokio::test]
async fn an_issuer_with_a_path_says_all_of_it() {
    let server = other_server().await;
    let metadata = server.get("/.well-known/oauth-authorization-server/tenant").await.json();
    assert_eq!(metadata["issuer"], OTHER);
    assert_eq!(metadata["authorization_response_iss_parameter_supported"], true);
    let document = serde_json::json!({ "redirect_uris": [WEBSITE], "token_endpoint_auth_method": "none" });
    let client = server.post_json("/tenant/oauth2/register", &document).await.text("client_id");
    let ask = Ask::of(&client).with("response_type", "token").path();
    let request = Request::get(format!("/tenant{ask}")).header("host", "evil.example");
    let answer = server.send(request.body(Body::empty()).expect("a request")).await;
    assert_eq!(brought(&answer, WEBSITE)["iss"], OTHER);
}

#[tokio::test]
async fn a_code_taken_to_another_issuer_buys_nothing_and_stays_good_at_home() {
    let (home, other) = (TestServer::with_app().await, other_server().await);
    let code = home.give(&Given::USUAL).await;
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", "app"),
        ("code", code.as_str()),
        ("code_verifier", crate::auth_server::given::VERIFIER),
    ];
    let stolen = other.post_form("/tenant/oauth2/token", &form).await;
    assert_eq!(stolen.refusal(), (400, "invalid_grant".to_owned()));
    assert_eq!(home.redeem(&code).await.status, 200);
}

#[tokio::test]
async fn tokens_of_one_issuer_are_unknown_at_another() {
    let (home, other) = (TestServer::with_app().await, other_server().await);
    other.add_client(&confidential_client("machine")).await;
    let tokens = home.redeem(&home.give(&Given::USUAL).await).await;
    for token in [tokens.text("access_token"), tokens.text("refresh_token")] {
        let form = [("token", token.as_str())];
        let seen = other.post_form_as("/tenant/oauth2/introspect", &basic("machine", SECRET), &form).await;
        assert_eq!(seen.body, "{\"active\":false}");
    }
    let machine = home.machine_token().await;
    let call = other.call("POST", "/tenant/api/events", &machine, &serde_json::Value::Null).await;
    assert_eq!(call.refusal(), (401, "invalid_token".to_owned()));
}
