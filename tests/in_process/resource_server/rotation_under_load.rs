//! Twenty rotations under load: two instances of the authorization server on one database, a resource server behind both, clients that take tokens,
//! refresh and call without a pause. Nobody hears 401, and nobody hears 5xx.

use super::server::{IN_TIME, in_memory, list, post, start_app_at};
use crate::auth_server::{
    Answer, ManualClock, TestServer,
    database::for_each_database,
    given::{SECRET, TOKEN, basic, confidential_client, kid_of},
    test_server::{RESOURCE, START, resource_server_key_of_this_run},
};
use auth_server::{
    audit::Actor,
    change_log::{Change, append, follower::follow},
    clients::{Client, GrantType},
    jobs::{KEYS, elected::ElectedJob, run_elected},
    key_lifecycle::{
        Pace, Rotation, revoke_signing_key, rotate_signing_key,
        times::{PUBLISHED_BEFORE_SIGNING_IN_A_HURRY_SECONDS, PUBLISHED_BEFORE_SIGNING_SECONDS},
    },
    resources::set_resource_tokens::{TokenChoice, set_resource_tokens},
    store::signing_key,
};
use axum::{Router, body::Body, extract::Request, http::StatusCode, response::Response};
use shared::{
    db::Store,
    protocol::{jwt::AssertionSigner, token_algorithm::TokenAlgorithm},
    random::SystemRandom,
};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};
use system_tests::poll::until;
use tokio::{net::TcpListener, task::JoinSet, time::interval};
use tokio_util::sync::CancellationToken;
use tower::{ServiceExt as _, service_fn};

const ROTATIONS: usize = 20;
/// A machine that builds something else meanwhile is slow.
const PATIENCE: Duration = Duration::from_secs(60);
/// Twice this is less than the silence of the feed that makes a resource server ask about each token: it counts from when it asked.
const STEP_SECONDS: i64 = 14;
/// Where a resource server hears of revocations.
const FEED: &str = "/api/events";
/// Each client asks so often: a machine that does nothing else would starve the servers beside it, which is another test.
const PACE: Duration = Duration::from_millis(50);
/// As the servers' own job, without its pause.
static KEYS_AT_ONCE: ElectedJob =
    ElectedJob { name: "keys", period: Duration::from_millis(20), lease_seconds: 30, run: KEYS.run };
const SETTINGS: &str =
    "access_token_lifetime = \"24h\"\nmachine_tokens_per_minute = 100000000\nrefreshes_per_minute = 1000000";

/// Two instances behind a balancer without stickiness, and a resource server that knows only the balancer.
struct Installation {
    instances: [TestServer; 2],
    turn: AtomicUsize,
    polls: Arc<AtomicUsize>,
    clock: Arc<ManualClock>,
    resource_server: Router,
    stop: CancellationToken,
    asked: AtomicU64,
    refused: Mutex<Vec<String>>,
}

