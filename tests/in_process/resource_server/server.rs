//! A resource server in process, with a clock that tests move and an issuer that they play.

use super::issuer::{self, Play};
use crate::manual_clock::ManualClock;
use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Request, StatusCode, header},
};
use http_body_util::BodyExt as _;
use resource_server::{
    app::{App, Parts, SCHEMA, build, build_around},
    builtin_resource,
    config::Settings,
    issuer::machine_token::EnrolledIdentity,
    metrics::Metrics,
    upstreams::{Upstream, rmcp_upstream::RmcpLimits},
};
use serde_json::{Value, json};
use shared::{
    clock::{Clock, SharedClock, UnixSeconds},
    config::Sources,
    db::{DatabaseUrl, PoolLimits, Store},
    protocol::{jwt::AssertionSigner, resource_document::ResourceScope},
    random::{SharedRandom, SystemRandom},
    trace::Tracer,
};
use std::{sync::Arc, time::Duration};
use system_tests::poll::until;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

pub const RESOURCE: &str = "http://localhost:9500/mcp";
pub const NOW: UnixSeconds = 1_800_000_000;
/// All that whoever takes text reads of a token that is no good.
pub const INVALID_TOKEN_TEXT: &str = "Invalid or revoked MCP token";
pub const IN_TIME: Duration = Duration::from_secs(10);

/// Makes what answers in the place of the built-in tools.
pub type MakeUpstream = Box<dyn FnOnce(&RmcpLimits) -> Arc<dyn Upstream>>;

/// The server under test.
pub struct Server {
    pub issuer: Arc<Play>,
    clock: Arc<ManualClock>,
    pub router: Router,
    pub stop: CancellationToken,
    metrics: Arc<Metrics>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// An answer.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("ASCII"))
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("UTF-8")
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("JSON in {}", self.text()))
    }

    /// The code of a JSON-RPC error.
    pub fn code(&self) -> i64 {
        self.json()["error"]["code"].as_i64().unwrap_or_else(|| panic!("an error in {}", self.text()))
    }
}

/// A store that is gone with the test.
pub async fn in_memory() -> Store {
    open(&DatabaseUrl::parse("sqlite::memory:").expect("a URL")).await
}

/// The migrated store at `url`.
pub async fn open(url: &DatabaseUrl) -> Store {
    Store::open(url, &SCHEMA, PoolLimits::default()).await.expect("a store")
}

/// Starts the application in front of the issuer at `issuer`, as the client `resource-server` with the key `signer`.
pub async fn start_app(
    issuer: &str,
    settings: &str,
    signer: Arc<AssertionSigner>,
    upstream: Option<MakeUpstream>,
    store: Store,
) -> (Router, Arc<ManualClock>, CancellationToken) {
    let clock = Arc::new(ManualClock::at(NOW));
    let (router, stop) = start_app_at(issuer, settings, signer, upstream, store, clock.clone()).await;
    (router, clock, stop)
}

/// The same, with this clock.
pub async fn start_app_at(
    issuer: &str,
    settings: &str,
    signer: Arc<AssertionSigner>,
    upstream: Option<MakeUpstream>,
    store: Store,
    clock: SharedClock,
) -> (Router, CancellationToken) {
    let (app, stop) = build_app(issuer, settings, signer, upstream, store, clock);
    let (router, _follower) = app.start();
    (router, stop)
}

fn build_app(
    issuer: &str,
    settings: &str,
    signer: Arc<AssertionSigner>,
    upstream: Option<MakeUpstream>,
    store: Store,
    clock: SharedClock,
) -> (App, CancellationToken) {
    // One provider serves a process: that of the issuer, whose tests run in this one, too.
    keys::install_crypto_provider();
    let settings = load(issuer, settings);
    let stop = CancellationToken::new();
    let own = settings.resource_server.own_authorization_server;
    let identity = own.then(|| EnrolledIdentity { client_id: "resource-server".into(), signer });
    let random: SharedRandom = Arc::new(SystemRandom);
    let (tracer, exporter) = Tracer::of(&settings.shared, "resource", &random);
    exporter.map(|exporter| tokio::spawn(exporter.run(stop.clone())));
    let parts = Parts { settings, store, clock, random, identity, stop: stop.clone(), tracer };
    let app = match upstream {
        None => build(parts),
        Some(make) => {
            let around = |_: &Parts, limits: &RmcpLimits| {
                let upstream = make(limits);
                let scopes = scopes_around(&*upstream);
                (upstream, scopes)
            };
            build_around(around, parts)
        }
    };
    (app.expect("an app"), stop)
}

fn load(issuer: &str, settings: &str) -> Settings {
    let text = format!("[resource_server]\nissuer = \"{issuer}\"\n{settings}\n");
    let sources = Sources::new().with_file_text("test", &text).expect("TOML");
    Settings::load(&sources).expect("settings")
}

/// The scopes of the built-in tools; whatever tool they do not know is read.
fn scopes_around(upstream: &dyn Upstream) -> Vec<ResourceScope> {
    let mut scopes = builtin_resource::scopes();
    for tool in upstream.tools() {
        if scopes.iter().all(|scope| !scope.tools.contains(&tool.name)) {
            scopes[0].tools.push(tool.name);
        }
    }
    scopes
}

impl Server {
    /// A ready one with default settings.
    pub async fn start() -> Self {
        Self::start_with("").await
    }

