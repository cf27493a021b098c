//! Every URL of this server in one table: where it is, what answers, who may read the answer from another origin.

use crate::{
    app::App,
    config::{RegistrationPolicy, Settings},
    endpoints::{
        admin, events, health, introspect, jwks, metadata, not_found,
        pages::{
            assets, authorize, change_password, consent, end_access, end_session, home, reset_password, set_up,
            sign_in, sign_out, sign_out_everywhere, step_up,
        },
        register, registration_management, resource_registry, revoke, token, userinfo,
    },
};
use axum::{
    Extension, Router,
    extract::DefaultBodyLimit,
    routing::{MethodRouter, get, post, put},
};
use http::StatusCode;
use shared::http::{
    AccessLog, ClientAddresses, Cors, HEALTH_PATHS, Manner as _, NoStore, OAUTH_BODY_BYTES, RequestIds,
    SecurityHeaders, health_router,
};
use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
};
use tokio_util::sync::CancellationToken;

/// Canonical paths, below the issuer's own path.
pub mod paths {
    pub use crate::users::{reset_password::LINK_PATH as RESET_PASSWORD, set_up::LINK_PATH as SET_UP};
    pub use shared::protocol::well_known::{
        AUTHORIZATION_SERVER, EVENTS, INTROSPECT, JWKS, OPENID_CONFIGURATION, RESOURCES, STEP_UP, TOKEN,
    };

    /// RFC 6749 §3.1.
    pub const AUTHORIZE: &str = "/oauth2/authorize";
    /// RFC 7591 §3.
    pub const REGISTER: &str = "/oauth2/register";
    /// RFC 7592 §2.
    pub const REGISTRATION: &str = "/oauth2/register/{client_id}";
    /// Below it, whatever administrators do.
    pub const ADMIN: &str = "/api/admin";
    /// What administrators can do, for programs.
    pub const OPENAPI: &str = "/api/openapi.json";
    /// RFC 7009 §2.
    pub const REVOKE: &str = "/oauth2/revoke";
    /// OpenID Connect Core §5.3.
    pub const USERINFO: &str = "/oauth2/userinfo";
    /// OpenID Connect RP-Initiated Logout §2.
    pub const END_SESSION: &str = "/oauth2/end-session";
    /// Where a person decides.
    pub const CONSENT: &str = "/oauth2/consent";
    /// Where a person signs in.
    pub const SIGN_IN: &str = "/sign-in";
    /// Where a person who signed out arrives.
    pub const SIGNED_OUT: &str = "/signed-out";
}

/// Where a path of the table is served.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Below the issuer's path.
    Issuer,
    /// At the root of the issuer's origin: clients without metadata look there (MCP 2025-03-26, authorization).
    Origin,
    /// Before the issuer's path: `/.well-known/NAME/issuer-path` (RFC 8414 §3.1).
    Inserted,
}

/// Who may read answers from a page of another origin.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Readers {
    /// Everybody: what is asked proves itself, and no cookie counts.
    Everybody,
    /// Nobody: pages for people, and what only servers call.
    Nobody,
    /// Nobody either; the table of operations says which methods are answered.
    Administrators,
}

struct Route {
    path: &'static str,
    place: Place,
    readers: Readers,
    answers: fn() -> MethodRouter<Arc<App>>,
    /// Whether it waits for something, and must not when the server stops.
    waits: bool,
    when: fn(&Settings) -> bool,
}

impl Route {
    const fn public(place: Place, path: &'static str, answers: fn() -> MethodRouter<Arc<App>>) -> Self {
        Self { path, place, readers: Readers::Everybody, answers, waits: false, when: |_| true }
    }

    const fn private(place: Place, path: &'static str, answers: fn() -> MethodRouter<Arc<App>>) -> Self {
        Self { path, place, readers: Readers::Nobody, answers, waits: false, when: |_| true }
    }

    const fn administered(path: &'static str) -> Self {
        Self { readers: Readers::Administrators, ..Self::private(Place::Issuer, path, MethodRouter::new) }
    }

    const fn that_waits(self) -> Self {
        Self { waits: true, ..self }
    }

    const fn only_when(self, when: fn(&Settings) -> bool) -> Self {
        Self { when, ..self }
    }
}

