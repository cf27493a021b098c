//! Table `audit_key`: the sealed key of the audit chain, made once.

use super::sealed_column::SealedColumn;
use shared::{
    binds,
    clock::UnixSeconds,
    db::{Fetch, Statement, StoreError, Tx},
    sealing::Sealed,
};

/// What of this table is sealed.
pub static SEALED: SealedColumn = SealedColumn {
    table: "audit_key",
    column: "sealed_key",
    list: Statement::new(
        "audit_key.list_sealed",
        "SELECT id AS row_id, sealed_key AS sealed, key_encryption_key_id FROM audit_key \
         WHERE key_encryption_key_id <> $1 AND id > $2 ORDER BY id LIMIT $3",
    ),
    reseal: Statement::new(
        "audit_key.reseal",
        "UPDATE audit_key SET sealed_key = $3, key_encryption_key_id = $4 WHERE id = $1 AND key_encryption_key_id = $2",
    ),
    key_ids: Statement::new(
        "audit_key.key_ids",
        "SELECT key_encryption_key_id, COUNT(*) AS sealed_rows FROM audit_key GROUP BY key_encryption_key_id",
    ),
};

const INSERT: Statement = Statement::new(
    "audit_key.insert",
    "INSERT INTO audit_key (id, sealed_key, key_encryption_key_id, created_at) VALUES ($1, $2, $3, $4)",
);
const FIND: Statement = Statement::new(
    "audit_key.find",
    "SELECT id, sealed_key, key_encryption_key_id FROM audit_key ORDER BY created_at, id LIMIT 1",
);

/// The stored key.
#[derive(Debug, Clone)]
pub struct AuditKeyRow {
    /// Its id.
    pub id: String,
    /// The key, sealed.
    pub sealed: Sealed,
}

/// Inserts the key.
///
/// # Errors
/// The database does not answer.
pub async fn insert(tx: &mut Tx, id: &str, sealed: &Sealed, now: UnixSeconds) -> Result<(), StoreError> {
    tx.execute(&INSERT, binds![id, &sealed.bytes, &sealed.key_id, now]).await.map(drop)
}

/// The key, if it was made.
///
/// # Errors
/// The database does not answer.
pub async fn find(db: &mut impl Fetch) -> Result<Option<AuditKeyRow>, StoreError> {
    let Some(row) = db.fetch_optional(&FIND, binds![]).await? else { return Ok(None) };
    let sealed = Sealed { key_id: row.get("key_encryption_key_id")?, bytes: row.get("sealed_key")? };
    Ok(Some(AuditKeyRow { id: row.get("id")?, sealed }))
}
