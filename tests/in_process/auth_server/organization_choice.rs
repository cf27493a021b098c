//! The organization is chosen on the consent page.

use super::{
    Answer, TestServer,
    browser::{Browser, form},
    visitors::{Ask, PASSWORD, VERIFIER, WEBSITE, brought, consent_form},
};
use auth_server::{organizations::OrganizationRole, users::User};

use OrganizationRole::{Member, Owner};

const ADA: &str = "ada@example.com";

async fn server_with_ada() -> (TestServer, String, User) {
    let server = TestServer::start().await;
    let ada = server.add_member(ADA).await;
    server.add_user("root", &["administrator", "member"]).await;
    let client = server.register_client("Claude Code").await;
    (server, client, ada)
}

/// The token answer for the code that `answer` brings.
async fn redeem(server: &TestServer, client: &str, answer: &Answer) -> Answer {
    let code = brought(answer, WEBSITE).remove("code").expect("a code");
    let form =
        [("grant_type", "authorization_code"), ("client_id", client), ("code", &code), ("code_verifier", VERIFIER)];
    let answer = server.post_form("/oauth2/token", &form).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    server.follow().await;
    answer
}

#[tokio::test]
async fn who_belongs_to_one_is_told_and_not_asked() {
    let (server, client, ada) = server_with_ada().await;
    let acme = server.organization("acme", "root").await;
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    let page = browser.get(&Ask::of(&client).path()).await;
    assert!(!page.body.contains("Organization"), "nothing is said to whoever belongs to none");
    server.join(&acme, &ada.id, Member).await;
    let page = browser.get(&Ask::of(&client).path()).await;
    assert!(page.body.contains("ACME") && page.body.contains("you are a member"), "{}", page.body);
    assert!(!page.body.contains("type=\"radio\"") && page.body.contains("name=\"remember\""));
    let answer = browser.submit(&form(&page, "consent-form").with("decision", "allow")).await;
    let answer = redeem(&server, &client, &answer).await;
    assert_eq!(answer.standing(), ("member".to_owned(), acme.id, "tenant-of-acme".to_owned()));
}

#[tokio::test]
async fn who_belongs_to_several_chooses() {
    let (server, client, ada) = server_with_ada().await;
    let (acme, beta) = (server.organization("acme", "root").await, server.organization("beta", &ada.id).await);
    server.join(&acme, &ada.id, Member).await;
    let closed = server.organization("closed", &ada.id).await;
    server.close(&closed).await;
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    let page = browser.get(&Ask::of(&client).path()).await;
    assert_eq!(page.body.matches("type=\"radio\"").count(), 2);
    for words in ["For which organization?", "ACME", "BETA", "you are a member", "you are an owner"] {
        assert!(page.body.contains(words), "{words}");
    }
    assert!(!page.body.contains("CLOSED") && !page.body.contains("name=\"remember\""));
    let open = form(&page, "consent-form").with("decision", "allow");
    assert_eq!(open.field("organization"), "", "nobody chooses for the person");
    let again = browser.submit(&open).await;
    assert_eq!(again.status, 422);
    assert!(again.body.contains("Choose the organization") && server.grants().await == 0);
    let answer =
        browser.submit(&form(&again, "consent-form").with("decision", "allow").with("organization", &beta.id)).await;
    let answer = redeem(&server, &client, &answer).await;
    assert_eq!(answer.standing(), ("admin member owner".to_owned(), beta.id, "tenant-of-beta".to_owned()));
    // A choice survives a page that is shown again.
    let page = browser.get(&Ask::of(&client).path()).await;
    let nothing = form(&page, "consent-form").with("decision", "allow").with("organization", &acme.id);
    let again = browser.submit(&nothing.without("scope:mcp.read").without("scope:mcp.write")).await;
    assert_eq!((again.status.as_u16(), form(&again, "consent-form").field("organization")), (422, acme.id.as_str()));
    // To deny needs no choice.
    let answer = browser.submit(&form(&again, "consent-form").with("decision", "deny").without("organization")).await;
    assert_eq!(brought(&answer, WEBSITE)["error"], "access_denied");
}

