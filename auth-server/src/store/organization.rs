//! Table `organization`.

use crate::organizations::Organization;
use shared::{
    binds,
    clock::UnixSeconds,
    db::{Fetch, Row, Statement, StoreError, Tx},
};

/// The columns that [`read`] reads, of a table called `o`.
macro_rules! organization_columns {
    () => {
        "o.id AS organization_id, o.slug, o.name, o.tenant_id, o.created_at AS organization_created_at, \
         o.disabled_at AS organization_disabled_at"
    };
}
pub(super) use organization_columns;

const INSERT: Statement = Statement::new(
    "organization.insert",
    "INSERT INTO organization (id, slug, name, tenant_id, created_at) VALUES ($1, $2, $3, $4, $5) \
     ON CONFLICT (slug) DO NOTHING",
);
const FIND: Statement = Statement::new(
    "organization.find",
    concat!("SELECT ", organization_columns!(), " FROM organization o WHERE o.id = $1"),
);
const FIND_BY_SLUG: Statement = Statement::new(
    "organization.find_by_slug",
    concat!("SELECT ", organization_columns!(), " FROM organization o WHERE o.slug = $1"),
);
const LIST: Statement = Statement::new(
    "organization.list",
    concat!("SELECT ", organization_columns!(), " FROM organization o ORDER BY o.slug LIMIT 10000"),
);
const LIST_PAGE: Statement = Statement::new(
    "organization.list_page",
    concat!("SELECT ", organization_columns!(), " FROM organization o WHERE o.slug > $1 ORDER BY o.slug LIMIT $2"),
);
const RENAME: Statement =
    Statement::new("organization.rename", "UPDATE organization SET name = $3 WHERE id = $1 AND name = $2");
const DISABLE: Statement = Statement::new(
    "organization.disable",
    "UPDATE organization SET disabled_at = $2 WHERE id = $1 AND disabled_at IS NULL",
);
const ENABLE: Statement = Statement::new(
    "organization.enable",
    "UPDATE organization SET disabled_at = NULL WHERE id = $1 AND disabled_at IS NOT NULL",
);

/// Adds an organization; `false` when another one has its slug.
///
/// # Errors
/// The database does not answer.
pub async fn insert(tx: &mut Tx, organization: &Organization) -> Result<bool, StoreError> {
    let Organization { id, slug, name, tenant_id, created_at, .. } = organization;
    Ok(tx.execute(&INSERT, binds![id, slug, name, tenant_id, *created_at]).await? == 1)
}

/// The organization with this id, also a closed one.
///
/// # Errors
/// The database does not answer.
pub async fn find(db: &mut impl Fetch, id: &str) -> Result<Option<Organization>, StoreError> {
    db.fetch_optional(&FIND, binds![id]).await?.as_ref().map(read).transpose()
}

/// The organization with this slug, also a closed one.
///
/// # Errors
/// The database does not answer.
pub async fn find_by_slug(db: &mut impl Fetch, slug: &str) -> Result<Option<Organization>, StoreError> {
    db.fetch_optional(&FIND_BY_SLUG, binds![slug]).await?.as_ref().map(read).transpose()
}

/// All of them, by slug.
///
/// # Errors
/// The database does not answer.
pub async fn list(db: &mut impl Fetch) -> Result<Vec<Organization>, StoreError> {
    db.fetch_all(&LIST, binds![]).await?.iter().map(read).collect()
}

/// At most `limit` of them by slug, after the slug `after` (empty for the first page).
///
/// # Errors
/// The database does not answer.
pub async fn list_page(db: &mut impl Fetch, after: &str, limit: i64) -> Result<Vec<Organization>, StoreError> {
    db.fetch_all(&LIST_PAGE, binds![after, limit]).await?.iter().map(read).collect()
}

/// Gives the organization another name in place of the one that was seen; `false` when it has neither.
///
/// # Errors
/// The database does not answer.
pub async fn rename(tx: &mut Tx, id: &str, seen: &str, name: &str) -> Result<bool, StoreError> {
    Ok(tx.execute(&RENAME, binds![id, seen, name]).await? == 1)
}

/// Closes an organization; `false` when there is no such open one.
///
/// # Errors
/// The database does not answer.
pub async fn disable(tx: &mut Tx, id: &str, now: UnixSeconds) -> Result<bool, StoreError> {
    Ok(tx.execute(&DISABLE, binds![id, now]).await? == 1)
}

/// Opens an organization; `false` when there is no such closed one.
///
/// # Errors
/// The database does not answer.
pub async fn enable(tx: &mut Tx, id: &str) -> Result<bool, StoreError> {
    Ok(tx.execute(&ENABLE, binds![id]).await? == 1)
}

/// Reads an organization out of a row that has [`organization_columns`].
pub(super) fn read(row: &Row) -> Result<Organization, StoreError> {
    Ok(Organization {
        id: row.get("organization_id")?,
        slug: row.get("slug")?,
        name: row.get("name")?,
        tenant_id: row.get("tenant_id")?,
        created_at: row.get("organization_created_at")?,
        disabled_at: row.get("organization_disabled_at")?,
    })
}
