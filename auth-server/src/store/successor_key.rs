//! Table `successor_key`: keys that derive a refresh token's successor. A retired one still serves the families made under it.

use shared::{
    binds,
    clock::UnixSeconds,
    db::{Fetch, Row, Statement, StoreError, Tx},
    sealing::Sealed,
};

/// The table's name in sealing contexts.
pub const TABLE: &str = "successor_key";
/// The sealed column's name in sealing contexts.
pub const SEALED_COLUMN: &str = "sealed_key";

const INSERT: Statement = Statement::new(
    "successor_key.insert",
    "INSERT INTO successor_key (id, sealed_key, key_encryption_key_id, created_at) VALUES ($1, $2, $3, $4)",
);
const CURRENT: Statement =
    Statement::new("successor_key.current", "SELECT id FROM successor_key WHERE retired_at IS NULL LIMIT 1");
const LIST: Statement = Statement::new(
    "successor_key.list",
    "SELECT id, sealed_key, key_encryption_key_id, retired_at FROM successor_key ORDER BY created_at, id LIMIT 64",
);
const ANY: Statement = Statement::new("successor_key.any", "SELECT id FROM successor_key LIMIT 1");

/// A stored successor key.
#[derive(Debug, Clone)]
pub struct SuccessorKeyRow {
    /// Its id, which grants name.
    pub id: String,
    /// The key, sealed.
    pub sealed: Sealed,
    /// When it stopped being given to new families.
    pub retired_at: Option<UnixSeconds>,
}

/// Inserts the key for new families; `false` if there is one already.
pub async fn insert_first(tx: &mut Tx, id: &str, sealed: &Sealed, now: UnixSeconds) -> Result<bool, StoreError> {
    if current_exists(tx).await? {
        return Ok(false);
    }
    Ok(tx.execute(&INSERT, binds![id, &sealed.bytes, &sealed.key_id, now]).await? == 1)
}

/// Whether there is a key for new families.
pub async fn current_exists(db: &mut impl Fetch) -> Result<bool, StoreError> {
    Ok(db.fetch_optional(&CURRENT, binds![]).await?.is_some())
}

/// Every successor key, the oldest first.
pub async fn list(db: &mut impl Fetch) -> Result<Vec<SuccessorKeyRow>, StoreError> {
    db.fetch_all(&LIST, binds![]).await?.iter().map(successor_key_row).collect()
}

/// Whether there ever was a key.
pub async fn any(db: &mut impl Fetch) -> Result<bool, StoreError> {
    Ok(db.fetch_optional(&ANY, binds![]).await?.is_some())
}

fn successor_key_row(row: &Row) -> Result<SuccessorKeyRow, StoreError> {
    Ok(SuccessorKeyRow {
        id: row.get("id")?,
        sealed: Sealed { key_id: row.get("key_encryption_key_id")?, bytes: row.get("sealed_key")? },
        retired_at: row.get("retired_at")?,
    })
}
