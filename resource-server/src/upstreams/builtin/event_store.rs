//! Table `events`: what the built-in tools keep, for each user of each issuer, apart for each organization that the
//! user acts for.

use crate::bearer::principal::Principal;
use serde::Serialize;
use shared::{
    binds,
    clock::UnixSeconds,
    db::{Fetch, Row, Statement, StoreError, Tx},
};

/// One event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, rmcp::schemars::JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
pub struct Event {
    /// Its id.
    pub id: String,
    /// What it is.
    pub title: String,
    /// When it begins, as it was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<String>,
    /// When it was noted, unix seconds.
    pub created_at: UnixSeconds,
}

static LIST: Statement = Statement::new(
    "events.list",
    "SELECT id, title, starts_at, created_at FROM events WHERE issuer = $1 AND subject = $2 AND organization_id = $3 \
     ORDER BY created_at, id LIMIT $4",
);
static COUNT: Statement = Statement::new(
    "events.count",
    "SELECT COUNT(*) AS events FROM events WHERE issuer = $1 AND subject = $2 AND organization_id = $3",
);
static INSERT: Statement = Statement::new(
    "events.insert",
    "INSERT INTO events (id, issuer, subject, organization_id, title, starts_at, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
);
static CLEAR: Statement =
    Statement::new("events.clear", "DELETE FROM events WHERE issuer = $1 AND subject = $2 AND organization_id = $3");

/// The owner's events, oldest first, at most `limit`.
pub async fn list(db: &mut impl Fetch, owner: &Principal, limit: i64) -> Result<Vec<Event>, StoreError> {
    let rows = db.fetch_all(&LIST, binds![&*owner.issuer, &*owner.subject, organization(owner), limit]).await?;
    rows.iter().map(event).collect()
}

/// How many events the owner has.
pub async fn count(db: &mut impl Fetch, owner: &Principal) -> Result<i64, StoreError> {
    let row = db.fetch_optional(&COUNT, binds![&*owner.issuer, &*owner.subject, organization(owner)]).await?;
    row.map_or(Ok(0), |row| row.get("events"))
}

/// Keeps an event of the owner.
pub async fn insert(tx: &mut Tx, owner: &Principal, event: &Event) -> Result<(), StoreError> {
    let binds = binds![
        &*event.id,
        &*owner.issuer,
        &*owner.subject,
        organization(owner),
        &*event.title,
        event.starts_at.clone(),
        event.created_at
    ];
    tx.execute(&INSERT, binds).await.map(drop)
}

/// Removes all the owner's events and says how many there were.
pub async fn clear(tx: &mut Tx, owner: &Principal) -> Result<u64, StoreError> {
    tx.execute(&CLEAR, binds![&*owner.issuer, &*owner.subject, organization(owner)]).await
}

fn organization(owner: &Principal) -> &str {
    owner.organization_id.as_deref().unwrap_or_default()
}

fn event(row: &Row) -> Result<Event, StoreError> {
    Ok(Event {
        id: row.get("id")?,
        title: row.get("title")?,
        starts_at: row.get("starts_at")?,
        created_at: row.get("created_at")?,
    })
}
