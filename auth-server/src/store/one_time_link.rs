//! `one_time_link`: set-up and password-reset links, by hash; a link is consumed in the transaction that does what it allows.

use shared::{
    binds,
    clock::UnixSeconds,
    db::{Fetch, Statement, StoreError, Tx},
    protocol::opaque_token::TokenHash,
};

/// What a link allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkPurpose {
    /// Making the first administrator.
    SetUp,
    /// Choosing a new password.
    ResetPassword,
}

impl LinkPurpose {
    const fn as_str(self) -> &'static str {
        match self {
            Self::SetUp => "set_up",
            Self::ResetPassword => "reset_password",
        }
    }
}

/// A link that can still be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveLink {
    /// Whose password it resets; `None` for a set-up link.
    pub user_id: Option<String>,
}

const INSERT: Statement = Statement::new(
    "one_time_link.insert",
    "INSERT INTO one_time_link (hash, purpose, user_id, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)",
);
const FIND_LIVE: Statement = Statement::new(
    "one_time_link.find_live",
    "SELECT user_id FROM one_time_link WHERE hash = $1 AND purpose = $2 AND consumed_at IS NULL AND expires_at > $3",
);
const CONSUME: Statement = Statement::new(
    "one_time_link.consume",
    "UPDATE one_time_link SET consumed_at = $3 WHERE hash = $1 AND purpose = $2 AND consumed_at IS NULL AND expires_at > $3",
);
const CONSUME_SET_UP: Statement = Statement::new(
    "one_time_link.consume_set_up",
    "UPDATE one_time_link SET consumed_at = $1 WHERE purpose = 'set_up' AND consumed_at IS NULL",
);
const CONSUME_OF_USER: Statement = Statement::new(
    "one_time_link.consume_of_user",
    "UPDATE one_time_link SET consumed_at = $2 WHERE user_id = $1 AND consumed_at IS NULL",
);

/// Stores the hash of a new link.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn insert(
    tx: &mut Tx,
    hash: &TokenHash,
    purpose: LinkPurpose,
    user_id: Option<&str>,
    now: UnixSeconds,
    expires_at: UnixSeconds,
) -> Result<(), StoreError> {
    tx.execute(&INSERT, binds![&hash.0, purpose.as_str(), user_id, now, expires_at]).await.map(drop)
}

/// The link with this hash, if it can still be used at `now`. Consumes nothing.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn find_live(
    db: &mut impl Fetch,
    hash: &TokenHash,
    purpose: LinkPurpose,
    now: UnixSeconds,
) -> Result<Option<LiveLink>, StoreError> {
    let Some(row) = db.fetch_optional(&FIND_LIVE, binds![&hash.0, purpose.as_str(), now]).await? else {
        return Ok(None);
    };
    Ok(Some(LiveLink { user_id: row.get("user_id")? }))
}

/// Uses the link up; `false` when somebody did so before, or it is too old.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn consume(
    tx: &mut Tx,
    hash: &TokenHash,
    purpose: LinkPurpose,
    now: UnixSeconds,
) -> Result<bool, StoreError> {
    Ok(tx.execute(&CONSUME, binds![&hash.0, purpose.as_str(), now]).await? == 1)
}

/// Voids every set-up link: there is an administrator.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn consume_set_up(tx: &mut Tx, now: UnixSeconds) -> Result<(), StoreError> {
    tx.execute(&CONSUME_SET_UP, binds![now]).await.map(drop)
}

/// Voids every link of a user: the password was changed, or the account closed.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn consume_of_user(tx: &mut Tx, user_id: &str, now: UnixSeconds) -> Result<(), StoreError> {
    tx.execute(&CONSUME_OF_USER, binds![user_id, now]).await.map(drop)
}
