//! The application: the only file that chooses implementations.

use crate::{
    bearer::{
        cache::TokenCache, revocations::Revocations, signature_budget::SignatureBudgets,
        verified_token::PrincipalShares,
    },
    builtin_resource,
    config::{ResourceServerSettings, Settings},
    identification::{
        identify::Identify,
        issuers::{Issuers, OwnIssuer},
    },
    issuer::{
        documents::{DocumentPlaces, IssuerDocuments},
        endpoints::IssuerEndpoints,
        enrolment::Enrolment,
        event_feed::EventFeed,
        fetch::{FetchError, Fetcher},
        follow::Follower,
        introspection::Introspection,
        jwks::{JwksCache, KeySource},
        machine_token::{EnrolledIdentity, MachineTokens},
    },
    mcp::{
        host_and_origin::HostAndOrigin,
        sessions::{SessionLimits, Sessions},
        tools_list::ToolsList,
    },
    metadata::{Metadata, protected_resource_url},
    metrics::Metrics,
    pipeline::{Pipeline, PipelineLimits, PipelineMetrics, StepUps, tool_limits},
    policy::scope_policy::ScopePolicy,
    readiness,
    refusal::{REASONS, RefusalWriter},
    router::{router, routes},
    trusted_issuers::TrustedIssuer,
    upstreams::{SessionSettings, SharingProcess, Upstream, builtin::builtin, rmcp_upstream::RmcpLimits},
};
use axum::Router;
use shared::{
    clock::SharedClock,
    config::{ConfigurationError, DataDirError, DurationSeconds, Problem, RedisUrl},
    db::{Migration, OpenError, PoolLimits, Schema, Store},
    ephemeral::{self, Ephemeral, EphemeralError},
    http::{AccessLog, BindError, RequestIds, health_router},
    metrics::RequestMetrics,
    protocol::{
        jwt::AssertionSignerError,
        resource_document::{ResourceDocument, ResourceScope},
        scope::ScopeSet,
    },
    random::{Random, SharedRandom, random_id},
    rate_limit::{FailureBudget, Limit, RateLimiter},
    trace::Tracer,
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
    /// The port of the metrics.
    #[error("{0} (resource_server.metrics_listen)")]
    ListenForMetrics(BindError),
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
    /// Who this server is at our own authorization server; nobody in front of foreign issuers alone.
    pub identity: Option<EnrolledIdentity>,
    /// Ends streams and the background task.
    pub stop: CancellationToken,
    /// Records the steps of requests.
    pub tracer: Tracer,
}

/// The application: what answers, and what runs beside it.
pub struct App {
    /// Every URL, manners included.
    pub router: Router,
    /// What there is to tell about it.
    pub metrics: Arc<Metrics>,
    /// Keeps up with our own authorization server; none of its tokens is judged before it has.
    pub follower: Option<Follower>,
    stop: CancellationToken,
}

