//! Table `signing_key`. A key's life is next → active → retired → gone; indexes allow one next and one active key an algorithm.

use super::sealed_column::SealedColumn;
use shared::{
    binds,
    clock::UnixSeconds,
    db::{Fetch, Row, Statement, StoreError, Tx},
    sealing::Sealed,
};

/// What of this table is sealed; a gone key has no private half any more.
pub static SEALED: SealedColumn = SealedColumn {
    table: "signing_key",
    column: "sealed_private",
    list: Statement::new(
        "signing_key.list_sealed",
        "SELECT kid AS row_id, sealed_private AS sealed, key_encryption_key_id FROM signing_key \
         WHERE gone_at IS NULL AND key_encryption_key_id <> $1 AND kid > $2 ORDER BY kid LIMIT $3",
    ),
    reseal: Statement::new(
        "signing_key.reseal",
        "UPDATE signing_key SET sealed_private = $3, key_encryption_key_id = $4 \
         WHERE kid = $1 AND key_encryption_key_id = $2 AND gone_at IS NULL",
    ),
    key_ids: Statement::new(
        "signing_key.list_key_encryption_keys",
        "SELECT key_encryption_key_id, COUNT(*) AS sealed_rows FROM signing_key WHERE gone_at IS NULL \
         GROUP BY key_encryption_key_id ORDER BY key_encryption_key_id",
    ),
};

const INSERT_ACTIVE: Statement = Statement::new(
    "signing_key.insert_active",
    "INSERT INTO signing_key (kid, algorithm, public_jwk, sealed_private, key_encryption_key_id, published_at, activated_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $6) ON CONFLICT DO NOTHING",
);
const INSERT_NEXT: Statement = Statement::new(
    "signing_key.insert_next",
    "INSERT INTO signing_key (kid, algorithm, public_jwk, sealed_private, key_encryption_key_id, published_at, activates_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
);
const ACTIVE_EXISTS: Statement = Statement::new(
    "signing_key.active_exists",
    "SELECT kid FROM signing_key WHERE algorithm = $1 AND activated_at IS NOT NULL AND retired_at IS NULL AND gone_at IS NULL",
);
const NEXT: Statement = Statement::new(
    "signing_key.find_next",
    "SELECT kid FROM signing_key WHERE algorithm = $1 AND activated_at IS NULL AND gone_at IS NULL AND activates_at <= $2",
);
const BRING_FORWARD: Statement = Statement::new(
    "signing_key.bring_forward",
    "UPDATE signing_key SET activates_at = $2 \
     WHERE kid = $1 AND activated_at IS NULL AND gone_at IS NULL AND activates_at > $2",
);
const RETIRE: Statement = Statement::new(
    "signing_key.retire",
    "UPDATE signing_key SET retired_at = $2 \
     WHERE algorithm = $1 AND activated_at IS NOT NULL AND retired_at IS NULL AND gone_at IS NULL RETURNING kid",
);
const ACTIVATE: Statement = Statement::new(
    "signing_key.activate",
    "UPDATE signing_key SET activated_at = $2 WHERE kid = $1 AND activated_at IS NULL AND gone_at IS NULL",
);
const LET_GO: Statement = Statement::new(
    "signing_key.let_go",
    "UPDATE signing_key SET gone_at = $2, sealed_private = $4, key_encryption_key_id = '' \
     WHERE kid = $1 AND retired_at <= $3 AND gone_at IS NULL",
);
const REVOKE: Statement = Statement::new(
    "signing_key.revoke",
    "UPDATE signing_key SET gone_at = $2, revoked_at = $2, sealed_private = $3, key_encryption_key_id = '' \
     WHERE kid = $1 AND gone_at IS NULL RETURNING algorithm, activated_at, retired_at",
);
const LIST: Statement = Statement::new(
    "signing_key.list",
    "SELECT kid, algorithm, public_jwk, sealed_private, key_encryption_key_id, published_at, activates_at, activated_at, retired_at \
     FROM signing_key WHERE gone_at IS NULL ORDER BY published_at, kid LIMIT 64",
);
const LIST_LIVES: Statement = Statement::new(
    "signing_key.list_lives",
    "SELECT kid, algorithm, key_encryption_key_id, published_at, activates_at, activated_at, retired_at \
     FROM signing_key WHERE gone_at IS NULL ORDER BY published_at, kid LIMIT 64",
);

/// Where a key that is not gone stands in its life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyLife {
    /// RFC 7638 thumbprint.
    pub kid: String,
    /// `ES256` or `RS256`.
    pub algorithm: String,
    /// The id of the key-encryption key that its private half is sealed under.
    pub key_encryption_key_id: String,
    /// When it first stood in the JWKS.
    pub published_at: UnixSeconds,
    /// When it may begin to sign.
    pub activates_at: Option<UnixSeconds>,
    /// When it began to sign.
    pub activated_at: Option<UnixSeconds>,
    /// When it stopped signing.
    pub retired_at: Option<UnixSeconds>,
}

/// A key that is not gone, with its halves.
#[derive(Debug, Clone)]
pub struct SigningKeyRow {
    /// Its life.
    pub life: KeyLife,
    /// The public half, as JSON.
    pub public_jwk: String,
    /// The private half, sealed.
    pub sealed: Sealed,
}

