//! `browser_session`: browsers in which somebody is signed in, by the hash of their cookie.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};
use shared::{
    binds,
    clock::UnixSeconds,
    db::{Fetch, Row, Statement, StoreError, Tx},
    protocol::opaque_token::TokenHash,
};

/// A session as an administrator sees one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRecord {
    /// Its public id, which says nothing about its cookie.
    pub id: String,
    /// Who is signed in.
    pub user_id: String,
    /// When the password was given.
    pub authenticated_at: UnixSeconds,
    /// When it was last used for something.
    pub last_seen_at: UnixSeconds,
    /// Its absolute end.
    pub expires_at: UnixSeconds,
    /// When it was ended early.
    pub ended_at: Option<UnixSeconds>,
}

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
    "INSERT INTO browser_session (hash, id, user_id, authenticated_at, last_seen_at, expires_at) \
     VALUES ($1, $5, $2, $3, $3, $4)",
);
const FIND_LIVE: Statement = Statement::new(
    "browser_session.find_live",
    "SELECT user_id, authenticated_at, last_seen_at FROM browser_session \
     WHERE hash = $1 AND ended_at IS NULL AND expires_at > $2 AND last_seen_at > $3",
);
const FIND_RECORD: Statement = Statement::new(
    "browser_session.find_record",
    "SELECT id, user_id, authenticated_at, last_seen_at, expires_at, ended_at FROM browser_session WHERE id = $1",
);
const LIST_PAGE: Statement = Statement::new(
    "browser_session.list_page",
    "SELECT id, user_id, authenticated_at, last_seen_at, expires_at, ended_at FROM browser_session \
     WHERE ended_at IS NULL AND expires_at > $1 AND last_seen_at > $2 AND ($3 = '' OR user_id = $3) AND id > $4 \
     ORDER BY id LIMIT $5",
);
const END_BY_ID: Statement = Statement::new(
    "browser_session.end_by_id",
    "UPDATE browser_session SET ended_at = $2 WHERE id = $1 AND ended_at IS NULL",
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
    tx.execute(&INSERT, binds![&hash.0, user_id, now, expires_at, public_id(hash)]).await.map(drop)
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

/// The session with this public id, ended or not.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn find_record(db: &mut impl Fetch, id: &str) -> Result<Option<SessionRecord>, StoreError> {
    db.fetch_optional(&FIND_RECORD, binds![id]).await?.as_ref().map(record).transpose()
}

/// At most `limit` sessions that are live at `now` and were used after `idle_since`, by public id, after the id `after` (empty for the first
/// page); of one user, or of all when `user_id` is empty.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn list_page(
    db: &mut impl Fetch,
    user_id: &str,
    after: &str,
    limit: i64,
    now: UnixSeconds,
    idle_since: UnixSeconds,
) -> Result<Vec<SessionRecord>, StoreError> {
    db.fetch_all(&LIST_PAGE, binds![now, idle_since, user_id, after, limit]).await?.iter().map(record).collect()
}

/// Ends the session with this public id; `false` when it had ended or never was.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn end_by_id(tx: &mut Tx, id: &str, now: UnixSeconds) -> Result<bool, StoreError> {
    Ok(tx.execute(&END_BY_ID, binds![id, now]).await? == 1)
}

/// The public id of the session with this hash. Derived, so that whoever begins a session needs no second random number; one way, so that it
/// tells nobody the hash.
pub fn public_id(hash: &TokenHash) -> String {
    let digest = Sha256::new().chain_update(b"postern session id 1\0").chain_update(hash.0).finalize();
    URL_SAFE_NO_PAD.encode(&digest[..16])
}

fn record(row: &Row) -> Result<SessionRecord, StoreError> {
    Ok(SessionRecord {
        id: row.get("id")?,
        user_id: row.get("user_id")?,
        authenticated_at: row.get("authenticated_at")?,
        last_seen_at: row.get("last_seen_at")?,
        expires_at: row.get("expires_at")?,
        ended_at: row.get("ended_at")?,
    })
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
