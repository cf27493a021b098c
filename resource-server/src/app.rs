//! The application: the only file that chooses implementations.

use crate::{
    bearer::{cache::TokenCache, identify::Identify, revocations::Revocations, verified_token::PrincipalShares},
    builtin_resource,
    config::{ResourceServerSettings, Settings},
    issuer::{
        documents::IssuerDocuments,
        endpoints::IssuerEndpoints,
        enrolment::Enrolment,
        event_feed::EventFeed,
        fetch::{FetchError, Fetcher},
        follow::Follower,
        introspection::Introspection,
        jwks::JwksCache,
        machine_token::{EnrolledIdentity, MachineTokens},
    },
    mcp::{
        host_and_origin::HostAndOrigin,
        sessions::{SessionLimits, Sessions},
    },
    metadata::{Metadata, protected_resource_url},
    pipeline::{Pipeline, PipelineLimits},
    policy::scope_policy::ScopePolicy,
    readiness,
    refusal::RefusalWriter,
    router::router,
    upstreams::{Upstream, builtin::builtin, rmcp_upstream::RmcpLimits},
};
use axum::Router;
use shared::{
    clock::SharedClock,
    config::{ConfigurationError, DataDirError, DurationSeconds, Problem, RedisUrl},
    db::{Migration, OpenError, PoolLimits, Schema, Store},
    ephemeral::{self, EphemeralError},
    http::{BindError, health_router},
    protocol::{
        jwt::AssertionSignerError,
        resource_document::{ResourceDocument, ResourceScope},
        scope::ScopeSet,
    },
    random::{Random, SharedRandom},
    rate_limit::{FailureBudget, Limit, RateLimiter},
};
use std::sync::Arc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const MIGRATIONS: &[Migration] = &[
    Migration {
        name: "0001_events",
        sqlite: include_str!("../../migrations/resource-server/sqlite/0001_events.sql"),
        postgres: include_str!("../../migrations/resource-server/postgres/0001_events.sql"),
    },
    Migration {
        name: "0002_events_of_organizations",
        sqlite: include_str!("../../migrations/resource-server/sqlite/0002_events_of_organizations.sql"),
        postgres: include_str!("../../migrations/resource-server/postgres/0002_events_of_organizations.sql"),
    },
];

/// The schema of this server.
pub const SCHEMA: Schema = Schema::new("resource_server", MIGRATIONS);

/// Keeps our keys apart from others' in a shared Redis.
const REDIS_PREFIX: &str = "postern:resource-server";

