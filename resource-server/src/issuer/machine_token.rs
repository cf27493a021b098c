//! How this server proves itself to the issuer: client assertions (RFC 7523), and a token of its own for the API.

use super::{
    endpoints::IssuerEndpoints,
    fetch::{FetchError, Fetcher},
};
use serde::Deserialize;
use shared::{
    clock::{SharedClock, UnixSeconds},
    protocol::{
        jwt::{AssertionSigner, CLIENT_ASSERTION_TYPE},
        resource_document::RESOURCE_SERVER_SCOPE,
    },
    random::SharedRandom,
    secret::Secret,
};
use std::sync::Arc;
use tokio::sync::Mutex;

/// The token is renewed when it has less than this left.
const RENEW_BEFORE_SECONDS: i64 = 60;

/// A client of the issuer with a key of its own.
#[derive(Clone)]
pub struct EnrolledIdentity {
    /// The client that an administrator made for this server.
    pub client_id: String,
    /// Its key.
    pub signer: Arc<AssertionSigner>,
}

/// The identity at work.
pub struct MachineTokens {
    identity: EnrolledIdentity,
    endpoints: IssuerEndpoints,
    fetcher: Fetcher,
    clock: SharedClock,
    random: SharedRandom,
    token: Mutex<Option<MachineToken>>,
}

struct MachineToken {
    text: Secret,
    renew_at: UnixSeconds,
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    expires_in: i64,
}

impl MachineTokens {
    /// No token yet.
    pub fn new(
        identity: EnrolledIdentity,
        endpoints: IssuerEndpoints,
        fetcher: Fetcher,
        clock: SharedClock,
        random: SharedRandom,
    ) -> Self {
        Self { identity, endpoints, fetcher, clock, random, token: Mutex::default() }
    }

    /// A token for the issuer's API, fetched or renewed when needed.
    ///
    /// # Errors
    /// [`FetchError`].
    pub async fn token(&self) -> Result<Secret, FetchError> {
        let mut held = self.token.lock().await;
        let now = self.clock.now();
        if let Some(token) = held.as_ref().filter(|token| now < token.renew_at) {
            return Ok(token.text.clone());
        }
        let assertion = self.assertion(now)?;
        let form = [
            ("grant_type", "client_credentials"),
            ("resource", self.endpoints.api_resource.as_str()),
            ("scope", RESOURCE_SERVER_SCOPE),
            ("client_id", self.identity.client_id.as_str()),
            ("client_assertion_type", CLIENT_ASSERTION_TYPE),
            ("client_assertion", assertion.expose()),
        ];
        let url = &self.endpoints.token;
        let answer: TokenAnswer =
            self.fetcher.send_for_json(url, self.fetcher.post_form(url, &form), "a token").await?;
        let text = Secret::new(answer.access_token);
        let lifetime = answer.expires_in.max(0);
        let renew_at = now.saturating_add((lifetime - RENEW_BEFORE_SECONDS).max(lifetime / 2));
        *held = Some(MachineToken { text: text.clone(), renew_at });
        Ok(text)
    }

    /// Forgets the token: the issuer does not take it any more.
    pub async fn forget(&self) {
        *self.token.lock().await = None;
    }

    /// A signed assertion that authenticates this client at an endpoint of the issuer at `now` (RFC 7523 §2.2), good once.
    ///
    /// # Errors
    /// [`FetchError::Unreachable`] when the key does not sign.
    pub fn assertion(&self, now: UnixSeconds) -> Result<Secret, FetchError> {
        let signed = self.identity.signer.sign(&self.identity.client_id, &self.endpoints.issuer, now, &*self.random);
        signed
            .map(Secret::new)
            .map_err(|cause| FetchError::Unreachable { url: self.endpoints.token.clone(), cause: cause.to_string() })
    }

    /// The client's id.
    pub fn client_id(&self) -> &str {
        &self.identity.client_id
    }
}