const TABLE: &[Route] = &[
    Route::public(Place::Inserted, paths::AUTHORIZATION_SERVER, || get(metadata::authorization_server)),
    Route::public(Place::Issuer, paths::AUTHORIZATION_SERVER, || get(metadata::authorization_server)),
    Route::public(Place::Origin, paths::AUTHORIZATION_SERVER, || get(metadata::authorization_server)),
    Route::public(Place::Inserted, paths::OPENID_CONFIGURATION, || get(metadata::openid_configuration)),
    Route::public(Place::Issuer, paths::OPENID_CONFIGURATION, || get(metadata::openid_configuration)),
    Route::public(Place::Origin, paths::OPENID_CONFIGURATION, || get(metadata::openid_configuration)),
    Route::public(Place::Issuer, paths::JWKS, || get(jwks::show)),
    Route::public(Place::Origin, paths::JWKS, || get(jwks::show)),
    Route::public(Place::Issuer, paths::TOKEN, || post(token::token)),
    Route::public(Place::Origin, "/token", || post(token::token)),
    Route::public(Place::Issuer, paths::INTROSPECT, || post(introspect::introspect)),
    Route::public(Place::Issuer, paths::REVOKE, || post(revoke::revoke)),
    Route::public(Place::Issuer, paths::REGISTER, || post(register::register)).only_when(registration_is_open),
    Route::public(Place::Origin, "/register", || post(register::register)).only_when(registration_is_open),
    Route::public(Place::Issuer, paths::REGISTRATION, || {
        use registration_management::{remove, replace, show};
        get(show).put(replace).delete(remove)
    }),
    Route::public(Place::Issuer, paths::USERINFO, || get(userinfo::get).post(userinfo::post)),
    Route::private(Place::Issuer, paths::RESOURCES, || put(resource_registry::put)),
    Route::private(Place::Issuer, paths::EVENTS, || post(events::poll)).that_waits(),
    Route::public(Place::Issuer, paths::OPENAPI, || get(admin::document)),
    Route::administered("/api/admin/users"),
    Route::administered("/api/admin/users/{id}"),
    Route::administered("/api/admin/users/{id}/clients/{client_id}"),
    Route::administered("/api/admin/users/{id}/disable"),
    Route::administered("/api/admin/users/{id}/enable"),
    Route::administered("/api/admin/users/{id}/password-link"),
    Route::administered("/api/admin/users/{id}/sessions"),
    Route::administered("/api/admin/organizations"),
    Route::administered("/api/admin/organizations/{id}"),
    Route::administered("/api/admin/organizations/{id}/disable"),
    Route::administered("/api/admin/organizations/{id}/enable"),
    Route::administered("/api/admin/organizations/{id}/members"),
    Route::administered("/api/admin/organizations/{id}/members/{user_id}"),
    Route::administered("/api/admin/keys"),
    Route::administered("/api/admin/keys/rotate"),
    Route::administered("/api/admin/keys/{id}"),
    Route::administered("/api/admin/keys/{id}/revoke"),
    Route::administered("/api/admin/clients"),
    Route::administered("/api/admin/clients/{id}"),
    Route::administered("/api/admin/clients/{id}/secret"),
    Route::administered("/api/admin/resource-servers"),
    Route::administered("/api/admin/resource-servers/{id}"),
    Route::administered("/api/admin/resources"),
    Route::administered("/api/admin/resources/{id}"),
    Route::administered("/api/admin/grants"),
    Route::administered("/api/admin/grants/{id}"),
    Route::administered("/api/admin/sessions"),
    Route::administered("/api/admin/sessions/{id}"),
    Route::administered("/api/admin/audit"),
    Route::administered("/api/admin/audit/export"),
    Route::administered("/api/admin/audit/verify"),
    Route::private(Place::Issuer, paths::AUTHORIZE, || only_get(get(authorize::authorize)).post(authorize::submit)),
    Route::private(Place::Origin, "/authorize", || only_get(get(authorize::authorize)).post(authorize::submit)),
    Route::private(Place::Issuer, paths::CONSENT, || only_get(get(consent::show)).post(consent::decide)),
    Route::private(Place::Issuer, paths::END_SESSION, || only_get(get(end_session::show)).post(end_session::submit)),
    Route::private(Place::Issuer, "/oauth2/end-session/confirm", || post(end_session::confirm)),
    Route::private(Place::Issuer, paths::STEP_UP, || get(step_up::show).post(step_up::submit)),
    Route::private(Place::Issuer, paths::SIGN_IN, || get(sign_in::show).post(sign_in::submit)),
    Route::private(Place::Issuer, "/sign-out", || post(sign_out::submit)),
    Route::private(Place::Issuer, "/sign-out/everywhere", || post(sign_out_everywhere::submit)),
    Route::private(Place::Issuer, "/grants/end", || post(end_access::end_grant)),
    Route::private(Place::Issuer, "/clients/end", || post(end_access::end_client)),
    Route::private(Place::Issuer, "/sessions/end", || post(end_access::end_session)),
    Route::private(Place::Issuer, "/change-password", || get(change_password::show).post(change_password::submit)),
    Route::private(Place::Issuer, paths::SIGNED_OUT, || get(sign_out::show)),
    Route::private(Place::Issuer, paths::SET_UP, || get(set_up::show).post(set_up::submit)),
    Route::private(Place::Issuer, paths::RESET_PASSWORD, || get(reset_password::show).post(reset_password::submit)),
    Route::private(Place::Issuer, "/assets/{name}", || get(assets::asset)),
    Route::private(Place::Issuer, "/", || get(home::home)),
];

