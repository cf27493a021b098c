//! Asking the issuer about one token (RFC 7662), when its feed of revocations is silent.

use super::{
    endpoints::IssuerEndpoints,
    fetch::{FetchError, Fetcher},
    machine_token::MachineTokens,
    questions::{Asked, Questions},
};
use crate::bearer::cache::TokenDigest;
use serde::Deserialize;
use shared::{
    clock::{SharedClock, UnixSeconds},
    metrics::Page,
    protocol::jwt::CLIENT_ASSERTION_TYPE,
};
use std::{convert::Infallible, sync::Arc, time::Duration};

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
    /// None where it could not be asked.
    questions: Arc<Questions<Option<bool>>>,
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
        let questions = Arc::new(Questions::new(clock.clone()));
        Self { endpoints, fetcher, tokens, clock, answers, questions }
    }

    /// Whether the token with this digest was active when the issuer was asked a moment ago; `None` when it was not asked.
    pub fn recall(&self, digest: &TokenDigest, now: UnixSeconds) -> Option<bool> {
        let (active, at) = self.answers.get(digest)?;
        let recalled = (0..ANSWER_MAX_AGE_SECONDS).contains(&(now - at)).then_some(active);
        if recalled.is_some() {
            self.questions.asked.remembered.increment();
        }
        recalled
    }

    /// Asks whether `token`, whose digest is `digest`, is active; `None` when nobody can tell just now.
    pub async fn ask(self: &Arc<Self>, token: &str, digest: TokenDigest) -> Option<bool> {
        let (asking, token) = (self.clone(), token.to_owned());
        let question = async move { Ok::<_, Infallible>(asking.ask_alone(&token, digest).await) };
        let Ok(active) = self.questions.once(digest, question).await?;
        active
    }

    /// The issuer, and how often it was to be asked.
    pub fn asked(&self) -> (&str, &Asked) {
        (&self.endpoints.issuer, &self.questions.asked)
    }

    async fn ask_alone(&self, token: &str, digest: TokenDigest) -> Option<bool> {
        let questions = &*self.questions;
        let Some(_place) = questions.place().await else {
            questions.asked.failed.increment();
            return None;
        };
        let now = self.clock.now();
        match self.exchange(token, now).await {
            Ok(active) => {
                questions.asked.answered.increment();
                self.answers.insert(digest, (active, now));
                if questions.succeeded() {
                    tracing::info!(
                        issuer = self.endpoints.issuer,
                        "the authorization server answers about tokens again"
                    );
                }
                Some(active)
            }
            Err(cause) => {
                questions.asked.failed.increment();
                if questions.failed() {
                    tracing::warn!(issuer = self.endpoints.issuer, %cause, "the authorization server cannot be asked about tokens");
                }
                None
            }
        }
    }

    async fn exchange(&self, token: &str, now: UnixSeconds) -> Result<bool, FetchError> {
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
