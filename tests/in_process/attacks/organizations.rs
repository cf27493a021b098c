//! Nobody gets into an organization, or higher in one, by what a form or a token request says.

use super::nth_fault::Nth;
use crate::auth_server::{
    TestServer,
    browser::{Browser, Form, form},
    given::{Given, TOKEN, public_client},
    memberships::invalid_grant,
    visitors::{Ask, PASSWORD, VERIFIER, WEBSITE, brought, consent_form},
};
use auth_server::{
    app::SCHEMA,
    audit::Actor,
    organizations::{Organization, OrganizationRole, remove_member},
    users::User,
};
use shared::{
    db::{DatabaseUrl, Fault, Faults, PoolLimits, Store},
    random::SystemRandom,
};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use OrganizationRole::{Admin, Member, Owner};

const ADA: &str = "ada@example.com";

/// Ada belongs to `acme` and `beta`; `evil` is of others.
struct House {
    server: TestServer,
    client: String,
    ada: User,
    acme: Organization,
    beta: Organization,
    evil: Organization,
}

async fn house() -> House {
    let server = TestServer::start().await;
    let ada = server.add_member(ADA).await;
    server.add_user("root", &["administrator", "member"]).await;
    let client = server.register_client("Claude Code").await;
    let [acme, beta, evil] = ["acme", "beta", "evil"].map(|slug| (slug, "root"));
    let acme = server.organization(acme.0, acme.1).await;
    let beta = server.organization(beta.0, beta.1).await;
    let evil = server.organization(evil.0, evil.1).await;
    for organization in [&acme, &beta] {
        server.join(organization, &ada.id, Member).await;
    }
    House { server, client, ada, acme, beta, evil }
}

async fn allow(browser: &mut Browser<'_>, client: &str) -> Form {
    consent_form(browser, &Ask::of(client)).await.with("decision", "allow")
}

#[tokio::test]
async fn an_organization_that_was_not_shown_cannot_be_chosen() {
    let House { server, client, ada, acme, beta, evil } = house().await;
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    let open = allow(&mut browser, &client).await;
    // One of others, ones that do not exist, slugs and names, the person's own id: each is no choice, and none says which it is.
    let mut pages = Vec::new();
    for wrong in [&evil.id, "nothing", "", &acme.slug, &acme.name, &ada.id, "*", &format!("{} {}", acme.id, beta.id)] {
        let answer = browser.submit(&open.clone().with("organization", wrong)).await;
        assert_eq!(answer.status, 422, "{wrong}: {answer:?}");
        assert!(!answer.body.contains("EVIL") && answer.body.contains("Choose the organization"));
        pages.push(form(&answer, "consent-form").fields.len());
    }
    assert!(pages.iter().all(|fields| *fields == pages[0]));
    // Twice is refused, as every repeated parameter is.
    let mut twice = open.clone().with("organization", &acme.id);
    twice.fields.push(("organization".to_owned(), beta.id.clone()));
    assert_eq!(browser.submit(&twice).await.status, 400);
    assert_eq!(server.grants().await, 0);
}

#[tokio::test]
async fn a_field_that_the_page_did_not_have_chooses_nothing() {
    let House { server, client, ada, acme, beta, evil } = house().await;
    server.leave(&beta, &ada.id).await.expect("left");
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    for forged in [&evil.id, &beta.id] {
        let open = allow(&mut browser, &client).await.with("organization", forged);
        let code = brought(&browser.submit(&open).await, WEBSITE).remove("code").expect("a code");
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", &client),
            ("code", &code),
            ("code_verifier", VERIFIER),
        ];
        let answer = server.post_form(TOKEN, &form).await;
        assert_eq!(answer.standing().1, acme.id, "what the page said, and nothing else");
    }
}

#[tokio::test]
async fn somebody_elses_page_decides_for_nobody() {
    let House { server, client, acme, beta, .. } = house().await;
    let eve = server.add_member("eve@example.com").await;
    for organization in [&acme, &beta] {
        server.join(organization, &eve.id, Owner).await;
    }
    let mut of_ada = Browser::signed_in(&server, ADA, PASSWORD).await;
    let mut of_eve = Browser::signed_in(&server, "eve@example.com", PASSWORD).await;
    let shown_to_eve = allow(&mut of_eve, &client).await.with("organization", &acme.id);
    let csrf = allow(&mut of_ada, &client).await.field("csrf").to_owned();
    let answer = of_ada.submit(&shown_to_eve.with("csrf", &csrf)).await;
    assert!(answer.header("location").starts_with("/oauth2/consent?"), "{answer:?}");
    assert_eq!(server.grants().await, 0);
}

