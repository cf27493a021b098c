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

const LIST_PAGE: Statement = Statement::new(
    "audit_event.list_page",
    "SELECT id, at, kind, user_id, client_id, grant_id, address_block, detail, actor FROM audit_event \
     WHERE at >= $1 AND ($2 = '' OR kind = $2) AND ($3 = '' OR user_id = $3) AND ($4 = '' OR client_id = $4) \
     AND (at < $5 OR (at = $5 AND id > $6)) ORDER BY at DESC, id LIMIT $7",
);

/// Which events somebody wants to see; an empty text is no condition.
#[derive(Debug, Clone, Copy, Default)]
pub struct AuditFilter<'a> {
    /// What happened.
    pub kind: &'a str,
    /// Whom it concerns.
    pub user_id: &'a str,
    /// Which client it concerns.
    pub client_id: &'a str,
    /// When, at the earliest.
    pub since: UnixSeconds,
}

/// Where a page begins: behind the event that happened then and has that id.
#[derive(Debug, Clone, Copy)]
pub struct Before<'a> {
    /// When it happened.
    pub at: UnixSeconds,
    /// Its id.
    pub id: &'a str,
}

impl Before<'_> {
    /// The first page.
    pub const NOTHING: Self = Self { at: UnixSeconds::MAX, id: "" };
}

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

/// At most `limit` rows, the newest first.
///
/// # Errors
/// The database does not answer.
pub async fn list_page(
    db: &mut impl Fetch,
    filter: AuditFilter<'_>,
    before: Before<'_>,
    limit: i64,
) -> Result<Vec<AuditRow>, StoreError> {
    let AuditFilter { kind, user_id, client_id, since } = filter;
    let binds = binds![since, kind, user_id, client_id, before.at, before.id, limit];
    db.fetch_all(&LIST_PAGE, binds).await?.iter().map(read).collect()
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
