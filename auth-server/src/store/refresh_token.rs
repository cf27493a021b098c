//! Refresh tokens: hashes of one linear chain a grant (RFC 9700 §4.14.2).
//!
//! A token is *live* (neither answered nor superseded; the database allows one a family), *consumed* (`answered_at`: it
//! bought its successor) or *superseded* (it was replaced without ever being presented). Every step is one statement
//! whose predicate names the state it leaves; the row count tells who won.

use super::{
    authorization_grant::{self, AuthorizationGrant, grant_columns},
    grant_holder::{self, GrantHolder, holder_columns, holder_joins},
};
use crate::organizations::Standing;
use shared::{
    binds,
    clock::UnixSeconds,
    db::{Fetch, Row, Statement, StoreError, Tx},
    protocol::opaque_token::TokenHash,
};

const FIND: Statement = Statement::new(
    "refresh_token.find",
    concat!(
        "SELECT t.generation, t.expires_at, t.answered_at, t.superseded_at, t.replays, ",
        grant_columns!(),
        ", ",
        holder_columns!(),
        " FROM refresh_token t JOIN authorization_grant g ON g.id = t.grant_id ",
        holder_joins!(),
        " WHERE t.hash = $1",
    ),
);
const FIND_LIVE: Statement = Statement::new(
    "refresh_token.find_live",
    "SELECT l.hash, l.generation, l.expires_at, \
     CAST(CASE WHEN EXISTS (SELECT 1 FROM refresh_token p WHERE p.grant_id = l.grant_id AND p.generation > $2 \
     AND p.answered_at IS NOT NULL) THEN 1 ELSE 0 END AS BIGINT) AS presented_since, \
     CAST(CASE WHEN EXISTS (SELECT 1 FROM refresh_token s WHERE s.grant_id = l.grant_id AND s.address_block = $3) \
     THEN 1 ELSE 0 END AS BIGINT) AS seen_from_block \
     FROM refresh_token l JOIN authorization_grant g ON g.id = l.grant_id \
     WHERE l.grant_id = $1 AND l.answered_at IS NULL AND l.superseded_at IS NULL AND g.revoked_at IS NULL",
);
const INSERT: Statement = Statement::new(
    "refresh_token.insert",
    "INSERT INTO refresh_token (hash, grant_id, generation, created_at, expires_at, replays, address_block) \
     VALUES ($1, $2, $3, $4, $5, 0, $6)",
);
const CONSUME: Statement = Statement::new(
    "refresh_token.consume",
    "UPDATE refresh_token SET answered_at = $2, address_block = $3 \
     WHERE hash = $1 AND answered_at IS NULL AND superseded_at IS NULL AND expires_at > $2 \
     AND EXISTS (SELECT 1 FROM authorization_grant g WHERE g.id = grant_id AND g.revoked_at IS NULL AND g.expires_at > $2)",
);
const PROLONG: Statement = Statement::new(
    "refresh_token.prolong",
    "UPDATE refresh_token SET expires_at = $2, address_block = $3 \
     WHERE hash = $1 AND answered_at IS NULL AND superseded_at IS NULL AND expires_at > $4 \
     AND EXISTS (SELECT 1 FROM authorization_grant g WHERE g.id = grant_id AND g.revoked_at IS NULL AND g.expires_at > $4)",
);
const ANSWER_AGAIN: Statement = Statement::new(
    "refresh_token.answer_again",
    "UPDATE refresh_token SET replays = replays + $2, address_block = $3 WHERE hash = $1 AND replays + $2 <= $4 \
     AND EXISTS (SELECT 1 FROM refresh_token l WHERE l.hash = $5 AND l.answered_at IS NULL AND l.superseded_at IS NULL) \
     AND EXISTS (SELECT 1 FROM authorization_grant g WHERE g.id = grant_id AND g.revoked_at IS NULL AND g.expires_at > $6)",
);
const SUPERSEDE: Statement = Statement::new(
    "refresh_token.supersede",
    "UPDATE refresh_token SET superseded_at = $2 WHERE hash = $1 AND answered_at IS NULL AND superseded_at IS NULL \
     AND EXISTS (SELECT 1 FROM authorization_grant g WHERE g.id = grant_id AND g.revoked_at IS NULL AND g.expires_at > $2)",
);
const MOVE_ANSWER: Statement = Statement::new(
    "refresh_token.move_answer",
    "UPDATE refresh_token SET answered_at = $3, address_block = $4 WHERE hash = $1 AND answered_at = $2",
);

/// A presented token as stored, with its family and the family's user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresentedToken {
    /// Its place in the chain, from 0.
    pub generation: i64,
    /// Its idle end.
    pub expires_at: UnixSeconds,
    /// When it was last consumed.
    pub answered_at: Option<UnixSeconds>,
    /// When it was replaced unpresented.
    pub superseded_at: Option<UnixSeconds>,
    /// How often it was answered again.
    pub replays: i64,
    /// Its family.
    pub grant: AuthorizationGrant,
    /// The family's user.
    pub holder: GrantHolder,
}

impl PresentedToken {
    /// Who the user is for the grant. `None`: see [`GrantHolder::standing`].
    pub fn standing(&self) -> Option<Standing> {
        self.holder.standing(self.grant.organization_id.as_deref())
    }
}

/// The live token of a family, seen from a token that was presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LiveToken {
    /// SHA-256 of the token.
    pub hash: TokenHash,
    /// Its place in the chain.
    pub generation: i64,
    /// Its idle end.
    pub expires_at: UnixSeconds,
    /// Whether any token after the presented one was itself presented while live.
    pub successor_presented: bool,
    /// Whether the family was seen from the given address block before.
    pub seen_from_block: bool,
}

