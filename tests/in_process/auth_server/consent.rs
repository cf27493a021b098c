//! The consent page and its decision.

use super::{
    TestServer,
    browser::{Browser, form},
    visitors::{APP, Ask, LOOPBACK, PASSWORD, VERIFIER, WEBSITE, brought, consent_form},
};
use auth_server::audit::Actor;
use auth_server::store::authorization_grant;
use shared::{
    protocol::opaque_token::TokenHash,
    random::SystemRandom,
    sealing::{KeyEncryptionKeys, Sealing},
};
use std::sync::Arc;

const ADA: &str = "ada@example.com";

async fn server_with_ada() -> (TestServer, String) {
    let server = TestServer::start().await;
    server.add_member(ADA).await;
    let client = server.register_client("Claude Code").await;
    (server, client)
}

/// The scope of the grant that `code` buys.
async fn granted(server: &TestServer, code: &str) -> String {
    let found = authorization_grant::find_by_code(&mut server.app.store.read(), &TokenHash::of(code)).await;
    found.expect("an answer").expect("a grant").0.scope.to_string()
}

#[tokio::test]
async fn allow_brings_a_code_that_only_its_hash_remembers() {
    let (server, client) = server_with_ada().await;
    let mut browser = Browser::new(&server);
    let answer = browser.sign_in(&Ask::of(&client).path(), ADA, PASSWORD).await;
    let page = browser.follow(&answer).await;
    for words in
        ["Claude Code", "client.example", "not verified", "Built-in tools", "Read your events", "mcp.read", ADA]
    {
        assert!(page.body.contains(words), "{words}");
    }
    let answer = browser.submit(&form(&page, "consent-form").with("decision", "allow")).await;
    let brought = brought(&answer, WEBSITE);
    assert_eq!((brought["state"].as_str(), brought["iss"].as_str()), ("st-1", "http://localhost:9400"));
    assert_eq!(granted(&server, &brought["code"]).await, "mcp.read mcp.write");
    assert_eq!(answer.header("cache-control"), "no-store");

    let redeemed = server
        .post_form(
            "/oauth2/token",
            &[
                ("grant_type", "authorization_code"),
                ("client_id", &client),
                ("code", &brought["code"]),
                ("redirect_uri", WEBSITE),
                ("code_verifier", VERIFIER),
            ],
        )
        .await;
    assert_eq!(redeemed.status, 200, "{redeemed:?}");
    assert_eq!(redeemed.json()["scope"], "mcp.read mcp.write");
}

/// Instances read a replaced key-encryption key one after the other.
#[tokio::test]
async fn what_another_instance_sealed_under_a_key_not_read_yet_is_not_called_forged() {
    let (server, _) = server_with_ada().await;
    let newer = Sealing::new(KeyEncryptionKeys::generate(&SystemRandom), Arc::new(SystemRandom));
    let sealed = newer.seal_text("authorization request", i64::MAX, b"{}");
    let answer = server.get(&format!("/oauth2/consent?request={sealed}")).await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (503, "5"), "{answer:?}");
    let own = server.app.sealing.seal_text("another purpose", i64::MAX, b"{}");
    for forged in [own.as_str(), "nonsense"] {
        assert_eq!(server.get(&format!("/oauth2/consent?request={forged}")).await.status, 400);
    }
}

#[tokio::test]
async fn deny_tells_the_client() {
    let (server, client) = server_with_ada().await;
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    let form = consent_form(&mut browser, &Ask::of(&client)).await.with("decision", "deny");
    let brought = brought(&browser.submit(&form).await, WEBSITE);
    assert_eq!((brought["error"].as_str(), brought["state"].as_str()), ("access_denied", "st-1"));
    assert_eq!(brought["iss"], "http://localhost:9400");
    assert_eq!(browser.submit(&form).await.status, 409);
    assert_eq!(browser.submit(&form.with("decision", "allow")).await.status, 409);
    assert_eq!(server.grants().await, 0);
}

