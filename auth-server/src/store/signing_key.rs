//! Table `signing_key`. A key's life is next → active → retired → gone; an index allows one active key an algorithm.

use shared::{
    binds,
    clock::UnixSeconds,
    db::{Fetch, Row, Statement, StoreError, Tx},
    sealing::Sealed,
};

/// The table's name in sealing contexts.
pub const TABLE: &str = "signing_key";
/// The sealed column's name in sealing contexts.
pub const SEALED_COLUMN: &str = "sealed_private";

const INSERT_ACTIVE: Statement = Statement::new(
    "signing_key.insert_active",
    "INSERT INTO signing_key (kid, algorithm, public_jwk, sealed_private, key_encryption_key_id, published_at, activated_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $6) ON CONFLICT DO NOTHING",
);
const ACTIVE_EXISTS: Statement = Statement::new(
    "signing_key.active_exists",
    "SELECT kid FROM signing_key WHERE algorithm = $1 AND activated_at IS NOT NULL AND retired_at IS NULL AND gone_at IS NULL",
);
const LIST: Statement = Statement::new(
    "signing_key.list",
    "SELECT kid, algorithm, public_jwk, sealed_private, key_encryption_key_id, published_at, activated_at, retired_at \
     FROM signing_key WHERE gone_at IS NULL ORDER BY published_at, kid LIMIT 64",
);
const ANY: Statement = Statement::new("signing_key.any", "SELECT kid FROM signing_key LIMIT 1");

/// A key that is not gone.
#[derive(Debug, Clone)]
pub struct SigningKeyRow {
    /// RFC 7638 thumbprint.
    pub kid: String,
    /// `ES256` or `RS256`.
    pub algorithm: String,
    /// The public half, as JSON.
    pub public_jwk: String,
    /// The private half, sealed.
    pub sealed: Sealed,
    /// When it first stood in the JWKS.
    pub published_at: UnixSeconds,
    /// When it began to sign.
    pub activated_at: Option<UnixSeconds>,
    /// When it stopped signing.
    pub retired_at: Option<UnixSeconds>,
}

/// A key to insert as the active one of its algorithm.
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

/// Inserts the active key of its algorithm; `false` if another instance was first.
pub async fn insert_active(tx: &mut Tx, key: &NewSigningKey<'_>, now: UnixSeconds) -> Result<bool, StoreError> {
    if active_exists(tx, key.algorithm).await? {
        return Ok(false);
    }
    let binds = binds![key.kid, key.algorithm, key.public_jwk, &key.sealed.bytes, &key.sealed.key_id, now];
    Ok(tx.execute(&INSERT_ACTIVE, binds).await? == 1)
}

/// Whether an algorithm has an active key.
pub async fn active_exists(db: &mut impl Fetch, algorithm: &str) -> Result<bool, StoreError> {
    Ok(db.fetch_optional(&ACTIVE_EXISTS, binds![algorithm]).await?.is_some())
}

/// Every key that is not gone, the oldest first.
pub async fn list(db: &mut impl Fetch) -> Result<Vec<SigningKeyRow>, StoreError> {
    db.fetch_all(&LIST, binds![]).await?.iter().map(signing_key_row).collect()
}

/// Whether there ever was a key: then the key-encryption key that sealed it must not be made anew.
pub async fn any(db: &mut impl Fetch) -> Result<bool, StoreError> {
    Ok(db.fetch_optional(&ANY, binds![]).await?.is_some())
}

fn signing_key_row(row: &Row) -> Result<SigningKeyRow, StoreError> {
    Ok(SigningKeyRow {
        kid: row.get("kid")?,
        algorithm: row.get("algorithm")?,
        public_jwk: row.get("public_jwk")?,
        sealed: Sealed { key_id: row.get("key_encryption_key_id")?, bytes: row.get("sealed_private")? },
        published_at: row.get("published_at")?,
        activated_at: row.get("activated_at")?,
        retired_at: row.get("retired_at")?,
    })
}