impl Installation {
    async fn start(store: &Store) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let settings = format!("public_url = \"{url}\"\n{SETTINGS}");
        let one = TestServer::start_on(store.clone(), &settings).await.and_app().await;
        one.add_client(&machine()).await;
        let two = one.another(&settings).await;
        let stop = CancellationToken::new();
        for instance in [&one, &two] {
            tokio::spawn(follow(Arc::clone(&instance.app), stop.clone()));
            tokio::spawn(run_elected(Arc::clone(&instance.app), &KEYS_AT_ONCE, stop.clone()));
        }
        let polls = Arc::new(AtomicUsize::new(0));
        tokio::spawn(serve(listener, [one.router.clone(), two.router.clone()], Arc::clone(&polls)));
        let key = resource_server_key_of_this_run();
        let signer =
            Arc::new(AssertionSigner::from_pkcs8_pem(key.to_pkcs8_pem().expect("PEM").expose()).expect("a key"));
        let limits = "requests_per_minute = 1000000\nconcurrent_calls = 1000";
        let clock = Arc::clone(&one.clock);
        let (resource_server, _ended) =
            start_app_at(&url, limits, signer, None, in_memory().await, clock.clone()).await;
        Arc::new(Self {
            instances: [one, two],
            turn: AtomicUsize::new(0),
            polls,
            clock,
            resource_server,
            stop,
            asked: AtomicU64::new(0),
            refused: Mutex::default(),
        })
    }

    fn instance(&self) -> &TestServer {
        &self.instances[self.turn.fetch_add(1, Ordering::Relaxed) % 2]
    }

    fn tell(&self, what: &str, status: StatusCode, body: &str) -> bool {
        self.asked.fetch_add(1, Ordering::Relaxed);
        if status != StatusCode::OK {
            self.refused.lock().expect("unpoisoned").push(format!("{what}: {status} {body}"));
        }
        status == StatusCode::OK
    }

    async fn call(&self, token: &str) -> StatusCode {
        self.call_for(token).await.0
    }

    /// The status with what was said.
    async fn call_for(&self, token: &str) -> (StatusCode, String) {
        let answer = self.resource_server.clone().oneshot(post(token, list().to_string())).await.expect("infallible");
        let status = answer.status();
        let body = axum::body::to_bytes(answer.into_body(), 65_536).await.expect("a body");
        (status, String::from_utf8_lossy(&body).into_owned())
    }

    /// A token of the machine, and the key that signed it.
    async fn mint(&self) -> Answer {
        self.instance().post_form_as(TOKEN, &basic("machine", SECRET), &[("grant_type", "client_credentials")]).await
    }

    /// Moves the clock on as time would go: the resource server hears of its issuer all the while.
    async fn advance(&self, seconds: i64) {
        let mut left = seconds;
        while left > 0 {
            self.clock.advance(left.min(STEP_SECONDS));
            left -= STEP_SECONDS;
            let polls = self.polls.load(Ordering::SeqCst);
            let store = &self.instances[0].app.store;
            let now = self.instances[0].app.clock.now();
            store
                .write(|mut tx| async move { append(&mut tx, Change::GrantRevoked("nobody's"), now).await })
                .await
                .expect("told");
            // It asks again when it has taken the answer in.
            until("the next poll", PATIENCE, || async { (self.polls.load(Ordering::SeqCst) > polls).then_some(()) })
                .await
                .expect("the feed is followed");
        }
    }

    async fn published(&self, kid: &str) {
        until("both publish the key", PATIENCE, || async {
            let knows = |instance: &TestServer| instance.app.keys.verification_keys().contains(kid);
            self.instances.iter().all(knows).then_some(())
        })
        .await
        .expect("followed");
    }

    async fn signs(&self, kid: &str) {
        until("the key signs", PATIENCE, || async {
            let lives = signing_key::list_lives(&mut self.instances[0].app.store.read()).await.expect("keys");
            lives.iter().any(|life| life.kid == kid && life.activated_at.is_some()).then_some(())
        })
        .await
        .expect("the job activates it");
    }
}

fn machine() -> Client {
    Client {
        grant_types: vec![GrantType::ClientCredentials],
        scope: "mcp.read".parse().expect("scope"),
        ..confidential_client("machine")
    }
}

async fn serve(listener: TcpListener, routers: [Router; 2], polls: Arc<AtomicUsize>) {
    let turn = Arc::new(AtomicUsize::new(0));
    let balancer = Router::new().fallback_service(service_fn(move |request: Request| {
        let is_poll = request.uri().path() == FEED;
        polls.fetch_add(usize::from(is_poll), Ordering::SeqCst);
        let router = routers[turn.fetch_add(1, Ordering::Relaxed) % 2].clone();
        async move { Ok::<Response<Body>, std::convert::Infallible>(router.oneshot(request).await.expect("infallible")) }
    }));
    axum::serve(listener, balancer).await.expect("served");
}

/// Takes tokens and calls, until told to stop.
async fn machine_client(installation: Arc<Installation>, stop: CancellationToken) {
    let mut pace = interval(PACE);
    while !stop.is_cancelled() {
        pace.tick().await;
        let answer = installation.mint().await;
        if installation.tell("client credentials", answer.status, &answer.body) {
            let (status, said) = installation.call_for(&answer.text("access_token")).await;
            installation.tell("a call of a machine", status, &said);
        }
    }
}

/// Refreshes and calls, until told to stop.
async fn person_client(installation: Arc<Installation>, mut token: String, stop: CancellationToken) {
    let mut pace = interval(PACE);
    while !stop.is_cancelled() {
        pace.tick().await;
        let answer = installation.instance().refresh(&token).await;
        if installation.tell("refresh", answer.status, &answer.body) {
            token = answer.text("refresh_token");
            let (status, said) = installation.call_for(&answer.text("access_token")).await;
            installation.tell("a call of a person", status, &said);
        }
    }
}

