//! Client authentication (RFC 6749 §2.3, RFC 7523 §2.2), always before any grant is looked at.
//!
//! The order: one method only → the client → its registered method → the proof → the failure budget, of which only failures
//! know. A look-up that fails is 503, never `invalid_client`, because clients throw their registration away on that.

mod assertion_audiences;
pub mod authenticated_client;
pub mod basic;
pub mod credentials;
pub mod failure_budget;
pub mod private_key_jwt;
mod record_failure;
pub mod secret;

pub use assertion_audiences::assertion_audiences;
pub use authenticated_client::{AuthenticatedClient, SpendError, Spent};
pub use credentials::{Credentials, SecretChannel};
pub use failure_budget::FailureBudget;

use super::{AuthMethod, Client, ClientDirectory};
use crate::parameters::Parameters;
use http::HeaderMap;
use shared::{
    clock::UnixSeconds,
    db::{Store, StoreError},
    http::AddressBlock,
    protocol::jwt::ClientAssertion,
    random::Random,
    rate_limit::RateLimiter,
};
use std::sync::Arc;

/// Why a client is not taken for who it says it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthenticationError {
    /// More than one method, or two different client ids: `invalid_request` (RFC 6749 §2.3, §5.2). Two ids are no failed
    /// authentication of either, and `invalid_client` would cost one of them its registration.
    #[error("more than one way to authenticate, or two client ids")]
    Ambiguous,
    /// The request names no client.
    #[error("no client is named")]
    Missing,
    /// Unknown client, wrong method, wrong or missing proof: outwardly all the same.
    #[error("client authentication failed: {cause}")]
    Failed {
        /// For the log.
        cause: FailureCause,
        /// Whether HTTP Basic was used; then the answer names that scheme.
        used_basic: bool,
    },
    /// Too many failures for this client from this network.
    #[error("too many failed attempts")]
    TooManyFailures {
        /// When the budget is whole again.
        retry_after_seconds: u32,
    },
    /// More assertions than a client that registered itself may use in a minute.
    #[error("too many assertions")]
    TooManyAssertions {
        /// When it may go on.
        retry_after_seconds: u32,
    },
    /// Nothing is known about the client.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why authentication failed; for the log alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FailureCause {
    /// No such client, or it was removed.
    #[error("unknown client")]
    UnknownClient,
    /// Another method than the registered one.
    #[error("another method than the registered one")]
    Method,
    /// The secret does not fit.
    #[error("wrong secret")]
    Secret,
    /// The `Authorization` header is not `Basic` with an id and a secret.
    #[error("malformed Authorization header")]
    Header,
    /// The assertion is refused.
    #[error("the assertion is refused")]
    Assertion,
    /// The assertion was used before.
    #[error("the assertion was used before")]
    AssertionReplayed,
}

/// A client whose proof fits, while what it asks for may still be refused: nothing is written and its assertion not used.
#[derive(Debug)]
pub struct ProvenClient {
    /// The client.
    pub client: Arc<Client>,
    assertion: Option<ClientAssertion>,
}

/// What client authentication needs to see of a request.
#[derive(Clone, Copy)]
pub struct ClientRequest<'a> {
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// Its form.
    pub parameters: &'a Parameters,
    /// The audiences a client assertion may name: the issuer, the token endpoint, the URL that was called. Made only when
    /// there is one.
    pub assertion_audiences: &'a (dyn Fn() -> Vec<String> + Send + Sync),
    /// Where it came from.
    pub address_block: Option<AddressBlock>,
}

/// What client authentication needs of the application.
#[derive(Clone, Copy)]
pub struct Authenticator<'a> {
    /// The registered clients.
    pub clients: &'a ClientDirectory,
    /// Where used assertions, and failures, are kept.
    pub store: &'a Store,
    /// Failures so far.
    pub failures: &'a FailureBudget,
    /// Counts assertions, and failures that are recorded.
    pub limits: &'a RateLimiter,
    /// Makes ids.
    pub random: &'a dyn Random,
}

