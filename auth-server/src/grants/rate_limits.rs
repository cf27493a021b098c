//! Limits of the token endpoint: by grant for what a user allowed, by client for machines, never by address alone (many
//! people come from one address). What is worthless is refused before any limit, so that 429 never hides `invalid_grant`, and
//! what is refused spends nothing.

use super::GrantRefusal;
use crate::app::App;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use shared::{
    clock::UnixSeconds,
    protocol::opaque_token::TokenHash,
    rate_limit::{Limit, RateDecision},
};

/// What a limit said of a request, for the headers of its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    /// The constant name of the limit.
    pub policy: &'static str,
    /// How much of it is used.
    pub decision: RateDecision,
    /// The time of the request.
    pub at: UnixSeconds,
}

/// Counts a refresh of a grant by its live token.
///
/// # Errors
/// [`GrantRefusal::TooMany`].
pub async fn check_grant(app: &App, grant_id: &str, now: UnixSeconds) -> Result<Option<Counted>, GrantRefusal> {
    let limit = Limit::per_minute(app.settings.auth_server.refreshes_per_minute);
    check(app, "refresh-of-grant", grant_id, limit, now).await
}

/// Counts an answer to a token that is not live any more, by that token: whoever holds an old one spends nothing of what
/// the holder of the live one has.
///
/// # Errors
/// [`GrantRefusal::TooMany`].
pub async fn check_left_token(app: &App, token: &TokenHash, now: UnixSeconds) -> Result<Option<Counted>, GrantRefusal> {
    let limit = Limit::per_minute(app.settings.auth_server.refreshes_per_minute);
    check(app, "answers-to-left-token", &URL_SAFE_NO_PAD.encode(token.0), limit, now).await
}

/// Counts a token for a machine.
///
/// # Errors
/// [`GrantRefusal::TooMany`].
pub async fn check_client(app: &App, client_id: &str, now: UnixSeconds) -> Result<Option<Counted>, GrantRefusal> {
    let limit = Limit::per_minute(app.settings.auth_server.machine_tokens_per_minute);
    check(app, "tokens-of-machine", client_id, limit, now).await
}

/// Access tokens of one user, or one machine, that clients may end in a minute.
pub const ENDED_TOKENS: Limit = Limit::per_minute(60);

/// Counts an access token that a client ends, by whose it is; the seconds to wait when there were too many. Each is a row that stays and an event that is
/// signed for every resource server and remembered there for a day, and whoever may refresh could make them without end. A grant ends in one.
pub async fn check_ended_token(app: &App, subject: &str) -> Option<u32> {
    match app.limits.check("ended-access-tokens", subject, ENDED_TOKENS).await {
        Ok(decision) => (!decision.allowed).then_some(decision.reset_seconds),
        // As below: a token that somebody wants to end is ended rather than kept.
        Err(cause) => {
            tracing::warn!(%cause, "a rate limit could not be counted");
            None
        }
    }
}

/// Whether this client's attempt at this grant's refresh token is to be written down: once an hour, for whoever knows a
/// token could write as fast as it asks.
pub async fn is_foreign_attempt_news(app: &App, grant_id: &str, client_id: &str) -> bool {
    let once_an_hour = Limit { requests: 1, window_seconds: 3600 };
    let counted = app.limits.check("foreign-attempt", &format!("{grant_id}:{client_id}"), once_an_hour).await;
    counted.is_ok_and(|decision| decision.allowed)
}

async fn check(
    app: &App,
    policy: &'static str,
    key: &str,
    limit: Limit,
    now: UnixSeconds,
) -> Result<Option<Counted>, GrantRefusal> {
    match app.limits.check(policy, key, limit).await {
        Ok(decision) if decision.allowed => Ok(Some(Counted { policy, decision, at: now })),
        Ok(decision) => Err(GrantRefusal::TooMany {
            retry_after_seconds: decision.reset_seconds,
            counted: Some(Counted { policy, decision, at: now }),
        }),
        // A limit protects us; without its counter we serve rather than shut everybody out.
        Err(cause) => {
            tracing::warn!(%cause, "a rate limit could not be counted");
            Ok(None)
        }
    }
}
