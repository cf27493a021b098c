//! Asking the issuer about one token (RFC 7662), when its feed of revocations is silent.

use super::{
    endpoints::IssuerEndpoints,
    fetch::{FetchError, Fetcher, send_for_json},
    machine_token::MachineTokens,
};
use crate::bearer::cache::TokenDigest;
use serde::Deserialize;
use shared::{
    clock::{SharedClock, UnixSeconds},
    metrics::{Counter, Page},
    protocol::jwt::CLIENT_ASSERTION_TYPE,
};
use std::{sync::Arc, time::Duration};

/// An answer is believed this long.
pub const ANSWER_MAX_AGE_SECONDS: i64 = 10;
/// More answers than this are not remembered.
const ANSWERS_MAX: u64 = 10_000;

/// Asks, and remembers shortly.
pub struct Introspection {
    endpoints: IssuerEndpoints,
    fetcher: Fetcher,
    tokens: Arc<MachineTokens>,
    clock: SharedClock,
    answers: moka::sync::Cache<TokenDigest, (bool, UnixSeconds)>,
    remembered: Counter,
    answered: Counter,
    failed: Counter,
}

#[derive(Deserialize)]
struct Answer {
    active: bool,
}

impl Introspection {
    /// Asks as the client that `tokens` speak for.
    pub fn new(endpoints: IssuerEndpoints, fetcher: Fetcher, tokens: Arc<MachineTokens>, clock: SharedClock) -> Self {
        let answers = moka::sync::Cache::builder()
            .max_capacity(ANSWERS_MAX)
            .time_to_live(Duration::from_secs(ANSWER_MAX_AGE_SECONDS.unsigned_abs()))
            .build();
        let (remembered, answered, failed) = Default::default();
        Self { endpoints, fetcher, tokens, clock, answers, remembered, answered, failed }
    }

    /// Whether `token`, whose digest is `digest`, is active.
    ///
    /// # Errors
    /// [`FetchError`] when the issuer cannot be asked.
    pub async fn is_active(&self, token: &str, digest: &TokenDigest) -> Result<bool, FetchError> {
        let now = self.clock.now();
        if let Some((active, at)) = self.answers.get(digest)
            && (0..ANSWER_MAX_AGE_SECONDS).contains(&(now - at))
        {
            self.remembered.increment();
            return Ok(active);
        }
        let asked = self.ask(token, now).await;
        let counter = if asked.is_ok() { &self.answered } else { &self.failed };
        counter.increment();
        let active = asked?;
        self.answers.insert(*digest, (active, now));
        Ok(active)
    }

    async fn ask(&self, token: &str, now: UnixSeconds) -> Result<bool, FetchError> {
        let assertion = self.tokens.assertion(now)?;
        let form = [
            ("token", token),
            ("token_type_hint", "access_token"),
            ("client_id", self.tokens.client_id()),
            ("client_assertion_type", CLIENT_ASSERTION_TYPE),
            ("client_assertion", assertion.expose()),
        ];
        let url = &self.endpoints.introspection;
        let answer: Answer = send_for_json(url, self.fetcher.post_form(url, &form), "an introspection").await?;
        Ok(answer.active)
    }
}

/// Writes how often the issuer was asked.
pub fn write_metrics(introspection: Option<&Introspection>, page: &mut Page) {
    let mut asked =
        page.counter("postern_introspections_total", "Tokens that the authorization server was to be asked about.");
    if let Some(introspection) = introspection {
        asked.value(&[("outcome", "remembered")], introspection.remembered.get());
        asked.value(&[("outcome", "answered")], introspection.answered.get());
        asked.value(&[("outcome", "failed")], introspection.failed.get());
    }
}
