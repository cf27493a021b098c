//! `POST /oauth2/authorize` (OpenID Connect Core §3.1.2.1): a form from the client's site, which brings no cookie of ours.

use super::{
    Answer, TestServer,
    browser::{Browser, Form, form},
    sign_on::allow_form,
    visitors::{Ask, PASSWORD, WEBSITE, brought, consent_form},
};

const ADA: &str = "ada@example.com";
/// What Chromium sends with a form of another site.
const FOREIGN: [(&str, &str); 2] = [("origin", "https://client.example"), ("sec-fetch-site", "cross-site")];

/// The same request as a form.
fn as_form(ask: &Ask, action: &str) -> Form {
    let path = ask.path();
    let (_, query) = path.split_once('?').expect("a query");
    Form { action: action.to_owned(), fields: form_urlencoded::parse(query.as_bytes()).into_owned().collect() }
}

/// Sent from the client's site: without our cookies, which are `SameSite=Lax`.
async fn post(server: &TestServer, ask: &Ask) -> Answer {
    Browser::new(server).submit_from(&as_form(ask, "/oauth2/authorize"), &FOREIGN).await
}

#[tokio::test]
async fn it_leads_to_the_page_that_the_person_needs() {
    let server = TestServer::start().await;
    server.add_member(ADA).await;
    let client = server.register_client("Client").await;
    let before = server.rows().await;
    let answer = post(&server, &Ask::of(&client)).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("set-cookie"), answer.header("cache-control")),
        (303, "", "no-store")
    );
    assert_eq!(server.rows().await, before);
    assert!(Browser::new(&server).follow(&answer).await.body.contains("id=\"sign-in-form\""));
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    let page = browser.follow(&answer).await;
    allow_form(&mut browser, form(&page, "consent-form")).await;
    let at_the_root = browser.submit_from(&as_form(&Ask::of(&client), "/authorize"), &FOREIGN).await;
    assert!(browser.follow(&at_the_root).await.body.contains("id=\"consent-form\""));
}

#[tokio::test]
async fn it_refuses_what_get_refuses() {
    let server = TestServer::start().await;
    let client = server.register_client("Client").await;
    for (name, value, code) in [
        ("response_type", "token", "unsupported_response_type"),
        ("code_challenge", "", "invalid_request"),
        ("resource", "https://other.example/mcp", "invalid_target"),
        ("prompt", "none login", "invalid_request"),
        ("request", "eyJ", "request_not_supported"),
        ("max_age", "x", "invalid_request"),
    ] {
        let brought = brought(&post(&server, &Ask::of(&client).with(name, value)).await, WEBSITE);
        assert_eq!((brought["error"].as_str(), brought["state"].as_str()), (code, "st-1"), "{name}={value}");
        assert_eq!(brought["iss"], "http://localhost:9400");
    }
    for ask in [Ask::of("nobody"), Ask::of(&client).with("redirect_uri", "https://evil.example/callback")] {
        let answer = post(&server, &ask).await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (400, ""));
    }
    let mut twice = as_form(&Ask::of(&client), "/oauth2/authorize");
    twice.fields.push(("state".to_owned(), "2".to_owned()));
    assert_eq!(Browser::new(&server).submit_from(&twice, &FOREIGN).await.status, 400);
    let long = Ask::of(&client).with("nonce", &"n".repeat(70_000));
    assert_eq!(post(&server, &long).await.status, 413);
    assert_eq!(server.post_json("/oauth2/authorize", &serde_json::json!({})).await.status, 415);
    // What stands in the URL is not read.
    let path = Ask::of(&client).path();
    assert_eq!(server.post_form(&path, &[]).await.status, 400);
}

#[tokio::test]
async fn silence_is_judged_where_the_cookie_is() {
    let server = TestServer::start().await;
    server.add_member(ADA).await;
    let client = server.register_client("Client").await;
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    let remembered = consent_form(&mut browser, &Ask::of(&client)).await.with("remember", "on");
    allow_form(&mut browser, remembered).await;
    let grants = server.grants().await;
    let answer = post(&server, &Ask::of(&client).with("prompt", "none")).await;
    assert_eq!(server.grants().await, grants, "the form itself grants nothing, whatever cookies came");
    let answer_in_browser = browser.follow(&answer).await;
    assert!(brought(&answer_in_browser, WEBSITE).contains_key("code"));
    let answer = post(&server, &Ask::of(&client).with("prompt", "none")).await;
    let nobody = Browser::new(&server).follow(&answer).await;
    assert_eq!(brought(&nobody, WEBSITE)["error"], "login_required");
}
