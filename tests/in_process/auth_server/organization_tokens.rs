//! What tokens say of the organization that a grant chose, and how far they follow the roles in it.

use super::{
    Answer, TestServer,
    browser::Browser,
    given::{Given, SECRET, basic, confidential_client},
    memberships::invalid_grant,
    test_server::{RESOURCE, RESOURCE_SERVER, START},
    visitors::PASSWORD,
};
use auth_server::{
    audit::Actor,
    organizations::{Organization, OrganizationRole, change_role::change_role},
    resources::register_resource::register_resource,
    users::{disable_user, set_administrator},
};
use serde_json::Value;
use shared::{protocol::resource_document::ResourceDocument, random::SystemRandom};

use OrganizationRole::{Admin, Member, Owner};

/// A server whose resource has a scope for admins of an organization and one for owners.
async fn server() -> TestServer {
    let server = TestServer::with_app().await;
    server.add_user("bob", &["member"]).await;
    let resource = server.app.resources.find(RESOURCE).expect("registered");
    let mut document = ResourceDocument::from((*resource).clone());
    let of = |name: &str, role: &str| {
        let mut scope = document.scopes[0].clone();
        (scope.name, scope.roles) = (name.to_owned(), vec![role.to_owned()]);
        scope
    };
    let more = [of("team.manage", "admin"), of("team.own", "owner")];
    document.scopes.extend(more);
    register_resource(&server.app.store, &SystemRandom, RESOURCE_SERVER, &document, START).await.expect("registered");
    server.follow().await;
    server
}

const EVERYTHING: &str = "mcp.read mcp.admin team.manage team.own";

async fn redeem(server: &TestServer, scope: &str, organization: Option<&Organization>) -> Answer {
    let organization = organization.map(|organization| organization.id.as_str());
    let answer = server.redeem(&server.give(&Given { scope, organization, ..Given::USUAL }).await).await;
    server.follow().await;
    answer
}

#[tokio::test]
async fn roles_count_in_the_organization_that_was_chosen() {
    let server = server().await;
    let (acme, beta) = (server.organization("acme", "ann").await, server.organization("beta", "bob").await);
    server.join(&beta, "ann", Member).await;
    let in_acme = redeem(&server, EVERYTHING, Some(&acme)).await;
    assert_eq!(in_acme.text("scope"), "mcp.read team.manage team.own");
    assert_eq!(in_acme.standing(), ("admin member owner".to_owned(), acme.id.clone(), "tenant-of-acme".to_owned()));
    let in_beta = redeem(&server, EVERYTHING, Some(&beta)).await;
    assert_eq!(in_beta.text("scope"), "mcp.read");
    assert_eq!(in_beta.standing(), ("member".to_owned(), beta.id.clone(), "tenant-of-beta".to_owned()));
    let alone = redeem(&server, EVERYTHING, None).await;
    assert_eq!(alone.text("scope"), "mcp.read");
    assert_eq!(alone.standing(), ("member".to_owned(), String::new(), String::new()));
    assert!(alone.claims().get("tenant_id").is_none() && alone.claims().get("organization_id").is_none());
}

#[tokio::test]
async fn more_counts_at_the_next_refresh_and_less_at_once() {
    let server = server().await;
    let acme = server.organization("acme", "bob").await;
    server.join(&acme, "ann", Member).await;
    let first = redeem(&server, EVERYTHING, Some(&acme)).await;
    assert_eq!(first.text("scope"), "mcp.read");
    server.clock.advance(1);
    server.promote(&acme, "ann", Admin).await.expect("promoted");
    assert!(server.is_active(&first).await, "more ends nothing");
    let second = server.refresh(&first.text("refresh_token")).await;
    assert_eq!(
        (second.text("scope"), second.standing().0),
        ("mcp.read team.manage".to_owned(), "admin member".to_owned())
    );
    server.promote(&acme, "ann", Member).await.expect("demoted");
    assert!(!server.is_active(&second).await, "the wider token ended at once");
    server.clock.advance(1);
    let third = server.refresh(&second.text("refresh_token")).await;
    assert_eq!((third.text("scope"), third.standing().0), ("mcp.read".to_owned(), "member".to_owned()));
    assert!(server.is_active(&third).await);
    server.promote(&acme, "ann", Owner).await.expect("promoted");
    let fourth = server.refresh(&third.text("refresh_token")).await;
    assert_eq!(fourth.text("scope"), "mcp.read team.manage team.own", "the grant had kept its scope");
}

/// The clock is read before the roles change: meanwhile its second may end, and a token be issued by the roles of before.
#[tokio::test]
async fn a_token_issued_while_a_role_is_taken_ends_and_the_next_lives() {
    let server = server().await;
    let acme = server.organization("acme", "bob").await;
    server.join(&acme, "ann", Admin).await;
    let first = redeem(&server, EVERYTHING, Some(&acme)).await;
    server.clock.advance(1);
    let meanwhile = server.refresh(&first.text("refresh_token")).await;
    assert_eq!(meanwhile.text("scope"), "mcp.read team.manage");
    let (store, by) = (&server.app.store, &Actor::CommandLine);
    change_role(store, &SystemRandom, by, &acme.id, "ann", Member, START).await.expect("demoted");
    server.follow().await;
    assert!(!server.is_active(&first).await && !server.is_active(&meanwhile).await);
    let fresh = server.refresh(&meanwhile.text("refresh_token")).await;
    assert_eq!(fresh.text("scope"), "mcp.read");
    assert!(server.is_active(&fresh).await, "at once");
}