    /// A ready one with these lines in `[resource_server]`.
    pub async fn start_with(settings: &str) -> Self {
        let server = Self::start_unready(issuer::start().await, settings).await;
        server.wait_until_ready().await;
        server
    }

    /// One that may not be enrolled yet.
    pub async fn start_unready(issuer: Arc<Play>, settings: &str) -> Self {
        Self::start_around(issuer, settings, None).await
    }

    /// The same, with another upstream than the built-in tools.
    pub async fn start_around(issuer: Arc<Play>, settings: &str, upstream: Option<Arc<dyn Upstream>>) -> Self {
        let signer = Arc::new(AssertionSigner::generate(&SystemRandom).expect("a key"));
        let make = upstream.map(|upstream| -> MakeUpstream { Box::new(move |_| upstream) });
        Self::start_with_store(issuer, settings, signer, make, in_memory().await)
    }

    /// The same, with an upstream that is made for these settings.
    pub async fn start_before(
        issuer: Arc<Play>,
        settings: &str,
        make: impl FnOnce(&RmcpLimits) -> Arc<dyn Upstream> + 'static,
    ) -> Self {
        let signer = Arc::new(AssertionSigner::generate(&SystemRandom).expect("a key"));
        Self::start_with_store(issuer, settings, signer, Some(Box::new(make)), in_memory().await)
    }

    /// A ready one over this store.
    pub async fn start_over(store: Store) -> Self {
        let issuer = issuer::start().await;
        let signer = Arc::new(AssertionSigner::generate(&SystemRandom).expect("a key"));
        let server = Self::start_with_store(issuer, "", signer, None, store);
        server.wait_until_ready().await;
        server
    }

    fn start_with_store(
        issuer: Arc<Play>,
        settings: &str,
        signer: Arc<AssertionSigner>,
        upstream: Option<MakeUpstream>,
        store: Store,
    ) -> Self {
        Self::start_at(issuer, settings, signer, upstream, (store, Arc::new(ManualClock::at(NOW))))
    }

    fn start_at(
        issuer: Arc<Play>,
        settings: &str,
        signer: Arc<AssertionSigner>,
        upstream: Option<MakeUpstream>,
        (store, clock): (Store, Arc<ManualClock>),
    ) -> Self {
        let (app, stop) = build_app(&issuer.url, settings, signer, upstream, store, clock.clone());
        let metrics = app.metrics.clone();
        let (router, _follower) = app.start();
        Self { issuer, clock, router, stop, metrics }
    }

    /// What a Prometheus server would read.
    pub fn metrics(&self) -> String {
        self.metrics.page().into_text()
    }

    pub async fn wait_until_ready(&self) {
        until("the server is ready", IN_TIME, || async {
            let answer = self.get("/readyz").await;
            // Checks run once a second of the clock, which stands still.
            self.advance(1);
            (answer.status == StatusCode::OK).then_some(())
        })
        .await
        .expect("ready");
    }

    pub fn now(&self) -> UnixSeconds {
        self.clock.now()
    }

    pub fn advance(&self, seconds: i64) {
        self.clock.advance(seconds);
    }

    /// The claims of a good token of alice.
    pub fn claims(&self, scope: &str) -> Value {
        json!({
            "iss": self.issuer.url, "sub": "alice", "aud": RESOURCE, "exp": self.now() + 900, "iat": self.now(),
            "jti": "jti-1", "client_id": "client", "scope": scope, "roles": ["member"], "grant_id": "grant-1",
        })
    }

    /// A good token of alice with these scopes.
    pub fn token(&self, scope: &str) -> String {
        self.sign(&self.claims(scope))
    }

    /// A good token of somebody else.
    pub fn token_of(&self, subject: &str, client: &str, scope: &str) -> String {
        let mut claims = self.claims(scope);
        claims["sub"] = subject.into();
        claims["client_id"] = client.into();
        claims["jti"] = format!("jti-{subject}-{client}").into();
        claims["grant_id"] = format!("grant-{subject}-{client}").into();
        self.sign(&claims)
    }

    pub fn sign(&self, claims: &Value) -> String {
        self.issuer.signer.sign_claims("at+jwt", claims).expect("a token")
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.open(request).await;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.expect("a body").to_bytes().to_vec();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// The answer with its body still open.
    pub async fn open(&self, request: Request<Body>) -> axum::response::Response {
        self.router.clone().oneshot(request).await.expect("infallible")
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(request("GET", path).body(Body::empty()).expect("a request")).await
    }

    /// POSTs a JSON-RPC message with a token.
    pub async fn post(&self, token: &str, message: &Value) -> Answer {
        self.send(post(token, message.to_string())).await
    }

    /// `tools/call`.
    pub async fn call(&self, token: &str, tool: &str, arguments: Value) -> Answer {
        self.post(token, &call(tool, arguments)).await
    }

    /// `tools/list`.
    pub async fn list(&self, token: &str) -> Answer {
        self.post(token, &list()).await
    }
}

pub fn list() -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
}

pub fn call(tool: &str, arguments: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": arguments}})
}

/// A request as it comes in from the network.
pub fn request(method: &str, path: &str) -> axum::http::request::Builder {
    Request::builder().method(method).uri(path).header(header::HOST, "localhost:9500")
}

/// A POST to the MCP endpoint.
pub fn post(token: &str, body: impl Into<Body>) -> Request<Body> {
    request("POST", "/mcp")
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(body.into())
        .expect("a request")
}
