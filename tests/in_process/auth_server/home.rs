//! The page of a person's account: what they allowed, where they are signed in, and the end of either.

use super::{
    TestServer,
    browser::{Browser, form},
    given::TOKEN,
    sign_on::{allow, allow_form, redeem},
    test_server::RESOURCE,
    visitors::{Ask, PASSWORD, consent_form},
};
use serde_json::Value;

const ADA: &str = "ada@example.com";

#[tokio::test]
async fn what_was_allowed_is_listed_in_words_and_ends_at_once() {
    let server = TestServer::start().await;
    server.add_member(ADA).await;
    let client = server.register_client("A <b>client</b>").await;
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    let page = browser.get("/").await;
    assert!(page.body.contains("When a client asks for access"), "nothing yet");
    assert!(page.body.contains(&format!("<code>{RESOURCE}</code>")), "what to give a client: {}", page.body);
    assert!(!page.body.contains("You administer"), "a member does not");
    assert!(!server.get("/").await.body.contains(RESOURCE), "whoever is not signed in finds it at the client");
    let code = allow(&mut browser, &Ask::of(&client).with("scope", "mcp.read openid offline_access")).await;
    assert!(!browser.get("/").await.body.contains("end-grant-1-1-1-form"), "a code that nobody redeemed is no access");
    let tokens = redeem(&server, &client, &code).await;
    let page = browser.get("/").await;
    for words in
        ["A &#60;b&#62;client&#60;/b&#62;", "Recognise you", "Since 15 January 2027, 08:00 UTC", "Last used", &client]
    {
        assert!(page.body.contains(words), "{words}: {}", page.body);
    }
    let end = form(&page, "end-grant-1-1-1-form");
    let answer = browser.submit(&end).await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (303, "/"));
    assert!(!browser.get("/").await.body.contains("end-grant-1-1-1-form"));
    assert_eq!(server.audited("grant_revoked").await, 1);
    let refused = server.call("GET", "/oauth2/userinfo", &tokens.text("access_token"), &Value::Null).await;
    assert_eq!(refused.status, 401, "what was cached has ended, too: {refused:?}");
    assert_eq!(browser.submit(&end).await.status, 303, "twice is as good");
    assert_eq!(server.audited("grant_revoked").await, 1);
}

/// What connects on a laptop and on a telephone is one client, with an entry for each.
#[tokio::test]
async fn a_client_that_was_connected_more_than_once_stands_once_and_ends_at_once() {
    let server = TestServer::start().await;
    server.add_member(ADA).await;
    let (client, other) = (server.register_client("Client").await, server.register_client("Another").await);
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    let mut tokens = Vec::new();
    for (client, scope) in
        [(&client, "mcp.read"), (&client, "mcp.read"), (&client, "mcp.read mcp.write"), (&other, "mcp.read")]
    {
        let code = allow(&mut browser, &Ask::of(client).with("scope", scope)).await;
        tokens.push(redeem(&server, client, &code).await.text("refresh_token"));
    }
    let page = browser.get("/").await;
    let count = |words: &str| page.body.matches(words).count();
    assert_eq!((count("<h3 class=\"foreign\">Client</h3>"), count("<h4>May use")), (1, 3), "{}", page.body);
    assert_eq!((count("action=\"/grants/end\""), count("action=\"/clients/end\"")), (4, 1), "{}", page.body);
    let unredeemed = allow(&mut browser, &Ask::of(&client)).await;
    let ends_all = page.body.find("end-client-").map(|at| &page.body[at..at + "end-client-1-form".len()]);
    let answer = browser.submit(&form(&page, ends_all.expect("a form"))).await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (303, "/"));
    let page = browser.get("/").await;
    assert!(page.body.contains("Another") && !page.body.contains(&client), "{}", page.body);
    assert_eq!((server.audited("grant_revoked").await, server.revoked_grants().await), (4, 4));
    for (token, client, status) in [(&tokens[0], &client, 400), (&tokens[2], &client, 400), (&tokens[3], &other, 200)] {
        let refresh = [("grant_type", "refresh_token"), ("refresh_token", token.as_str()), ("client_id", client)];
        assert_eq!(server.post_form(TOKEN, &refresh).await.status, status);
    }
    assert_eq!(redeem(&server, &client, &unredeemed).await.status, 400, "a code that was on its way buys nothing");
}

#[tokio::test]
async fn a_client_that_was_ended_asks_again_also_where_its_access_was_over() {
    const ELSEWHERE: &str = "http://localhost:9501/mcp";
    let server = TestServer::start().await;
    server.add_member(ADA).await;
    server.add_resource(ELSEWHERE).await;
    let client = server.register_client("Client").await;
    let elsewhere = Ask::of(&client).with("resource", ELSEWHERE).with("scope", "mcp.read");
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    let form_elsewhere = consent_form(&mut browser, &elsewhere).await.with("remember", "on");
    let code = allow_form(&mut browser, form_elsewhere).await;
    redeem(&server, &client, &code).await;
    server.clock.advance(91 * 24 * 3600);
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    assert_eq!(browser.get(&elsewhere.path()).await.status, 303, "it was told not to ask");
    server.clock.advance(91 * 24 * 3600);
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    for _ in 0..2 {
        let code = allow(&mut browser, &Ask::of(&client)).await;
        redeem(&server, &client, &code).await;
    }
    let page = browser.get("/").await;
    assert_eq!(browser.submit(&form(&page, "end-client-1-form")).await.status, 303);
    let page = browser.get(&elsewhere.path()).await;
    assert!(page.body.contains("consent-form"), "{page:?}");
}

#[tokio::test]
async fn another_browser_is_signed_out_from_this_one() {
    let server = TestServer::start().await;
    server.add_member(ADA).await;
    let mut other = Browser::signed_in(&server, ADA, PASSWORD).await;
    let mut here = Browser::signed_in(&server, ADA, PASSWORD).await;
    let page = here.get("/").await;
    assert_eq!((page.body.matches("This browser").count(), page.body.matches("Another browser").count()), (1, 1));
    let answer = here.submit(&form(&page, "end-session-2-form")).await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (303, "/"));
    assert!(!other.get("/").await.body.contains(ADA) && here.get("/").await.body.contains(ADA));
    assert_eq!(server.audited("session_ended").await, 1);
}

#[tokio::test]
async fn whoever_is_signed_out_is_led_to_signing_in() {
    let server = TestServer::start().await;
    for path in ["/grants/end", "/clients/end", "/sessions/end"] {
        let answer = server.post_form(path, &[("grant", "x"), ("session", "x")]).await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (303, "/sign-in"), "{path}");
    }
}