#[tokio::test]
async fn what_is_not_ticked_is_not_granted() {
    let (server, client) = server_with_ada().await;
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    let asked = consent_form(&mut browser, &Ask::of(&client)).await.with("decision", "allow");
    let nothing = asked.clone().without("scope:mcp.read").without("scope:mcp.write");
    let page = browser.submit(&nothing).await;
    assert_eq!(page.status, 422);
    assert!(page.body.contains("Choose at least one permission"));
    assert_eq!(server.grants().await, 0);
    // Neither what was not offered nor what does not exist can be slipped in; the page that came back still works.
    let fewer = form(&page, "consent-form").with("scope:mcp.read", "on").with("scope:mcp.admin", "on");
    let answer = browser.submit(&fewer.with("scope:*", "on").with("decision", "allow")).await;
    assert_eq!(granted(&server, &brought(&answer, WEBSITE)["code"]).await, "mcp.read");
}

#[tokio::test]
async fn what_nobody_here_knows_is_shown_and_not_granted() {
    let (server, client) = server_with_ada().await;
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    let long = "x".repeat(41);
    let asked = format!("mcp.raed mcp.write <b> openid offline_access {long}");
    let page = browser.get(&Ask::of(&client).with("scope", &asked).path()).await;
    let note = page.body.split("id=\"unknown-scopes\"").nth(1).and_then(|rest| rest.split("</p>").next());
    let note = note.unwrap_or_else(|| panic!("{}", page.body));
    assert!(note.contains("<code>mcp.raed</code>") && note.contains("<code>&#60;b&#62;</code>"), "{note}");
    assert!(!note.contains("openid") && !note.contains("offline") && !note.contains(&long), "{note}");
    let answer = browser.submit(&form(&page, "consent-form").with("decision", "allow")).await;
    assert_eq!(granted(&server, &brought(&answer, WEBSITE)["code"]).await, "mcp.write openid");
    for known in ["mcp.read", "openid profile offline_access", ""] {
        let page = browser.get(&Ask::of(&client).with("scope", known).path()).await;
        assert!(page.body.contains("consent-form") && !page.body.contains("unknown-scopes"), "{known}");
    }
    let many: Vec<String> = (0..20).map(|number| format!("unknown.{number:02}")).collect();
    let page = browser.get(&Ask::of(&client).with("scope", &many.join(" ")).path()).await;
    assert_eq!(page.body.matches("<code>unknown.").count(), 5, "the least is offered, and a few are named");
}

#[tokio::test]
async fn a_decision_counts_once_however_often_it_is_sent() {
    let (server, client) = server_with_ada().await;
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    let form = consent_form(&mut browser, &Ask::of(&client)).await.with("decision", "allow");
    let mut second = browser.copy();
    let mut third = browser.copy();
    let deny = form.clone().with("decision", "deny");
    let answers = futures_util::future::join3(browser.submit(&form), second.submit(&form), third.submit(&deny)).await;
    let statuses: Vec<u16> = [&answers.0, &answers.1, &answers.2].map(|answer| answer.status.as_u16()).to_vec();
    assert_eq!(statuses.iter().filter(|status| **status == 303).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 409).count(), 2, "{statuses:?}");
    assert!(server.grants().await <= 1);
    let late = browser.submit(&form).await;
    assert_eq!(late.status, 409);
    assert!(late.body.contains("decided this already"));
}

