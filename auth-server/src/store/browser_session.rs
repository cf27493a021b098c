//! `browser_session`: browsers in which somebody is signed in, by the hash of their cookie.

use shared::{
    binds,
    clock::UnixSeconds,
    db::{Fetch, Statement, StoreError, Tx},
    protocol::opaque_token::TokenHash,
};

/// A session that has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveSession {
    /// Who is signed in.
    pub user_id: String,
    /// When the password was given.
    pub authenticated_at: UnixSeconds,
    /// When it was last used for something.
    pub last_seen_at: UnixSeconds,
}

const INSERT: Statement = Statement::new(
    "browser_session.insert",
    "INSERT INTO browser_session (hash, user_id, authenticated_at, last_seen_at, expires_at) VALUES ($1, $2, $3, $3, $4)",
);
const FIND_LIVE: Statement = Statement::new(
    "browser_session.find_live",
    "SELECT user_id, authenticated_at, last_seen_at FROM browser_session \
     WHERE hash = $1 AND ended_at IS NULL AND expires_at > $2 AND last_seen_at > $3",
);
const TOUCH: Statement = Statement::new(
    "browser_session.touch",
    "UPDATE browser_session SET last_seen_at = $2 WHERE hash = $1 AND ended_at IS NULL AND last_seen_at < $2",
);
const END: Statement = Statement::new(
    "browser_session.end",
    "UPDATE browser_session SET ended_at = $2 WHERE hash = $1 AND ended_at IS NULL",
);
const END_OF_USER: Statement = Statement::new(
    "browser_session.end_of_user",
    "UPDATE browser_session SET ended_at = $2 WHERE user_id = $1 AND ended_at IS NULL",
);

/// Begins a session of `user_id`, whose password was checked at `now`.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn insert(
    tx: &mut Tx,
    hash: &TokenHash,
    user_id: &str,
    now: UnixSeconds,
    expires_at: UnixSeconds,
) -> Result<(), StoreError> {
    tx.execute(&INSERT, binds![&hash.0, user_id, now, expires_at]).await.map(drop)
}

/// The session with this hash, if it neither ended nor ran out at `now` and was used after `idle_since`.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn find_live(
    db: &mut impl Fetch,
    hash: &TokenHash,
    now: UnixSeconds,
    idle_since: UnixSeconds,
) -> Result<Option<LiveSession>, StoreError> {
    let Some(row) = db.fetch_optional(&FIND_LIVE, binds![&hash.0, now, idle_since]).await? else { return Ok(None) };
    Ok(Some(LiveSession {
        user_id: row.get("user_id")?,
        authenticated_at: row.get("authenticated_at")?,
        last_seen_at: row.get("last_seen_at")?,
    }))
}

/// Notes that the session was used.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn touch(tx: &mut Tx, hash: &TokenHash, now: UnixSeconds) -> Result<(), StoreError> {
    tx.execute(&TOUCH, binds![&hash.0, now]).await.map(drop)
}

/// Ends one session; `false` when it had ended or never was.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn end(tx: &mut Tx, hash: &TokenHash, now: UnixSeconds) -> Result<bool, StoreError> {
    Ok(tx.execute(&END, binds![&hash.0, now]).await? == 1)
}

/// Ends all sessions of a user; returns how many there were.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn end_of_user(tx: &mut Tx, user_id: &str, now: UnixSeconds) -> Result<u64, StoreError> {
    tx.execute(&END_OF_USER, binds![user_id, now]).await
}
