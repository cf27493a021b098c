//! When a person is not asked again, and when `prompt=none` gets a code.

use super::{
    Answer, TestServer,
    browser::{Browser, form},
    given::TOKEN,
    set_up::reset_path,
    test_server::RESOURCE,
    visitors::{APP, Ask, LOOPBACK, PASSWORD, VERIFIER, WEBSITE, brought, consent_form},
};

const ADA: &str = "ada@example.com";

/// Allows what is asked; the code.
async fn allow(browser: &mut Browser<'_>, ask: &Ask, remember: bool) -> String {
    let form = consent_form(browser, ask).await.with("decision", "allow");
    let form = if remember { form.with("remember", "on") } else { form };
    let answer = browser.submit(&form).await;
    let (_, rest) = answer.header("location").split_once("code=").unwrap_or_else(|| panic!("{answer:?}"));
    rest.split('&').next().expect("a code").to_owned()
}

async fn redeem(server: &TestServer, client: &str, code: &str) -> Answer {
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", client),
        ("code", code),
        ("code_verifier", VERIFIER),
        ("redirect_uri", WEBSITE),
    ];
    server.post_form(TOKEN, &form).await
}

async fn refresh(server: &TestServer, client: &str, token: &str) -> Answer {
    let form = [("grant_type", "refresh_token"), ("client_id", client), ("refresh_token", token)];
    server.post_form(TOKEN, &form).await
}

#[tokio::test]
async fn only_the_identical_question_is_not_asked_again() {
    let server = TestServer::start().await;
    server.add_member(ADA).await;
    server.add_member("bob@example.com").await;
    let client = server.register_client_with("Client", &[WEBSITE, "https://other.example/callback"]).await;
    let twin = server.register_client_with("Client", &[WEBSITE]).await;
    let ask = || Ask::of(&client);
    let mut ada = Browser::signed_in(&server, ADA, PASSWORD).await;
    let silent = |ask: Ask| ask.with("prompt", "none").path();
    assert_eq!(brought(&ada.get(&silent(ask())).await, WEBSITE)["error"], "consent_required");

    allow(&mut ada, &ask(), false).await;
    assert_eq!(brought(&ada.get(&silent(ask())).await, WEBSITE)["error"], "consent_required", "nobody said remember");
    allow(&mut ada, &ask(), true).await;

    for same in [ask(), ask().with("scope", "mcp.read"), ask().with("prompt", "none")] {
        assert!(brought(&ada.get(&same.path()).await, WEBSITE).contains_key("code"));
    }
    for other in
        [ask().with("prompt", "consent"), ask().with("redirect_uri", "https://other.example/callback"), Ask::of(&twin)]
    {
        assert!(ada.get(&other.path()).await.body.contains("id=\"consent-form\""));
    }

    let mut bob = Browser::signed_in(&server, "bob@example.com", PASSWORD).await;
    assert!(bob.get(&ask().path()).await.body.contains("id=\"consent-form\""), "another person");
    assert!(ada.get(&ask().with("prompt", "login").path()).await.body.contains("id=\"sign-in-form\""));
}

#[tokio::test]
async fn a_replayed_code_is_asked_about_again() {
    let server = TestServer::start().await;
    server.add_member(ADA).await;
    let client = server.register_client("Client").await;
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    let code = allow(&mut browser, &Ask::of(&client), true).await;
    assert_eq!(redeem(&server, &client, &code).await.status, 200);
    server.follow().await;
    let silent = Ask::of(&client).with("prompt", "none").path();
    assert!(brought(&browser.get(&silent).await, WEBSITE).contains_key("code"), "until then nobody asks");
    assert_eq!(redeem(&server, &client, &code).await.error(), "invalid_grant");
    assert_eq!(brought(&browser.get(&silent).await, WEBSITE)["error"], "consent_required");
}

#[tokio::test]
async fn a_stolen_refresh_token_is_asked_about_again() {
    let server = TestServer::start().await;
    server.add_member(ADA).await;
    let client = server.register_client("Client").await;
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    let code = allow(&mut browser, &Ask::of(&client), true).await;
    let first = redeem(&server, &client, &code).await.text("refresh_token");
    server.follow().await;
    let second = refresh(&server, &client, &first).await.text("refresh_token");
    assert_eq!(refresh(&server, &client, &second).await.status, 200);
    server.clock.advance(121);
    assert_eq!(refresh(&server, &client, &first).await.error(), "invalid_grant");
    assert_eq!(server.revoked_grants().await, 1);
    let silent = browser.get(&Ask::of(&client).with("prompt", "none").path()).await;
    assert_eq!(brought(&silent, WEBSITE)["error"], "consent_required");
}