#[tokio::test]
async fn a_grant_of_which_nothing_is_left_buys_nothing_and_is_not_used_up() {
    let server = server().await;
    let acme = server.organization("acme", "bob").await;
    server.join(&acme, "ann", Admin).await;
    let first = redeem(&server, "team.manage", Some(&acme)).await.text("refresh_token");
    server.promote(&acme, "ann", Member).await.expect("demoted");
    for _ in 0..3 {
        assert_eq!(server.refresh(&first).await.refusal(), invalid_grant());
    }
    assert_eq!(server.revoked_grants().await, 0);
    server.promote(&acme, "ann", Admin).await.expect("promoted");
    assert_eq!(server.refresh(&first).await.text("scope"), "team.manage");
}

#[tokio::test]
async fn a_role_that_is_taken_between_consent_and_exchange_buys_nothing() {
    let server = server().await;
    let acme = server.organization("acme", "bob").await;
    server.join(&acme, "ann", Admin).await;
    let given = Given { scope: "mcp.read team.manage", organization: Some(&acme.id), ..Given::USUAL };
    let (code, other) = (server.give(&given).await, server.give(&given).await);
    server.promote(&acme, "ann", Member).await.expect("demoted");
    assert_eq!(server.redeem(&code).await.text("scope"), "mcp.read");
    server.leave(&acme, "ann").await.expect("left");
    assert_eq!(server.redeem(&other).await.refusal(), invalid_grant());
}

#[tokio::test]
async fn who_ceases_to_administer_holds_less_at_once() {
    let server = server().await;
    server.add_user("root", &["administrator", "member"]).await;
    let set = |on| set_administrator(&server.app.store, &SystemRandom, &Actor::CommandLine, "ann", on, START);
    assert!(set(true).await.expect("made one"));
    let wide = redeem(&server, "mcp.read mcp.admin", None).await;
    assert_eq!(wide.text("scope"), "mcp.admin mcp.read");
    assert!(set(false).await.expect("not any more"));
    server.follow().await;
    assert!(!server.is_active(&wide).await);
    server.clock.advance(1);
    let narrow = server.refresh(&wide.text("refresh_token")).await;
    assert_eq!((narrow.text("scope"), narrow.standing().0), ("mcp.read".to_owned(), "member".to_owned()));
    assert!(server.is_active(&narrow).await);
}

#[tokio::test]
async fn a_closed_account_holds_nothing_anywhere() {
    let server = TestServer::start().await.and_app().await;
    let ada = server.add_member("ada@example.com").await;
    let acme = server.organization("acme", &ada.id).await;
    let mut browser = Browser::signed_in(&server, "ada@example.com", PASSWORD).await;
    assert!(browser.get("/").await.body.contains("ada@example.com"));
    let given = Given { user: &ada.id, organization: Some(&acme.id), scope: "mcp.read openid email", ..Given::USUAL };
    let answer = server.redeem(&server.give(&given).await).await;
    let code = server.give(&given).await;
    assert!(server.is_active(&answer).await);
    let token = answer.text("access_token");
    let userinfo = || server.call("GET", "/oauth2/userinfo", &token, &Value::Null);
    assert_eq!(userinfo().await.json()["email"], "ada@example.com");
    disable_user(&server.app.store, &SystemRandom, &Actor::CommandLine, &ada.id, START).await.expect("disabled");
    server.follow().await;
    assert!(!server.is_active(&answer).await);
    assert_eq!(server.refresh(&answer.text("refresh_token")).await.refusal(), invalid_grant());
    assert_eq!(server.redeem(&code).await.refusal(), invalid_grant());
    assert_eq!(userinfo().await.status, 401);
    assert!(!browser.get("/").await.body.contains("ada@example.com"));
    let again = Browser::new(&server).sign_in("/sign-in", "ada@example.com", PASSWORD).await;
    assert_eq!(again.status, 403);
}

#[tokio::test]
async fn introspection_names_organization_and_tenant() {
    let server = server().await;
    server.add_client(&confidential_client("web")).await;
    let acme = server.organization("acme", "ann").await;
    let code = server.give(&Given { client: "web", organization: Some(&acme.id), ..Given::USUAL }).await;
    let form = [("grant_type", "authorization_code"), ("code", &*code), ("code_verifier", super::given::VERIFIER)];
    let answer = server.post_form_as(super::given::TOKEN, &basic("web", SECRET), &form).await;
    for token in ["access_token", "refresh_token"] {
        let said = introspect(&server, &answer.text(token)).await;
        assert_eq!((&said["organization_id"], &said["tenant_id"]), (&acme.id.clone().into(), &"tenant-of-acme".into()));
    }
    server.close(&acme).await;
    for token in ["access_token", "refresh_token"] {
        assert_eq!(introspect(&server, &answer.text(token)).await, serde_json::json!({ "active": false }));
    }
}

async fn introspect(server: &TestServer, token: &str) -> Value {
    server.post_form_as("/oauth2/introspect", &basic("web", SECRET), &[("token", token)]).await.json()
}

impl TestServer {
    /// Whether the access token of an answer is good now.
    pub async fn is_active(&self, answer: &Answer) -> bool {
        let now = shared::clock::Clock::now(&*self.clock);
        let token = answer.text("access_token");
        auth_server::tokens::inspect(&self.app, &token, now).await.expect("an answer").is_some()
    }
}
