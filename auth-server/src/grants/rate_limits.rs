//! Limits of the token endpoint: by grant for what a user allowed, by client for machines, never by address alone (many
//! people come from one address). What is worthless is refused before any limit, so that 429 never hides `invalid_grant`.

use super::GrantRefusal;
use crate::app::App;
use shared::rate_limit::Limit;

/// Counts a refresh of a grant.
///
/// # Errors
/// [`GrantRefusal::TooMany`].
pub async fn check_grant(app: &App, grant_id: &str) -> Result<(), GrantRefusal> {
    let limit = Limit::per_minute(app.settings.auth_server.refreshes_per_minute);
    check(app, "refresh-of-grant", grant_id, limit).await
}

/// Counts a token for a machine.
///
/// # Errors
/// [`GrantRefusal::TooMany`].
pub async fn check_client(app: &App, client_id: &str) -> Result<(), GrantRefusal> {
    let limit = Limit::per_minute(app.settings.auth_server.machine_tokens_per_minute);
    check(app, "tokens-of-machine", client_id, limit).await
}

async fn check(app: &App, bucket: &str, key: &str, limit: Limit) -> Result<(), GrantRefusal> {
    match app.limits.check(bucket, key, limit).await {
        Ok(decision) if decision.allowed => Ok(()),
        Ok(decision) => Err(GrantRefusal::TooMany { retry_after_seconds: decision.reset_seconds }),
        // A limit protects us; without its counter we serve rather than shut everybody out.
        Err(cause) => {
            tracing::warn!(%cause, "a rate limit could not be counted");
            Ok(())
        }
    }
}
