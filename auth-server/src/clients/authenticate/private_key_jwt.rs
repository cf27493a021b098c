//! `private_key_jwt` (RFC 7523 §2.2 and §3): a signed assertion, whose `jti` is used up as a row by what it buys. If the store cannot say
//! whether it was used, the answer is 503.

use super::{AuthenticationError, FailureCause};
use crate::clients::{Client, ClientOrigin};
use shared::{
    clock::UnixSeconds,
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

/// Verifies the assertion with the client's own keys. It is not used up, nor looked up.
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

/// What whoever presents an assertion again is told.
pub(super) fn replayed() -> AuthenticationError {
    failed(FailureCause::AssertionReplayed)
}

fn failed(cause: FailureCause) -> AuthenticationError {
    AuthenticationError::Failed { cause, used_basic: false }
}
