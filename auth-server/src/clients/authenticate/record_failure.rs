//! A client that did not prove who it is, written down: once an hour for each client and block of addresses, and no more than so many an hour in
//! all, because anybody can cause it. What an unknown client called itself is text from a request and is not kept.

use super::{Authenticator, ClientRequest};
use crate::audit::{self, AuditEvent, AuditKind};
use shared::{
    clock::UnixSeconds,
    db::StoreError,
    rate_limit::{Limit, RateLimiter},
};

/// Failures of one client from one block that are recorded.
const BY_CLIENT_AND_BLOCK: Limit = Limit { requests: 1, window_seconds: 60 * 60 };
/// Failures of all clients together that are recorded.
const BY_EVERYBODY: Limit = Limit { requests: 1000, window_seconds: 60 * 60 };

/// Records the failure of a client, if it is known.
///
/// # Errors
/// The database does not answer.
pub(super) async fn record_failure(
    authenticator: &Authenticator<'_>,
    client_id: Option<&str>,
    request: &ClientRequest<'_>,
    now: UnixSeconds,
) -> Result<(), StoreError> {
    let block = request.address_block.map(|block| block.to_string()).unwrap_or_default();
    let key = format!("{} {block}", client_id.unwrap_or_default());
    let limits = authenticator.limits;
    if !is_within(limits, "client-failure", &key, BY_CLIENT_AND_BLOCK).await
        || !is_within(limits, "client-failures", "", BY_EVERYBODY).await
    {
        return Ok(());
    }
    let event = AuditEvent::new(AuditKind::ClientAuthenticationFailed, authenticator.random, now);
    let event = &client_id.map_or(event.clone(), |id| event.client(id));
    authenticator.store.write(|mut tx| async move { audit::record(&mut tx, event).await }).await
}

/// What cannot be counted is not written: the failure itself is refused in any case.
async fn is_within(limits: &RateLimiter, bucket: &'static str, key: &str, limit: Limit) -> bool {
    limits.check(bucket, key, limit).await.is_ok_and(|decision| decision.allowed)
}