#[tokio::test]
async fn what_nobody_looks_at_makes_no_grant() {
    let server = TestServer::start().await;
    server.add_member(ADA).await;
    let client = server.register_client("Client").await;
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    allow(&mut browser, &Ask::of(&client), true).await;
    let rows = server.rows().await;
    let path = Ask::of(&client).path();
    assert_eq!(browser.ask("HEAD", &path, &[]).await.status, 405);
    assert_eq!(browser.ask("HEAD", &path.replace("/oauth2/authorize", "/authorize"), &[]).await.status, 405);
    for ahead in [("sec-purpose", "prefetch"), ("sec-purpose", "prefetch;prerender"), ("purpose", "prefetch")] {
        assert_eq!(browser.ask("GET", &path, &[ahead]).await.status, 503, "{ahead:?}");
    }
    assert_eq!(server.rows().await, rows);
    assert!(brought(&browser.get(&path).await, WEBSITE).contains_key("code"));
}

#[tokio::test]
async fn a_client_that_asks_in_a_loop_meets_the_person_again() {
    let server = TestServer::start().await;
    server.add_member(ADA).await;
    server.add_member("bob@example.com").await;
    let client = server.register_client("Client").await;
    let mut ada = Browser::signed_in(&server, ADA, PASSWORD).await;
    let mut bob = Browser::signed_in(&server, "bob@example.com", PASSWORD).await;
    allow(&mut ada, &Ask::of(&client), true).await;
    allow(&mut bob, &Ask::of(&client), true).await;
    let path = Ask::of(&client).path();
    for _ in 0..30 {
        assert!(brought(&ada.get(&path).await, WEBSITE).contains_key("code"));
    }
    let grants = server.grants().await;
    assert!(ada.get(&path).await.body.contains("id=\"consent-form\""));
    let silent = ada.get(&Ask::of(&client).with("prompt", "none").path()).await;
    assert_eq!(brought(&silent, WEBSITE)["error"], "consent_required");
    assert_eq!(server.grants().await, grants);
    assert!(brought(&bob.get(&path).await, WEBSITE).contains_key("code"), "another person has another share");
    server.clock.advance(3600);
    assert!(brought(&ada.get(&path).await, WEBSITE).contains_key("code"), "an hour later");
}

#[tokio::test]
async fn more_than_was_remembered_is_asked() {
    let server = TestServer::start().await;
    server.add_member(ADA).await;
    let client = server.register_client("Client").await;
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    allow(&mut browser, &Ask::of(&client).with("scope", "mcp.read"), true).await;
    assert!(browser.get(&Ask::of(&client).path()).await.body.contains("id=\"consent-form\""));
}

#[tokio::test]
async fn a_changed_resource_voids_what_was_remembered() {
    let server = TestServer::start().await;
    server.add_member(ADA).await;
    let client = server.register_client("Client").await;
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    let open = consent_form(&mut browser, &Ask::of(&client)).await.with("decision", "allow");
    allow(&mut browser, &Ask::of(&client), true).await;
    let before = server.app.resources.find(RESOURCE).expect("registered").policy_version;
    server.change_tools().await;
    assert!(server.app.resources.find(RESOURCE).expect("registered").policy_version > before);
    assert!(browser.get(&Ask::of(&client).path()).await.body.contains("id=\"consent-form\""));
    // A page that showed the old tools is shown anew instead of being decided.
    let grants = server.grants().await;
    let answer = browser.submit(&open).await;
    assert!(answer.header("location").starts_with("/oauth2/consent?"), "{answer:?}");
    assert_eq!(server.grants().await, grants);
}

#[tokio::test]
async fn nothing_is_remembered_where_any_program_could_listen() {
    let server = TestServer::start().await;
    server.add_member(ADA).await;
    let client = server.register_client("Client").await;
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    for redirect_uri in [LOOPBACK, APP] {
        let ask = Ask::of(&client).with("redirect_uri", redirect_uri);
        allow(&mut browser, &ask, true).await;
        assert!(browser.get(&ask.path()).await.body.contains("id=\"consent-form\""), "{redirect_uri}");
        let silent = browser.get(&ask.with("prompt", "none").path()).await;
        assert_eq!(brought(&silent, redirect_uri)["error"], "consent_required");
    }
}

#[tokio::test]
async fn prompt_login_takes_the_password_again_and_once() {
    let server = TestServer::start().await;
    server.add_member(ADA).await;
    let client = server.register_client("Client").await;
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    let ask = Ask::of(&client).with("prompt", "login");
    let answer = browser.sign_in(&ask.path(), ADA, PASSWORD).await;
    assert!(browser.follow(&answer).await.body.contains("id=\"consent-form\""));
    assert!(browser.get(&ask.path()).await.body.contains("id=\"sign-in-form\""), "the next request asks again");
}

#[tokio::test]
async fn a_new_password_asks_again() {
    let server = TestServer::start().await;
    let ada = server.add_member(ADA).await;
    let client = server.register_client("Client").await;
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    allow(&mut browser, &Ask::of(&client), true).await;
    let link = reset_path(&server, &ada.id).await;
    let page = browser.get(&link).await;
    let new = "seven pickled walnuts";
    assert_eq!(browser.submit(&form(&page, "reset-password-form").with("password", new)).await.status, 200);
    let mut browser = Browser::signed_in(&server, ADA, new).await;
    let silent = Ask::of(&client).with("prompt", "none").path();
    assert_eq!(brought(&browser.get(&silent).await, WEBSITE)["error"], "consent_required");
}
