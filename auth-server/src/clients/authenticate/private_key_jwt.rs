//! `private_key_jwt` (RFC 7523 §2.2 and §3): a signed assertion, whose `jti` is used up as a row before the client counts as
//! authenticated. If the store cannot say whether it was used, the answer is 503.

use super::{AuthenticationError, FailureCause};
use crate::{
    clients::{Client, ClientOrigin},
    store::used_assertion,
};
use shared::{
    clock::UnixSeconds,
    db::{Store, StoreError},
    protocol::jwt::{self, ClientAssertion, VerificationKeys},
    rate_limit::{Limit, RateLimiter},
    secret::Secret,
};

/// Each assertion leaves a row until it expires. Anybody may register a client with a key of its own, so such a client may
/// use this many a minute; those an administrator made are limited by their grants.
pub const SELF_REGISTERED_ASSERTIONS: Limit = Limit::per_minute(600);
/// As long as nobody consented to it, it has nothing to ask for: whoever registers many gains no rows by that.
pub const UNCONFIRMED_ASSERTIONS: Limit = Limit::per_minute(10);

/// Whom an assertion claims to be from, before anything is verified; only good for finding the keys.
pub fn claimed_client_id(assertion: &str) -> Option<String> {
    jwt::claimed_client_id(assertion).filter(|id| !id.contains('\0'))
}

/// Verifies the assertion with the client's own keys. It is not used up.
///
/// # Errors
/// [`AuthenticationError::Failed`].
pub fn verify(
    client: &Client,
    assertion: &Secret,
    audiences: &[String],
    now: UnixSeconds,
) -> Result<ClientAssertion, AuthenticationError> {
    let jwks = client.jwks.as_ref().ok_or(failed(FailureCause::Method))?;
    let keys = VerificationKeys::from_jwks(jwks);
    let audiences: Vec<&str> = audiences.iter().map(String::as_str).collect();
    jwt::verify_client_assertion(assertion.expose(), &keys, &client.id, &audiences, now).map_err(|refusal| {
        tracing::info!(%refusal, client_id = %client.id, "a client assertion was refused");
        failed(FailureCause::Assertion)
    })
}

/// Counts an assertion of a client that registered itself. Only the holder of its key gets here.
///
/// # Errors
/// [`AuthenticationError::TooManyAssertions`].
pub async fn check_limit(limits: &RateLimiter, client: &Client) -> Result<(), AuthenticationError> {
    if client.origin != ClientOrigin::Dynamic {
        return Ok(());
    }
    let (bucket, limit) = match client.confirmed_at {
        Some(_) => ("assertions-of-client", SELF_REGISTERED_ASSERTIONS),
        None => ("assertions-of-unconfirmed-client", UNCONFIRMED_ASSERTIONS),
    };
    match limits.check(bucket, &client.id, limit).await {
        Ok(decision) if decision.allowed => Ok(()),
        Ok(decision) => Err(AuthenticationError::TooManyAssertions { retry_after_seconds: decision.reset_seconds }),
        Err(cause) => {
            tracing::warn!(%cause, "a rate limit could not be counted");
            Ok(())
        }
    }
}

/// Uses a verified assertion up.
///
/// # Errors
/// [`AuthenticationError::Failed`] when it was used before, or [`AuthenticationError::Store`].
pub async fn use_up(store: &Store, client_id: &str, assertion: &ClientAssertion) -> Result<(), AuthenticationError> {
    let fresh = store
        .write(|mut tx| async move {
            let fresh = used_assertion::consume(&mut tx, client_id, &assertion.jti, assertion.exp).await?;
            Ok::<_, StoreError>(fresh)
        })
        .await?;
    if fresh { Ok(()) } else { Err(failed(FailureCause::AssertionReplayed)) }
}

fn failed(cause: FailureCause) -> AuthenticationError {
    AuthenticationError::Failed { cause, used_basic: false }
}
