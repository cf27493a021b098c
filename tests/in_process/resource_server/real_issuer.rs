//! The two servers together, over HTTP and nothing else: enrolment, tokens, calls, revocation.

use super::server::{IN_TIME, call, in_memory, list, post, start_app};
use crate::auth_server::{
    given::{Given, SECRET, TOKEN, basic, confidential_client, public_client},
    test_server::{RESOURCE, RESOURCE_SERVER, START, TestServer},
};
use crate::manual_clock::ManualClock;
use auth_server::{
    audit::Actor,
    change_log::{Change, append},
    clients::{Client, GrantType},
    organizations::OrganizationRole,
    resources::enrol_resource_server::{Enrolment, enrol_resource_server},
    users::disable_user,
};
use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode},
};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use shared::{
    db::Tx,
    protocol::{jwk::JwkSet, jwt::AssertionSigner},
    random::SystemRandom,
};
use std::sync::Arc;
use system_tests::poll::until;
use tokio_util::sync::{CancellationToken, DropGuard};
use tower::ServiceExt as _;

/// Both, the authorization server behind a port of its own.
pub(super) struct Together {
    pub(super) issuer: TestServer,
    pub(super) clock: Arc<ManualClock>,
    router: Router,
    _stop: DropGuard,
}

/// An authorization server behind a port of its own, which is its issuer.
pub async fn issuer_at_a_port() -> (TestServer, String) {
    issuer_with("").await
}

/// One with these lines behind the settings of `[auth_server]`.
async fn issuer_with(settings: &str) -> (TestServer, String) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let issuer = TestServer::start_with(&format!("public_url = \"{url}\"\n{settings}")).await;
    let served = issuer.router.clone();
    tokio::spawn(async move { axum::serve(listener, served).await });
    (issuer, url)
}

impl Together {
    async fn start() -> Self {
        let (issuer, url) = issuer_at_a_port().await;
        Self::around(issuer, &url).await
    }

    /// Both with these lines behind their settings.
    pub(super) async fn start_with(settings: &str) -> Self {
        let (issuer, url) = issuer_with(settings).await;
        Self::around_with(issuer, &url, settings).await
    }

    /// A resource server that meets `issuer`, served at `url`, for the first time.
    async fn around(issuer: TestServer, url: &str) -> Self {
        Self::around_with(issuer, url, "").await
    }

    async fn around_with(issuer: TestServer, url: &str, settings: &str) -> Self {
        let signer = Arc::new(AssertionSigner::generate(&SystemRandom).expect("a key"));
        let jwks = JwkSet::new(vec![signer.public_jwk().clone()]).expect("a set");
        let origins = ["http://localhost:9500".to_owned()];
        let enrolment = Enrolment { client_id: RESOURCE_SERVER, name: "Events", origins: &origins, jwks: &jwks };
        enrol_resource_server(
            &issuer.app.store,
            &issuer.app.issuer,
            &enrolment,
            &SystemRandom,
            &Actor::CommandLine,
            START,
        )
        .await
        .expect("enrolled");
        issuer.follow().await;
        let (router, clock, stop): (_, _, CancellationToken) =
            start_app(url, settings, signer, None, in_memory().await).await;
        Self { issuer, clock, router, _stop: stop.drop_guard() }
    }

