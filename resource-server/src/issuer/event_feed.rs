//! Polling the issuer for what was revoked (RFC 8936), and believing nothing that it did not sign for this server.

use super::{
    endpoints::IssuerEndpoints,
    fetch::{FetchError, Fetcher, refused},
    jwks::{JwksCache, NoKeys, Snapshot},
    machine_token::MachineTokens,
};
use http::StatusCode;
use shared::protocol::{
    event_poll::{EVENTS_AN_ANSWER_MAX, POLL_WAIT_MAX_SECONDS, PollAnswer, PollRequest, SetError},
    jwt::{JwtRefusal, VerificationKeys, verify_security_event},
    security_event::Revocation,
};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// A poll that takes longer than its wait and this is broken.
const POLL_SLACK: Duration = Duration::from_secs(5);
/// So many events are verified before others may run.
const VERIFIED_AT_ONCE: usize = 16;

/// Asks.
pub struct EventFeed {
    /// Where.
    pub endpoints: IssuerEndpoints,
    /// How.
    pub fetcher: Fetcher,
    /// As whom: events are for this client.
    pub tokens: Arc<MachineTokens>,
    /// Whose signatures count.
    pub jwks: Arc<JwksCache>,
}

/// What an answer told.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// What was revoked, by events that are the issuer's and for this server.
    pub revocations: Vec<Revocation>,
    /// The `jti` of those events.
    pub taken: Vec<String>,
    /// The events that are not to be believed, with what the issuer is told of them.
    pub refused: BTreeMap<String, SetError>,
}

impl EventFeed {
    /// Sends a poll. It may wait as long as the issuer lets polls wait.
    ///
    /// # Errors
    /// [`FetchError`].
    pub async fn ask(&self, request: &PollRequest) -> Result<PollAnswer, FetchError> {
        let token = self.tokens.token().await?;
        let url = &self.endpoints.events;
        let request = self.fetcher.post_json(url, request).bearer_auth(token.expose());
        let fetched =
            self.fetcher.send(url, request.timeout(Duration::from_secs(POLL_WAIT_MAX_SECONDS) + POLL_SLACK)).await?;
        if fetched.status != StatusCode::OK {
            return Err(refused(url, &fetched));
        }
        let answer = PollAnswer::parse(&fetched.body).ok().filter(|answer| answer.sets.len() <= EVENTS_AN_ANSWER_MAX);
        answer.ok_or_else(|| self.malformed("an answer to a poll for security events"))
    }

    /// Verifies the events of an answer, each by itself. Their order means nothing: what was revoked stays revoked.
    ///
    /// # Errors
    /// The issuer's keys cannot be fetched, so nothing can be said of the events.
    pub async fn hear(&self, answer: &PollAnswer) -> Result<Heard, FetchError> {
        let mut heard = Heard::default();
        if answer.sets.is_empty() {
            return Ok(heard);
        }
        let no_keys = |NoKeys| self.malformed("usable keys");
        let mut refetched = false;
        let mut snapshot = self.jwks.keys().await.map_err(no_keys)?;
        for (number, (jti, token)) in answer.sets.iter().enumerate() {
            if number % VERIFIED_AT_ONCE == VERIFIED_AT_ONCE - 1 {
                tokio::task::yield_now().await;
            }
            let mut verified = self.verify(jti, token, &snapshot);
            if verified == Err(JwtRefusal::UnknownKid) && !refetched {
                // The issuer itself says so: a key that takes a revoked one's place signs the news of that.
                snapshot = self.jwks.refetch(&snapshot).await.map_err(no_keys)?;
                refetched = true;
                verified = self.verify(jti, token, &snapshot);
            }
            match verified {
                Ok(revocation) => {
                    heard.revocations.push(revocation);
                    heard.taken.push(jti.clone());
                }
                Err(refusal) => {
                    heard.refused.insert(jti.clone(), report(refusal));
                }
            }
        }
        Ok(heard)
    }

    fn verify(&self, jti: &str, token: &str, snapshot: &Snapshot) -> Result<Revocation, JwtRefusal> {
        let none = VerificationKeys::default();
        let keys = snapshot.keys.as_ref().unwrap_or(&none);
        let event = verify_security_event(token, keys, &self.endpoints.issuer, self.tokens.client_id())?;
        if event.jti == jti { Ok(event.revocation) } else { Err(JwtRefusal::Claim("jti")) }
    }

    /// What an answer is that cannot be used.
    pub fn malformed(&self, expected: &'static str) -> FetchError {
        FetchError::Malformed { url: self.endpoints.events.clone(), expected }
    }
}

/// RFC 8935 §2.4.
fn report(refusal: JwtRefusal) -> SetError {
    let err = match refusal {
        JwtRefusal::Issuer => "invalid_issuer",
        JwtRefusal::Audience => "invalid_audience",
        JwtRefusal::UnknownKid | JwtRefusal::MissingKid | JwtRefusal::Algorithm | JwtRefusal::Signature => {
            "invalid_key"
        }
        _ => "invalid_request",
    };
    SetError { err: err.to_owned(), description: refusal.to_string() }
}
