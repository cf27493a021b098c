//! A whole authorization server on a database in memory, called without a socket.

use super::{Answer, ManualClock};
use auth_server::{
    app::{App, Parts, SCHEMA},
    audit::Actor,
    change_log::follower::catch_up,
    config::Settings,
    key_lifecycle::{KeyAct, KeyFile, load_key_encryption_keys, signing_keys},
    resources::{
        Resource,
        enrol_resource_server::{Enrolment, enrol_resource_server},
        register_resource::register_resource,
    },
    router, store,
};
use axum::{Router, body::Body, extract::Request};
use keys::SigningKey;
use serde_json::Value;
use shared::{
    config::Sources,
    db::{DatabaseUrl, PoolLimits, Store},
    ephemeral::MemoryEphemeral,
    protocol::{
        jwk::JwkSet,
        jwt::AssertionSigner,
        resource_document::{ResourceDocument, ResourceScope},
        token_algorithm::TokenAlgorithm,
    },
    random::{SharedRandom, SystemRandom},
    sealing::{KeyEncryptionKeys, Sealing},
    trace::Tracer,
};
use std::{
    path::Path,
    sync::{Arc, OnceLock},
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

/// When tests begin.
pub const START: i64 = 1_800_000_000;
/// The resource that every test server knows.
pub const RESOURCE: &str = "http://localhost:9500/mcp";
/// The client id of the resource server that registered it.
pub const RESOURCE_SERVER: &str = "resource-server";

/// A server, its clock and its router.
pub struct TestServer {
    pub app: Arc<App>,
    pub clock: Arc<ManualClock>,
    pub router: Router,
}

impl TestServer {
    /// With default settings.
    pub async fn start() -> Self {
        Self::start_with("").await
    }

    /// With these settings of `[auth_server]`, as TOML.
    pub async fn start_with(settings: &str) -> Self {
        let url = DatabaseUrl::parse("sqlite::memory:").expect("a URL");
        let store = Store::open(&url, &SCHEMA, PoolLimits::default()).await.expect("a database in memory");
        Self::start_on(store, settings).await
    }

    /// On this (migrated, empty) store, with these settings of `[auth_server]`.
    pub async fn start_on(store: Store, settings: &str) -> Self {
        Self::start_from(store, settings, Arc::new(SystemRandom)).await
    }

    /// With default settings, drawing all randomness of the application from here.
    pub async fn start_drawing(random: SharedRandom) -> Self {
        let url = DatabaseUrl::parse("sqlite::memory:").expect("a URL");
        let store = Store::open(&url, &SCHEMA, PoolLimits::default()).await.expect("a database in memory");
        Self::start_from(store, "", random).await
    }

    async fn start_from(store: Store, settings: &str, random: SharedRandom) -> Self {
        auth_server::install_crypto_provider();
        let settings = read_settings(settings);
        let clock = Arc::new(ManualClock::at(START));
        let sealing = Sealing::new(KeyEncryptionKeys::generate(random.as_ref()), random.clone());
        let by = &Actor::Installation;
        let act = KeyAct { store: &store, sealing: &sealing, random: random.as_ref(), by, now: START };
        for key in signing_keys_of_this_run() {
            signing_keys::insert_active(&act, key).await.expect("inserted");
        }
        let ephemeral = Arc::new(MemoryEphemeral::new(clock.clone()));
        let (tracer, exporter) = Tracer::of(&settings.shared, "authorization", &random);
        exporter.map(|exporter| tokio::spawn(exporter.run(CancellationToken::new())));
        let key_file = KeyFile::default();
        let parts = Parts { settings, store, clock: clock.clone(), random, sealing, key_file, ephemeral, tracer };
        let app = App::build(parts).await.expect("an application");
        let router = router::router(Arc::clone(&app), CancellationToken::new());
        let server = Self { app, clock, router };
        server.add_resource(RESOURCE).await;
        server
    }

    /// An instance on this (migrated) store whose key-encryption keys lie in a file of this directory, with these settings of `[auth_server]`.
    pub async fn start_beside_key_file(store: &Store, directory: &Path, clock: &Arc<ManualClock>, text: &str) -> Self {
        auth_server::install_crypto_provider();
        let sources = Sources::new().with_file_text("test.toml", &format!("[auth_server]\n{text}\n")).expect("TOML");
        let sources = sources.with_flag("shared", "data_dir", "--data-dir", directory.display().to_string());
        let settings = Settings::load(&sources).expect("settings");
        let random = Arc::new(SystemRandom);
        let keys = load_key_encryption_keys(&settings, store, &SystemRandom).await.expect("keys");
        let (key_file, sealing) = (KeyFile::of(&settings), Sealing::new(keys, random.clone()));
        let (store, clock) = (store.clone(), Arc::clone(clock));
        let ephemeral = Arc::new(MemoryEphemeral::new(clock.clone()));
        let parts = Parts {
            settings,
            store,
            clock: clock.clone(),
            random,
            sealing,
            key_file,
            ephemeral,
            tracer: Tracer::default(),
        };
        let app = App::build(parts).await.expect("an application");
        let router = router::router(Arc::clone(&app), CancellationToken::new());
        Self { app, clock, router }
    }

    /// Another instance on the same database, with the same keys and clock, and these settings of `[auth_server]`.
    pub async fn another(&self, settings: &str) -> Self {
        let (store, clock, random) = (self.app.store.clone(), self.clock.clone(), Arc::new(SystemRandom));
        let (sealing, ephemeral) = (self.app.sealing.clone(), Arc::clone(&self.app.ephemeral));
        let settings = read_settings(settings);
        let tracer = Tracer::default();
        let key_file = KeyFile::default();
        let app =
            App::build(Parts { settings, store, clock: clock.clone(), random, sealing, key_file, ephemeral, tracer })
                .await;
        let app = app.expect("an application");
        let router = router::router(Arc::clone(&app), CancellationToken::new());
        Self { app, clock, router }
    }

    /// Registers a resource with the built-in scopes, under its own origin, which the resource server has beside those of others.
    pub async fn add_resource(&self, id: &str) -> Resource {
        let origin = url::Url::parse(id).expect("a URL").origin().ascii_serialization();
        let key = resource_server_key_of_this_run();
        let jwks = JwkSet::new(vec![key.public_jwk().clone()]).expect("a set");
        let had = store::resource_server::find_origins(&mut self.app.store.read(), RESOURCE_SERVER).await;
        let mut origins = had.expect("read").unwrap_or_default();
        if !origins.contains(&origin) {
            origins.push(origin);
        }
        let enrolment =
            Enrolment { client_id: RESOURCE_SERVER, name: "Test resource server", origins: &origins, jwks: &jwks };
        enrol_resource_server(&self.app.store, &self.app.issuer, &enrolment, &SystemRandom, &Actor::CommandLine, START)
            .await
            .expect("enrolled");
        let document = ResourceDocument {
            resource: id.to_owned(),
            name: "Built-in tools".to_owned(),
            scopes: vec![
                scope("mcp.read", "Read your events", &[], "member"),
                scope("mcp.write", "Create events", &[], "member"),
                scope("mcp.admin", "Everything", &["mcp.write", "mcp.read"], "administrator"),
            ],
            access_token_ttl_seconds: None,
            algorithm: Some(TokenAlgorithm::Es256),
        };
        let resource = register_resource(&self.app.store, &*self.app.random, RESOURCE_SERVER, &document, START)
            .await
            .expect("registered");
        self.follow().await;
        resource
    }

    /// Applies what was committed to this server's caches, as its follower would within 250 ms.
    pub async fn follow(&self) {
        catch_up(&self.app).await.expect("the change log");
    }

    /// A token by which the test resource server uses this server's own interface.
    pub async fn machine_token(&self) -> String {
        self.machine_token_by(resource_server_key_of_this_run()).await
    }

    /// The same, for whoever has this key.
    pub async fn machine_token_by(&self, key: &AssertionSigner) -> String {
        let assertion =
            key.sign(RESOURCE_SERVER, &self.app.issuer, self.app.clock.now(), &SystemRandom).expect("an assertion");
        let management = format!("{}/api", self.app.issuer);
        let form = [
            ("grant_type", "client_credentials"),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", assertion.as_str()),
            ("resource", management.as_str()),
            ("scope", "postern.resource_server"),
        ];
        let answer = self.post_form("/oauth2/token", &form).await;
        answer.json()["access_token"].as_str().unwrap_or_else(|| panic!("{answer:?}")).to_owned()
    }

    /// Sends a request with a bearer token.
    pub async fn call(&self, method: &str, path: &str, token: &str, body: &Value) -> Answer {
        let request = Request::builder().method(method).uri(path).header("authorization", format!("Bearer {token}"));
        let request = request.header("content-type", "application/json");
        self.send(request.body(Body::from(body.to_string())).expect("a request")).await
    }

    /// Sends a request.
    pub async fn send(&self, request: Request) -> Answer {
        Answer::read(self.router.clone().oneshot(request).await.expect("infallible")).await
    }

    /// `GET`.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).expect("a request")).await
    }

    /// `POST` with JSON.
    pub async fn post_json(&self, path: &str, body: &Value) -> Answer {
        let request = Request::post(path).header("content-type", "application/json");
        self.send(request.body(Body::from(body.to_string())).expect("a request")).await
    }

    /// `POST` with a form.
    pub async fn post_form(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = Request::post(path).header("content-type", "application/x-www-form-urlencoded");
        self.send(request.body(Body::from(body)).expect("a request")).await
    }
}

fn read_settings(text: &str) -> Settings {
    let sources = Sources::new().with_file_text("test.toml", &format!("[auth_server]\n{text}\n")).expect("TOML");
    Settings::load(&sources).expect("settings")
}

fn scope(name: &str, description: &str, implies: &[&str], role: &str) -> ResourceScope {
    ResourceScope {
        name: name.to_owned(),
        description: description.to_owned(),
        implies: implies.iter().map(|scope| (*scope).to_owned()).collect(),
        roles: vec![role.to_owned()],
        tools: Vec::new(),
    }
}

/// Made once a run: an RSA key takes a tenth of a second.
fn signing_keys_of_this_run() -> &'static [SigningKey] {
    static KEYS: OnceLock<Vec<SigningKey>> = OnceLock::new();
    KEYS.get_or_init(|| TokenAlgorithm::ALL.map(|algorithm| SigningKey::generate(algorithm).expect("a key")).to_vec())
}

/// The key of the test resource server's client assertions.
pub fn resource_server_key_of_this_run() -> &'static AssertionSigner {
    static KEY: OnceLock<AssertionSigner> = OnceLock::new();
    KEY.get_or_init(|| AssertionSigner::generate(&SystemRandom).expect("a key"))
}
