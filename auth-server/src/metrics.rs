//! What this server tells a Prometheus server; docs/operations.md says what to watch.

use crate::{app::App, clients::GrantType, config::Settings, router, store::signing_key};
use shared::{
    clock::UnixSeconds,
    metrics::{Counter, Page, RequestMetrics, write_build},
    protocol::error_code::ErrorCode,
};
use std::sync::Arc;

/// Why a limit refused, among the reasons that are otherwise registered error codes.
pub const RATE_LIMITED: &str = "rate_limited";

/// What is counted where it happens; everything else is looked up when somebody asks.
pub struct Metrics {
    /// Requests by route, refusals by reason.
    pub requests: Arc<RequestMetrics>,
    started_at: UnixSeconds,
    tokens: [Counter; GrantType::ALL.len()],
}

impl Metrics {
    /// Of a server that is started at `now`.
    pub fn new(settings: &Settings, now: UnixSeconds) -> Self {
        let reasons: Vec<_> = ErrorCode::ALL.iter().map(|code| code.as_str()).chain([RATE_LIMITED]).collect();
        let requests = Arc::new(RequestMetrics::new(router::all_routes(settings), &reasons));
        Self { requests, started_at: now, tokens: Default::default() }
    }

    /// Tokens were issued.
    pub fn count_tokens(&self, grant: GrantType) {
        if let Some(place) = GrantType::ALL.iter().position(|each| *each == grant) {
            self.tokens[place].increment();
        }
    }
}

/// Everything there is to tell.
pub async fn page(app: Arc<App>) -> Page {
    let (mut page, now) = (Page::default(), app.clock.now());
    write_build(&mut page, env!("CARGO_PKG_VERSION"), app.metrics.started_at);
    app.metrics.requests.write(&mut page);
    app.limits.write(&mut page);
    app.store.write_metrics(&mut page);
    app.tracer.write_metrics(&mut page);
    let mut tokens = page.counter("postern_tokens_issued_total", "Answers of the token endpoint with tokens.");
    for (grant, counter) in GrantType::ALL.iter().zip(&app.metrics.tokens) {
        tokens.value(&[("grant", grant.as_str())], counter.get());
    }
    let silence = app.follower.silence().as_secs_f64();
    page.gauge("postern_change_log_age_seconds", "Since this instance last looked at the change log.")
        .value(&[], silence);
    page.gauge("postern_signing_possible", "1 while this instance has a key of each algorithm to sign with.")
        .value(&[], u8::from(app.keys.can_sign()));
    page.gauge("postern_event_polls", "Polls of resource servers that are open.").value(&[], app.poll_places.taken());
    page.gauge("postern_passwords_checking", "Passwords that are checked or wait for it.")
        .value(&[], app.passwords.admitted());
    write_key_ages(&app, &mut page, now).await;
    page
}

/// How long each active key has signed. What the database does not tell now is left out.
async fn write_key_ages(app: &App, page: &mut Page, now: UnixSeconds) {
    let mut ages = page.gauge("postern_signing_key_age_seconds", "For how long the active key of an algorithm signs.");
    let lives = match signing_key::list_lives(&mut app.store.read()).await {
        Ok(lives) => lives,
        Err(cause) => return tracing::debug!(%cause, "the ages of keys cannot be told"),
    };
    for key in lives.iter().filter(|key| key.retired_at.is_none()) {
        if let Some(activated_at) = key.activated_at {
            ages.value(&[("algorithm", &key.algorithm)], now - activated_at);
        }
    }
}