/// A key to insert.
#[derive(Debug)]
pub struct NewSigningKey<'a> {
    /// RFC 7638 thumbprint.
    pub kid: &'a str,
    /// `ES256` or `RS256`.
    pub algorithm: &'a str,
    /// The public half, as JSON.
    pub public_jwk: &'a str,
    /// The private half, sealed.
    pub sealed: &'a Sealed,
}

/// A key that was just revoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevokedKey {
    /// `ES256` or `RS256`.
    pub algorithm: String,
    /// Whether it was the one that signs.
    pub was_active: bool,
}

/// Inserts the active key of its algorithm; `false` if another instance was first.
pub async fn insert_active(tx: &mut Tx, key: &NewSigningKey<'_>, now: UnixSeconds) -> Result<bool, StoreError> {
    if active_exists(tx, key.algorithm).await? {
        return Ok(false);
    }
    let binds = binds![key.kid, key.algorithm, key.public_jwk, &key.sealed.bytes, &key.sealed.key_id, now];
    Ok(tx.execute(&INSERT_ACTIVE, binds).await? == 1)
}

/// Inserts the next key of its algorithm, to sign from `activates_at` on; `false` if there is one already.
pub async fn insert_next(
    tx: &mut Tx,
    key: &NewSigningKey<'_>,
    activates_at: UnixSeconds,
    now: UnixSeconds,
) -> Result<bool, StoreError> {
    let binds =
        binds![key.kid, key.algorithm, key.public_jwk, &key.sealed.bytes, &key.sealed.key_id, now, activates_at];
    Ok(tx.execute(&INSERT_NEXT, binds).await? == 1)
}

/// Whether an algorithm has an active key.
pub async fn active_exists(db: &mut impl Fetch, algorithm: &str) -> Result<bool, StoreError> {
    Ok(db.fetch_optional(&ACTIVE_EXISTS, binds![algorithm]).await?.is_some())
}

/// The next key of an algorithm, if it may sign at `due_by`.
pub async fn find_next(
    db: &mut impl Fetch,
    algorithm: &str,
    due_by: UnixSeconds,
) -> Result<Option<String>, StoreError> {
    db.fetch_optional(&NEXT, binds![algorithm, due_by]).await?.map(|row| row.get("kid")).transpose()
}

/// Lets a next key sign earlier; `false` if it may already, or is no next key.
pub async fn bring_forward(tx: &mut Tx, kid: &str, activates_at: UnixSeconds) -> Result<bool, StoreError> {
    Ok(tx.execute(&BRING_FORWARD, binds![kid, activates_at]).await? == 1)
}

/// Ends the signing of an algorithm's active key, whose id it returns.
pub async fn retire(tx: &mut Tx, algorithm: &str, now: UnixSeconds) -> Result<Option<String>, StoreError> {
    tx.fetch_optional(&RETIRE, binds![algorithm, now]).await?.map(|row| row.get("kid")).transpose()
}

/// Makes a next key the active one; `false` if it is not next. The one before must be retired or gone.
pub async fn activate(tx: &mut Tx, kid: &str, now: UnixSeconds) -> Result<bool, StoreError> {
    Ok(tx.execute(&ACTIVATE, binds![kid, now]).await? == 1)
}

/// Ends the life of a key that was retired at `retired_by` at the latest, and wipes its private half.
pub async fn let_go(tx: &mut Tx, kid: &str, retired_by: UnixSeconds, now: UnixSeconds) -> Result<bool, StoreError> {
    Ok(tx.execute(&LET_GO, binds![kid, now, retired_by, Vec::<u8>::new()]).await? == 1)
}

/// Ends the life of a key at once, and wipes its private half; `None` if it is unknown or gone.
pub async fn revoke(tx: &mut Tx, kid: &str, now: UnixSeconds) -> Result<Option<RevokedKey>, StoreError> {
    let Some(row) = tx.fetch_optional(&REVOKE, binds![kid, now, Vec::<u8>::new()]).await? else { return Ok(None) };
    let (activated_at, retired_at): (Option<i64>, Option<i64>) = (row.get("activated_at")?, row.get("retired_at")?);
    let was_active = activated_at.is_some() && retired_at.is_none();
    Ok(Some(RevokedKey { algorithm: row.get("algorithm")?, was_active }))
}

/// Every key that is not gone, the oldest first.
pub async fn list(db: &mut impl Fetch) -> Result<Vec<SigningKeyRow>, StoreError> {
    db.fetch_all(&LIST, binds![]).await?.iter().map(signing_key_row).collect()
}

/// The lives of every key that is not gone, the oldest first.
pub async fn list_lives(db: &mut impl Fetch) -> Result<Vec<KeyLife>, StoreError> {
    db.fetch_all(&LIST_LIVES, binds![]).await?.iter().map(key_life).collect()
}

fn key_life(row: &Row) -> Result<KeyLife, StoreError> {
    Ok(KeyLife {
        kid: row.get("kid")?,
        algorithm: row.get("algorithm")?,
        key_encryption_key_id: row.get("key_encryption_key_id")?,
        published_at: row.get("published_at")?,
        activates_at: row.get("activates_at")?,
        activated_at: row.get("activated_at")?,
        retired_at: row.get("retired_at")?,
    })
}

fn signing_key_row(row: &Row) -> Result<SigningKeyRow, StoreError> {
    let life = key_life(row)?;
    let sealed = Sealed { key_id: life.key_encryption_key_id.clone(), bytes: row.get("sealed_private")? };
    Ok(SigningKeyRow { life, public_jwk: row.get("public_jwk")?, sealed })
}