    pub(super) async fn send(&self, request: Request<Body>) -> (StatusCode, Value) {
        let response = self.router.clone().oneshot(request).await.expect("infallible");
        let status = response.status();
        let body = response.into_body().collect().await.expect("a body").to_bytes();
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    /// Waits until these tokens are answered with these statuses.
    async fn become_statuses(&self, tokens: &[String], expected: &[u16]) {
        let heard = until("the resource server hears of it", IN_TIME, || async {
            let mut statuses = Vec::new();
            for token in tokens {
                statuses.push(self.send(post(token, list().to_string())).await.0.as_u16());
            }
            (statuses == expected).then_some(())
        });
        heard.await.unwrap_or_else(|error| panic!("{expected:?}: {error}"));
    }

    /// The answer to a call, once the resource server follows the issuer.
    pub(super) async fn served(&self, token: &str, message: &Value) -> (StatusCode, Value) {
        until("it is served", IN_TIME, || async {
            let answer = self.send(post(token, message.to_string())).await;
            (answer.0 != StatusCode::SERVICE_UNAVAILABLE).then_some(answer)
        })
        .await
        .expect("served")
    }
}

#[tokio::test]
async fn a_person_calls_a_tool_steps_up_and_ends_at_revocation() {
    let both = Together::start().await;
    both.issuer.add_user("ann", &["member"]).await;
    both.issuer.add_client(&public_client("app")).await;
    let code = both.issuer.give(&Given { scope: "mcp.read", ..Given::USUAL }).await;
    let token = both.issuer.redeem(&code).await.text("access_token");
    let (status, who) = both.served(&token, &call("whoami", json!({}))).await;
    assert_eq!(status, StatusCode::OK, "{who}");
    let who = &who["result"]["structuredContent"];
    assert_eq!(
        (&who["subject"], &who["client_id"], &who["scopes"]),
        (&json!("ann"), &json!("app"), &json!(["mcp.read"]))
    );
    let create = call("create_event", json!({"title": "Lunch"}));
    assert_eq!(both.served(&token, &create).await.0, StatusCode::FORBIDDEN);
    let code = both.issuer.give(&Given::USUAL).await;
    let wider = both.issuer.redeem(&code).await.text("access_token");
    assert_eq!(both.served(&wider, &create).await.0, StatusCode::OK);

    let grant = crate::auth_server::given::claims_of(&token)["grant_id"].as_str().expect("a grant").to_owned();
    let store = &both.issuer.app.store;
    let ended = &grant;
    store
        .write(|mut tx| async move { append(&mut tx, Change::GrantRevoked(ended), START).await })
        .await
        .expect("appended");
    both.issuer.follow().await;
    until("the grant is over", IN_TIME, || async {
        (both.send(post(&token, list().to_string())).await.0 == StatusCode::UNAUTHORIZED).then_some(())
    })
    .await
    .expect("refused");
    assert_eq!(both.served(&wider, &list()).await.0, StatusCode::OK, "the other grant lives");
}

#[tokio::test]
async fn an_id_token_opens_nothing_and_identity_scopes_are_in_nobodys_way() {
    let both = Together::start().await;
    both.issuer.add_user("ann", &["member"]).await;
    both.issuer.add_client(&public_client("app")).await;
    let answer = both.issuer.redeem(&both.issuer.give(&Given { scope: "mcp.read openid", ..Given::USUAL }).await).await;
    assert_eq!(both.served(&answer.text("access_token"), &list()).await.0, StatusCode::OK);
    assert_eq!(both.served(&answer.text("id_token"), &list()).await.0, StatusCode::UNAUTHORIZED);
    // Who asked for identity alone has a token for userinfo, which is nothing here.
    let code = both.issuer.give(&Given { scope: "openid", ..Given::USUAL }).await;
    let poor = both.issuer.redeem(&code).await.text("access_token");
    assert_eq!(both.served(&poor, &call("whoami", json!({}))).await.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_restarted_server_judges_nothing_before_it_read_every_page_of_revocations() {
    let (issuer, url) = issuer_at_a_port().await;
    issuer.add_user("ann", &["member"]).await;
    issuer.add_client(&public_client("app")).await;
    // The resource is known: an earlier run of the resource server enrolled it.
    issuer.add_resource(RESOURCE).await;
    let code = issuer.give(&Given::USUAL).await;
    let token = issuer.redeem(&code).await.text("access_token");
    let grant = crate::auth_server::given::claims_of(&token)["grant_id"].as_str().expect("a grant").to_owned();
    let ended = &grant;
    let append_all = |mut tx: Tx| async move {
        for _ in 0..2500 {
            append(&mut tx, Change::ClientChanged("app"), START).await?;
        }
        append(&mut tx, Change::GrantRevoked(ended), START).await
    };
    issuer.app.store.write(append_all).await.expect("appended");
    issuer.follow().await;
    let both = Together::around(issuer, &url).await;
    assert_eq!(both.served(&token, &list()).await.0, StatusCode::UNAUTHORIZED, "the first judgement knows of it");
}

#[tokio::test]
async fn what_a_client_gives_back_is_401_and_nothing_else_is() {
    let both = Together::start().await;
    both.issuer.add_user("ann", &["member"]).await;
    both.issuer.add_client(&public_client("app")).await;
    let (mut access, mut refresh) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let answer = both.issuer.redeem(&both.issuer.give(&Given::USUAL).await).await;
        access.push(answer.text("access_token"));
        refresh.push(answer.text("refresh_token"));
        assert_eq!(both.served(&access[access.len() - 1], &list()).await.0, StatusCode::OK);
    }
    for token in [&access[0], &refresh[1]] {
        let form = [("client_id", "app"), ("token", token.as_str())];
        assert_eq!(both.issuer.post_form("/oauth2/revoke", &form).await.status, StatusCode::OK);
    }
    for revoked in [&access[0], &access[1]] {
        until("it is refused", IN_TIME, || async {
            (both.send(post(revoked, list().to_string())).await.0 == StatusCode::UNAUTHORIZED).then_some(())
        })
        .await
        .expect("refused");
    }
    assert_eq!(both.served(&access[2], &list()).await.0, StatusCode::OK, "it was not given back");
}

#[tokio::test]
async fn a_machine_calls_what_it_was_made_for() {
    let both = Together::start().await;
    let machine = Client {
        grant_types: vec![GrantType::ClientCredentials],
        scope: "mcp.read mcp.write".parse().expect("scope"),
        ..confidential_client("machine")
    };
    both.issuer.add_client(&machine).await;
    let take = async |scope: Option<&str>| {
        let mut form = vec![("grant_type", "client_credentials")];
        form.extend(scope.map(|scope| ("scope", scope)));
        both.issuer.post_form_as(TOKEN, &basic("machine", SECRET), &form).await.text("access_token")
    };
    let narrowed = take(Some("mcp.read")).await;
    let (status, listed) = both.served(&narrowed, &list()).await;
    assert_eq!(status, StatusCode::OK);
    let names: Vec<_> = listed["result"]["tools"].as_array().expect("tools").iter().map(|tool| &tool["name"]).collect();
    assert_eq!(names, ["create_event", "list_events", "whoami"]);
    let create = call("create_event", json!({"title": "Lunch"}));
    assert_eq!(both.served(&narrowed, &create).await.0, StatusCode::FORBIDDEN, "it is told to ask for more");
    assert_eq!(both.served(&take(Some("mcp.read mcp.write")).await, &create).await.0, StatusCode::OK);
    assert_eq!(both.served(&take(None).await, &create).await.0, StatusCode::OK);
}

#[tokio::test]
async fn who_leaves_an_organization_is_refused_there_and_served_elsewhere() {
    let both = Together::start().await;
    for user in ["ann", "bob"] {
        both.issuer.add_user(user, &["member"]).await;
    }
    both.issuer.add_client(&public_client("app")).await;
    let acme = both.issuer.organization("acme", "bob").await;
    let beta = both.issuer.organization("beta", "ann").await;
    both.issuer.join(&acme, "ann", OrganizationRole::Admin).await;
    let mut tokens = Vec::new();
    for organization in [Some(acme.id.as_str()), Some(&beta.id), None] {
        let code = both.issuer.give(&Given { organization, ..Given::USUAL }).await;
        tokens.push(both.issuer.redeem(&code).await.text("access_token"));
        both.issuer.follow().await;
    }
    let who = both.served(&tokens[0], &call("whoami", json!({}))).await.1["result"]["structuredContent"].clone();
    assert_eq!(
        (&who["organization_id"], &who["tenant_id"], &who["roles"]),
        (&json!(acme.id), &json!("tenant-of-acme"), &json!(["admin", "member"]))
    );
    both.become_statuses(&tokens, &[200, 200, 200]).await;
    both.issuer.leave(&acme, "ann").await.expect("left");
    both.become_statuses(&tokens, &[401, 200, 200]).await;
    both.issuer.close(&beta).await;
    both.become_statuses(&tokens, &[401, 401, 200]).await;
    let app = &both.issuer.app;
    disable_user(&app.store, &SystemRandom, &Actor::CommandLine, "ann", START).await.expect("disabled");
    both.issuer.follow().await;
    both.become_statuses(&tokens, &[401, 401, 401]).await;
}