/// Where a `GET` may make a grant or end a session, `HEAD` is not answered with it (RFC 9110 §9.2.1: it must stay safe).
fn only_get(answers: MethodRouter<Arc<App>>) -> MethodRouter<Arc<App>> {
    answers.head(not_found::head_not_allowed)
}

fn registration_is_open(settings: &Settings) -> bool {
    settings.auth_server.registration == RegistrationPolicy::Open
}

/// The paths below the issuer's that administrators use.
pub fn administered() -> impl Iterator<Item = &'static str> {
    TABLE.iter().filter(|route| route.readers == Readers::Administrators).map(|route| route.path)
}

/// Which canonical paths are served under some settings: what metadata may advertise.
pub struct Routed(HashSet<&'static str>);

impl Routed {
    /// What `settings` route.
    pub fn of(settings: &Settings) -> Self {
        let issuer = TABLE.iter().filter(|route| route.place == Place::Issuer && (route.when)(settings));
        Self(issuer.map(|route| route.path).collect())
    }

    /// Whether the canonical `path` is served.
    pub fn has(&self, path: &str) -> bool {
        self.0.contains(path)
    }
}

/// Every path that `settings` route, once each, as axum writes it; health aside. For tests that judge each of them.
pub fn routes(settings: &Settings) -> BTreeSet<String> {
    let issuer_path = settings.auth_server.public_url.path();
    TABLE.iter().filter(|route| (route.when)(settings)).map(|route| full_path(route, issuer_path)).collect()
}

/// Every path that `settings` route, health with them: what requests are counted by.
pub fn all_routes(settings: &Settings) -> BTreeSet<String> {
    let mut routes = routes(settings);
    routes.extend(HEALTH_PATHS.map(str::to_owned));
    routes
}

/// The server's router. Not ready as soon as `shutdown` begins.
pub fn router(app: Arc<App>, shutdown: CancellationToken) -> Router {
    let public_url = &app.settings.auth_server.public_url;
    let among_ourselves = [paths::RESOURCES, paths::EVENTS].map(|path| format!("{}{path}", public_url.path()));
    let around = ClientAddresses::new(app.settings.shared.trusted_proxies.clone())
        .and(RequestIds::new(&*app.random, app.tracer.clone()))
        .and(AccessLog::new(Arc::clone(&app.metrics.requests)).quiet_at(among_ourselves))
        .and(SecurityHeaders::new(public_url))
        .and(NoStore);
    // Every layer costs every request boxes and copies: what goes around all of them is one layer with what goes around some.
    let around = Arc::new(around);
    let stopping = events::Stopping(shutdown.clone());
    let health = health_router(health::checks(&app), Arc::clone(&app.clock), shutdown);
    let (mut open, mut closed) = (Router::new(), Router::new().fallback(not_found::not_found));
    let mut taken = HashSet::new();
    for route in TABLE.iter().filter(|route| (route.when)(&app.settings)) {
        let path = full_path(route, public_url.path());
        if taken.insert(path.clone()) {
            let router = if route.readers == Readers::Everybody { &mut open } else { &mut closed };
            *router = std::mem::take(router).route(&path, answers(route, &stopping));
        }
    }
    let complete = |router: Router<Arc<App>>| {
        router
            .method_not_allowed_fallback(not_found::method_not_allowed)
            .layer(DefaultBodyLimit::max(OAUTH_BODY_BYTES))
            .with_state(Arc::clone(&app))
    };
    let open = complete(open).layer(Arc::clone(&around).and(Cors::public()).layer());
    complete(closed).merge(health).layer(around.layer()).merge(open)
}

fn full_path(route: &Route, issuer_path: &str) -> String {
    match route.place {
        Place::Issuer if route.path == "/" && !issuer_path.is_empty() => issuer_path.to_owned(),
        Place::Issuer => format!("{issuer_path}{}", route.path),
        Place::Origin => route.path.to_owned(),
        Place::Inserted => format!("{}{issuer_path}", route.path),
    }
}

fn answers(route: &Route, stopping: &events::Stopping) -> MethodRouter<Arc<App>> {
    let mut answers = (route.answers)();
    if route.waits {
        answers = answers.layer(Extension(stopping.clone()));
    }
    match route.readers {
        Readers::Everybody => {
            // A preflight is answered by the layer; a bare OPTIONS tells which methods there are.
            answers.options(|| async { StatusCode::NO_CONTENT }).fallback(not_found::method_not_allowed)
        }
        Readers::Nobody => answers.fallback(not_found::method_not_allowed),
        Readers::Administrators => admin::methods(route.path).fallback(not_found::method_not_allowed),
    }
}
