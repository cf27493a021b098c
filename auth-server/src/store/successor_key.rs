//! Table `successor_key`: keys that derive a refresh token's successor. A retired one still serves the families made under it.

use super::sealed_column::SealedColumn;
use shared::{
    binds,
    clock::UnixSeconds,
    db::{Fetch, Row, Statement, StoreError, Tx},
    sealing::Sealed,
};

/// What of this table is sealed.
pub static SEALED: SealedColumn = SealedColumn {
    table: "successor_key",
    column: "sealed_key",
    list: Statement::new(
        "successor_key.list_sealed",
        "SELECT id AS row_id, sealed_key AS sealed, key_encryption_key_id FROM successor_key \
         WHERE key_encryption_key_id <> $1 AND id > $2 ORDER BY id LIMIT $3",
    ),
    reseal: Statement::new(
        "successor_key.reseal",
        "UPDATE successor_key SET sealed_key = $3, key_encryption_key_id = $4 WHERE id = $1 AND key_encryption_key_id = $2",
    ),
    key_ids: Statement::new(
        "successor_key.list_key_encryption_keys",
        "SELECT key_encryption_key_id, COUNT(*) AS sealed_rows FROM successor_key \
         GROUP BY key_encryption_key_id ORDER BY key_encryption_key_id",
    ),
};

const INSERT: Statement = Statement::new(
    "successor_key.insert",
    "INSERT INTO successor_key (id, sealed_key, key_encryption_key_id, created_at) VALUES ($1, $2, $3, $4)",
);
const CURRENT: Statement =
    Statement::new("successor_key.current", "SELECT id FROM successor_key WHERE retired_at IS NULL LIMIT 1");
const LIST: Statement = Statement::new(
    "successor_key.list",
    "SELECT id, sealed_key, key_encryption_key_id, created_at, retired_at FROM successor_key ORDER BY created_at, id LIMIT 64",
);
const RETIRE: Statement = Statement::new(
    "successor_key.retire",
    "UPDATE successor_key SET retired_at = $2 WHERE retired_at IS NULL AND created_at <= $1",
);
const FORGET: Statement = Statement::new(
    "successor_key.forget",
    "DELETE FROM successor_key WHERE retired_at < $1 \
     AND NOT EXISTS (SELECT 1 FROM authorization_grant g WHERE g.successor_key_id = successor_key.id)",
);

/// A stored successor key.
#[derive(Debug, Clone)]
pub struct SuccessorKeyRow {
    /// Its id, which grants name.
    pub id: String,
    /// The key, sealed.
    pub sealed: Sealed,
    /// When it was made.
    pub created_at: UnixSeconds,
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

/// Gives the current key to no new family, if it was made at `made_by` or before; `false` if it is younger.
pub async fn retire(tx: &mut Tx, made_by: UnixSeconds, now: UnixSeconds) -> Result<bool, StoreError> {
    Ok(tx.execute(&RETIRE, binds![made_by, now]).await? == 1)
}

/// Deletes the keys that were retired before `retired_before` and that no grant names any more; returns how many.
pub async fn forget(tx: &mut Tx, retired_before: UnixSeconds) -> Result<u64, StoreError> {
    tx.execute(&FORGET, binds![retired_before]).await
}

/// Every successor key, the oldest first.
pub async fn list(db: &mut impl Fetch) -> Result<Vec<SuccessorKeyRow>, StoreError> {
    db.fetch_all(&LIST, binds![]).await?.iter().map(successor_key_row).collect()
}

fn successor_key_row(row: &Row) -> Result<SuccessorKeyRow, StoreError> {
    Ok(SuccessorKeyRow {
        id: row.get("id")?,
        sealed: Sealed { key_id: row.get("key_encryption_key_id")?, bytes: row.get("sealed_key")? },
        created_at: row.get("created_at")?,
        retired_at: row.get("retired_at")?,
    })
}