impl App {
    /// Starts the background task; the router serves from now on.
    pub fn start(self) -> (Router, JoinHandle<()>) {
        let Self { router, follower, stop, .. } = self;
        let following = async move {
            if let Some(follower) = follower {
                follower.run(stop).await;
            }
        };
        (router, tokio::spawn(following))
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
    let tools = |parts: &Parts, limits: &RmcpLimits| -> (Arc<dyn Upstream>, _) {
        let Parts { store, clock, random, stop, .. } = parts;
        let upstream = builtin(store.clone(), clock.clone(), random.clone(), limits, stop.child_token());
        (Arc::new(upstream), builtin_resource::scopes())
    };
    build_around(tools, parts)
}

/// Puts everything together around the upstream that `make` makes, with the scopes that name its tools. One that is written on rmcp is to be
/// set to the limits that `make` is given.
///
/// # Errors
/// As [`build`].
pub fn build_around(
    make: impl FnOnce(&Parts, &RmcpLimits) -> (Arc<dyn Upstream>, Vec<ResourceScope>),
    parts: Parts,
) -> Result<App, StartError> {
    let host_and_origin = host_and_origin(&parts.settings)?;
    let ephemeral = open_ephemeral(&parts.settings, &parts.clock)?;
    let limits = rmcp_limits(&parts, &host_and_origin, &ephemeral);
    let (upstream, scopes) = make(&parts, &limits);
    let Parts { settings, store, clock, random, identity, stop, tracer } = parts;
    let own = &settings.resource_server;
    let fetcher = Fetcher::new()?;
    let (cache, shares) = (TokenCache::default(), Arc::<PrincipalShares>::default());
    let revocations = Arc::new(Revocations::new(settings.resource()));
    let follow = |identity| {
        let tokens = machine_tokens(identity, &settings, &fetcher, &clock, &random);
        follower(tokens, &settings, scopes.clone(), &fetcher, &clock, (&cache, &revocations, &tracer))
    };
    let follower = identity.map(follow);
    let trusted = trusted_issuers(&settings, &fetcher, &clock, &random)?;
    let first_scopes: ScopeSet = builtin_resource::FIRST_SCOPES.into_iter().collect();
    let metadata_url = protected_resource_url(&own.public_url, settings.endpoint_path());
    let refusals = RefusalWriter::new(&metadata_url, settings.issuers().next().unwrap_or_default(), &first_scopes);
    let rate_limiter = RateLimiter::new(ephemeral.clone()).with_local_fallback(clock.clone());
    let own_issuer = follower.as_ref().map(|follower| own_issuer(follower, &settings));
    let introspection = follower.as_ref().map(|follower| introspection(follower, &clock));
    let pipeline = Arc::new(Pipeline {
        clock: clock.clone(),
        host_and_origin,
        identify: Identify::new(cache, Issuers::new(own_issuer, &trusted), shares.clone()),
        revocations: revocations.clone(),
        introspection,
        failures: failures(&rate_limiter, own),
        signatures: Arc::new(SignatureBudgets::new(shares)),
        rate_limiter,
        limits: PipelineLimits::of(own),
        tool_limits: tool_limits(own),
        policy: ScopePolicy::new(&scopes, &upstream.tools(), first_scopes),
        tools_list: ToolsList::new(upstream.server_info().as_deref()),
        step_ups: StepUps::new(ephemeral.clone(), &own.issuer),
        sessions: sessions(&settings, &ephemeral),
        upstream,
        refusals: refusals.clone(),
        metrics: PipelineMetrics::default(),
        stop: stop.clone(),
    });
    let documents = IssuerDocuments::new(document_places(&settings), fetcher, &clock);
    let metadata = Arc::new(Metadata::new(&settings, &scopes, documents, refusals));
    let own_keys = follower.as_ref().map(|follower| follower.feed.jwks.clone());
    let metrics = Arc::new(Metrics {
        requests: Arc::new(RequestMetrics::new(routes(settings.endpoint_path()), &REASONS)),
        pipeline: pipeline.clone(),
        key_sets: own_keys.into_iter().chain(trusted.iter().map(|issuer| issuer.keys())).collect(),
        store: store.clone(),
        started_at: clock.now(),
        tracer: tracer.clone(),
    });
    let mut checks = readiness::checks(store, ephemeral);
    match &follower {
        Some(follower) => {
            checks.extend(readiness::own_checks(revocations, follower.feed.jwks.clone(), clock.clone()));
        }
        None => checks.push(readiness::foreign_check(trusted)),
    }
    let health = health_router(checks, clock, stop.clone());
    let log = (RequestIds::new(&*random, tracer), AccessLog::new(metrics.requests.clone()));
    let router = router(&settings, pipeline, metadata, health, log);
    Ok(App { router, metrics, follower, stop })
}

/// What may vanish: shared by all processes where Redis is named.
fn open_ephemeral(settings: &Settings, clock: &SharedClock) -> Result<Arc<dyn Ephemeral>, StartError> {
    let redis_url = settings.shared.redis_url.as_ref().map(RedisUrl::expose);
    Ok(ephemeral::open(redis_url, REDIS_PREFIX, clock)?)
}

fn machine_tokens(
    identity: EnrolledIdentity,
    settings: &Settings,
    fetcher: &Fetcher,
    clock: &SharedClock,
    random: &SharedRandom,
) -> Arc<MachineTokens> {
    let endpoints = IssuerEndpoints::new(&settings.resource_server.issuer);
    Arc::new(MachineTokens::new(identity, endpoints, fetcher.for_own_issuer(), clock.clone(), random.clone()))
}

/// What keeps this server and our own authorization server together.
fn follower(
    tokens: Arc<MachineTokens>,
    settings: &Settings,
    scopes: Vec<ResourceScope>,
    fetcher: &Fetcher,
    clock: &SharedClock,
    (cache, revocations, tracer): (&TokenCache, &Arc<Revocations>, &Tracer),
) -> Follower {
    let (own, fetcher) = (&settings.resource_server, fetcher.for_own_issuer());
    let endpoints = IssuerEndpoints::new(&own.issuer);
    let keys = KeySource::At(endpoints.jwks.clone());
    let jwks = Arc::new(JwksCache::new(fetcher.clone(), keys, clock.clone()));
    let document = ResourceDocument {
        resource: settings.resource(),
        name: own.name.clone(),
        scopes,
        access_token_ttl_seconds: own.access_token_lifetime.map(DurationSeconds::seconds),
        algorithm: Some(own.token_algorithm),
    };
    let feed = EventFeed { endpoints: endpoints.clone(), fetcher: fetcher.clone(), tokens: tokens.clone(), jwks };
    let enrolment = Enrolment { endpoints, fetcher, tokens, document };
    let (revocations, cache, clock, tracer) = (revocations.clone(), cache.clone(), clock.clone(), tracer.clone());
    Follower { enrolment, feed, revocations, cache, clock, tracer }
}

fn own_issuer(follower: &Follower, settings: &Settings) -> OwnIssuer {
    let name = settings.resource_server.issuer.as_str().to_owned();
    OwnIssuer { name, audience: settings.resource(), jwks: follower.feed.jwks.clone() }
}

fn introspection(follower: &Follower, clock: &SharedClock) -> Arc<Introspection> {
    let EventFeed { endpoints, fetcher, tokens, .. } = &follower.feed;
    Arc::new(Introspection::new(endpoints.clone(), fetcher.clone(), tokens.clone(), clock.clone()))
}

fn trusted_issuers(
    settings: &Settings,
    fetcher: &Fetcher,
    clock: &SharedClock,
    random: &SharedRandom,
) -> Result<Vec<Arc<TrustedIssuer>>, StartError> {
    let resource = settings.resource();
    let issuers = settings.trusted_issuers.iter();
    let issuers = issuers.map(|trusted| TrustedIssuer::new(trusted, &resource, fetcher, clock, random).map(Arc::new));
    Ok(issuers.collect::<Result<_, _>>()?)
}

/// The documents of the first issuer: our own, unless others stand in for it.
fn document_places(settings: &Settings) -> DocumentPlaces {
    match settings.trusted_issuers.first() {
        Some(trusted) if !settings.resource_server.own_authorization_server => (&trusted.issuer).into(),
        _ => (&IssuerEndpoints::new(&settings.resource_server.issuer)).into(),
    }
}

fn host_and_origin(settings: &Settings) -> Result<Arc<HostAndOrigin>, StartError> {
    let own = &settings.resource_server;
    HostAndOrigin::new(&own.public_url, &own.allowed_hosts, &own.allowed_origins).map(Arc::new).map_err(|origin| {
        let problem = Problem::new("resource_server.allowed_origins", format!("{origin:?} is no origin"));
        StartError::Configuration(ConfigurationError { problems: vec![problem] })
    })
}

fn failures(limiter: &RateLimiter, own: &ResourceServerSettings) -> FailureBudget {
    FailureBudget::new(limiter.clone(), "forged-tokens", Limit::per_minute(own.forged_tokens_per_minute))
}

fn sessions(settings: &Settings, ephemeral: &Arc<dyn Ephemeral>) -> Option<Sessions> {
    let own = &settings.resource_server;
    let limits = SessionLimits {
        idle_seconds: own.legacy_session_idle.seconds(),
        lifetime_seconds: own.legacy_session_lifetime.seconds(),
        per_principal: own.legacy_sessions_per_user as usize,
    };
    own.legacy_sessions.then(|| Sessions::new(limits, ephemeral.clone(), settings.resource()))
}

/// What an upstream written on rmcp is set to, for requests that `allowed` lets through.
fn rmcp_limits(parts: &Parts, allowed: &HostAndOrigin, ephemeral: &Arc<dyn Ephemeral>) -> RmcpLimits {
    let Parts { settings, clock, random, .. } = parts;
    let own = &settings.resource_server;
    let process = || SharingProcess { name: random_id(random.as_ref()), clock: clock.clone() };
    let sessions = own.legacy_sessions.then(|| SessionSettings {
        idle: own.legacy_session_idle.duration(),
        lifetime_seconds: u32::try_from(own.legacy_session_lifetime.seconds()).unwrap_or(u32::MAX),
        call_time: own.call_timeout.duration(),
        ephemeral: ephemeral.clone(),
        process: settings.shared.redis_url.is_some().then(process),
    });
    RmcpLimits::new(own, allowed, sessions)
}
