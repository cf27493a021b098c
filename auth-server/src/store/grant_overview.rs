//! Grants as an administrator sees them: `authorization_grant` with the names of its user, client and organization.

use shared::{
    binds,
    clock::UnixSeconds,
    db::{Fetch, Row, Statement, StoreError},
};

/// What [`overview`] reads, and from where.
macro_rules! overview {
    () => {
        "SELECT g.id, g.user_id, u.email, g.client_id, c.name, g.resource, g.scope, g.organization_id, o.slug, \
         o.name AS organization_name, g.created_at, g.expires_at, g.revoked_at, g.revocation_reason, \
         COALESCE((SELECT MAX(COALESCE(r.answered_at, r.created_at)) FROM refresh_token r WHERE r.grant_id = g.id), \
         g.code_attempted_at) AS last_used_at \
         FROM authorization_grant g JOIN user_account u ON u.id = g.user_id JOIN client c ON c.id = g.client_id \
         LEFT JOIN organization o ON o.id = g.organization_id "
    };
}

const LIST: Statement = Statement::new(
    "authorization_grant.overview",
    concat!(
        overview!(),
        "WHERE g.revoked_at IS NULL AND g.expires_at > $1 AND g.code_attempted_at IS NOT NULL \
         AND ($2 = '' OR g.user_id = $2) AND ($3 = '' OR g.client_id = $3) AND ($4 = '' OR g.resource = $4) \
         AND (g.created_at < $5 OR (g.created_at = $5 AND g.id > $6)) \
         ORDER BY g.created_at DESC, g.id LIMIT $7"
    ),
);
const FIND: Statement = Statement::new("authorization_grant.find_overview", concat!(overview!(), "WHERE g.id = $1"));

/// One grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantOverview {
    /// Its id: the claim `grant_id`.
    pub id: String,
    /// The e-mail address of who allowed it.
    pub user: String,
    /// The id of who allowed it.
    pub user_id: String,
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
    /// The name of that organization, for people.
    pub organization_name: Option<String>,
    /// The organization that was chosen.
    pub organization_id: Option<String>,
    /// When consent was given.
    pub created_at: UnixSeconds,
    /// Its absolute end.
    pub expires_at: UnixSeconds,
    /// When tokens were last taken with it; absent before the first.
    pub last_used_at: Option<UnixSeconds>,
    /// When it was revoked.
    pub revoked_at: Option<UnixSeconds>,
    /// Why it was revoked.
    pub revocation_reason: Option<String>,
}

/// Which grants an administrator wants to see; an empty text is no condition.
#[derive(Debug, Clone, Copy, Default)]
pub struct GrantFilter<'a> {
    /// Who allowed it.
    pub user_id: &'a str,
    /// Whom it was allowed to.
    pub client_id: &'a str,
    /// What for.
    pub resource: &'a str,
}

/// Where a page begins: behind the grant that was made then and has that id.
#[derive(Debug, Clone, Copy)]
pub struct After<'a> {
    /// When it was made.
    pub created_at: UnixSeconds,
    /// Its id.
    pub id: &'a str,
}

impl After<'_> {
    /// The first page.
    pub const NOTHING: Self = Self { created_at: UnixSeconds::MAX, id: "" };
}

/// At most `limit` grants that stand at `now`, the newest first.
///
/// # Errors
/// The database failed.
pub async fn list(
    db: &mut impl Fetch,
    filter: GrantFilter<'_>,
    after: After<'_>,
    limit: i64,
    now: UnixSeconds,
) -> Result<Vec<GrantOverview>, StoreError> {
    let GrantFilter { user_id, client_id, resource } = filter;
    let binds = binds![now, user_id, client_id, resource, after.created_at, after.id, limit];
    db.fetch_all(&LIST, binds).await?.iter().map(overview).collect()
}

/// The grant with this id, also one that ended.
///
/// # Errors
/// The database failed.
pub async fn find(db: &mut impl Fetch, id: &str) -> Result<Option<GrantOverview>, StoreError> {
    db.fetch_optional(&FIND, binds![id]).await?.as_ref().map(overview).transpose()
}

fn overview(row: &Row) -> Result<GrantOverview, StoreError> {
    Ok(GrantOverview {
        id: row.get("id")?,
        user: row.get("email")?,
        user_id: row.get("user_id")?,
        client_id: row.get("client_id")?,
        client_name: row.get("name")?,
        resource: row.get("resource")?,
        scope: row.get("scope")?,
        organization: row.get("slug")?,
        organization_name: row.get("organization_name")?,
        organization_id: row.get("organization_id")?,
        created_at: row.get("created_at")?,
        expires_at: row.get("expires_at")?,
        last_used_at: row.get("last_used_at")?,
        revoked_at: row.get("revoked_at")?,
        revocation_reason: row.get("revocation_reason")?,
    })
}
