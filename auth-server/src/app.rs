//! The application: the only file that chooses implementations.

use crate::{
    audit::{Actor, ChainKey, chain_key},
    change_log::{Follower, PollPlaces, Position},
    clients::{ClientDirectory, authenticate::FailureBudget},
    config::Settings,
    grants::client_credentials::record_taking::Takings,
    key_lifecycle::{KeyAct, KeyFile, KeyLifecycleError, SuccessorKeys, load_key_encryption_keys, signing_keys},
    metrics::Metrics,
    resources::ResourceRegistry,
    tokens::{Lifetimes, Revocations, VerifiedTokens},
    users::{PasswordHasher, SessionLifetimes, password_hash::PasswordHashError},
};
use keys::KeyRing;
use shared::{
    clock::SharedClock,
    config::{DataDirError, RedisUrl},
    db::{Migration, OpenError, PoolLimits, Schema, Store, StoreError},
    ephemeral::{self, Ephemeral, EphemeralError},
    random::{Random, SharedRandom},
    rate_limit::RateLimiter,
    sealing::Sealing,
    trace::Tracer,
};
use std::sync::Arc;

macro_rules! migrations {
    ($($name:literal),* $(,)?) => {
        &[$(Migration {
            name: $name,
            sqlite: include_str!(concat!("../../migrations/auth-server/sqlite/", $name, ".sql")),
            postgres: include_str!(concat!("../../migrations/auth-server/postgres/", $name, ".sql")),
        }),*]
    };
}

const MIGRATIONS: &[Migration] = migrations![
    "0001_foundation",
    "0002_job_lease",
    "0003_audit_actor",
    "0004_openid",
    "0005_key_rotation",
    "0006_client_credentials",
    "0007_organizations",
    "0008_history",
    "0009_resource_tokens",
    "0010_session_id",
    "0011_audit_chain",
    "0012_sweep_time",
];

/// The schema of this server.
pub const SCHEMA: Schema = Schema::new("auth_server", MIGRATIONS);

/// Keeps our keys apart from others' in a shared Redis.
const REDIS_PREFIX: &str = "postern:auth-server";

/// Everything that endpoints and rules share.
pub struct App {
    /// What the configuration says.
    pub settings: Settings,
    /// What is counted.
    pub metrics: Metrics,
    /// Records the steps of requests.
    pub tracer: Tracer,
    /// The issuer: this server's public URL, byte for byte.
    pub issuer: String,
    /// State.
    pub store: Store,
    /// Time; an endpoint asks once.
    pub clock: SharedClock,
    /// Randomness.
    pub random: SharedRandom,
    /// Seals what must not lie in the database or a form in clear.
    pub sealing: Sealing,
    /// Where it has its keys from.
    pub key_file: KeyFile,
    /// The keys that sign, and those that are published.
    pub keys: KeyRing,
    /// The keys that derive refresh tokens.
    pub successor_keys: SuccessorKeys,
    /// What signs the audit chain.
    pub audit_key: ChainKey,
    /// Where this instance stands in the change log.
    pub follower: Arc<Follower>,
    /// Resource servers that poll for events.
    pub poll_places: PollPlaces,
    /// Clients, cached.
    pub clients: ClientDirectory,
    /// Resources, cached.
    pub resources: ResourceRegistry,
    /// How long tokens and grants live.
    pub lifetimes: Lifetimes,
    /// What was revoked.
    pub revocations: Revocations,
    /// Access tokens that were found right.
    pub verified_tokens: VerifiedTokens,
    /// What may vanish: counters, wake-ups. Shared by all instances when there is a Redis.
    pub ephemeral: Arc<dyn Ephemeral>,
    /// How often somebody may do something.
    pub limits: RateLimiter,
    /// Which machines took tokens of late.
    pub takings: Takings,
    /// Failed client authentications.
    pub authentication_failures: FailureBudget,
    /// How long browsers stay signed in.
    pub session_lifetimes: SessionLifetimes,
    /// Hashes and checks passwords, few at a time.
    pub passwords: PasswordHasher,
}

/// What an application is built from.
pub struct Parts {
    /// What the configuration says.
    pub settings: Settings,
    /// State, migrated.
    pub store: Store,
    /// Time.
    pub clock: SharedClock,
    /// Randomness.
    pub random: SharedRandom,
    /// Seals keys and forms.
    pub sealing: Sealing,
    /// Where it has its keys from.
    pub key_file: KeyFile,
    /// What may vanish.
    pub ephemeral: Arc<dyn Ephemeral>,
    /// Records the steps of requests.
    pub tracer: Tracer,
}

