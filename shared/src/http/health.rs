//! `/livez` (the process answers), `/readyz` and `/health` (it can do its work): for balancers and people, without
//! secrets or versions.

use crate::clock::{SharedClock, UnixSeconds};
use crate::db::Store;
use async_trait::async_trait;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use futures_util::future::join_all;
use http::{StatusCode, header};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

/// Where health is asked for.
pub const HEALTH_PATHS: [&str; 3] = ["/livez", "/readyz", "/health"];

/// What one check may take; what is slower cannot serve requests either.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);
/// What is wrong may be right again at once, above all while a server starts: it is looked at again after so long.
const FAILURE_KEPT: Duration = Duration::from_millis(20);
/// When a balancer should look again.
const RETRY_AFTER_SECONDS: &str = "2";

/// One thing a server cannot do without: its database, Redis, keys, the registry, the feed.
#[async_trait]
pub trait ReadinessCheck: Send + Sync + 'static {
    /// How `/readyz` calls it.
    fn name(&self) -> &'static str;

    /// Whether it works; the reason is shown to anybody, so it is a constant without secrets, and the cause goes to the
    /// log.
    ///
    /// # Errors
    /// Why not.
    async fn check(&self) -> Result<(), &'static str>;
}

/// Readiness of the database.
pub struct DatabaseCheck(pub Store);

#[async_trait]
impl ReadinessCheck for DatabaseCheck {
    fn name(&self) -> &'static str {
        "database"
    }

    async fn check(&self) -> Result<(), &'static str> {
        self.0.ping().await.map_err(|cause| {
            tracing::warn!(%cause, "not ready: the database");
            "cannot be reached"
        })
    }
}

struct Health {
    checks: Vec<Arc<dyn ReadinessCheck>>,
    clock: SharedClock,
    shutdown: CancellationToken,
    /// However many ask, the checks run once a second while all is well, and one at a time while it is not.
    last: Mutex<Option<Look>>,
}

/// What was found, and when.
struct Look {
    at: UnixSeconds,
    ended: Instant,
    found: Found,
}

impl Look {
    fn is_good_at(&self, now: UnixSeconds) -> bool {
        self.at == now && (self.found.is_empty() || self.ended.elapsed() < FAILURE_KEPT)
    }
}

/// The names of what failed, with the reasons.
type Found = Vec<(&'static str, &'static str)>;

/// The three routes. Not ready as soon as `shutdown` begins, so that balancers turn away first.
pub fn health_router(checks: Vec<Arc<dyn ReadinessCheck>>, clock: SharedClock, shutdown: CancellationToken) -> Router {
    let health = Arc::new(Health { checks, clock, shutdown, last: Mutex::new(None) });
    let alive = || async { answer(StatusCode::OK, &serde_json::json!({"status": "ok"})) };
    Router::new()
        .route(HEALTH_PATHS[0], get(alive))
        .route(HEALTH_PATHS[1], get(readiness))
        .route(HEALTH_PATHS[2], get(readiness))
        .with_state(health)
}

async fn readiness(State(health): State<Arc<Health>>) -> Response {
    if health.shutdown.is_cancelled() {
        return answer(StatusCode::SERVICE_UNAVAILABLE, &serde_json::json!({"status": "shutting down"}));
    }
    let failing = health.look().await;
    if failing.is_empty() {
        return answer(StatusCode::OK, &serde_json::json!({"status": "ok"}));
    }
    let failing: serde_json::Map<_, _> =
        failing.into_iter().map(|(name, reason)| (name.to_owned(), reason.into())).collect();
    answer(StatusCode::SERVICE_UNAVAILABLE, &serde_json::json!({"status": "not ready", "failing": failing}))
}

impl Health {
    async fn look(&self) -> Found {
        let mut last = self.last.lock().await;
        let now = self.clock.now();
        match &*last {
            Some(look) if look.is_good_at(now) => look.found.clone(),
            _ => {
                let found = self.run_checks().await;
                *last = Some(Look { at: now, ended: Instant::now(), found: found.clone() });
                found
            }
        }
    }

    async fn run_checks(&self) -> Found {
        let outcomes = self.checks.iter().map(|check| async move {
            let outcome = tokio::time::timeout(CHECK_TIMEOUT, check.check()).await.unwrap_or(Err("no answer in time"));
            outcome.err().map(|reason| (check.name(), reason))
        });
        join_all(outcomes).await.into_iter().flatten().collect()
    }
}

fn answer(status: StatusCode, body: &serde_json::Value) -> Response {
    let mut response = (status, [(header::CACHE_CONTROL, "no-store")], Json(body)).into_response();
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(header::RETRY_AFTER, http::HeaderValue::from_static(RETRY_AFTER_SECONDS));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::{ReadinessCheck, health_router};
    use crate::test_clock::TestClock;
    use async_trait::async_trait;
    use axum::Router;
    use axum::body::Body;
    use axum::extract::Request;
    use http::StatusCode;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
    use std::time::{Duration, Instant};
    use tokio_util::sync::CancellationToken;
    use tower::ServiceExt as _;

    #[derive(Default)]
    struct Database {
        broken: AtomicBool,
        looks: AtomicU32,
    }

    #[async_trait]
    impl ReadinessCheck for Database {
        fn name(&self) -> &'static str {
            "database"
        }

        async fn check(&self) -> Result<(), &'static str> {
            self.looks.fetch_add(1, Ordering::SeqCst);
            if self.broken.load(Ordering::SeqCst) { Err("cannot be reached") } else { Ok(()) }
        }
    }

    async fn ask(router: &Router, path: &str) -> (StatusCode, serde_json::Value, bool) {
        let response = router.clone().oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
        let (status, retry) = (response.status(), response.headers().contains_key("retry-after"));
        let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap(), retry)
    }

    #[tokio::test]
    async fn readiness_is_honest_and_liveness_does_not_depend_on_it() {
        let (clock, database, shutdown) =
            (Arc::new(TestClock::at(1_000)), Arc::new(Database::default()), CancellationToken::new());
        let router = health_router(vec![database.clone()], clock.clone(), shutdown.clone());
        let fine = (StatusCode::OK, serde_json::json!({"status": "ok"}), false);
        for path in ["/livez", "/readyz", "/health"] {
            assert_eq!(ask(&router, path).await, fine, "{path}");
        }
        assert_eq!(database.looks.load(Ordering::SeqCst), 1, "once a second, whoever asks");

        database.broken.store(true, Ordering::SeqCst);
        clock.advance(1);
        let failing = serde_json::json!({"status": "not ready", "failing": {"database": "cannot be reached"}});
        for path in ["/readyz", "/health"] {
            assert_eq!(ask(&router, path).await, (StatusCode::SERVICE_UNAVAILABLE, failing.clone(), true), "{path}");
        }
        assert_eq!(ask(&router, "/livez").await, fine);

        // Within the same second: who starts is ready when it is ready.
        database.broken.store(false, Ordering::SeqCst);
        let deadline = Instant::now() + Duration::from_secs(5);
        while ask(&router, "/readyz").await != fine {
            assert!(Instant::now() < deadline, "it goes on to say that it is not ready");
            tokio::task::yield_now().await;
        }
        shutdown.cancel();
        assert_eq!(ask(&router, "/readyz").await.0, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(ask(&router, "/livez").await, fine);
    }
}