#[tokio::test]
async fn forms_of_other_sites_and_sessions_decide_nothing() {
    let (server, client) = server_with_ada().await;
    server.add_member("eve@example.com").await;
    let mut ada = Browser::signed_in(&server, ADA, PASSWORD).await;
    let mut eve = Browser::signed_in(&server, "eve@example.com", PASSWORD).await;
    let of_ada = consent_form(&mut ada, &Ask::of(&client)).await.with("decision", "allow");
    let of_eve = consent_form(&mut eve, &Ask::of(&client)).await.with("decision", "allow");
    let before = server.rows().await;

    for headers in [
        [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")],
        [("origin", "null"), ("sec-fetch-site", "cross-site")],
        [("origin", "http://localhost:9500"), ("sec-fetch-site", "same-site")],
        [("origin", "https://evil.example"), ("x-none", "old browser")],
        [("origin", "null"), ("x-none", "old browser in a sandboxed frame")],
    ] {
        assert_eq!(ada.submit_from(&of_ada, &headers).await.status, 403, "{headers:?}");
    }
    assert_eq!(ada.submit(&of_ada.clone().without("csrf")).await.status, 403);
    assert_eq!(ada.submit(&of_ada.clone().with("csrf", of_eve.field("csrf"))).await.status, 403);
    assert_eq!(ada.submit(&of_ada.clone().with("csrf", "")).await.status, 403);

    // Eve's request, in Ada's browser, with either token: shown again to Ada, and nothing else.
    for form in [of_eve.clone(), of_eve.clone().with("csrf", of_ada.field("csrf"))] {
        let answer = ada.submit(&form).await;
        assert!(answer.header("location").starts_with("/oauth2/consent?request="), "{answer:?}");
        let page = ada.follow(&answer).await;
        assert!(page.body.contains(ADA) && page.body.contains("id=\"consent-form\""));
    }
    // And in a browser where nobody is signed in.
    let mut nobody = Browser::new(&server);
    let answer = nobody.submit(&of_ada).await;
    assert!(nobody.follow(&answer).await.body.contains("id=\"sign-in-form\""));
    assert_eq!(server.rows().await, before);
}

#[tokio::test]
async fn a_changed_foreign_or_old_request_decides_nothing() {
    let (server, client) = server_with_ada().await;
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    let page = browser.get(&Ask::of(&client).path()).await;
    let consent = form(&page, "consent-form").with("decision", "allow");
    let pending = form(&page, "switch-form").field("request").to_owned();
    let sealed = consent.field("request").to_owned();
    let mut flipped = sealed.clone().into_bytes();
    let middle = flipped.len() / 2;
    flipped[middle] = if flipped[middle] == b'A' { b'B' } else { b'A' };
    let flipped = String::from_utf8(flipped).expect("text");
    for wrong in ["", "x", &flipped, &pending, &sealed[..sealed.len() - 4]] {
        assert_eq!(browser.submit(&consent.clone().with("request", wrong)).await.status, 400);
    }
    for wrong in ["", "x", &flipped, &sealed] {
        assert_eq!(browser.get(&format!("/oauth2/consent?request={wrong}")).await.status, 400);
    }
    assert_eq!(browser.submit(&consent.clone().with("decision", "")).await.status, 400);
    server.clock.advance(600);
    let late = browser.submit(&consent).await;
    assert_eq!(late.status, 400);
    assert!(late.body.contains("took too long"));
    assert_eq!(browser.get(&format!("/oauth2/consent?request={pending}")).await.status, 400);
    assert_eq!(server.grants().await, 0);
}

#[tokio::test]
async fn two_tabs_both_work() {
    let (server, client) = server_with_ada().await;
    let mut browser = Browser::new(&server);
    let first = browser.get(&Ask::of(&client).with("state", "one").path()).await;
    let second = browser.get(&Ask::of(&client).with("state", "two").path()).await;
    let fill = |page| form(page, "sign-in-form").with("email", ADA).with("password", PASSWORD);
    let answer = browser.submit(&fill(&first)).await;
    let consent_one = browser.follow(&answer).await;
    // The second tab still shows its sign-in form: it makes a new session.
    let answer = browser.submit(&fill(&second)).await;
    let consent_two = browser.follow(&answer).await;
    let allow = |page| form(page, "consent-form").with("decision", "allow");
    assert_eq!(brought(&browser.submit(&allow(&consent_two)).await, WEBSITE)["state"], "two");
    // The first tab belongs to a session that ended: it is shown again, and works.
    let answer = browser.submit(&allow(&consent_one)).await;
    let again = browser.follow(&answer).await;
    assert_eq!(brought(&browser.submit(&allow(&again)).await, WEBSITE)["state"], "one");
}

#[tokio::test]
async fn somebody_else_can_take_over_the_request() {
    let (server, client) = server_with_ada().await;
    server.add_member("bob@example.com").await;
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    let page = browser.get(&Ask::of(&client).path()).await;
    let answer = browser.submit(&form(&page, "switch-form")).await;
    assert!(!browser.cookies.contains_key("postern-9400"));
    let sign_in = browser.follow(&answer).await;
    let filled = form(&sign_in, "sign-in-form").with("email", "bob@example.com").with("password", PASSWORD);
    let answer = browser.submit(&filled).await;
    let page = browser.follow(&answer).await;
    assert!(page.body.contains("bob@example.com") && !page.body.contains(ADA));
    let answer = browser.submit(&form(&page, "consent-form").with("decision", "allow")).await;
    assert!(brought(&answer, WEBSITE).contains_key("code"));
}

#[tokio::test]
async fn a_member_cannot_allow_what_only_administrators_may() {
    let (server, client) = server_with_ada().await;
    server.add_administrator("root@example.com").await;
    let ask = Ask::of(&client).with("scope", "mcp.admin");
    let mut ada = Browser::signed_in(&server, ADA, PASSWORD).await;
    let page = ada.get(&ask.path()).await;
    assert!(page.body.contains("Your account cannot allow this") && !page.body.contains("value=\"allow\""));
    let forced = form(&page, "consent-form").with("scope:mcp.admin", "on").with("decision", "allow");
    assert_eq!(ada.submit(&forced).await.status, 422);
    let silent = ada.get(&ask.clone().with("prompt", "none").path()).await;
    assert_eq!(brought(&silent, WEBSITE)["error"], "interaction_required");
    let answer = ada.submit(&form(&page, "consent-form").with("decision", "deny")).await;
    assert_eq!(brought(&answer, WEBSITE)["error"], "access_denied");
    let mixed = consent_form(&mut ada, &ask.clone().with("scope", "mcp.admin mcp.read")).await;
    assert_eq!((mixed.field("scope:mcp.read"), mixed.field("scope:mcp.admin")), ("on", ""));

    let mut root = Browser::signed_in(&server, "root@example.com", PASSWORD).await;
    let allow = consent_form(&mut root, &ask).await.with("decision", "allow");
    let code = brought(&root.submit(&allow).await, WEBSITE).remove("code").expect("a code");
    assert_eq!(granted(&server, &code).await, "mcp.admin");
}

#[tokio::test]
async fn where_any_program_could_listen_the_page_warns() {
    let (server, client) = server_with_ada().await;
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    let loopback = LOOPBACK.replace("127.0.0.1", "127.0.0.1:53117");
    for (redirect_uri, words) in [(loopback.as_str(), "127.0.0.1:53117"), (APP, "cursor:")] {
        let page = browser.get(&Ask::of(&client).with("redirect_uri", redirect_uri).path()).await;
        assert!(page.body.contains(words) && page.body.contains("Only continue if you started this yourself"));
        assert!(!page.body.contains("name=\"remember\""));
    }
    let page = browser.get(&Ask::of(&client).path()).await;
    assert!(!page.body.contains("Only continue if") && page.body.contains("name=\"remember\""));
}

#[tokio::test]
async fn markup_in_foreign_words_stays_words() {
    let server = TestServer::start().await;
    server.add_member(ADA).await;
    let evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>";
    let client = server.register_client(evil).await;
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    let page = browser.get(&Ask::of(&client).with("state", evil).path()).await;
    let anonymous = server.get(&Ask::of(&client).with("state", evil).path()).await;
    for page in [page, anonymous] {
        assert_eq!(page.status, 200);
        assert!(!page.body.contains("<script") && !page.body.contains("<img"), "{}", page.body);
    }
}

#[tokio::test]
async fn accounts_sessions_and_clients_that_end_meanwhile_get_nothing() {
    let (server, client) = server_with_ada().await;
    let bob = server.add_member("bob@example.com").await;
    let mut browser = Browser::signed_in(&server, "bob@example.com", PASSWORD).await;
    let form = consent_form(&mut browser, &Ask::of(&client)).await.with("decision", "allow");
    let app = &server.app;
    auth_server::users::disable_user(&app.store, &*app.random, &Actor::CommandLine, &bob.id, app.clock.now())
        .await
        .expect("disabled");
    let answer = browser.submit(&form).await;
    assert!(answer.header("location").starts_with("/oauth2/consent?"), "{answer:?}");
    assert!(browser.follow(&answer).await.body.contains("id=\"sign-in-form\""));

    let mut ada = Browser::signed_in(&server, ADA, PASSWORD).await;
    let form = consent_form(&mut ada, &Ask::of(&client)).await.with("decision", "allow");
    let now = app.clock.now();
    let id = client.as_str();
    app.store
        .write(|mut tx| async move {
            auth_server::store::client::remove(&mut tx, id, now).await?;
            let change = auth_server::change_log::Change::ClientRevoked(id);
            auth_server::change_log::append(&mut tx, change, now).await
        })
        .await
        .expect("removed");
    server.follow().await;
    assert_eq!(ada.submit(&form).await.status, 400);
    assert_eq!(server.grants().await, 0);
}
