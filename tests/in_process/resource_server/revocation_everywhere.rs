//! Revocation from end to end: two instances of the authorization server over one database, behind a balancer, and two processes of a
//! resource server that poll through it.

use super::server::{IN_TIME, in_memory, list, post, start_app};
use crate::auth_server::{
    events::revoke,
    given::{Given, claims_of, kid_of, public_client},
    test_server::{RESOURCE, RESOURCE_SERVER, START, TestServer},
};
use auth_server::{
    audit::Actor,
    change_log::{ChangeKind, follower::follow},
    grants::{end_grant::end_grant, revoke_all::revoke_all},
    resources::enrol_resource_server::{Enrolment, enrol_resource_server},
};
use axum::{
    Router,
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use serde_json::json;
use shared::{
    protocol::{jwk::JwkSet, jwt::AssertionSigner, token_algorithm::TokenAlgorithm},
    random::SystemRandom,
};
use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use system_tests::poll::until;
use tokio::task::JoinSet;
use tokio_util::sync::{CancellationToken, DropGuard};
use tower::ServiceExt as _;

/// Revocations that are measured.
const MEASURED: usize = 24;

/// Sends every request to one instance; those under way at one that is killed end in 502.
struct Balancer(Mutex<(Router, CancellationToken)>);

impl Balancer {
    fn kill_and_go_on_with(&self, router: Router) {
        let mut current = self.0.lock().expect("unpoisoned");
        current.1.cancel();
        *current = (router, CancellationToken::new());
    }
}

async fn through(State(balancer): State<Arc<Balancer>>, request: Request) -> Response {
    let (router, killed) = balancer.0.lock().expect("unpoisoned").clone();
    tokio::select! {
        answer = router.oneshot(request) => answer.expect("infallible"),
        () = killed.cancelled() => StatusCode::BAD_GATEWAY.into_response(),
    }
}

struct Installation {
    issuers: [TestServer; 2],
    balancer: Arc<Balancer>,
    url: String,
    signer: Arc<AssertionSigner>,
    receivers: Vec<Router>,
    stops: Vec<DropGuard>,
}

impl Installation {
    /// Two instances that follow the change log, the first of which answers; no resource server yet.
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let setting = format!("public_url = \"{url}\"");
        let first = TestServer::start_with(&setting).await.and_app().await;
        let second = first.another(&setting).await;
        let balancer = Arc::new(Balancer(Mutex::new((first.router.clone(), CancellationToken::new()))));
        let router = Router::new().fallback(through).with_state(Arc::clone(&balancer));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let mut stops = Vec::new();
        for issuer in [&first, &second] {
            let stop = CancellationToken::new();
            tokio::spawn(follow(Arc::clone(&issuer.app), stop.clone()));
            stops.push(stop.drop_guard());
        }
        let signer = Arc::new(AssertionSigner::generate(&SystemRandom).expect("a key"));
        let jwks = JwkSet::new(vec![signer.public_jwk().clone()]).expect("a set");
        let origins = ["http://localhost:9500".to_owned()];
        let enrolment = Enrolment { client_id: RESOURCE_SERVER, name: "Events", origins: &origins, jwks: &jwks };
        enrol_resource_server(
            &first.app.store,
            &first.app.issuer,
            &enrolment,
            &SystemRandom,
            &Actor::CommandLine,
            START,
        )
        .await
        .expect("enrolled");
        first.follow().await;
        second.follow().await;
        Self { issuers: [first, second], balancer, url, signer, receivers: Vec::new(), stops }
    }

    /// Starts one more process of the resource server.
    async fn add_receiver(&mut self) -> Router {
        let limits = "requests_per_minute = 1000000";
        let (router, _clock, stop) =
            start_app(&self.url, limits, Arc::clone(&self.signer), None, in_memory().await).await;
        self.stops.push(stop.drop_guard());
        self.receivers.push(router.clone());
        router
    }

    async fn with_receivers(count: usize) -> Self {
        let mut installation = Self::start().await;
        for _ in 0..count {
            drop(installation.add_receiver().await);
        }
        installation
    }

    /// A grant's access and refresh token.
    async fn grant(&self) -> (String, String) {
        let answer = self.issuers[0].redeem(&self.issuers[0].give(&Given::USUAL).await).await;
        (answer.text("access_token"), answer.text("refresh_token"))
    }

    /// Waits until every process takes the token.
    async fn is_taken(&self, token: &str) {
        for receiver in &self.receivers {
            assert_eq!(judged(receiver, token).await, StatusCode::OK);
        }
    }

    /// Waits until every process refuses the token.
    async fn is_refused(&self, token: &str) {
        for receiver in &self.receivers {
            refused(receiver, token).await;
        }
    }
}

async fn status(receiver: &Router, token: &str) -> StatusCode {
    receiver.clone().oneshot(post(token, list().to_string())).await.expect("infallible").status()
}

/// What the process says of the token as soon as it says something.
async fn judged(receiver: &Router, token: &str) -> StatusCode {
    until("it judges", IN_TIME, || async {
        let status = status(receiver, token).await;
        (status != StatusCode::SERVICE_UNAVAILABLE).then_some(status)
    })
    .await
    .expect("judged")
}

async fn refused(receiver: &Router, token: &str) {
    until("the token is refused", IN_TIME, || async {
        (status(receiver, token).await == StatusCode::UNAUTHORIZED).then_some(())
    })
    .await
    .expect("refused");
}

fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    sorted[(sorted.len() * percent).div_ceil(100).saturating_sub(1)]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_revocation_lands_at_every_process_within_its_time() {
    let installation = Installation::with_receivers(2).await;
    measure(&installation, "by its client", async |_, refresh| {
        let form = [("client_id", "app"), ("token", refresh)];
        assert_eq!(installation.issuers[0].post_form("/oauth2/revoke", &form).await.status, 200);
    })
    .await;
    measure(&installation, "by an administrator", async |access, _| {
        let grant = claims_of(access)["grant_id"].as_str().expect("a grant").to_owned();
        let store = &installation.issuers[0].app.store;
        assert!(end_grant(store, &SystemRandom, &Actor::CommandLine, &grant, START).await.expect("done"));
    })
    .await;
}

/// How long it takes from the beginning of `revoke` (of a grant with these tokens) to the first 401 at each process.
async fn measure(installation: &Installation, who: &str, revoke: impl AsyncFn(&str, &str)) {
    let bystander = installation.grant().await.0;
    let mut grants = Vec::new();
    for _ in 0..MEASURED {
        grants.push(installation.grant().await);
    }
    for (access, _) in &grants {
        installation.is_taken(access).await;
    }
    let mut measured = JoinSet::new();
    for (access, refresh) in grants {
        let began = Instant::now();
        revoke(&access, &refresh).await;
        for receiver in installation.receivers.clone() {
            let access = access.clone();
            measured.spawn(async move {
                refused(&receiver, &access).await;
                began.elapsed()
            });
        }
        // The load: others go on calling meanwhile.
        installation.is_taken(&bystander).await;
    }
    let mut times = measured.join_all().await;
    times.sort();
    let (median, worst) = (percentile(&times, 50), percentile(&times, 99));
    println!("revocation {who} to 401, {} of them: p50 {median:?}, p99 {worst:?}", times.len());
    assert!(worst < IN_TIME, "p50 {median:?}, p99 {worst:?}");
    installation.is_taken(&bystander).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_the_polled_instance_dies_another_answers_and_a_restart_begins_anew() {
    let mut installation = Installation::with_receivers(2).await;
    let (before, during, after) = (installation.grant().await, installation.grant().await, installation.grant().await);
    for (access, _) in [&before, &during, &after] {
        installation.is_taken(access).await;
    }
    let end = async |issuer: &TestServer, refresh: &str| {
        let form = [("client_id", "app"), ("token", refresh)];
        assert_eq!(issuer.post_form("/oauth2/revoke", &form).await.status, 200);
    };
    end(&installation.issuers[0], &before.1).await;
    installation.is_refused(&before.0).await;
    // Committed by the one that dies, told by the other.
    end(&installation.issuers[0], &during.1).await;
    installation.balancer.kill_and_go_on_with(installation.issuers[1].router.clone());
    installation.is_refused(&during.0).await;
    installation.is_taken(&after.0).await;
    end(&installation.issuers[1], &after.1).await;
    installation.is_refused(&after.0).await;
    let restarted = installation.add_receiver().await;
    for (access, _) in [&before, &during, &after] {
        assert_eq!(judged(&restarted, access).await, StatusCode::UNAUTHORIZED, "its first judgement knows of it");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_kind_of_revocation_ends_what_it_names() {
    let kinds = [
        (ChangeKind::Grant, "g1"),
        (ChangeKind::Jti, "t1"),
        (ChangeKind::User, "u1"),
        (ChangeKind::UserInOrganization, "u1/o1"),
        (ChangeKind::Client, "c1"),
        (ChangeKind::Organization, "o1"),
    ];
    for (kind, subject) in kinds {
        let installation = Installation::with_receivers(1).await;
        let signed = |number: u32| {
            let claims = json!({
                "iss": installation.url, "sub": format!("u{number}"), "aud": RESOURCE, "exp": START + 900, "iat": START,
                "jti": format!("t{number}"), "client_id": format!("c{number}"), "scope": "mcp.read",
                "grant_id": format!("g{number}"), "organization_id": format!("o{number}"), "tenant_id": "t",
            });
            installation.issuers[0].app.keys.sign(TokenAlgorithm::Es256, "at+jwt", &claims).expect("signed")
        };
        let (theirs, others) = (signed(1), signed(2));
        installation.is_taken(&theirs).await;
        // A static token's revocation reaches everybody, and concerns no access token.
        revoke(&installation.issuers[0], ChangeKind::StaticToken, "t2", START).await;
        revoke(&installation.issuers[0], kind, subject, START).await;
        installation.is_refused(&theirs).await;
        installation.is_taken(&others).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_names_no_one_ends_everybody() {
    for kind in [ChangeKind::Resource, ChangeKind::Kid, ChangeKind::AllBefore] {
        let installation = Installation::with_receivers(1).await;
        let (access, refresh) = installation.grant().await;
        installation.is_taken(&access).await;
        let issuer = &installation.issuers[0];
        match kind {
            ChangeKind::AllBefore => {
                issuer.add_client(&public_client("other")).await;
                let ended = revoke_all(&issuer.app.store, &SystemRandom, &Actor::CommandLine, START).await;
                assert_eq!((ended.expect("done"), issuer.audited("all_revoked").await), (1, 1));
                assert_eq!(issuer.refresh(&refresh).await.refusal(), (400, "invalid_grant".to_owned()));
            }
            ChangeKind::Kid => {
                let kid = kid_of(&access);
                revoke(issuer, kind, &kid, START).await;
            }
            _ => revoke(issuer, kind, claims_of(&access)["aud"].as_str().expect("aud"), START).await,
        }
        installation.is_refused(&access).await;
    }
}
