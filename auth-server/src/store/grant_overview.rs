//! Grants as an administrator sees them: `authorization_grant` with the names of its user, client and organization.

use serde::Serialize;
use shared::{
    binds,
    clock::UnixSeconds,
    db::{Fetch, Row, Statement, StoreError},
};

const LIST: Statement = Statement::new(
    "authorization_grant.overview",
    "SELECT g.id, u.email, g.client_id, c.name, g.resource, g.scope, o.slug, g.created_at, g.expires_at \
     FROM authorization_grant g JOIN user_account u ON u.id = g.user_id JOIN client c ON c.id = g.client_id \
     LEFT JOIN organization o ON o.id = g.organization_id \
     WHERE g.revoked_at IS NULL AND g.expires_at > $1 AND g.code_attempted_at IS NOT NULL AND (g.user_id = $2 OR $3 = 1) \
     ORDER BY g.created_at DESC, g.id LIMIT 10000",
);

/// One grant that still stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GrantOverview {
    /// Its id: the claim `grant_id`.
    pub id: String,
    /// The e-mail address of who allowed it.
    pub user: String,
    /// Whom it was allowed to.
    pub client_id: String,
    /// How that client calls itself.
    pub client_name: String,
    /// What for.
    pub resource: String,
    /// What was allowed.
    pub scope: String,
    /// The slug of the organization that it is for.
    pub organization: Option<String>,
    /// When consent was given.
    pub created_at: UnixSeconds,
    /// Its absolute end.
    pub expires_at: UnixSeconds,
}

/// The grants that stand at `now`, of one user or of all, the newest first.
///
/// # Errors
/// The database failed.
pub async fn list(
    db: &mut impl Fetch,
    user_id: Option<&str>,
    now: UnixSeconds,
) -> Result<Vec<GrantOverview>, StoreError> {
    let everybody = i64::from(user_id.is_none());
    let binds = binds![now, user_id.unwrap_or_default(), everybody];
    db.fetch_all(&LIST, binds).await?.iter().map(overview).collect()
}

fn overview(row: &Row) -> Result<GrantOverview, StoreError> {
    Ok(GrantOverview {
        id: row.get("id")?,
        user: row.get("email")?,
        client_id: row.get("client_id")?,
        client_name: row.get("name")?,
        resource: row.get("resource")?,
        scope: row.get("scope")?,
        organization: row.get("slug")?,
        created_at: row.get("created_at")?,
        expires_at: row.get("expires_at")?,
    })
}