#[tokio::test]
async fn a_role_in_an_organization_is_no_role_of_the_installation() {
    let House { server, client, ada, acme, beta, .. } = house().await;
    server.promote(&acme, &ada.id, Owner).await.expect("promoted");
    server.leave(&beta, &ada.id).await.expect("left");
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    let ask = Ask::of(&client).with("scope", "mcp.read mcp.admin postern.admin");
    let page = browser.get(&ask.path()).await;
    assert!(!page.body.contains("scope:mcp.admin"));
    let forced = form(&page, "consent-form").with("scope:mcp.admin", "on").with("scope:postern.admin", "on");
    let answer = browser.submit(&forced.with("decision", "allow")).await;
    let code = brought(&answer, WEBSITE).remove("code").expect("a code");
    let form =
        [("grant_type", "authorization_code"), ("client_id", &client), ("code", &code), ("code_verifier", VERIFIER)];
    let answer = server.post_form(TOKEN, &form).await;
    assert_eq!(answer.text("scope"), "mcp.read");
    let again = [
        ("grant_type", "refresh_token"),
        ("client_id", &*client),
        ("refresh_token", &*answer.text("refresh_token")),
        ("scope", "mcp.admin mcp.read"),
        ("organization", "evil"),
        ("organization_id", "evil"),
    ]
    .map(|(name, value)| (name, value.to_owned()));
    server.follow().await;
    let again: Vec<(&str, &str)> = again.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let refreshed = server.post_form(TOKEN, &again).await;
    assert_eq!((refreshed.text("scope"), refreshed.standing().1), ("mcp.read".to_owned(), acme.id));
}

#[tokio::test]
async fn who_was_thrown_out_while_the_page_was_shown_allows_nothing() {
    let House { server, client, ada, acme, beta, .. } = house().await;
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    let open = allow(&mut browser, &client).await.with("organization", &acme.id);
    server.leave(&acme, &ada.id).await.expect("left");
    let answer = browser.submit(&open).await;
    assert!(answer.header("location").starts_with("/oauth2/consent?"), "{answer:?}");
    let open = consent_form(&mut browser, &Ask::of(&client)).await.with("decision", "allow");
    server.close(&beta).await;
    let answer = browser.submit(&open).await;
    assert!(answer.header("location").starts_with("/oauth2/consent?"), "{answer:?}");
    assert_eq!(server.grants().await, 0);
}

/// Fails one statement for as long as it is armed.
#[derive(Default)]
struct Failing(AtomicBool);

impl Faults for Failing {
    fn at(&self, name: &'static str) -> Option<Fault> {
        let concerns = ["refresh_token.find", "authorization_grant.find_by_code"].contains(&name);
        (concerns && self.0.load(Ordering::SeqCst)).then_some(Fault::Unavailable)
    }
}

#[tokio::test]
async fn a_membership_that_cannot_be_looked_up_costs_nobody_the_grant() {
    let failing = Arc::new(Failing::default());
    let url = DatabaseUrl::parse("sqlite::memory:").expect("a URL");
    let store = Store::open(&url, &SCHEMA, PoolLimits::default()).await.expect("a database in memory");
    let server = TestServer::start_on(store.with_faults(failing.clone()), "").await.and_app().await;
    let acme = server.organization("acme", "ann").await;
    let given = Given { organization: Some(&acme.id), ..Given::USUAL };
    let token = server.redeem(&server.give(&given).await).await.text("refresh_token");
    let code = server.give(&given).await;
    server.follow().await;
    failing.0.store(true, Ordering::SeqCst);
    for answer in [server.refresh(&token).await, server.redeem(&code).await] {
        assert_eq!(answer.refusal(), (503, "temporarily_unavailable".to_owned()));
        assert!(!answer.header("retry-after").is_empty());
    }
    failing.0.store(false, Ordering::SeqCst);
    assert_eq!(server.refresh(&token).await.status, 200, "the grant is as it was");
    assert_eq!(server.redeem(&code).await.status, 200, "the code is as it was");
}

#[tokio::test]
async fn a_removal_that_fails_halfway_ends_nothing_and_one_that_succeeds_ends_all() {
    let faults = Arc::new(Nth::default());
    let url = DatabaseUrl::parse("sqlite::memory:").expect("a URL");
    let store = Store::open(&url, &SCHEMA, PoolLimits::default()).await.expect("a database in memory");
    let server = TestServer::start_on(store.with_faults(faults.clone()), "").await.and_app().await;
    server.add_user("bob", &["member"]).await;
    server.add_client(&public_client("other")).await;
    let acme = server.organization("acme", "bob").await;
    server.join(&acme, "ann", Admin).await;
    let given = Given { organization: Some(&acme.id), ..Given::USUAL };
    let mut token = server.redeem(&server.give(&given).await).await.text("refresh_token");
    server.follow().await;
    let mut failed = 0;
    for n in 1.. {
        faults.arm(n, Fault::FailBefore);
        let by = &Actor::CommandLine;
        let left = remove_member(&server.app.store, &SystemRandom, by, &acme.id, "ann", server.app.clock.now()).await;
        if !faults.disarm() {
            left.expect("left");
            break;
        }
        failed += 1;
        let answer = server.refresh(&token).await;
        assert_eq!(answer.status, 200, "at {n}: {left:?} {answer:?}");
        token = answer.text("refresh_token");
    }
    assert!(failed >= 6, "{failed}");
    assert_eq!(server.refresh(&token).await.refusal(), invalid_grant());
}