async fn rotate(installation: &Installation, round: usize, algorithm: TokenAlgorithm) {
    let (pace, wait) = if round.is_multiple_of(5) {
        (Pace::InTime, PUBLISHED_BEFORE_SIGNING_SECONDS)
    } else {
        (Pace::Hurry, PUBLISHED_BEFORE_SIGNING_IN_A_HURRY_SECONDS)
    };
    let act = installation.instance().app.key_act();
    let Rotation::Prepared { kid, .. } = rotate_signing_key(&act, algorithm, pace).await.expect("rotated") else {
        panic!("no key signs in the second in which it is published")
    };
    // What takes an instance 250 ms takes no time on this clock.
    installation.published(&kid).await;
    installation.advance(wait).await;
    installation.signs(&kid).await;
}

for_each_database!(twenty_rotations_cost_no_valid_token_and_no_request);

async fn twenty_rotations_cost_no_valid_token_and_no_request(store: &Store) {
    let installation = Installation::start(store).await;
    let first = installation.mint().await.text("access_token");
    until("it is served", IN_TIME, || async { (installation.call(&first).await == StatusCode::OK).then_some(()) })
        .await
        .expect("served");
    let (mut clients, enough) = (JoinSet::new(), CancellationToken::new());
    for _ in 0..2 {
        let token = installation.instances[0].family().await;
        installation.instances[1].follow().await;
        clients.spawn(machine_client(Arc::clone(&installation), enough.clone()));
        clients.spawn(person_client(Arc::clone(&installation), token, enough.clone()));
    }
    for round in 0..ROTATIONS {
        rotate(&installation, round, TokenAlgorithm::Es256).await;
        if round == ROTATIONS / 2 {
            // Half of the way the resource asks for RS256, whose key is rotated as well.
            let choice = TokenChoice { algorithm: Some(TokenAlgorithm::Rs256), ..TokenChoice::default() };
            set_resource_tokens(store, &SystemRandom, &Actor::CommandLine, RESOURCE, choice, START).await.expect("set");
            rotate(&installation, round, TokenAlgorithm::Rs256).await;
        }
        if round == ROTATIONS * 3 / 4 {
            let choice = TokenChoice { as_registered: true, ..TokenChoice::default() };
            set_resource_tokens(store, &SystemRandom, &Actor::CommandLine, RESOURCE, choice, START).await.expect("set");
        }
    }
    assert_eq!(installation.call(&first).await, StatusCode::OK, "the first token lives through all of them");
    enough.cancel();
    while clients.join_next().await.is_some() {}
    let refused = installation.refused.lock().expect("unpoisoned").clone();
    assert!(refused.is_empty(), "{} of {:?}: {refused:#?}", refused.len(), installation.asked);
    assert!(installation.asked.load(Ordering::Relaxed) > 200, "{:?} requests are no load", installation.asked);
    a_stolen_key_ends(&installation, &first).await;
    installation.stop.cancel();
}

/// Revoking is what costs a valid token its 401, and only those of that key.
async fn a_stolen_key_ends(installation: &Installation, first: &str) {
    let stolen = installation.mint().await.text("access_token");
    assert_eq!(installation.call(&stolen).await, StatusCode::OK);
    let kid = kid_of(&stolen);
    let act = installation.instance().app.key_act();
    revoke_signing_key(&act, &kid).await.expect("done").expect("it was there");
    until("its tokens are refused", Duration::from_secs(5), || async {
        (installation.call(&stolen).await == StatusCode::UNAUTHORIZED).then_some(())
    })
    .await
    .expect("refused within seconds");
    until("both sign with another", IN_TIME, || async {
        let knows = |instance: &TestServer| instance.app.keys.verification_keys().contains(&kid);
        (!installation.instances.iter().any(knows)).then_some(())
    })
    .await
    .expect("followed");
    assert_eq!(installation.call(first).await, StatusCode::OK, "another key's token");
    let fresh = installation.mint().await.text("access_token");
    assert_ne!(kid_of(&fresh), kid);
    until("the new key is known", IN_TIME, || async {
        let status = installation.call(&fresh).await;
        assert_ne!(status, StatusCode::UNAUTHORIZED, "a valid token");
        installation.clock.advance(i64::from(status != StatusCode::OK));
        (status == StatusCode::OK).then_some(())
    })
    .await
    .expect("served");
    assert_eq!(installation.call(&stolen).await, StatusCode::UNAUTHORIZED);
}
