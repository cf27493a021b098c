//! Asking a foreign issuer about a token (RFC 7662). What it does not know is remembered shortly; what it does know goes to the cache of
//! verified tokens.

use super::client_at_issuer::ClientAtIssuer;
use crate::{
    bearer::{cache::TokenDigest, guesser::Guesser},
    issuer::{
        discovery::Discovery,
        fetch::{FetchError, Fetcher, refused},
        questions::{Asked, FAILURE_PAUSE_SECONDS, Questions},
    },
};
use http::StatusCode;
use serde_json::Value;
use shared::{
    clock::{SharedClock, UnixSeconds},
    protocol::jwt::Members,
    rate_limit::RateDecision,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

/// What the issuer does not know is not asked about again for this long.
pub const UNKNOWN_MAX_AGE_SECONDS: i64 = 10;
/// More unknown tokens than this are not remembered (about 100 bytes each).
pub const UNKNOWN_MAX_TOKENS: u64 = 10_000;
/// So many answers in a row that nobody can read are the issuer's fault, and no longer that of the tokens.
pub const UNREADABLE_MAX: u32 = 8;
/// A longer answer is none.
pub const ANSWER_MAX_BYTES: usize = 64 * 1024;

/// Why nothing is known of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unanswered {
    /// The issuer could not be asked.
    NotNow,
    /// It was asked, and will not look at this token; it may well know others.
    Declined,
    /// It was not asked, because whoever sent the token sent too many that nobody made.
    Spent(RateDecision),
}

/// What the issuer says of a token: nothing for one that is not active.
pub type Answer = Option<Arc<Members>>;

/// Why there is no answer.
enum Asking {
    /// The issuer cannot be asked, or refuses the question.
    Issuer(FetchError),
    /// It answered, and that cannot be read: too long, or nothing that it should be.
    Answer(FetchError),
}

/// Asks one issuer.
pub struct TokenIntrospection {
    discovery: Arc<Discovery>,
    fetcher: Fetcher,
    client: ClientAtIssuer,
    clock: SharedClock,
    unknown: moka::sync::Cache<TokenDigest, UnixSeconds>,
    /// Nobody asks about these for as long as about any after a failure.
    unreadable: moka::sync::Cache<TokenDigest, UnixSeconds>,
    /// Since the last one that could be read.
    unreadable_in_a_row: AtomicU32,
    questions: Arc<Questions<Result<Answer, Unanswered>>>,
}

impl TokenIntrospection {
    /// Nothing asked yet.
    pub fn new(discovery: Arc<Discovery>, fetcher: Fetcher, client: ClientAtIssuer, clock: SharedClock) -> Self {
        let remembered = |seconds: i64| {
            let time = Duration::from_secs(seconds.unsigned_abs());
            moka::sync::Cache::builder().max_capacity(UNKNOWN_MAX_TOKENS).time_to_live(time).build()
        };
        Self {
            discovery,
            fetcher,
            client,
            questions: Arc::new(Questions::new(clock.clone())),
            clock,
            unknown: remembered(UNKNOWN_MAX_AGE_SECONDS),
            unreadable: remembered(FAILURE_PAUSE_SECONDS),
            unreadable_in_a_row: AtomicU32::new(0),
        }
    }

    /// How often it was to be asked.
    pub fn asked(&self) -> &Asked {
        &self.questions.asked
    }

    /// Whether the issuer was asked lately about the token with this digest, and did not know it.
    pub fn is_unknown(&self, digest: &TokenDigest, now: UnixSeconds) -> bool {
        self.unknown.get(digest).is_some_and(|at| (0..UNKNOWN_MAX_AGE_SECONDS).contains(&(now - at)))
    }

    /// The same, where the issuer would be asked otherwise.
    pub fn recalls(&self, digest: &TokenDigest, now: UnixSeconds) -> bool {
        let recalled = self.is_unknown(digest, now);
        if recalled {
            self.asked().remembered.increment();
        }
        recalled
    }

    /// Remembers that the token with this digest is good for nothing here, whatever the issuer says of it.
    pub fn reject(&self, digest: TokenDigest, now: UnixSeconds) {
        self.unknown.insert(digest, now);
    }

    /// Whether it can be asked: the issuer's metadata is known and names the endpoint.
    pub async fn is_reachable(&self) -> bool {
        self.discovery.endpoints().await.is_ok_and(|endpoints| endpoints.introspection.is_some())
    }

    /// What the issuer says of `token`, whose digest is `digest`. A question is put only when it is `guesser`'s turn and the budget still
    /// allows it: of all that waited, most may have been found to be guesses.
    ///
    /// # Errors
    /// [`Unanswered`].
    pub async fn ask(
        self: &Arc<Self>,
        token: &str,
        digest: &TokenDigest,
        guesser: Option<&Guesser>,
        now: UnixSeconds,
    ) -> Result<Answer, Unanswered> {
        if self.recalls(digest, now) {
            return Ok(None);
        }
        if self.unreadable.get(digest).is_some_and(|at| (0..FAILURE_PAUSE_SECONDS).contains(&(now - at))) {
            self.asked().remembered.increment();
            return Err(Unanswered::NotNow);
        }
        let (asking, token, digest, guesser) = (self.clone(), token.to_owned(), *digest, guesser.cloned());
        let question = async move {
            let answer = asking.ask_alone(&token, digest, guesser).await;
            match answer {
                // One guesser's budget is not another's: whoever else waits for the answer asks then.
                Err(Unanswered::Spent(counted)) => return Err(Unanswered::Spent(counted)),
                Err(Unanswered::NotNow) => asking.asked().failed.increment(),
                Ok(_) | Err(Unanswered::Declined) => asking.asked().answered.increment(),
            }
            Ok(answer)
        };
        self.questions.once(digest, question).await.unwrap_or(Ok(Err(Unanswered::NotNow))).flatten()
    }