impl Authenticator<'_> {
    /// Finds the client of a request and judges its proof.
    ///
    /// # Errors
    /// Any [`AuthenticationError`].
    pub async fn prove(
        &self,
        request: &ClientRequest<'_>,
        now: UnixSeconds,
    ) -> Result<ProvenClient, AuthenticationError> {
        let credentials = Credentials::of(request.headers, request.parameters)?;
        let client = self.clients.find(credentials.client_id()).await?;
        let known_id = client.as_ref().map(|client| client.id.clone());
        match judge(&credentials, client, request, now) {
            Ok(proven) => Ok(proven),
            Err(error) => {
                let error = self.count_failure(error, credentials.client_id(), request, now);
                Err(self.recorded(error, known_id.as_deref(), request, now).await)
            }
        }
    }

    /// Authenticates a proven client. An assertion that was used before is refused here; whoever races its first use is refused by the transaction
    /// that uses it up.
    ///
    /// # Errors
    /// The assertion was used before, or there were too many; or the store did not answer.
    pub async fn accept(
        &self,
        proven: ProvenClient,
        request: &ClientRequest<'_>,
        now: UnixSeconds,
    ) -> Result<AuthenticatedClient, AuthenticationError> {
        let ProvenClient { client, assertion } = proven;
        let has_assertion = assertion.is_some();
        let authenticated = AuthenticatedClient { client, assertion };
        if has_assertion {
            let client = &authenticated.client;
            private_key_jwt::check_limit(self.limits, client).await?;
            if authenticated.is_spent(self.store).await? {
                let error = self.count_failure(private_key_jwt::replayed(), &client.id, request, now);
                return Err(self.recorded(error, Some(&client.id), request, now).await);
            }
        }
        Ok(authenticated)
    }

    /// The same error, written down if it is a failure; another one if that is not possible.
    async fn recorded(
        &self,
        error: AuthenticationError,
        known_id: Option<&str>,
        request: &ClientRequest<'_>,
        now: UnixSeconds,
    ) -> AuthenticationError {
        if !matches!(error, AuthenticationError::Failed { .. }) {
            return error;
        }
        record_failure::record_failure(self, known_id, request, now).await.err().map_or(error, Into::into)
    }

    fn count_failure(
        &self,
        error: AuthenticationError,
        client_id: &str,
        request: &ClientRequest<'_>,
        now: UnixSeconds,
    ) -> AuthenticationError {
        let AuthenticationError::Failed { cause, .. } = &error else { return error };
        if let Err(spent) = self.failures.check(client_id, request.address_block, now) {
            return spent;
        }
        tracing::info!(%cause, "a client was not authenticated");
        self.failures.record(client_id, request.address_block, now);
        error
    }
}

fn judge(
    credentials: &Credentials,
    client: Option<Arc<Client>>,
    request: &ClientRequest<'_>,
    now: UnixSeconds,
) -> Result<ProvenClient, AuthenticationError> {
    let failed = |cause| AuthenticationError::Failed { cause, used_basic: credentials.used_basic() };
    let proven = |client, assertion| Ok(ProvenClient { client, assertion });
    // Compared for an unknown client too, so that knowing an id cannot be told from the time it takes.
    if let Credentials::Secret { secret, .. } = credentials {
        let stored = client.as_ref().and_then(|client| client.secret_hash);
        let previous = client.as_ref().and_then(|client| client.previous_secret_hash(now));
        let fits = secret::matches(stored.as_ref(), secret) | secret::matches(previous.as_ref(), secret);
        let Some(client) = client else { return Err(failed(FailureCause::UnknownClient)) };
        if !client.auth_method.has_secret() {
            return Err(failed(FailureCause::Method));
        }
        return if fits { proven(client, None) } else { Err(failed(FailureCause::Secret)) };
    }
    let Some(client) = client else { return Err(failed(FailureCause::UnknownClient)) };
    match (credentials, client.auth_method) {
        (Credentials::None { .. }, AuthMethod::None) => proven(client, None),
        (Credentials::Assertion { assertion, .. }, AuthMethod::PrivateKeyJwt) => {
            let verified = private_key_jwt::verify(&client, assertion, &(request.assertion_audiences)(), now)?;
            proven(client, Some(verified))
        }
        _ => Err(failed(FailureCause::Method)),
    }
}
