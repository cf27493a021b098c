//! The change log as resource servers read it: its revocations in commit order, in pages, behind a position that the receiver holds. Nothing
//! is kept for a receiver, so any instance answers, also one that was started a moment ago.

use super::Position;
use crate::{
    app::App,
    store::change_log::{self, ChangeRow},
};
use shared::{
    clock::UnixSeconds,
    db::{Store, StoreError},
    protocol::{
        event_poll::{EVENTS_AN_ANSWER_MAX, POLL_WAIT_MAX_SECONDS, PollRequest},
        revocation_set::REVOCATION_MEMORY_SECONDS,
        security_event::Revocation,
    },
};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

/// How long a poll waits here. A receiver knows no more than what was so when it asked, and must not count as silent while it asks again: two
/// waits are well within the silence after which it introspects.
const POLL_WAIT_SECONDS: u64 = 10;
const _: () = assert!(POLL_WAIT_SECONDS <= POLL_WAIT_MAX_SECONDS);

/// How many rows of the change log one page covers, revocations or not.
const ROWS_A_PAGE: i64 = 1000;

/// What came behind a position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The revocations, each with its own place.
    pub revocations: Vec<(Position, Revocation)>,
    /// How far the page reaches.
    pub position: Position,
    /// Whether something is left behind it.
    pub more: bool,
    /// Whether the receiver's position was found; otherwise the page begins with the oldest that still matters.
    pub continues: bool,
}

impl Page {
    /// Whether there is nothing to tell who stands where the page began.
    const fn is_idle(&self) -> bool {
        self.continues && self.revocations.is_empty() && !self.more
    }
}

/// Answers at once when there is something to tell, the receiver is new here or wants no waiting; else when something comes, after
/// [`POLL_WAIT_SECONDS`], or when the server stops. What it answers was read from the database after the wait.
///
/// # Errors
/// The database does not answer: the receiver must not take that for silence.
pub async fn poll(
    app: &App,
    request: &PollRequest,
    now: UnixSeconds,
    stop: &CancellationToken,
) -> Result<Page, StoreError> {
    let most = request.max_events.map_or(EVENTS_AN_ANSWER_MAX, |most| usize::try_from(most).unwrap_or(usize::MAX));
    let most = most.min(EVENTS_AN_ANSWER_MAX);
    let may_wait = !request.return_immediately && most > 0;
    let mut positions = app.follower.positions();
    let mut page = read(&app.store, held_position(request), most, now).await?;
    let deadline = Instant::now() + Duration::from_secs(POLL_WAIT_SECONDS);
    while may_wait && page.is_idle() && Instant::now() < deadline && !stop.is_cancelled() {
        tokio::select! {
            _ = timeout_at(deadline, positions.changed()) => {}
            () = stop.cancelled() => {}
        }
        page = read(&app.store, Some(page.position), most, now).await?;
    }
    Ok(page)
}

/// Where the receiver stands: where it says, or else behind the last of the events that it acknowledges.
fn held_position(request: &PollRequest) -> Option<Position> {
    let acknowledged = || request.ack.iter().filter_map(|jti| Position::parse(jti)).max_by_key(|place| place.position);
    request.after.as_deref().map_or_else(acknowledged, Position::parse)
}

/// At most `most` revocations behind `after`. A position of another history, or of a row that is not there any more, is none: then everything
/// that a living token may be concerned by is read, from its beginning.
async fn read(store: &Store, after: Option<Position>, most: usize, now: UnixSeconds) -> Result<Page, StoreError> {
    let mut reader = store.read();
    let history = change_log::history(&mut reader).await?;
    let known = match after {
        Some(after) if stands(store, &after).await? => Some(after),
        _ => None,
    };
    let continues = known.is_some();
    let start = match known {
        Some(start) => start,
        None => beginning(store, &history, now).await?,
    };
    let mut rows = change_log::list_after(&mut reader, start.position, ROWS_A_PAGE + 1).await?;
    let mut more = i64::try_from(rows.len()).is_ok_and(|count| count > ROWS_A_PAGE);
    rows.truncate(usize::try_from(ROWS_A_PAGE).unwrap_or(usize::MAX));
    let mut page = Page { revocations: Vec::new(), position: start, more: false, continues };
    for row in &rows {
        let place = Position::behind(&history, row);
        if let Some(revocation) = revocation(row) {
            if page.revocations.len() == most {
                more = true;
                break;
            }
            page.revocations.push((place.clone(), revocation));
        }
        page.position = place;
    }
    page.more = more;
    Ok(page)
}

fn revocation(row: &ChangeRow) -> Option<Revocation> {
    Some(Revocation { kind: row.kind?.revocation()?, subject: row.subject.clone(), at: row.at })
}

/// Whether `place` is one of this database.
async fn stands(store: &Store, place: &Position) -> Result<bool, StoreError> {
    Ok(change_log::look(&mut store.read(), Some(place.position)).await?.place().as_ref() == Some(place))
}

/// The place before the oldest row that matters, or the end when none does.
async fn beginning(store: &Store, history: &str, now: UnixSeconds) -> Result<Position, StoreError> {
    // The end first: what is appended between the two reads is behind it.
    let end = Position::end(store).await?;
    let first = change_log::first_since(&mut store.read(), now - REVOCATION_MEMORY_SECONDS).await?;
    Ok(first.map_or(end, |first| Position::at_bare(history, first.position - 1)))
}