    async fn ask_alone(
        &self,
        token: &str,
        digest: TokenDigest,
        guesser: Option<Guesser>,
    ) -> Result<Answer, Unanswered> {
        let Some(place) = self.questions.place().await else { return Err(Unanswered::NotNow) };
        let now = self.clock.now();
        if let Some(guesser) = &guesser
            && let Some(counted) = guesser.refusal().await
        {
            return Err(Unanswered::Spent(counted));
        }
        let answer = self.judge_exchange(token, digest, now).await;
        drop(place);
        // Here, because whoever sent it may have hung up by now, and would guess for nothing.
        if let (Ok(None) | Err(Unanswered::Declined), Some(guesser)) = (&answer, guesser) {
            guesser.pay().await;
        }
        answer
    }

    async fn judge_exchange(&self, token: &str, digest: TokenDigest, now: UnixSeconds) -> Result<Answer, Unanswered> {
        match self.exchange(token, now).await {
            Ok(answer) => {
                self.unreadable_in_a_row.store(0, Ordering::Release);
                if self.questions.succeeded() {
                    tracing::info!(issuer = %self.discovery.issuer(), "a trusted issuer answers about tokens again");
                }
                if answer.is_none() {
                    self.reject(digest, now);
                }
                Ok(answer)
            }
            // Whoever finds such a token must not keep the issuer from being asked about those of others.
            Err(Asking::Issuer(cause)) if is_about_the_token(&cause) => {
                tracing::info!(issuer = %self.discovery.issuer(), %cause, "a trusted issuer will not look at a token");
                Err(Unanswered::Declined)
            }
            Err(Asking::Answer(cause)) if self.count_unreadable() <= UNREADABLE_MAX => {
                tracing::info!(issuer = %self.discovery.issuer(), %cause, "what a trusted issuer says of a token cannot be read");
                self.unreadable.insert(digest, now);
                Err(Unanswered::NotNow)
            }
            Err(Asking::Answer(cause) | Asking::Issuer(cause)) => {
                if self.questions.failed() {
                    tracing::warn!(issuer = %self.discovery.issuer(), %cause, "a trusted issuer cannot be asked about tokens");
                }
                Err(Unanswered::NotNow)
            }
        }
    }

    /// Counts one more answer that nobody can read; how many came in a row with this one. Few are about their tokens alone; when so many came, the
    /// issuer says nothing else.
    fn count_unreadable(&self) -> u32 {
        self.unreadable_in_a_row.fetch_add(1, Ordering::AcqRel).saturating_add(1)
    }

    async fn exchange(&self, token: &str, now: UnixSeconds) -> Result<Answer, Asking> {
        let issuer = self.discovery.issuer().as_str();
        let endpoints = self.discovery.endpoints().await.map_err(Asking::Issuer)?;
        let expected = "metadata that says where its introspection is";
        let missing = || FetchError::Malformed { url: issuer.to_owned(), expected };
        let url = endpoints.introspection.as_deref().ok_or_else(|| Asking::Issuer(missing()))?;
        let methods = &endpoints.introspection_methods;
        let question = self.client.question(&self.fetcher, url, issuer, methods, token, now).map_err(Asking::Issuer)?;
        let fetched = self.fetcher.send(url, question).await.map_err(|cause| match cause {
            FetchError::TooLarge { .. } => Asking::Answer(cause),
            cause => Asking::Issuer(cause),
        })?;
        if fetched.status != StatusCode::OK {
            return Err(Asking::Issuer(refused(url, &fetched)));
        }
        let malformed = || FetchError::Malformed { url: url.to_owned(), expected: "an introspection" };
        read_answer(&fetched.body).ok_or_else(|| Asking::Answer(malformed()))
    }
}

/// Whether the issuer refused the request for what was in it, and not us (RFC 6749 §5.2, which some answer with 400, too).
fn is_about_the_token(cause: &FetchError) -> bool {
    let FetchError::Refused { status, code, .. } = cause else { return false };
    let about_us = ["invalid_client", "unauthorized_client", "access_denied", "insufficient_scope"];
    let is_of_the_request = matches!(status.as_u16(), 400 | 413 | 414 | 422);
    is_of_the_request && !code.as_deref().is_some_and(|code| about_us.contains(&code))
}

/// Reads an answer to introspection (RFC 7662 §2.2): `None` for what is none, `Some(None)` for a token that is not active.
pub fn read_answer(body: &[u8]) -> Option<Answer> {
    if body.len() > ANSWER_MAX_BYTES {
        return None;
    }
    let members = Members::parse(body).ok()?;
    match members.get("active") {
        Some(Value::Bool(true)) => Some(Some(Arc::new(members))),
        Some(Value::Bool(false)) => Some(None),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{ANSWER_MAX_BYTES, read_answer};

    #[test]
    fn only_a_plain_yes_is_one() {
        assert!(read_answer(br#"{"active":true,"sub":"ann"}"#).expect("an answer").is_some());
        assert!(read_answer(br#"{"active":false,"sub":"ann"}"#).expect("an answer").is_none());
        let long = format!("{{\"active\":true,\"x\":\"{}\"}}", "x".repeat(ANSWER_MAX_BYTES));
        for bad in
            ["", "{}", "true", r#"{"active":"true"}"#, r#"{"active":1}"#, r#"{"active":false,"active":true}"#, &long]
        {
            assert!(read_answer(bad.as_bytes()).is_none(), "{bad}");
        }
    }
}
