//! `private_key_jwt` (RFC 7523 §2.2 and §3): a signed assertion, whose `jti` is used up as a row before the client counts as
//! authenticated. If the store cannot say whether it was used, the answer is 503.

use super::{AuthenticationError, FailureCause};
use crate::{clients::Client, store::used_assertion};
use shared::{
    clock::UnixSeconds,
    db::{Store, StoreError},
    protocol::jwt::{self, VerificationKeys},
    secret::Secret,
};

/// Whom an assertion claims to be from, before anything is verified; only good for finding the keys.
pub fn claimed_client_id(assertion: &str) -> Option<String> {
    jwt::claimed_client_id(assertion)
}

/// Verifies the assertion with the client's own keys and uses it up.
///
/// # Errors
/// [`AuthenticationError::Failed`] or [`AuthenticationError::Store`].
pub async fn accept(
    store: &Store,
    client: &Client,
    assertion: &Secret,
    audiences: &[String],
    now: UnixSeconds,
) -> Result<(), AuthenticationError> {
    let failed = |cause| AuthenticationError::Failed { cause, used_basic: false };
    let jwks = client.jwks.as_ref().ok_or(failed(FailureCause::Method))?;
    let keys = VerificationKeys::from_jwks(jwks);
    let audiences: Vec<&str> = audiences.iter().map(String::as_str).collect();
    let verified =
        jwt::verify_client_assertion(assertion.expose(), &keys, &client.id, &audiences, now).map_err(|refusal| {
            tracing::info!(%refusal, client_id = %client.id, "a client assertion was refused");
            failed(FailureCause::Assertion)
        })?;
    let (client_id, assertion) = (&client.id, &verified);
    let fresh = store
        .write(|mut tx| async move {
            let fresh = used_assertion::consume(&mut tx, client_id, &assertion.jti, assertion.exp).await?;
            Ok::<_, StoreError>(fresh)
        })
        .await?;
    if fresh { Ok(()) } else { Err(failed(FailureCause::AssertionReplayed)) }
}