/// A token to store.
#[derive(Debug, Clone, Copy)]
pub struct NewRefreshToken<'a> {
    /// SHA-256 of the token.
    pub hash: TokenHash,
    /// Its family.
    pub grant_id: &'a str,
    /// Its place in the chain.
    pub generation: i64,
    /// When it was made.
    pub created_at: UnixSeconds,
    /// Its idle end.
    pub expires_at: UnixSeconds,
    /// Where the request came from.
    pub address_block: Option<&'a str>,
}

/// The token with this hash, whatever its state.
///
/// # Errors
/// The database does not answer.
pub async fn find(db: &mut impl Fetch, hash: &TokenHash) -> Result<Option<PresentedToken>, StoreError> {
    db.fetch_optional(&FIND, binds![&hash.0]).await?.as_ref().map(read).transpose()
}

/// The live token of a family that stands, with what became of the tokens after generation `presented`.
///
/// # Errors
/// The database does not answer.
pub async fn find_live(
    db: &mut impl Fetch,
    grant_id: &str,
    presented: i64,
    address_block: Option<&str>,
) -> Result<Option<LiveToken>, StoreError> {
    db.fetch_optional(&FIND_LIVE, binds![grant_id, presented, address_block])
        .await?
        .map(|row| {
            Ok(LiveToken {
                hash: hash(&row)?,
                generation: row.get("generation")?,
                expires_at: row.get("expires_at")?,
                successor_presented: row.get::<i64>("presented_since")? > 0,
                seen_from_block: row.get::<i64>("seen_from_block")? > 0,
            })
        })
        .transpose()
}

/// Stores a live token. The database refuses it while the family has another.
///
/// # Errors
/// The database does not answer, or refuses the row.
pub async fn insert(tx: &mut Tx, token: &NewRefreshToken<'_>) -> Result<(), StoreError> {
    let binds = binds![
        &token.hash.0,
        token.grant_id,
        token.generation,
        token.created_at,
        token.expires_at,
        token.address_block,
    ];
    tx.execute(&INSERT, binds).await.map(drop)
}

/// Consumes a live token of a standing family. `false`: it is not live any more.
///
/// # Errors
/// The database does not answer.
pub async fn consume(
    tx: &mut Tx,
    hash: &TokenHash,
    address_block: Option<&str>,
    now: UnixSeconds,
) -> Result<bool, StoreError> {
    Ok(tx.execute(&CONSUME, binds![&hash.0, now, address_block]).await? == 1)
}

/// Moves the idle end of a live token of a standing family to `expires_at`. `false`: it is not live any more.
///
/// # Errors
/// The database does not answer.
pub async fn prolong(
    tx: &mut Tx,
    hash: &TokenHash,
    expires_at: UnixSeconds,
    address_block: Option<&str>,
    now: UnixSeconds,
) -> Result<bool, StoreError> {
    Ok(tx.execute(&PROLONG, binds![&hash.0, expires_at, address_block, now]).await? == 1)
}

/// One more answer to a token, if `live` is still the family's live one.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// The token that was presented.
    pub presented: TokenHash,
    /// The token that is handed out.
    pub live: TokenHash,
    /// 1 for a replay, 0 for a racer.
    pub counted: i64,
    /// More replays than this are refused.
    pub replays_max: i64,
    /// Where the request came from.
    pub address_block: Option<&'a str>,
}

/// Notes that a token was answered again. `false`: the family moved on, ended, or has had its replays.
///
/// # Errors
/// The database does not answer.
pub async fn answer_again(tx: &mut Tx, answer: &Answer<'_>, now: UnixSeconds) -> Result<bool, StoreError> {
    let binds =
        binds![&answer.presented.0, answer.counted, answer.address_block, answer.replays_max, &answer.live.0, now,];
    Ok(tx.execute(&ANSWER_AGAIN, binds).await? == 1)
}

/// Retires a live token that was never presented, in a standing family. `false`: it is not live any more.
///
/// # Errors
/// The database does not answer.
pub async fn supersede(tx: &mut Tx, hash: &TokenHash, now: UnixSeconds) -> Result<bool, StoreError> {
    Ok(tx.execute(&SUPERSEDE, binds![&hash.0, now]).await? == 1)
}

/// Moves the moment a token was consumed from `before` to `now`. `false`: somebody else moved it.
///
/// # Errors
/// The database does not answer.
pub async fn move_answer(
    tx: &mut Tx,
    hash: &TokenHash,
    before: UnixSeconds,
    address_block: Option<&str>,
    now: UnixSeconds,
) -> Result<bool, StoreError> {
    Ok(tx.execute(&MOVE_ANSWER, binds![&hash.0, before, now, address_block]).await? == 1)
}

fn read(row: &Row) -> Result<PresentedToken, StoreError> {
    Ok(PresentedToken {
        generation: row.get("generation")?,
        expires_at: row.get("expires_at")?,
        answered_at: row.get("answered_at")?,
        superseded_at: row.get("superseded_at")?,
        replays: row.get("replays")?,
        grant: authorization_grant::read(row)?,
        holder: grant_holder::read(row)?,
    })
}

fn hash(row: &Row) -> Result<TokenHash, StoreError> {
    let bytes: Vec<u8> = row.get("hash")?;
    bytes.try_into().map(TokenHash).map_err(|_| StoreError::Failed {
        statement: "refresh_token.read",
        cause: "a stored hash is not 32 bytes".to_owned(),
    })
}