/// Why the server does not start: one clear line each.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration.
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
    /// The data directory.
    #[error(transparent)]
    DataDirectory(#[from] DataDirError),
    /// The database.
    #[error(transparent)]
    Database(#[from] OpenError),
    /// Redis.
    #[error("shared.redis_url: {0}")]
    Ephemeral(#[from] EphemeralError),
    /// The private key.
    #[error(transparent)]
    Key(#[from] AssertionSignerError),
    /// The HTTP client.
    #[error(transparent)]
    Fetcher(#[from] FetchError),
    /// A port.
    #[error("{0} (resource_server.listen, and resource_server.public_url with it)")]
    Listen(#[from] BindError),
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
    /// Who this server is at the issuer.
    pub identity: EnrolledIdentity,
    /// Ends streams and the background task.
    pub stop: CancellationToken,
}

/// The application: what answers, and what runs beside it.
pub struct App {
    /// Every URL, manners included.
    pub router: Router,
    /// Keeps up with the issuer; nothing is served before it has.
    pub follower: Follower,
    stop: CancellationToken,
}

impl App {
    /// Starts the background task; the router serves from now on.
    pub fn start(self) -> (Router, JoinHandle<()>) {
        let follower = tokio::spawn(self.follower.run(self.stop));
        (self.router, follower)
    }
}

/// Opens and migrates the database that the settings name; makes the data directory if the database is in it.
///
/// # Errors
/// See [`StartError`].
pub async fn open_store(settings: &Settings, random: &dyn Random) -> Result<Store, StartError> {
    if settings.resource_server.database_url.is_none() {
        settings.shared.make_data_dir(random)?;
    }
    Ok(Store::open(&settings.database(), &SCHEMA, PoolLimits::default()).await?)
}

/// Puts everything together around the built-in tools; nothing runs yet.
///
/// # Errors
/// Settings that contradict each other, a Redis URL or HTTP client that cannot be used.
pub fn build(parts: Parts) -> Result<App, StartError> {
    let allowed = host_and_origin(&parts.settings)?;
    let upstream = builtin_tools(&parts, &allowed);
    build_around(upstream, builtin_resource::scopes(), parts)
}

/// Puts everything together around `upstream`, whose tools `scopes` name.
///
/// # Errors
/// As [`build`].
pub fn build_around(upstream: Arc<dyn Upstream>, scopes: Vec<ResourceScope>, parts: Parts) -> Result<App, StartError> {
    let Parts { settings, store, clock, random, identity, stop } = parts;
    let own = &settings.resource_server;
    let resource = settings.resource();
    let fetcher = Fetcher::new()?;
    let endpoints = IssuerEndpoints::new(&own.issuer);
    let redis_url = settings.shared.redis_url.as_ref().map(RedisUrl::expose);
    let ephemeral = ephemeral::open(redis_url, REDIS_PREFIX, &clock)?;
    let cache = TokenCache::default();
    let jwks = Arc::new(JwksCache::new(fetcher.clone(), endpoints.jwks.clone(), clock.clone()));
    let revocations = Arc::new(Revocations::new(resource.clone()));
    let tokens = MachineTokens::new(identity, endpoints.clone(), fetcher.clone(), clock.clone(), random.clone());
    let tokens = Arc::new(tokens);
    let refusals = RefusalWriter::new(
        &protected_resource_url(&own.public_url, settings.endpoint_path()),
        &builtin_resource::FIRST_SCOPES.into_iter().collect::<ScopeSet>(),
    );
    let host_and_origin = host_and_origin(&settings)?;
    let rate_limiter = RateLimiter::new(ephemeral.clone()).with_local_fallback(clock.clone());
    let forged = Limit::per_minute(own.forged_tokens_per_minute);
    let pipeline = Arc::new(Pipeline {
        clock: clock.clone(),
        host_and_origin,
        identify: Identify {
            cache: cache.clone(),
            jwks: jwks.clone(),
            issuer: endpoints.issuer.clone(),
            audience: resource.clone(),
            shares: PrincipalShares::default(),
        },
        revocations: revocations.clone(),
        introspection: Introspection::new(endpoints.clone(), fetcher.clone(), tokens.clone(), clock.clone()),
        failures: FailureBudget::new(rate_limiter.clone(), "forged-tokens", forged),
        rate_limiter,
        limits: PipelineLimits::of(own),
        policy: ScopePolicy::new(&scopes, &upstream.tools()),
        sessions: own.legacy_sessions.then(|| Sessions::new(session_limits(own))),
        upstream,
        refusals: refusals.clone(),
    });
    let documents = IssuerDocuments::new(endpoints.clone(), fetcher.clone(), clock.clone());
    let metadata = Arc::new(Metadata::new(&settings, &scopes, documents, refusals));
    let checks = readiness::checks(store, ephemeral, revocations.clone(), jwks.clone(), clock.clone());
    let health = health_router(checks, clock.clone(), stop.clone());
    let router = router(&settings, pipeline, metadata, health, random);
    let algorithm = Some(own.token_algorithm);
    let access_token_ttl_seconds = own.access_token_lifetime.map(DurationSeconds::seconds);
    let document = ResourceDocument { resource, name: own.name.clone(), scopes, access_token_ttl_seconds, algorithm };
    let (feed_endpoints, feed_fetcher, feed_tokens) = (endpoints.clone(), fetcher.clone(), tokens.clone());
    let feed = EventFeed { endpoints: feed_endpoints, fetcher: feed_fetcher, tokens: feed_tokens, jwks };
    let enrolment = Enrolment { endpoints, fetcher, tokens, document };
    let follower = Follower { enrolment, feed, revocations, cache, clock };
    Ok(App { router, follower, stop })
}

fn host_and_origin(settings: &Settings) -> Result<Arc<HostAndOrigin>, StartError> {
    let own = &settings.resource_server;
    HostAndOrigin::new(&own.public_url, &own.allowed_hosts, &own.allowed_origins).map(Arc::new).map_err(|origin| {
        let problem = Problem::new("resource_server.allowed_origins", format!("{origin:?} is no origin"));
        StartError::Configuration(ConfigurationError { problems: vec![problem] })
    })
}

fn session_limits(own: &ResourceServerSettings) -> SessionLimits {
    SessionLimits {
        idle_seconds: own.legacy_session_idle.seconds(),
        lifetime_seconds: own.legacy_session_lifetime.seconds(),
        per_principal: own.legacy_sessions_per_user as usize,
    }
}

fn builtin_tools(parts: &Parts, allowed: &HostAndOrigin) -> Arc<dyn Upstream> {
    let Parts { store, clock, random, stop, .. } = parts;
    let limits = RmcpLimits::new(&parts.settings.resource_server, allowed);
    Arc::new(builtin(store.clone(), clock.clone(), random.clone(), &limits, stop.child_token()))
}
