//! Asking the issuer about one token (RFC 7662), when its feed of revocations is silent.

use super::{
    endpoints::IssuerEndpoints,
    fetch::{FetchError, Fetcher},
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
    asked: Asked,
}

/// How often an issuer was to be asked about a token.
#[derive(Debug, Default)]
pub struct Asked {
    /// And was not, because its answer was remembered.
    pub remembered: Counter,
    /// And answered.
    pub answered: Counter,
    /// And could not be, or said nothing that could be used.
    pub failed: Counter,
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
        Self { endpoints, fetcher, tokens, clock, answers, asked: Asked::default() }
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
            self.asked.remembered.increment();
            return Ok(active);
        }
        let asked = self.ask(token, now).await;
        let counter = if asked.is_ok() { &self.asked.answered } else { &self.asked.failed };
        counter.increment();
        let active = asked?;
        self.answers.insert(*digest, (active, now));
        Ok(active)
    }

    /// The issuer, and how often it was to be asked.
    pub fn asked(&self) -> (&str, &Asked) {
        (&self.endpoints.issuer, &self.asked)
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
        let answer: Answer =
            self.fetcher.send_for_json(url, self.fetcher.post_form(url, &form), "an introspection").await?;
        Ok(answer.active)
    }
}

/// Writes how often each issuer was to be asked.
pub fn write_metrics<'a>(issuers: impl Iterator<Item = (&'a str, &'a Asked)>, page: &mut Page) {
    let mut series = page.counter("postern_introspections_total", "Tokens that an issuer was to be asked about.");
    for (issuer, asked) in issuers {
        for (outcome, counter) in
            [("remembered", &asked.remembered), ("answered", &asked.answered), ("failed", &asked.failed)]
        {
            series.value(&[("issuer", issuer), ("outcome", outcome)], counter.get());
        }
    }
}
