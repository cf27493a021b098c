//! `GET /api/revocations`: what was revoked after a position, by long polling. The list is a view of the change log.

use crate::parameters::Parameters;
use crate::{
    app::App,
    endpoints::{guard, respond::json_no_store},
    error::OAuthError,
    store,
};
use axum::{
    extract::{RawQuery, State},
    response::Response,
};
use http::{HeaderMap, StatusCode};
use shared::{
    clock::UnixSeconds,
    db::StoreError,
    protocol::{
        access_token_claims::ACCESS_TOKEN_MAX_TTL_SECONDS,
        resource_document::RESOURCE_SERVER_SCOPE,
        security_event::{Revocation, RevocationFeed},
    },
};
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, timeout_at};

/// The longest a poll waits, whatever is asked.
pub const WAIT_MAX_SECONDS: u64 = 15;
/// How many rows of the change log one answer covers; the receiver asks again from the position it got.
const ROWS_AN_ANSWER: i64 = 1000;

/// Answers at once when something newer is there or rows are left to be read, else when something comes or the wait ends.
pub async fn list(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, OAuthError> {
    let now = app.clock.now();
    guard::require(&app, &headers, RESOURCE_SERVER_SCOPE, now).await?;
    let query = Parameters::from_query(query.as_deref())?;
    let after = number(&query, "after")?;
    let wait_seconds = number(&query, "wait_seconds")?.unwrap_or(0);
    let wait = Duration::from_secs(u64::try_from(wait_seconds).unwrap_or(0).min(WAIT_MAX_SECONDS));
    let mut positions = app.follower.positions();
    let mut feed = read(&app, after, now).await?;
    let deadline = Instant::now() + wait;
    // Without a position everything that matters is answered at once, also if that is nothing.
    while after.is_some_and(|after| is_idle(&feed, after)) && Instant::now() < deadline {
        // Whether something came or the wait ended: the position answered is one that the database told afterwards.
        let _ = timeout_at(deadline, positions.changed()).await;
        feed = read(&app, Some(feed.position), now).await?;
    }
    Ok(json_no_store(StatusCode::OK, &feed))
}

/// Whether there is nothing to tell who stands at `after`: no revocation, no page left, and the log did not go back.
const fn is_idle(feed: &RevocationFeed, after: i64) -> bool {
    feed.complete && feed.events.is_empty() && feed.position >= after
}

/// What was revoked after `after`; without it everything that a living token may be concerned by.
async fn read(app: &App, after: Option<i64>, now: UnixSeconds) -> Result<RevocationFeed, StoreError> {
    let mut reader = app.store.read();
    let after = match after {
        Some(after) => after,
        None => store::change_log::last_before(&mut reader, now - ACCESS_TOKEN_MAX_TTL_SECONDS).await?,
    };
    // Before the rows: whatever is committed between the two reads is answered by the next poll.
    let position = store::change_log::position(&mut reader).await?;
    let rows = store::change_log::list_after(&mut reader, after, ROWS_AN_ANSWER).await?;
    let last = rows.last().map(|row| row.position);
    let full_page = i64::try_from(rows.len()).is_ok_and(|count| count >= ROWS_AN_ANSWER);
    let complete = !full_page || last.is_some_and(|last| last >= position);
    let position = match last {
        Some(last) if complete => last.max(position),
        Some(last) => last,
        // Also when it is smaller than what was asked for: whoever asked read another history and must hear of it.
        None => position,
    };
    let events = rows
        .into_iter()
        .filter_map(|row| {
            let kind = row.kind?.revocation()?;
            Some(Revocation { position: row.position, kind, subject: row.subject, at: row.at })
        })
        .collect();
    Ok(RevocationFeed { position, complete, events })
}

fn number(query: &Parameters, name: &str) -> Result<Option<i64>, OAuthError> {
    let Some(text) = query.get(name) else { return Ok(None) };
    let number = text.parse::<i64>().ok().filter(|number| *number >= 0);
    number.map(Some).ok_or_else(|| OAuthError::invalid_request("after and wait_seconds must be whole numbers."))
}