/// Why the server does not start: one clear line each.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data directory.
    #[error(transparent)]
    DataDirectory(#[from] DataDirError),
    /// The database.
    #[error(transparent)]
    Database(#[from] OpenError),
    /// The database, later.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Keys.
    #[error(transparent)]
    Keys(#[from] KeyLifecycleError),
    /// Redis.
    #[error("shared.redis_url: {0}")]
    Ephemeral(#[from] EphemeralError),
    /// The published keys make no set.
    #[error(transparent)]
    KeyRing(#[from] keys::KeyRingError),
    /// The password hasher could not be made.
    #[error(transparent)]
    Passwords(#[from] PasswordHashError),
    /// A port.
    #[error("{0} (auth_server.listen, and auth_server.public_url with it)")]
    Listen(#[from] shared::http::BindError),
    /// The port of the metrics.
    #[error("{0} (auth_server.metrics_listen)")]
    ListenForMetrics(shared::http::BindError),
}

impl App {
    /// Opens the database that the settings name and what stands beside it.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn open(settings: Settings, clock: SharedClock, random: SharedRandom) -> Result<Arc<Self>, StartError> {
        Self::open_traced(settings, clock, random, Tracer::default()).await
    }

    /// The same, recording the steps of requests by `tracer`.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn open_traced(
        settings: Settings,
        clock: SharedClock,
        random: SharedRandom,
        tracer: Tracer,
    ) -> Result<Arc<Self>, StartError> {
        let store = open_store(&settings, random.as_ref()).await?;
        let key_encryption_keys = load_key_encryption_keys(&settings, &store, random.as_ref()).await?;
        let sealing = Sealing::new(key_encryption_keys, Arc::clone(&random));
        let redis_url = settings.shared.redis_url.as_ref().map(RedisUrl::expose);
        let ephemeral = ephemeral::open(redis_url, REDIS_PREFIX, &clock)?;
        let key_file = KeyFile::of(&settings);
        Self::build(Parts { settings, store, clock, random, sealing, key_file, ephemeral, tracer }).await
    }

    /// Makes missing keys and loads what is kept in memory.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn build(parts: Parts) -> Result<Arc<Self>, StartError> {
        let Parts { settings, store, clock, random, sealing, key_file, ephemeral, tracer } = parts;
        let now = clock.now();
        let passwords = PasswordHasher::new(Arc::clone(&random))?;
        let (random_ref, by) = (random.as_ref(), &Actor::Installation);
        signing_keys::create_missing(&KeyAct { store: &store, sealing: &sealing, random: random_ref, by, now }).await?;
        let successor_keys = SuccessorKeys::open(&store, &sealing, random.as_ref(), now).await?;
        let audit_key = chain_key::open(&store, &sealing, random.as_ref(), now).await?;
        // Read before what is loaded next: whatever changes meanwhile is applied again.
        let follower = Arc::new(Follower::from(Position::end(&store).await?));
        let keys = KeyRing::new(signing_keys::load(&store, &sealing).await?)?;
        let issuer = settings.auth_server.public_url.as_str().to_owned();
        let default_resource = settings.auth_server.default_resource.clone();
        let resources = ResourceRegistry::new(&issuer, default_resource, Arc::clone(&follower));
        resources.reload(&store).await?;
        Ok(Arc::new(Self {
            clients: ClientDirectory::new(store.clone(), Arc::clone(&clock), Arc::clone(&follower)),
            lifetimes: Lifetimes::of(&settings.auth_server),
            session_lifetimes: SessionLifetimes::of(&settings.auth_server),
            revocations: Revocations::load(&store, now).await?,
            verified_tokens: VerifiedTokens::default(),
            limits: RateLimiter::new(Arc::clone(&ephemeral)).with_local_fallback(Arc::clone(&clock)),
            takings: Takings::default(),
            authentication_failures: FailureBudget::default(),
            poll_places: PollPlaces::default(),
            passwords,
            metrics: Metrics::new(&settings, now),
            tracer,
            settings,
            issuer,
            store,
            clock,
            random,
            sealing,
            key_file,
            keys,
            successor_keys,
            audit_key,
            follower,
            resources,
            ephemeral,
        }))
    }

    /// An act on this server's keys, done by the installation itself.
    pub fn key_act(&self) -> KeyAct<'_> {
        let (store, sealing, random) = (&self.store, &self.sealing, self.random.as_ref());
        KeyAct { store, sealing, random, by: &Actor::Installation, now: self.clock.now() }
    }

    /// Replaces the keys in memory by what the database holds; the ring signs again if it had been suspended. If one does not open, the key
    /// file may have what opens it.
    ///
    /// # Errors
    /// The database failed or a key does not open; memory then stays as it was.
    pub async fn reload_keys(&self) -> Result<(), KeyLifecycleError> {
        match self.load_keys().await {
            Err(KeyLifecycleError::Sealing(_)) => {
                self.key_file.look(&self.store, &self.sealing).await;
                self.load_keys().await
            }
            loaded => loaded,
        }
    }

    async fn load_keys(&self) -> Result<(), KeyLifecycleError> {
        let entries = signing_keys::load(&self.store, &self.sealing).await?;
        self.keys.replace(entries).map_err(|error| KeyLifecycleError::Unusable(error.to_string()))?;
        self.successor_keys.reload(&self.store, &self.sealing).await
    }
}

/// Opens and migrates the database that the settings name; makes the data directory if it is needed.
///
/// # Errors
/// See [`StartError`].
pub async fn open_store(settings: &Settings, random: &dyn Random) -> Result<Store, StartError> {
    settings.shared.make_data_dir(random)?;
    Ok(Store::open(&settings.database(), &SCHEMA, PoolLimits::default()).await?)
}
