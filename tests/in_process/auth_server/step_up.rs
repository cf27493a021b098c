//! A person allows a client more than before, in the grant that it has.

use super::{
    Answer, TestServer,
    browser::{Browser, Form, form},
    given::claims_of,
    visitors::{Ask, PASSWORD, VERIFIER, WEBSITE, brought, consent_form},
};

const ADA: &str = "ada@example.com";
const EVE: &str = "eve@example.com";

/// A grant of somebody, with its refresh token.
pub struct Granted {
    pub client_id: String,
    pub grant_id: String,
    pub refresh_token: String,
}

/// What whoever is signed in in `browser` allows a new client: `mcp.read`.
pub async fn granted(server: &TestServer, browser: &mut Browser<'_>) -> Granted {
    let client_id = server.register_client("Client").await;
    let ask = Ask::of(&client_id).with("scope", "mcp.read");
    let form = consent_form(browser, &ask).await.with("decision", "allow");
    let code = brought(&browser.submit(&form).await, WEBSITE)["code"].clone();
    let pairs = [
        ("grant_type", "authorization_code"),
        ("client_id", &client_id),
        ("redirect_uri", WEBSITE),
        ("code_verifier", VERIFIER),
        ("code", &code),
    ];
    let answer = server.post_form("/oauth2/token", &pairs).await;
    let claims = claims_of(&answer.text("access_token"));
    let grant_id = claims["grant_id"].as_str().expect("a grant").to_owned();
    Granted { client_id, grant_id, refresh_token: answer.text("refresh_token") }
}

impl Granted {
    /// The link that a resource server gives out.
    pub fn link(&self, scope: &str) -> String {
        format!("/step-up?grant={}&scope={scope}", self.grant_id)
    }

    /// What the next access token may be used for.
    async fn refreshed(&mut self, server: &TestServer) -> String {
        let pairs = [
            ("grant_type", "refresh_token"),
            ("client_id", self.client_id.as_str()),
            ("refresh_token", &self.refresh_token),
        ];
        let answer = server.post_form("/oauth2/token", &pairs).await;
        self.refresh_token = answer.text("refresh_token");
        answer.text("scope")
    }
}

async fn server_with_people() -> TestServer {
    let server = TestServer::start().await;
    server.add_member(ADA).await;
    server.add_member(EVE).await;
    server
}

fn step_up_form(page: &Answer) -> Form {
    assert_eq!(page.status, 200, "{page:?}");
    form(page, "step-up-form")
}

#[tokio::test]
async fn what_a_person_allows_on_the_page_is_in_the_next_refresh() {
    let server = server_with_people().await;
    let mut granted = granted(&server, &mut Browser::signed_in(&server, ADA, PASSWORD).await).await;
    assert_eq!(granted.refreshed(&server).await, "mcp.read");

    let mut browser = Browser::new(&server);
    let signed_in = browser.sign_in(&granted.link("mcp.write"), ADA, PASSWORD).await;
    let page = browser.follow(&signed_in).await;
    assert!(page.body.contains("Client") && page.body.contains(ADA) && page.body.contains("<code>mcp.read</code>"));
    assert_eq!(granted.refreshed(&server).await, "mcp.read", "to look is to change nothing");
    let answer = browser.submit(&step_up_form(&page).with("decision", "allow")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("location"), "", "it leads nowhere");
    assert!(answer.body.contains("It is allowed"));
    assert_eq!(granted.refreshed(&server).await, "mcp.read mcp.write");
    assert_eq!(server.audited("grant_widened").await, 1);
    assert_eq!(server.grants().await, 1, "it is the very grant");

    let again = browser.get(&granted.link("mcp.write")).await;
    assert!(again.body.contains("It is allowed already"), "{again:?}");
}

#[tokio::test]
async fn a_person_who_denies_or_ticks_nothing_changes_nothing() {
    let server = server_with_people().await;
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    let mut granted = granted(&server, &mut browser).await;
    let form = step_up_form(&browser.get(&granted.link("mcp.write")).await);
    let denied = browser.submit(&form.clone().with("decision", "deny")).await;
    assert!(denied.body.contains("Nothing was changed"), "{denied:?}");
    assert_eq!(server.audited("consent_denied").await, 1);
    let nothing = browser.submit(&form.clone().with("decision", "allow").without("scope:mcp.write")).await;
    assert_eq!(nothing.status, 422);
    assert_eq!(browser.submit(&form.with("decision", "perhaps")).await.status, 400);
    assert_eq!(granted.refreshed(&server).await, "mcp.read");
    assert_eq!(server.audited("grant_widened").await, 0);
}

#[tokio::test]
async fn a_link_is_nothing_to_anybody_else_and_nothing_when_the_grant_is_over() {
    let server = server_with_people().await;
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    let mut granted = granted(&server, &mut browser).await;
    let form = step_up_form(&browser.get(&granted.link("mcp.write")).await).with("decision", "allow");
    let mut eve = Browser::signed_in(&server, EVE, PASSWORD).await;
    assert_eq!(eve.get(&granted.link("mcp.write")).await.status, 410);
    assert_eq!(eve.submit(&form).await.status, 403, "a form of another session");
    assert_eq!(browser.get("/step-up?grant=unknown&scope=mcp.write").await.status, 410);
    for malformed in ["/step-up", "/step-up?grant=x", "/step-up?scope=mcp.write", "/step-up?grant=x&scope=%22"] {
        assert_eq!(Browser::new(&server).get(malformed).await.status, 410, "{malformed}");
    }
    assert_eq!(granted.refreshed(&server).await, "mcp.read");
    let give_back = [("client_id", granted.client_id.as_str()), ("token", &granted.refresh_token)];
    assert_eq!(server.post_form("/oauth2/revoke", &give_back).await.status, 200);
    assert_eq!(browser.submit(&form).await.status, 410);
    assert_eq!(browser.get(&granted.link("mcp.write")).await.status, 410);
    assert_eq!(server.audited("grant_widened").await, 0);
}

#[tokio::test]
async fn nobody_adds_what_they_could_not_have_allowed_at_first() {
    let server = server_with_people().await;
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    let mut granted = granted(&server, &mut browser).await;
    let beyond = browser.get(&granted.link("mcp.admin")).await;
    assert!(beyond.body.contains("Your account cannot allow this"), "{beyond:?}");
    let beyond = browser.get(&granted.link("nothing+openid+offline_access")).await;
    assert!(beyond.body.contains("cannot allow this"), "what the resource does not know is not offered: {beyond:?}");
    let page = browser.get(&granted.link("mcp.admin+mcp.write")).await;
    assert!(!page.body.contains("scope:mcp.admin"), "{page:?}");
    let form = step_up_form(&page).with("decision", "allow");
    server.change_tools().await;
    let stale = browser.submit(&form).await;
    assert_eq!(stale.status, 303, "the page showed other tools");
    let form = step_up_form(&browser.follow(&stale).await).with("decision", "allow").with("scope:mcp.admin", "on");
    assert_eq!(browser.submit(&form).await.status, 200);
    assert_eq!(granted.refreshed(&server).await, "mcp.read mcp.write");
}
