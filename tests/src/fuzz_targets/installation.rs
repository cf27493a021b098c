//! An authorization server in memory, for parsers that are reached through its rules alone.

use auth_server::{
    administration::{Input, Operation, Refusal, Reply, operations, perform},
    app::{App, Parts, SCHEMA},
    audit::Actor,
    change_log::follower::catch_up,
    config::Settings,
    key_lifecycle::KeyFile,
    resources::register_resource::register_resource,
};
use serde_json::{Value, json};
use shared::{
    clock::SystemClock,
    config::Sources,
    db::{DatabaseUrl, PoolLimits, Store},
    ephemeral::MemoryEphemeral,
    random::{SharedRandom, SystemRandom},
    sealing::{KeyEncryptionKeys, Sealing},
    trace::Tracer,
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::runtime::{Builder, Runtime};

/// When everything happens.
pub(super) const NOW: i64 = 1_800_000_000;
/// The resource that it knows.
pub(super) const RESOURCE: &str = "https://mcp.example/mcp";
/// Where its clients get their answers.
pub(super) const REDIRECT_URI: &str = "https://client.example/callback";
/// Inputs that one installation sees before another takes its place.
const INPUTS: u32 = 2000;
const JWKS: &str = r#"{"keys":[{"kty":"EC","crv":"P-256","alg":"ES256","kid":"1","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}"#;

/// The server, with somebody and something of each kind.
pub(super) struct Installation {
    pub(super) app: Arc<App>,
}

/// Does `work` with an installation.
pub(super) fn with_installation(work: impl AsyncFnOnce(&Installation)) {
    static CURRENT: Mutex<Option<(Runtime, Installation, u32)>> = Mutex::new(None);
    let mut current = CURRENT.lock().unwrap_or_else(PoisonError::into_inner);
    let (runtime, installation, seen) = current.take().filter(|(_, _, seen)| *seen < INPUTS).unwrap_or_else(|| {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let installation = runtime.block_on(Installation::new());
        (runtime, installation, 0)
    });
    runtime.block_on(work(&installation));
    // One that showed a fault is not used again.
    *current = Some((runtime, installation, seen + 1));
}

impl Installation {
    async fn new() -> Self {
        auth_server::install_crypto_provider();
        let (random, clock): (SharedRandom, _) = (Arc::new(SystemRandom), Arc::new(SystemClock));
        let url = DatabaseUrl::parse("sqlite::memory:").expect("a URL");
        let store = Store::open(&url, &SCHEMA, PoolLimits::default()).await.expect("a database in memory");
        let sealing = Sealing::new(KeyEncryptionKeys::generate(random.as_ref()), Arc::clone(&random));
        let ephemeral = Arc::new(MemoryEphemeral::new(clock.clone()));
        let settings = Settings::load(&Sources::new()).expect("settings");
        let key_file = KeyFile::default();
        let tracer = Tracer::default();
        let parts = Parts { settings, store, clock, random, sealing, key_file, ephemeral, tracer };
        let app = App::build(parts).await;
        let installation = Self { app: app.expect("an application") };
        let server = installation.make("$SERVER").await;
        let document = json!({"resource": RESOURCE, "name": "Tools", "scopes": [
            {"name": "mcp.read", "description": "Read", "implies": [], "roles": ["member"], "tools": []}]});
        let document = serde_json::from_value(document).expect("a document");
        let app = &installation.app;
        let registered = register_resource(&app.store, app.random.as_ref(), &server, &document, NOW).await;
        assert!(registered.is_ok(), "the resource is registered");
        catch_up(app).await.expect("the change log");
        for name in ["$USER", "$USER", "$CLIENT", "$CLIENT", "$ORGANIZATION", "$ORGANIZATION"] {
            installation.make(name).await;
        }
        installation
    }

    /// Performs an operation as who may perform each.
    pub(super) async fn perform(&self, operation: &Operation, input: &Input) -> Result<Reply, Refusal> {
        perform(&self.app, operation, &Actor::CommandLine, input, NOW).await
    }

    /// The text, with the id of something new for each name of a kind in it.
    pub(super) async fn fill(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for name in ["$USER", "$CLIENT", "$ORGANIZATION", "$SERVER"] {
            if text.contains(name) {
                text = text.replace(name, &self.make(name).await);
            }
        }
        text
    }

    /// Makes something of that kind; the answer is its id.
    pub(super) async fn make(&self, name: &str) -> String {
        let unique = shared::random::random_id(self.app.random.as_ref());
        let (operation, body, id) = match name {
            "$USER" => ("users_create", json!({"email": format!("{unique}@example.com")}), "id"),
            "$CLIENT" => {
                let grants = ["authorization_code", "refresh_token"];
                let body = json!({"client_name": "Client", "grant_types": grants, "redirect_uris": [REDIRECT_URI],
                    "scope": "mcp.read openid", "public": true});
                ("clients_create", body, "client_id")
            }
            "$SERVER" => {
                let jwks: Value = serde_json::from_str(JWKS).expect("JSON");
                let body = json!({"name": "Server", "origins": ["https://mcp.example"], "jwks": jwks});
                ("resource_servers_create", body, "client_id")
            }
            _ => {
                let owner = Box::pin(self.make("$USER")).await;
                let slug: String = unique.to_lowercase().replace(['-', '_'], "x");
                ("organizations_create", json!({"slug": slug, "name": "Organization", "owner_id": owner}), "id")
            }
        };
        let operation = operations().find(|each| each.id() == operation).expect("an operation");
        let made = self.perform(operation, &Input { body: Some(body), ..Input::default() }).await;
        let made = made.expect(name).body.expect("it is shown");
        made[id].as_str().expect("an id").to_owned()
    }

    /// What an operation that looks shows at these path parameters; nothing when it refuses.
    pub(super) async fn look(&self, path: &str, parameters: &BTreeMap<String, String>) -> Option<Reply> {
        let operation = operations().find(|each| !each.changes() && each.path == path)?;
        self.perform(operation, &Input { path: parameters.clone(), ..Input::default() }).await.ok()
    }
}