#[tokio::test]
async fn what_was_allowed_for_one_is_not_remembered_for_another_nor_chosen_in_silence() {
    let (server, client, ada) = server_with_ada().await;
    let acme = server.organization("acme", "root").await;
    let silent = Ask::of(&client).with("prompt", "none").path();
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    let allow = |form: super::browser::Form| form.with("decision", "allow").with("remember", "on");
    let open = allow(consent_form(&mut browser, &Ask::of(&client)).await);
    assert!(brought(&browser.submit(&open).await, WEBSITE).contains_key("code"));
    assert!(brought(&browser.get(&silent).await, WEBSITE).contains_key("code"), "remembered without an organization");

    server.join(&acme, &ada.id, Member).await;
    assert_eq!(brought(&browser.get(&silent).await, WEBSITE)["error"], "consent_required");
    let open = allow(consent_form(&mut browser, &Ask::of(&client)).await);
    assert!(brought(&browser.submit(&open).await, WEBSITE).contains_key("code"));
    let answer = browser.get(&silent).await;
    assert_eq!(redeem(&server, &client, &answer).await.standing().1, acme.id, "remembered for the organization");

    let beta = server.organization("beta", &ada.id).await;
    let grants = server.grants().await;
    assert_eq!(brought(&browser.get(&silent).await, WEBSITE)["error"], "interaction_required");
    let page = browser.get(&Ask::of(&client).path()).await;
    let slipped = allow(form(&page, "consent-form")).with("organization", &beta.id);
    assert_eq!(server.grants().await, grants);
    assert!(brought(&browser.submit(&slipped).await, WEBSITE).contains_key("code"));
    server.leave(&acme, &ada.id).await.expect("left");
    let answer = browser.get(&silent).await;
    assert_eq!(
        brought(&answer, WEBSITE)["error"],
        "consent_required",
        "where there was a choice nothing was remembered"
    );
}

#[tokio::test]
async fn the_page_says_which_scopes_are_for_which_organization() {
    let (server, client, ada) = server_with_ada().await;
    server.scope_for_owners().await;
    let (acme, beta) = (server.organization("acme", "root").await, server.organization("beta", &ada.id).await);
    server.join(&acme, &ada.id, Member).await;
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    let ask = Ask::of(&client).with("scope", "mcp.read team.own");
    let page = browser.get(&ask.path()).await;
    assert_eq!(page.body.matches("Only for").count(), 1);
    let allow = form(&page, "consent-form").with("decision", "allow");
    let none_of_it = allow.clone().without("scope:mcp.read").with("organization", &acme.id);
    let again = browser.submit(&none_of_it).await;
    assert!(again.status == 422 && again.body.contains("Your role in that organization allows none"), "{again:?}");
    let answer = browser.submit(&allow.clone().with("organization", &acme.id)).await;
    assert_eq!(redeem(&server, &client, &answer).await.text("scope"), "mcp.read");
    let allow = consent_form(&mut browser, &ask).await.with("decision", "allow").with("organization", &beta.id);
    let answer = browser.submit(&allow).await;
    assert_eq!(redeem(&server, &client, &answer).await.text("scope"), "mcp.read team.own");
}

#[tokio::test]
async fn a_page_that_shows_other_organizations_than_there_are_is_shown_anew() {
    let (server, client, ada) = server_with_ada().await;
    let acme = server.organization("acme", "root").await;
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    let without = consent_form(&mut browser, &Ask::of(&client)).await.with("decision", "allow");
    server.join(&acme, &ada.id, Owner).await;
    let answer = browser.submit(&without).await;
    assert!(answer.header("location").starts_with("/oauth2/consent?"), "{answer:?}");
    let page = browser.follow(&answer).await;
    let with_acme = form(&page, "consent-form").with("decision", "allow");
    server.leave(&acme, &ada.id).await.expect("left");
    let answer = browser.submit(&with_acme).await;
    assert!(answer.header("location").starts_with("/oauth2/consent?"), "{answer:?}");
    assert_eq!(server.grants().await, 0);
}
