//! What is recorded: acts that no other test looks for.

use super::{
    TestServer,
    browser::{Browser, form},
    given::{SECRET, basic, confidential_client, form_request},
    set_up::reset_path,
    test_server::RESOURCE,
    visitors::{Ask, PASSWORD},
};
use auth_server::{
    audit::Actor,
    store::audit_event::{self, AuditRow},
    users::{disable_user, set_up},
};
use shared::http::ClientAddress;

const ADA: &str = "ada@example.com";

impl TestServer {
    /// The events of this kind, in the order of the chain.
    pub async fn events(&self, kind: &str) -> Vec<AuditRow> {
        self.chain().await;
        let rows = audit_event::list_chained(&mut self.app.store.read(), 0, 10_000).await.expect("read");
        rows.into_iter().filter(|row| row.kind == kind).collect()
    }
}

#[tokio::test]
async fn a_refused_consent_is_recorded_with_who_and_on_behalf_of_which_request() {
    let server = TestServer::start().await;
    let ada = server.add_member(ADA).await;
    let client = server.register_client("Client").await;
    let mut browser = Browser::signed_in(&server, ADA, PASSWORD).await;
    let page = browser.get(&Ask::of(&client).path()).await;
    let answer = browser.submit(&form(&page, "consent-form").with("decision", "deny")).await;
    assert_eq!(server.audited("consent_denied").await, 1);
    let [event] = server.events("consent_denied").await.try_into().expect("one");
    assert_eq!((event.user_id.as_ref(), event.client_id.as_ref()), (Some(&ada.id), Some(&client)));
    assert_eq!((event.actor.as_deref(), event.actor_user_id.as_ref()), (Some("user"), Some(&ada.id)));
    assert_eq!(event.request_id.as_deref(), Some(answer.header("x-request-id")), "as the answer calls it");
    let text = format!("{event:?}");
    assert!(!text.contains(ADA), "ids only: {text}");
}

#[tokio::test]
async fn machines_and_failures_are_recorded_once_an_hour_from_each_block() {
    let server = TestServer::start().await;
    server.add_client(&confidential_client("machine")).await;
    let form = [("grant_type", "client_credentials"), ("resource", RESOURCE), ("scope", "mcp.read")];
    let ask = |client: &'static str, secret: &'static str, from: &'static str| {
        let server = &server;
        async move {
            let mut request = form_request("/oauth2/token", &form);
            request.headers_mut().insert("authorization", basic(client, secret).parse().expect("a header"));
            request.extensions_mut().insert(ClientAddress::new(from.parse().expect("an address")));
            server.send(request).await.status.as_u16()
        }
    };
    for from in ["192.0.2.1", "192.0.2.2", "198.51.100.1"] {
        for _ in 0..3 {
            assert_eq!(ask("machine", SECRET, from).await, 200);
            assert_eq!(ask("machine", "wrong", from).await, 401);
            assert_eq!(ask("nobody", "wrong", from).await, 401);
        }
    }
    assert_eq!(server.audited("machine_tokens_taken").await, 2);
    assert_eq!(server.audited("client_authentication_failed").await, 4, "of the machine and of nobody known");
    let failures = server.events("client_authentication_failed").await;
    let of_nobody = failures.iter().filter(|row| row.client_id.is_none()).count();
    assert_eq!(of_nobody, 2, "what a stranger calls itself is not kept");
    assert!(failures.iter().all(|row| row.address_block.as_deref().is_some_and(|block| block.ends_with("/24"))));
    server.clock.advance(3600);
    assert_eq!(ask("machine", "wrong", "192.0.2.1").await, 401);
    assert_eq!(server.audited("client_authentication_failed").await, 5);
}

#[tokio::test]
async fn resources_and_set_up_links_are_recorded() {
    let server = TestServer::start().await;
    let before = server.audited("resource_changed").await;
    assert_eq!(before, 1, "the resource of every test");
    server.add_resource(RESOURCE).await;
    assert_eq!(server.audited("resource_changed").await, before, "the same again is no change");
    server.change_tools().await;
    assert_eq!(server.audited("resource_changed").await, before + 1);
    let event = server.events("resource_changed").await.pop().expect("an event");
    assert_eq!((event.target.as_deref(), event.actor.as_deref()), (Some(RESOURCE), Some("client")));
    let app = &server.app;
    set_up::fresh_link(&app.store, &*app.random, app.clock.now()).await.expect("read").expect("a link");
    assert_eq!(server.audited("set_up_link_made").await, 1);
}

#[tokio::test]
async fn what_people_and_the_shell_do_is_recorded_with_who_did_it() {
    let server = TestServer::start().await;
    let (app, now) = (&server.app, server.app.clock.now());
    let link = set_up::fresh_link(&app.store, &*app.random, now).await.expect("read").expect("a link");
    let url = set_up::link_url(&app.issuer, &link);
    let mut browser = Browser::new(&server);
    let page = browser.get(url.expose().trim_start_matches(app.issuer.as_str())).await;
    let filled = form(&page, "setup-form").with("email", ADA).with("display_name", "Ada").with("password", PASSWORD);
    assert_eq!(browser.submit(&filled).await.status, 303);
    let client = server.register_client("Client").await;
    let page = browser.get(&Ask::of(&client).path()).await;
    browser.submit(&form(&page, "consent-form").with("decision", "allow")).await;
    let page = browser.get("/").await;
    browser.submit(&form(&page, "sign-out-form")).await;
    let ada = server.user_id(ADA).await;
    let page = browser.get(&reset_path(&server, &ada).await).await;
    browser.submit(&form(&page, "reset-password-form").with("password", "seven lamps along the quay")).await;
    server.add_administrator("root@example.com").await;
    disable_user(&app.store, &*app.random, &Actor::CommandLine, &ada, now).await.expect("disabled");
    for (kind, actor, by_ada) in [
        ("set_up_link_made", "installation", false),
        ("administrator_made", "user", true),
        ("grant_made", "user", true),
        ("signed_out", "user", true),
        ("password_link_made", "local", false),
        ("password_set", "user", true),
        ("user_disabled", "local", false),
    ] {
        let [event] = server.events(kind).await.try_into().unwrap_or_else(|events| panic!("{kind}: {events:?}"));
        assert_eq!(event.actor.as_deref(), Some(actor), "{kind}");
        assert_eq!(event.actor_user_id.as_deref(), by_ada.then_some(ada.as_str()), "{kind}");
        assert_eq!(event.request_id.is_some(), by_ada, "{kind}: on behalf of a request");
        assert_eq!(event.address_block.is_some(), by_ada, "{kind}: which came from somewhere");
    }
    server.intact().await;
}
