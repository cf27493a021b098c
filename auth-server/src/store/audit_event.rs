//! The audit log's table: security-relevant acts by pseudonymous ids, appended in the transaction that acts.

use shared::{
    binds,
    clock::UnixSeconds,
    db::{Fetch, Row, Statement, StoreError, Tx},
};

const INSERT: Statement = Statement::new(
    "audit_event.insert",
    "INSERT INTO audit_event (id, at, kind, user_id, client_id, grant_id, address_block, detail, actor) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
);
const LIST: Statement = Statement::new(
    "audit_event.list",
    "SELECT id, at, kind, user_id, client_id, grant_id, address_block, detail, actor FROM audit_event \
     WHERE at >= $1 ORDER BY at, id LIMIT $2",
);

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// Unguessable id.
    pub id: String,
    /// When it happened.
    pub at: UnixSeconds,
    /// What happened; a word of `audit::AuditKind`.
    pub kind: String,
    /// Whom it concerns.
    pub user_id: Option<String>,
    /// Which client.
    pub client_id: Option<String>,
    /// Which grant.
    pub grant_id: Option<String>,
    /// Where the request came from, without the host part.
    pub address_block: Option<String>,
    /// A word or two more; never text from a request.
    pub detail: Option<String>,
    /// Who administered, as `audit::Actor` prints.
    pub actor: Option<String>,
}

/// Appends a row.
///
/// # Errors
/// The database does not answer.
pub async fn insert(tx: &mut Tx, row: &AuditRow) -> Result<(), StoreError> {
    let binds = binds![
        &row.id,
        row.at,
        &row.kind,
        row.user_id.as_deref(),
        row.client_id.as_deref(),
        row.grant_id.as_deref(),
        row.address_block.as_deref(),
        row.detail.as_deref(),
        row.actor.as_deref(),
    ];
    tx.execute(&INSERT, binds).await.map(drop)
}

/// Rows from `since` on, oldest first, at most `limit`.
///
/// # Errors
/// The database does not answer.
pub async fn list(db: &mut impl Fetch, since: UnixSeconds, limit: i64) -> Result<Vec<AuditRow>, StoreError> {
    db.fetch_all(&LIST, binds![since, limit]).await?.iter().map(read).collect()
}

fn read(row: &Row) -> Result<AuditRow, StoreError> {
    Ok(AuditRow {
        id: row.get("id")?,
        at: row.get("at")?,
        kind: row.get("kind")?,
        user_id: row.get("user_id")?,
        client_id: row.get("client_id")?,
        grant_id: row.get("grant_id")?,
        address_block: row.get("address_block")?,
        detail: row.get("detail")?,
        actor: row.get("actor")?,
    })
}
